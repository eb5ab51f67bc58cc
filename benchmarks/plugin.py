"""What a test pays for its fixture: suites of empty tests, each in a pytest of its own that has loaded one plugin.

What a test takes is told in CPU time of its process, because empty tests wait for nobody.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.table import Samples, show

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests that all ask for the same.

    :param plugin: module of the one plugin that is loaded, beside pytest's own.
    :param arguments: fixtures of each test.
    """

    plugin: str = ""
    arguments: str = ""


BARE = "no plugin, no fixture (the floor)"
SUITES = {
    BARE: Suite(),
    "mockserver, loaded and not used": Suite("mockserver.pytest_plugin"),
    "mockserver: a world": Suite("mockserver.pytest_plugin", "mockserver"),
    "pytest-httpserver: httpserver": Suite("pytest_httpserver.pytest_plugin", "httpserver"),
    "pytest-httpx: httpx_mock": Suite("pytest_httpx", "httpx_mock"),
    "respx: respx_mock": Suite("respx.plugin", "respx_mock"),
}

# Told by whoever runs each test from before its set-up until after its teardown.
_CONFTEST = """\
import json
import time

import pytest

taken = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    begun = time.process_time()
    done = yield
    taken.append(time.process_time() - begun)
    return done


def pytest_sessionfinish(session, exitstatus):
    with open("taken.json", "w") as file:
        json.dump({"taken": taken, "exit": int(exitstatus)}, file)
"""


def run(*, quick: bool) -> None:
    """Run every suite, turn and turn about."""
    rounds, count = (3, 100) if quick else (9, 300)
    samples = Samples()
    with TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, suite in SUITES.items():
                first, each, whole = _measured(Path(folder), suite, count)
                samples.add(name, "first", value=first)
                samples.add(name, "each", value=each)
                samples.add(name, "whole", value=whole)
    rows = []
    for name in SUITES:
        first, each, whole = (samples.median(name, what) for what in ("first", "each", "whole"))
        over = each - samples.median(BARE, "each")
        rows.append([name, f"{each * 1e3:.2f}", f"{over * 1e3:+.2f}", f"{(first - each) * 1e3:.0f}", f"{whole:.2f}"])
    show(
        f"{count} empty tests, median of {rounds} interleaved rounds",
        ["", "CPU ms per test", "over the floor", "CPU ms once, in the first", "s, whole run"],
        rows,
    )


def _measured(folder: Path, suite: Suite, count: int) -> tuple[float, float, float]:
    """Return the seconds of a suite's first test, of each other, and of the whole process."""
    tests = "".join(f"def test_{n}({suite.arguments}):\n    pass\n\n\n" for n in range(count))
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "test_empty.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *_loading(suite), "test_empty.py"]
    begun = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    whole = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    first, *others = json.loads((folder / "taken.json").read_text())["taken"]
    return first, median(others), whole


def _loading(suite: Suite) -> Sequence[str]:
    return ["-p", suite.plugin] if suite.plugin else []
