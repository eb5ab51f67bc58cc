"""From the start of the process to its first answer, and the memory it then holds."""

from __future__ import annotations

from benchmarks.processes import PARETA_KEY, floor, seconds_to_first_answer, simulator
from benchmarks.table import Samples, show

NAMES = {"bare Starlette on hypercorn": floor(), "mockserver serve": simulator()}


def run(*, quick: bool) -> None:
    """Start both, turn and turn about."""
    rounds = 3 if quick else 11
    samples = Samples()
    for _ in range(rounds):
        for name, command in NAMES.items():
            taken, resident = seconds_to_first_answer(command, PARETA_KEY)
            samples.add(name, "s", value=taken)
            samples.add(name, "MB", value=resident)
    rows = [[name, f"{samples.median(name, 's'):.3f}", f"{samples.median(name, 'MB'):.1f}"] for name in NAMES]
    show(f"Start, median of {rounds} interleaved rounds", ["", "first answer, s", "idle RSS, MB"], rows)
