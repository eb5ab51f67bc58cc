"""The documents tell the truth: the quickstart runs as printed, every claim names a test, every source is listed."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.cli import cli
from mockserver.http.serve import BackgroundServer
from mockserver.vendors.registry import vendors
from mockserver.vendors.vendor import Vendor

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GRADES = {"documented", "sdk", "assumed", "unproven"}

every_vendor = pytest.mark.parametrize("vendor", vendors(), ids=lambda vendor: vendor.name)


def table_rows(page: str) -> list[list[str]]:
    """Return the cells of every table row that is no header and no rule."""
    rows = []
    lines = page.splitlines()
    for number, line in enumerate(lines):
        is_header = number + 1 < len(lines) and re.fullmatch(r"[|\s:-]+", lines[number + 1]) is not None
        if line.startswith("|") and not is_header and not re.fullmatch(r"[|\s:-]+", line):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))])
    return rows


def fidelity(vendor: Vendor) -> str:
    return (ROOT / "mockserver" / "vendors" / vendor.name / "FIDELITY.md").read_text("utf-8")


def functions_in(path: Path) -> set[str]:
    """Return the names of a module's functions."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_the_readmes_quickstart_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    code = re.search(r"<!-- quickstart.*?```python\n(.*?)```", README, re.DOTALL)
    printed = re.search(r"It prints:\n\n```text\n(.*?)```", README, re.DOTALL)
    assert code is not None
    assert printed is not None
    (tmp_path / "quickstart.py").write_text(code[1])

    from mockserver.app import Simulator

    simulator = Simulator()
    with BackgroundServer(simulator) as server:
        exports = subprocess.run(
            [sys.executable, "-m", "mockserver", "env", "--url", server.url],
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip
        variables = dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", exports, re.MULTILINE))
        done = subprocess.run(
            [sys.executable, "quickstart.py"], cwd=tmp_path, env={**os.environ, **variables},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    simulator.close()

    assert done.stderr == ""
    assert done.stdout == printed[1]


def test_the_readme_names_every_verb_of_the_command() -> None:
    assert [verb for verb in cli.commands if f"`mockserver {verb}" not in README] == []


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", (ROOT / page).read_text("utf-8")):
            assert (ROOT / target).exists(), f"{page} links to {target}"


@every_vendor
def test_every_graded_behaviour_names_a_test_that_exists(vendor: Vendor) -> None:
    folder = ROOT / "tests" / "vendors" / vendor.name
    behaviours = [row for row in table_rows(fidelity(vendor)) if len(row) == 4]

    assert len(behaviours) > 20
    for behaviour, grade, source, proof in behaviours:
        assert set(re.findall(r"[a-z]+", re.sub(r"\([^)]*\)", "", grade))) <= GRADES, behaviour
        assert source.startswith(f"{vendor.name}/"), behaviour
        if grade == "unproven":
            assert proof == "", behaviour
            continue
        path, _, name = proof.partition("::")
        assert (folder / path).is_file(), f"{behaviour}: {proof}"
        assert name in functions_in(folder / path), f"{behaviour}: {proof}"


@every_vendor
def test_every_switch_is_explained(vendor: Vendor) -> None:
    assert [switch for switch in vendor.switches if f"`{switch}`" not in fidelity(vendor)] == []


@pytest.mark.parametrize(("vendor", "letter", "count"), [("pareta", "p", 41), ("paygentic", "g", 51)])
def test_every_statement_of_a_vendors_page_has_a_test(vendor: str, letter: str, count: int) -> None:
    names = functions_in(ROOT / "tests" / "vendors" / vendor / "test_seed_page.py")
    numbers = {int(found[1]) for name in names if (found := re.match(rf"test_{letter}(\d+)_", name))}
    assert numbers == set(range(1, count + 1))


@every_vendor
def test_every_operation_names_a_source_that_the_fidelity_page_lists(vendor: Vendor) -> None:
    listed = " ".join(cell for row in table_rows(fidelity(vendor)) if len(row) == 2 for cell in row)
    for endpoint in vendor.api.endpoints:
        key = endpoint.source.partition(' "')[0]
        assert key.startswith(f"{vendor.name}/"), endpoint.operation
        assert key in listed, f"{endpoint.operation}: {key} is not among the sources"


@every_vendor
def test_every_source_in_a_docstring_is_listed(vendor: Vendor) -> None:
    listed = " ".join(cell for row in table_rows(fidelity(vendor)) if len(row) == 2 for cell in row)
    for path in (ROOT / "mockserver" / "vendors" / vendor.name).rglob("*.py"):
        for key in re.findall(r"Source: (\w+/[\w-]+)", path.read_text("utf-8")):
            assert key in listed, f"{path.name}: {key} is not among the sources"
