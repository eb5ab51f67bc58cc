from __future__ import annotations

from pathlib import Path

import pytest

from mockserver import resources
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning
from mockserver.simulation.script import FaultyScript, load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.yaml"


def test_a_script_says_how_worlds_begin(path: Path) -> None:
    path.write_text("name: x\npurpose: y\nseed: 3\nclock: {mode: x60, at: 2026-05-01T00:00:00Z}\n")

    assert load(path).beginning == Beginning(3, "scaled", 60.0, parse_instant("2026-05-01T00:00:00Z"))


def test_what_is_left_out_is_as_without_a_script(path: Path) -> None:
    path.write_text("name: x\npurpose: y\n")

    script = load(path)

    assert script.beginning == Beginning()
    assert script.start.balance_usd is None


@pytest.mark.parametrize("written", ["0.09", '"0.09"', "'0.09'"])
def test_an_amount_is_taken_as_it_is_written(path: Path, written: str) -> None:
    path.write_text(f"name: x\npurpose: y\nstart: {{balance_usd: {written}}}\n")

    assert load(path).start.balance_usd == "0.09"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["1: must be an object"]),
        ("- a\n", ["1: must be an object"]),
        ("name: x\n", ["1: purpose: must be said"]),
        ("name: x\npurpose: y\ntypo: 1\n", ["3: typo: no such key; there are: name, purpose, "]),
        ("name: x\npurpose: y\nclock:\n  at: today\n", ["4: clock.at: 'today' is not an ISO 8601"]),
        ("name: x\npurpose: y\nclock:\n  mode: x9999999\n", ["4: clock.mode: 'x9999999' is not a clock"]),
        ("name: x\npurpose: y\nstart:\n  balance_usd: -1\n", ["4: start.balance_usd: a balance is not below zero"]),
        ("name: x\npurpose: y\nstart:\n  balance_usd: 0.0000001\n", ["4: start.balance_usd: '0.0000001' is finer"]),
        ("name: x\npurpose: y\nclock: [1]\n", ["3: clock: must be an object"]),
        ("name: x\n  purpose: y\n", ["2: mapping values are not allowed"]),
        ("name: !!python/name:os.system x\npurpose: y\n", ["1: could not determine a constructor"]),
        ("name: \x00\n", ["1: "]),
        ("name: x\npurpose: y\nseed: z\nmore: 1\n", ["3: seed: must be a whole number", "4: more: no such key"]),
    ],
)
def test_every_fault_is_named_with_its_file_and_line(path: Path, text: str, faults: list[str]) -> None:
    path.write_text(text)

    with pytest.raises(FaultyScript) as caught:
        load(path)

    assert len(caught.value.lines) == len(faults)
    for line, fault in zip(caught.value.lines, faults, strict=True):
        assert line.startswith(f"{path}:{fault}")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xfa"])
def test_a_file_that_cannot_be_read_is_unusable(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Unusable, match="cannot read"):
        load(path)


@pytest.mark.parametrize("name", resources.scenario_names())
def test_shipped_scenarios_are_named_as_their_files(name: str) -> None:
    script = load(resources.scenario(name))

    assert script.name == name
    assert script.purpose
