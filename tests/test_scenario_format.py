"""The page about the format of scenarios says what the format is, and its examples are what it says of them.

`python -c "from tests.test_scenario_format import reference; print(reference())"` prints its reference anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mockserver import cli
from mockserver.control.operations.drifts import all_kinds
from mockserver.simulation.schema import document
from mockserver.vendors.registry import vendors

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "scenario-format.md").read_text("utf-8")

_SECTIONS = (
    ("", "The whole file"), ("ClockPart", "`clock`"), ("StartPart", "`start`"),
    ("RequestPart", "`start.requests`, `steps`"), ("CustomersPart", "`customers`"),
    ("SizesPart", "`customers.sizes`"), ("TrafficPart", "`traffic`"), ("HolidayPart", "`traffic.holidays`"),
    ("SeasonPart", "`traffic.seasons`"), ("ConversationPart", "`traffic.conversation`"), ("UsePart", "`traffic.uses`"),
    ("ClientPart", "`client`"), ("EventPart", "`events`"), ("IntegratorPart", "`integrator`"),
    ("WalletPart", "`wallet`"), ("TopUpPart", "`wallet.top_ups`"), ("AutoTopUpPart", "`wallet.auto`"),
    ("RevenuePart", "`revenue`"), ("DriftPart", "`drifts`"),
)  # fmt: skip


def reference() -> str:
    """Return the tables of the page: every key, its default and what it is; and the kinds of drift."""
    schema = document(vendors())
    lines: list[str] = []
    for name, title in _SECTIONS:
        part = schema["$defs"][name] if name else schema
        lines += [f"### {title}", "", *([part["description"], ""] if name else [])]
        lines += ["| key | default | is |", "| --- | --- | --- |"]
        options = {option for kind in all_kinds(vendors()).values() for option in kind.options}
        for key, field in part["properties"].items():
            if name != "DriftPart" or key not in options:
                lines.append(f"| `{key}` | {_default(key, field, part)} | {_told(key, field, schema)} |")
        lines.append("")
    lines += ["### Kinds of drift", "", "| kind | is | size | options |", "| --- | --- | --- | --- |"]
    for name, kind in sorted(all_kinds(vendors()).items()):
        options_told = "; ".join(f"`{each}`: {option.summary}" for each, option in kind.options.items())
        bounds = f"{kind.unit}; {kind.low:g} to {kind.high:g}"
        lines.append(f"| `{name}` | {kind.summary} | {bounds} | {options_told} |")
    return "\n".join(lines)


def _default(key: str, field: dict[str, Any], part: dict[str, Any]) -> str:
    if key in part.get("required", ()):
        return "*needed*"
    default = field.get("default")
    if default is None or default == "" or isinstance(default, list | dict):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _told(key: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    if key == "kind":
        return "what moves: see the kinds below."
    if "description" in field:
        return str(field["description"])
    return str(schema["$defs"][field["$ref"].rpartition("/")[2]]["description"])


def _block(language: str, after: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE[PAGE.index(after) :], re.DOTALL)
    assert found is not None
    return found[1]


def test_the_page_lists_every_key_with_its_default() -> None:
    assert reference() in PAGE


def test_the_example_is_fine_and_shown_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(_block("yaml", "<!-- mine.yaml -->"), "utf-8")

    assert cli._run(["scenario", "validate", "mine.yaml"]) == 0
    assert capsys.readouterr().out == "mine.yaml: fine\n"

    assert cli._run(["scenario", "show", "mine.yaml"]) == 0
    assert capsys.readouterr().out == _block("text", "mockserver scenario show mine.yaml")


def test_the_derived_example_is_what_is_derived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = _block("sh", "## Make it of a recording").split(" > ")[0].split()

    assert cli._run(command[1:]) == 0
    made = capsys.readouterr().out
    assert _block("yaml", "<!-- derived -->") in made
    Path("mine.yaml").write_text(made, "utf-8")
    assert cli._run(["scenario", "validate", "mine.yaml"]) == 0


def test_the_faulty_example_is_told_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("faulty.yaml").write_text(_block("yaml", "<!-- faulty.yaml -->"), "utf-8")

    assert cli._run(["scenario", "validate", "faulty.yaml"]) == 1
    assert capsys.readouterr().out == _block("text", "mockserver scenario validate faulty.yaml")
