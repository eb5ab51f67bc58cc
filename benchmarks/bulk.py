"""Bulk intake of events into a file, with all its rules, beside a bare insert of the same rows into SQLite."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.history import fill
from benchmarks.table import Samples, show

PLACES = {
    "bare SQLite insert": "bare",
    "one cost": "ours",
    "one cost, no keys": "ours, no keys",
    "three costs": "ours, three costs",
}


def run(*, quick: bool) -> None:
    """Take in a month of events, over and over."""
    rounds, events = (1, 200_000) if quick else (3, 1_000_000)
    samples = Samples()
    for _ in range(rounds):
        for name, place in PLACES.items():
            with tempfile.TemporaryDirectory() as folder:
                filled = fill(place, Path(folder) / "bench.db", events)
            samples.add(name, "rate", value=filled.per_second)
            samples.add(name, "cpu", value=filled.cpu_us)
            samples.add(name, "peak", value=filled.peak_mb)
    bare = samples.median(next(iter(PLACES)), "rate")
    rows = []
    for name in PLACES:
        rate = samples.median(name, "rate")
        cpu, peak = samples.median(name, "cpu"), samples.median(name, "peak")
        rows.append([name, f"{rate:,.0f}", f"{rate / bare:.2f}", f"{cpu:.1f}", f"{peak:.0f}"])
    note = (
        "Ours tells duplicates from new events by their keys, and keeps sums by minute, hour, day and month for every\n"
        "combination of dimensions and every customer. Making the events ready is timed for nobody."
    )
    head = ["intake", "events/s", "of bare", "CPU us/event", "peak MB"]
    show(f"Bulk intake of {events:,} events into a file, median of {rounds} interleaved rounds", head, rows, note)
