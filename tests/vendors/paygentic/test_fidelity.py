"""The table of behaviours keeps its word: known grades, known sources, and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mockserver.vendors import paygentic
from mockserver.vendors.paygentic import vendor

HERE = Path(__file__).parent
TEXT = (Path(paygentic.__file__).parent / "FIDELITY.md").read_text("utf-8")
SOURCES = {
    key.strip()
    for line in TEXT.split("## Sources")[1].split("## ")[0].splitlines()
    if line.startswith("| paygentic/")
    for key in line.split("|")[1].split(",")
}
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and line.count(" | ") == 3 and not line.startswith(("| behaviour", "| ---"))
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_each_behaviour_has_a_grade_a_source_and_a_test(row: list[str]) -> None:
    _, grade, source, proof = row

    assert re.sub(r" \([^)]*\)", "", grade).replace(",", "").split()
    assert set(re.sub(r" \([^)]*\)", "", grade).split(", ")) <= {"documented", "sdk", "assumed"}
    assert source in SOURCES
    path, _, name = proof.partition("::")
    assert re.search(rf"^def {name}\(", (HERE / path).read_text("utf-8"), re.MULTILINE)


def test_there_are_rows_and_every_switch_of_behaviour_has_one() -> None:
    assert len(ROWS) > 40
    for switch in ("cost_tracking", "lenient_types", "default_source", "read_deleted", "zero_fill"):
        assert f"`paygentic.{switch}`" in TEXT
        assert f"paygentic.{switch}" in vendor.switches


def test_every_statement_of_the_page_has_a_test() -> None:
    text = (HERE / "test_seed_page.py").read_text("utf-8")

    assert [int(found) for found in re.findall(r"^def test_g(\d+)_", text, re.MULTILINE)] == list(range(1, 52))
