"""`python -m benchmarks [http|start|inprocess|summary] [--quick]`: all sections when none is named."""

from __future__ import annotations

import argparse

from benchmarks import http, inprocess, start

SECTIONS = {"start": start.run, "inprocess": inprocess.run, "http": http.run}


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
