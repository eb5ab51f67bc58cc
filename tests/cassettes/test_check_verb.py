"""`mockserver check` reads cassettes, reports in the form that was asked for, and says in its status what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from mockserver import cli
from mockserver.app import Simulator
from mockserver.cassettes.interaction import Interaction
from mockserver.cassettes.recorder import Recorder
from mockserver.cassettes.writing import CassetteWriter
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import BackgroundServer
from tests.cassettes.walks import Recording, made
from tests.vendors.paygentic.conftest import COST, MERCHANT


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def recording() -> list[Interaction]:
    simulator = Simulator()
    tape = Recording(InProcessTransport(simulator.gateway))
    http = httpx.Client(
        transport=tape, base_url="https://api.paygentic.io", headers={"Authorization": "Bearer sk_test_x"}
    )
    cost = made(http, "/costs", COST)
    http.get(f"/v0/costs/{cost}")
    http.get("/v0/nothing")
    simulator.close()
    return tape.interactions


def written(path: Path, interactions: Sequence[Interaction]) -> str:
    writer = CassetteWriter(path)
    for interaction in interactions:
        writer.add(interaction)
    writer.close()
    return str(path)


def edited(recording: Sequence[Interaction], old: bytes, new: bytes) -> list[Interaction]:
    """Return a recording whose second answer says something else."""
    first, second, *rest = recording
    assert old in second.answer.body
    body = second.answer.body.replace(old, new)
    headers = [(name, value) for name, value in second.answer.headers if name != b"content-length"]
    return [first, replace(second, answer=replace(second.answer, body=body, headers=headers)), *rest]


def test_a_recording_of_ours_is_clean(
    recording: list[Interaction], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._run(["check", written(tmp_path / "a.yaml", recording)]) == 0
    said = capsys.readouterr()
    assert "checked 3 interactions of 1 cassette: 3 same" in said.out
    assert "coverage" not in said.out
    assert said.err == ""


def test_a_check_of_nothing_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "cassettes"
    folder.mkdir()
    for name in "abcd":
        (folder / f"{name}.yaml").write_text("interactions: []\nversion: 1\n")
    assert cli._run(["check", str(folder), "--coverage", "--report", "json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    names = ", ".join(str(folder / f"{name}.yaml") for name in "abc")
    assert said.err == f"mockserver: there is nothing to check: no interaction is recorded in {names}, ...\n"


def test_a_check_passes_over_an_empty_cassette_among_others(recording: list[Interaction], tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("interactions: []\nversion: 1\n")
    assert cli._run(["check", written(tmp_path / "a.yaml", recording), "empty.yaml"]) == 0


@pytest.mark.parametrize(
    ("old", "new", "grade", "statuses"),
    [
        (b'"object":"cost",', b"", "breaking", (1, 1, 1)),
        (b'"object":"cost",', b'"object":"cost","planted":1,', "additive", (0, 1, 1)),
        (b'"unitCost":"1"', b'"unitCost":"2"', "value", (0, 0, 1)),
    ],
)
def test_the_status_tells_whether_something_of_a_grade_was_found(
    old: bytes, new: bytes, grade: str, statuses: tuple[int, ...], recording: list[Interaction], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = written(tmp_path / "a.json", edited(recording, old, new))

    found = [cli._run(["check", path, "--grade", least]) for least in ("breaking", "additive", "value")]

    assert tuple(found) == statuses
    assert capsys.readouterr().out.count(f"{grade} (1 difference)") == 3


def test_a_rule_makes_a_difference_no_finding(
    recording: list[Interaction], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "a.yaml", edited(recording, b'"unitCost":"1"', b'"unitCost":"2"'))
    rules = tmp_path / "rules.yaml"
    rules.write_text("- reason: our price list\n  where: $.unitCost\n")

    assert cli._run(["check", path, "--ignore", str(rules)]) == 0
    assert "1 ignored" in capsys.readouterr().out
    rules.write_text("- reason: our price list\n  where: $.other\n")
    assert cli._run(["check", path, "--ignore", str(rules)]) == 1


def test_reports_come_in_three_forms_to_a_file_or_standard_output(
    recording: list[Interaction], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "a.yaml", edited(recording, b'"unitCost":"1"', b'"unitCost":"2"'))

    assert cli._run(["check", path, "--report", "json", "--coverage"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert cli._run(["check", path, "--report", "junit", "--output", "report.xml"]) == 1
    assert capsys.readouterr().out == ""

    assert [(each["kind"], each["where"]) for each in report["found"]] == [("number", "$.unitCost")]
    assert report["coverage"]["covered"] == 2
    assert report["coverage"]["operations"] == 70
    assert ElementTree.parse(tmp_path / "report.xml").getroot().get("failures") == "1"


def test_a_folder_is_one_recording(
    recording: list[Interaction], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    written(folder / "b.yaml", recording[:1])
    written(folder / "a.yaml", recording[1:])

    assert cli._run(["check", str(folder)]) == 0
    assert "3 interactions of 2 cassettes: 3 same" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.yaml"], "missing.yaml"),
        (["broken.yaml"], "broken.yaml"),
        (["good.yaml", "--ignore", "none.yaml"], "none.yaml"),
        (["good.yaml", "--output", "nowhere/report"], "cannot write nowhere/report: nowhere is no folder"),
        (["good.yaml", "--output", "."], "cannot write .: Is a directory"),
        (["good.yaml", "--scenario", "nonesuch"], "unknown scenario 'nonesuch'"),
        (["good.yaml", "--fixtures", "nonesuch"], "nonesuch is not a folder of fixtures"),
        (["good.yaml", "--grade", "awful"], "awful"),
        ([], "CASSETTE"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2(
    arguments: list[str], complaint: str, recording: list[Interaction], capsys: pytest.CaptureFixture[str]
) -> None:
    written(Path("good.yaml"), recording)
    Path("broken.yaml").write_text("version: 1\ninteractions:\n- request: [\n")

    assert cli._run(["check", *arguments]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert complaint in said.err
    assert len(said.err.splitlines()) == 1


def test_what_the_recorder_writes_of_a_served_simulator_is_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "recorded"
    with BackgroundServer(Simulator()) as server:
        recorder = Recorder({"pareta": server.url, "paygentic": server.url}, folder)
        with BackgroundServer(recorder) as proxy, httpx.Client(base_url=proxy.url) as http:
            http.headers["authorization"] = "Bearer sk_test_x"
            cost = made(http, "/costs", COST)
            for path in (f"/v0/costs/{cost}", "/v0/costs/cst_none", f"/v0/products?merchantId={MERCHANT}"):
                http.get(path)
            http.headers["authorization"] = "Bearer pareta_sk_test_x"
            http.post("/v1/chat/completions", json={"model": "auto", "messages": [{"role": "user", "content": "hi"}],
                                                    "stream": True})  # fmt: skip
            http.get("/v1/models")
        recorder.close()

    assert cli._run(["check", str(folder)]) == 0
    assert "checked 6 interactions of 2 cassettes: 6 same" in capsys.readouterr().out
