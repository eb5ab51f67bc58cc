"""The guides and the README keep their word: every Python block runs, and fails where it says so with what it says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from mockserver import matchers
from mockserver.app import Simulator
from mockserver.control.drifts import DriftRequest
from mockserver.control.faults import FaultRequest
from mockserver.control.operations.drifts import all_kinds
from mockserver.http.serve import BackgroundServer
from mockserver.resources import scenario, scenario_names
from mockserver.simulation.script import load
from mockserver.testing.assertions import Assertions
from mockserver.testing.faults import Faults
from mockserver.testing.marker import OPTIONAL_RULES, RULES, Options
from mockserver.vendors.registry import vendors

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "pytest.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
MONITORS = (ROOT / "docs" / "monitors.md").read_text("utf-8")
CASSETTES = (ROOT / "docs" / "cassettes.md").read_text("utf-8")

QUICK = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "mockserver.pytest_plugin"}
"""Lets pytest load no plugin but ours, which takes longer than many a test."""

_BLOCK = re.compile(r"<!-- (file|fails): (\S+) -->\n```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A file of a page.

    :param output: what its failing must show, or `None`.
    """

    name: str
    source: str
    output: str | None


def blocks(page: str) -> list[Block]:
    """Return the files of a page, in order."""
    return [
        Block(name, source, output if kind == "fails" else None) for kind, name, source, output in _BLOCK.findall(page)
    ]


def run(folder: Path, files: list[Block], **environment: str) -> str:
    """Run files together as a user would, and return what pytest printed."""
    for block in files:
        (folder / block.name).write_text(block.source, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "-p", "no:randomly", "--color=no", "."],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", [GUIDE, README, MONITORS, CASSETTES], ids=["guide", "readme", "monitors", "cassettes"])
def test_every_python_block_of_a_page_is_one_that_is_run(page: str) -> None:
    run_elsewhere = len(re.findall(r"<!-- quickstart.*?-->\n```python\n", page))
    assert page.count("```python\n") == len(blocks(page)) + run_elsewhere


def test_what_the_guide_and_the_readme_print_runs_and_does_what_it_says(tmp_path: Path) -> None:
    files = [*blocks(GUIDE), *blocks(README), *blocks(MONITORS)]
    assert len({block.name for block in files}) == len(files)

    printed = run(tmp_path, files, **QUICK)

    check_run(files, printed)


def check_run(files: list[Block], printed: str) -> None:
    """Hold a test run to what a page says of it."""
    assert "no tests ran" not in printed
    faulty = set(re.findall(r"^(?:FAILED|ERROR) (\S+?\.py)", printed, re.MULTILINE))
    assert faulty == {block.name for block in files if block.output is not None}, printed
    for block in files:
        if block.name.startswith("test_") and block.output is None:
            assert re.search(rf"^PASSED {re.escape(block.name)}::", printed, re.MULTILINE), f"{block.name} has no test"
    lines = {re.sub(r"^E?\s+(?=\S)", "", line).rstrip() for line in printed.splitlines()}
    for block in files:
        for line in (block.output or "").splitlines():
            assert line.strip() in lines, f"{block.name} does not print: {line}\n\n{printed}"


def test_the_guide_tells_every_key_option_assertion_and_matcher() -> None:
    keys = {*FaultRequest.model_fields, *DriftRequest.model_fields}
    methods = {name for name in vars(Faults) if not name.startswith("_")} - {"clear"}
    claims = {name for name in vars(Assertions) if name.startswith("assert_")}
    options = {field.name for field in fields(Options)}
    names = [*keys, *methods, *claims, *options, *RULES, *OPTIONAL_RULES, *matchers.__all__]

    code = " ".join(re.findall(r"`([^`\n]+)`", GUIDE))

    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", code)] == []


def test_the_guide_tells_every_option_of_the_command_line() -> None:
    helped = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"],
        env={**os.environ, **QUICK}, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    flags = set(re.findall(r"^  (--mockserver-[a-z-]+)", helped, re.MULTILINE))

    assert "--mockserver-url" in flags
    assert [flag for flag in sorted(flags) if flag not in GUIDE] == []


@pytest.mark.parametrize("page", [GUIDE, MONITORS, CASSETTES], ids=["guide", "monitors", "cassettes"])
def test_links_within_a_page_lead_to_its_headings(page: str) -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }
    links = re.findall(r"\]\(#([^)]+)\)", page)

    assert links
    assert [link for link in links if link not in headings] == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="the command uses curl")
@pytest.mark.parametrize(
    ("tests", "status", "told"),
    [
        ('curl -s $OPENAI_BASE_URL/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" -d {}', 0, ""),
        ("true", 1, "one fault not used up"),
    ],
    ids=["used", "unused"],
)
def test_the_guides_command_for_other_languages_runs(tests: str, status: int, told: str) -> None:
    found = re.search(r"\$ mockserver (exec --check -- sh -c '.*?npm test')", GUIDE, re.DOTALL)
    assert found is not None
    command = f"{sys.executable} -m mockserver {found[1].replace('npm test', tests)}"

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == status, done.stderr
    assert '"id":"fault-1"' in done.stdout
    assert told in done.stderr


def test_what_the_page_on_monitors_types_prints_what_it_shows(tmp_path: Path) -> None:
    """Its console blocks one after the other, in a folder with its files; only what is installed is there already."""
    pytest.importorskip("matplotlib")
    for name, source in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", MONITORS, re.DOTALL):
        (tmp_path / name).write_text(source, "utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    typed = [
        (command, shown)
        for block in re.findall(r"```console\n(.*?)```", MONITORS, re.DOTALL)
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
        if not command.startswith("pip install")
    ]

    for command, shown in typed:
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip

        assert (done.stdout, done.stderr) == (shown, ""), command

    assert len(typed) > 8
    for picture in ("expected.svg", "month.svg"):
        assert (tmp_path / picture).read_text("utf-8").startswith("<?xml")


def test_the_page_on_monitors_tells_every_kind_of_drift_and_scores_every_scenario_with_traffic() -> None:
    kinds = re.findall(r"^\| `(\w+)` \|", MONITORS, re.MULTILINE)
    scored = re.findall(r"^\| ([a-z-]+) \| (?:\d+ of \d+|-) \|", MONITORS, re.MULTILINE)

    assert sorted(kinds) == sorted(all_kinds(vendors()))
    with_traffic = [name for name in scenario_names() if load(scenario(name)).traffic is not None]
    assert sorted(scored) == sorted(with_traffic)


@dataclass
class Shell:
    """Types the commands of a page, as far as they may be typed anywhere: its port is a free one, and in the vendor's
    place stands a simulator."""

    folder: Path
    vendor: str
    job: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = str(free.getsockname()[1])
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**kept, **QUICK, "PATH": path, "MOCKSERVER_PORT": self._port}

    def type(self, command: str, shown: str) -> None:
        """Run a command, which must print what is shown; one that ends in `&` is left running until it is killed."""
        if command == "kill %1":
            assert self.job is not None
            self.job.send_signal(signal.SIGINT)
            assert self._neutral(self.job.communicate(timeout=60)[0]) == self._neutral(shown), command
            self.job = None
            return
        told = command.replace("https://api.pareta.ai", self.vendor).replace("8787", self._port)
        if command.endswith(" &"):
            assert self.job is None
            self.job = self._started(f"exec {told.removesuffix(' &')}")
            assert self.job.stdout is not None
            printed = "".join(self.job.stdout.readline() for _ in shown.splitlines())
        else:
            printed = self._started(told).communicate(timeout=120)[0]
        assert self._neutral(printed) == self._neutral(shown), command

    def _started(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", command], cwd=self.folder, env=self._environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def _neutral(self, text: str) -> str:
        """Return a text without what differs from run to run."""
        text = text.rstrip("\n")
        text = re.sub(r"\b\d+(?:\.\d+)?s$| \d+ days", " (so long)", text, flags=re.MULTILINE)
        return re.sub(r"(?<=127\.0\.0\.1:)\d+", "(port)", re.sub(r"mockserver \d[\w.]+", "mockserver (version)", text))


@pytest.mark.skipif(shutil.which("curl") is None, reason="a command uses curl")
def test_what_the_page_on_cassettes_types_prints_what_it_shows_and_its_tests_run(tmp_path: Path) -> None:
    for name, source in re.findall(r"<!-- (?:file|fails): (\S+) -->\n```\w+\n(.*?)```", CASSETTES, re.DOTALL):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source, "utf-8")
    typed = [
        command
        for block in re.findall(r"```console\n(.*?)```", CASSETTES, re.DOTALL)
        for command in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]

    with BackgroundServer(Simulator()) as vendor:
        shell = Shell(tmp_path, vendor.url)
        try:
            for command, shown in typed:
                shell.type(command, shown)
        finally:
            if shell.job is not None:
                shell.job.kill()
                shell.job.communicate()

    assert len(typed) > 12
    check_run(blocks(CASSETTES), run(tmp_path, blocks(CASSETTES), **QUICK))
