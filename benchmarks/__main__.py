"""`python -m benchmarks [SECTION ...] [--quick]`: all sections when none is named; `--help` lists them."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks import evals, http, inprocess, retrieval, start, streaming


def summary(*, quick: bool) -> None:
    """Time cost summaries, in a process that holds nothing else."""
    events = 100_000 if quick else 1_000_000
    print(f"\nCost summaries over {events:,} events\n", flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks.bench_summary", "--events", str(events)], check=True)


SECTIONS = {
    "start": start.run,
    "inprocess": inprocess.run,
    "http": http.run,
    "streaming": streaming.run,
    "retrieval": retrieval.run,
    "evals": evals.run,
    "summary": summary,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the simulator.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"one of {', '.join(SECTIONS)}; default all")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    for name in arguments.sections or SECTIONS:
        SECTIONS[name](quick=arguments.quick)


if __name__ == "__main__":
    main()
