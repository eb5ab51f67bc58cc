"""The wheel in somebody else's project: a clean environment, and their tests run in every way tests are run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "tests" / "downstream"

_OUT_OF_REACH = re.compile(
    "No matching distribution|Could not find a version|Failed to establish|Temporary failure|Connection|timed out"
)


def ran(command: list[str], cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing of ours in its environment."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
    return subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300, check=False
    )


def wanted() -> list[str]:
    """Return what the project asks for, apart from us."""
    asked = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    group: list[str] = asked["dependency-groups"]["test"]
    return [*asked["project"]["dependencies"], *(each for each in group if each != "mockserver")]


@dataclass(frozen=True)
class Downstream:
    """The project, with an environment of its own.

    :param tests: how many tests it has.
    """

    folder: Path
    bin: Path
    tests: int = 0

    def pytest(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run its tests."""
        return ran([str(self.bin / "python"), "-m", "pytest", *arguments], self.folder, **environment)

    def check(self, *arguments: str, **environment: str) -> str:
        """Run its tests, all of which must pass; return what was printed."""
        done = self.pytest(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        last = done.stdout.strip().splitlines()[-1]
        assert re.fullmatch(rf"=* ?{self.tests} passed in .+", last), done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def downstream(tmp_path_factory: pytest.TempPathFactory) -> Downstream:
    """The project in a folder of its own, its environment, and the wheel in it."""
    place = tmp_path_factory.mktemp("downstream")
    python = place / "venv" / "bin" / "python"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT)]
    # What is imported is compiled then; that is far less than all there is.
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-compile"]
    done = ran([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")])
    assert done.returncode == 0, done.stderr
    done = ran([*install, *wanted()])
    if done.returncode and _OUT_OF_REACH.search(done.stderr):
        pytest.skip(f"the package registry cannot be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    done = ran(build)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = place.glob("*.whl")
    done = ran([*install, str(wheel)])
    assert done.returncode == 0, done.stderr
    folder = place / "ticketdesk"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    project = Downstream(folder, python.parent)
    listed = project.pytest("--collect-only", "-q", "-p", "no:randomly")
    found = re.search(r"^(\d+) tests collected", listed.stdout, re.M)
    assert found, listed.stdout + listed.stderr
    return Downstream(folder, python.parent, int(found[1]))


@contextmanager
def serving(project: Downstream) -> Iterator[str]:
    """A server that was started beforehand, as a process of its own."""
    command = [str(project.bin / "mockserver"), "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=project.folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield found[0]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def test_it_uses_the_wheel_and_nothing_of_the_checkout(downstream: Downstream) -> None:
    code = "import mockserver; print(mockserver.__file__)"
    done = ran([str(downstream.bin / "python"), "-c", code], downstream.folder)

    assert Path(done.stdout.strip()).is_relative_to(downstream.bin.parent)
    assert downstream.tests > 40


def test_in_another_order(downstream: Downstream) -> None:
    assert "--randomly-seed=2" in downstream.check("--randomly-seed=2")


def test_with_two_workers_and_in_a_third_order(downstream: Downstream) -> None:
    printed = downstream.check("-n", "2", "--randomly-seed=1")

    assert "2 workers" in printed
    assert "--randomly-seed=1" in printed


def test_with_autoload_off_as_it_is_written(downstream: Downstream) -> None:
    """In the order of the files, too: what would change that is not loaded."""
    printed = downstream.check("-p", "mockserver.pytest_plugin", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    assert "xdist" not in printed
    assert "randomly" not in printed


def test_on_a_server_started_beforehand(downstream: Downstream) -> None:
    with serving(downstream) as url:
        downstream.check("-p", "no:randomly", "--mockserver-url", url)
