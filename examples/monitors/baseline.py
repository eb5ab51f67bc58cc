"""Plays scenarios, has monitors look at each, and prints how they did as a table: yours can be in it.

    python examples/monitors/baseline.py [--monitor mine.py ...] [SCENARIO ...]

Without names it is every shipped scenario with traffic, and without --monitor it is threshold.py and cusum.py.
A monitor is a program that finds the vendors' clients' variables in its environment and prints at,kind,subject,note.
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
MOCKSERVER = [sys.executable, "-m", "mockserver"]


def printed(*command: str, statuses: tuple[int, ...] = (0,)) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in statuses:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout


def score(scenario: str, monitor: Path, db: Path) -> dict[str, Any]:
    """Return how well a monitor did on a scenario that was played into a file."""
    alerts = db.with_suffix(".csv")
    alerts.write_text(printed(*MOCKSERVER, "exec", "--db", str(db), "--", sys.executable, str(monitor)), "utf-8")
    told = printed(*MOCKSERVER, "scenario", "score", scenario, "--alerts", str(alerts), "--json", statuses=(0, 1))
    found: dict[str, Any] = json.loads(told)
    return found


def cells(found: dict[str, Any]) -> str:
    """Return a score as cells of a row."""
    delay = found["median_delay_s"]
    drifts = found["hits"] + found["misses"]
    hits = f"{found['hits']} of {drifts}" if drifts else "-"
    return f"{hits} | {'-' if delay is None else f'{delay / 3600:.0f} h'} | {len(found['false_alarms'])}"


def main() -> None:
    parser = ArgumentParser(description="Prints how well monitors do on scenarios.")
    parser.add_argument("--monitor", action="append", type=Path, help="a program of your own; again for several")
    parser.add_argument("scenario", nargs="*")
    asked = parser.parse_args()
    monitors = asked.monitor or [HERE / "threshold.py", HERE / "cusum.py"]
    names = asked.scenario or [each["name"] for each in json.loads(printed(*MOCKSERVER, "scenario", "list", "--json"))
                               if each["length"]]  # fmt: skip
    print("| scenario |", " | ".join(f"{monitor.stem}: hits | delay | false alarms" for monitor in monitors), "|")
    print("| --- |", " | ".join("---: | ---: | ---:" for _ in monitors), "|")
    with TemporaryDirectory() as folder:
        for name in names:
            db = Path(folder) / f"{Path(name).stem}.db"
            printed(*MOCKSERVER, "scenario", "run", name, "--db", str(db), "--quiet")
            print(
                f"| {Path(name).stem} |", " | ".join(cells(score(name, each, db)) for each in monitors), "|", flush=True
            )


if __name__ == "__main__":
    main()
