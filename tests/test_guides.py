"""The guide and the README keep their word: every Python block runs, and fails where it says so with what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from mockserver import matchers
from mockserver.control.drifts import DriftRequest
from mockserver.control.faults import FaultRequest
from mockserver.testing.assertions import Assertions
from mockserver.testing.faults import Faults
from mockserver.testing.marker import RULES, Options

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "pytest.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")

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


def run(folder: Path, files: list[Block]) -> str:
    """Run files together as a user would, and return what pytest printed."""
    for block in files:
        (folder / block.name).write_text(block.source, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "-p", "no:randomly", "--color=no", "."],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", [GUIDE, README], ids=["guide", "readme"])
def test_every_python_block_of_a_page_is_one_that_is_run(page: str) -> None:
    run_elsewhere = len(re.findall(r"<!-- quickstart.*?-->\n```python\n", page))
    assert page.count("```python\n") == len(blocks(page)) + run_elsewhere


def test_what_the_guide_and_the_readme_print_runs_and_does_what_it_says(tmp_path: Path) -> None:
    files = [*blocks(GUIDE), *blocks(README)]
    assert len({block.name for block in files}) == len(files)

    printed = run(tmp_path, files)

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
    names = [*keys, *methods, *claims, *options, *RULES, *matchers.__all__]

    code = " ".join(re.findall(r"`([^`\n]+)`", GUIDE))

    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", code)] == []


def test_the_guide_tells_every_option_of_the_command_line() -> None:
    helped = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    flags = set(re.findall(r"^  (--mockserver-[a-z-]+)", helped, re.MULTILINE))

    assert "--mockserver-url" in flags
    assert [flag for flag in sorted(flags) if flag not in GUIDE] == []


def test_links_within_the_guide_lead_to_its_headings() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    }
    links = re.findall(r"\]\(#([^)]+)\)", GUIDE)

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
