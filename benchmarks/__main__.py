"""`python -m benchmarks [SECTION ...] [--quick]`: all sections when none is named; `--help` lists them."""

from __future__ import annotations

import argparse

from benchmarks import (
    analytics,
    bulk,
    cassettes,
    evals,
    http,
    ingest,
    inprocess,
    plugin,
    retrieval,
    scenarios,
    start,
    streaming,
)

SECTIONS = {
    "start": start.run,
    "plugin": plugin.run,
    "inprocess": inprocess.run,
    "cassettes": cassettes.run,
    "http": http.run,
    "streaming": streaming.run,
    "retrieval": retrieval.run,
    "evals": evals.run,
    "ingest": ingest.run,
    "bulk": bulk.run,
    "analytics": analytics.run,
    "scenarios": scenarios.run,
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
