"""`mockserver scenario`: list, show, validate and schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from mockserver import cli, resources
from mockserver.simulation.schema import document
from mockserver.vendors.registry import vendors

HEAD = "name: x\npurpose: y\nclock: {mode: frozen, at: 2026-03-02T00:00:00Z}\nlength: 7d\n"
METRIC = """
start:
  requests:
    - request: POST /v0/costs
      body: {type: metered, name: AI, eventType: cost.ai, aggregation: SUM, valueProperty: $.cost_usd, unitCost: 1,
             currency: USD, productId: prod_YOUR_PRODUCT_ID}
    - request: POST /v1/endpoints
      body: {task: contract-key-fields, model: qwen-2, name: mine}
"""
SHIPPED = resources.scenario_names()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    status = cli._run(["scenario", *arguments])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err


# list


def test_list_prints_name_length_and_purpose_of_every_shipped_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, _ = run(capsys, "list")

    assert status == 0
    assert [line.split()[0] for line in lines] == SHIPPED
    (steady,) = (line for line in lines if line.startswith("steady-month "))
    assert steady.split()[1] == "30d"
    (empty,) = (line for line in lines if line.startswith("empty-wallet "))
    assert empty.split(maxsplit=1)[1].startswith("Nothing left")


def test_list_as_json_has_null_for_what_has_no_length(capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = run(capsys, "list", "--json")

    found = {each["name"]: each for each in json.loads("\n".join(lines))}
    assert list(found) == SHIPPED
    assert found["empty-wallet"]["length"] is None
    assert found["steady-month"]["length"] == "30d"


# show


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_is_shown_in_order_of_time(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = run(capsys, "show", name)
    _, raw, _ = run(capsys, "show", name, "--json")

    shown = json.loads("\n".join(raw))
    assert lines[0] == f"{name}: {shown['purpose']}"
    told = [moment["told"] for moment in shown["timeline"]]
    assert all(line.endswith(each) for line, each in zip(lines[-len(told) :], told, strict=bool(told)))
    at = [moment["at"] for moment in shown["timeline"] if moment["at"] is not None]
    assert at == sorted(at)


def test_show_tells_drifts_faults_top_ups_and_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        HEAD + "history: 2d\ntraffic: {calls_per_day: 100, uses: [{endpoint: auto, share: 3}, {endpoint: mine}]}\n"
        "drifts: [{kind: quality, subject: mine, at: +36h, size: -0.08, shape: ramp, over: 2d, end: +5d, cause: rot}]\n"
        "faults: [{operation: events.ingest, between: [+1d, +3d], rate: 0.25, lost_ack: true}]\n"
        "wallet: {top_ups: [{at: +4d, usd: 5}]}\nsteps: [{request: GET /v1/models, at: +1h, every: 1d}]\n"
    )

    _, lines, _ = run(capsys, "show", str(path))

    assert lines[2:] == [
        "Seed 0, clock frozen, from 2026-03-02T00:00:00Z for 7d, 2d of it at once",
        "20 customers, 100 calls a day, about 700 in all: auto (75%), mine (25%)",
        "",
        "2026-03-02T00:00:00Z       +0d  start         the clock begins",
        "2026-03-02T01:00:00Z  +0d01:00  step          GET /v1/models, again every 1d",
        "2026-03-03T00:00:00Z       +1d  fault         operation events.ingest (0.25 of them): lost_ack",
        "2026-03-03T12:00:00Z  +1d12:00  drift         quality of mine -0.08, ramp over 2d: rot",
        "2026-03-04T00:00:00Z       +2d  history ends  from here on it happens as the clock moves",
        "2026-03-05T00:00:00Z       +3d  fault ends    operation events.ingest",
        "2026-03-06T00:00:00Z       +4d  top-up        5.00 USD",
        "2026-03-07T00:00:00Z       +5d  drift ends    quality of mine",
        "2026-03-09T00:00:00Z       +7d  end           no more traffic",
    ]


def test_show_tells_faults_in_the_words_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "name: x\npurpose: y\nfaults:\n"
        "  - {operation: chat.completions.create, latency_ms: {median: 200, p99: 3000}, first: 3}\n"
        "  - {operation: events.ingest, late: 2h, every: 5}\n"
        "  - {operation: events.ingest, status: 503, retry_after: 2, nth: [1, 4]}\n"
    )

    _, lines, _ = run(capsys, "show", str(path))

    assert [line.split("fault  operation ")[1] for line in lines[-3:]] == [
        "chat.completions.create (the first 3): latency_ms {median: 200, p99: 3000}",
        "events.ingest (each 5th): late 2h",
        "events.ingest (number 1, 4): status 503, retry_after 2",
    ]


def test_show_as_yaml_is_the_file_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["scenario", "show", "walkthrough", "--yaml"]) == 0

    assert capsys.readouterr().out == resources.scenario("walkthrough").read_text("utf-8")


def test_a_faulty_scenario_cannot_be_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("name: x\npurpose: y\nsed: 1\n")

    status, lines, err = run(capsys, "show", str(path))

    assert (status, lines) == (2, [])
    assert f"{path}:3: sed: no such key; did you mean seed?" in err


# validate


def test_every_shipped_scenario_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, _ = run(capsys, "validate", *SHIPPED)

    assert (status, lines) == (0, [f"{name}: fine" for name in SHIPPED])


@pytest.mark.parametrize(
    ("rest", "faults"),
    [
        (
            "traffic: {calls_per_day: 1, uses: [{endpoint: mine}]}\n",
            ["5: traffic.uses.0.endpoint: there is no mine to call: deploy it in start.requests; there are: ep-"],
        ),
        (
            "traffic: {calls_per_day: 1, uses: [{endpoint: mine}]}\nevents: [{type: cost.b, data: {}}]" + METRIC,
            ["6: events.0.type: nothing listens to cost.b: make a cost metric for it in start.requests"],
        ),
        (
            "drifts:\n  - {kind: quality, subject: mine, at: +1d, size: -0.1}\n"
            "  - {kind: quality, subject: ep-contract-*, at: +1d, size: -0.1}\n",
            ["6: drifts.0.subject: mine is nothing that is called, and no step names it: deploy it in start.requests"],
        ),
        (
            "start:\n  requests:\n    - {request: GET /v1/models}\n    - {request: GET /v1/nowhere}\n",
            ["8: start.requests.1: GET /v1/nowhere must succeed, and was answered with 404: "],
        ),
        (
            "steps: [{request: GET /x}]\nhistory: 9d\n",
            ["5: steps.0: say when it is sent", "6: history: 9d are more than the whole"],
        ),
    ],
)
def test_what_only_a_world_can_tell_is_tried_out_in_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rest: str, faults: list[str]
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + rest)

    status, lines, _ = run(capsys, "validate", str(path))

    assert status == 1
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert line.startswith(f"{path}:{fault}")


def test_what_start_requests_make_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        f"{HEAD}traffic: {{calls_per_day: 1, uses: [{{endpoint: mine}}]}}\nevents: [{{type: cost.ai, data: {{}}}}]\n"
        f"drifts: [{{kind: quality, subject: mine, at: +1d, size: -0.1}}]{METRIC}"
    )

    assert run(capsys, "validate", str(path), str(path)) == (0, [f"{path}: fine"] * 2, "")


def test_a_candidate_that_a_step_names_may_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        f"{HEAD}drifts: [{{kind: quality, subject: claude-*, at: +1d, size: -0.1}}]\n"
        "steps: [{request: POST /v1/eval-runs, at: +2d, body: {candidates: [claude-opus-4]}}]\n"
    )

    assert run(capsys, "validate", str(path))[0] == 0


def test_of_several_files_each_is_told_and_the_worst_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, binary = tmp_path / "bad.yaml", tmp_path / "binary.yaml"
    bad.write_text("name: x\n")
    binary.write_bytes(b"\x89PNG\r\n\xff")

    assert run(capsys, "validate", "walkthrough", str(bad)) == (
        1,
        ["walkthrough: fine", f"{bad}:1: purpose: must be said"],
        "",
    )
    status, lines, err = run(capsys, "validate", str(binary), "nowhere", str(bad))

    assert (status, lines) == (2, [f"{bad}:1: purpose: must be said"])
    assert err.splitlines()[0] == f"mockserver: cannot read {binary}: it is not UTF-8 text, as byte 1 shows"
    assert err.splitlines()[1].startswith("mockserver: unknown scenario 'nowhere'")


def test_validate_reads_the_fixtures_a_project_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A key of a verb in a group, from a file and from the environment.
    (tmp_path / "pyproject.toml").write_text("[tool.mockserver]\nfixtures = 'nowhere'\n")

    status, _, err = run(capsys, "validate", "walkthrough")

    assert status == 2
    assert "nowhere is not a folder of fixtures" in err


def test_validate_reads_its_variable(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCKSERVER_FIXTURES", "elsewhere")

    status, _, err = run(capsys, "validate", "walkthrough")

    assert status == 2
    assert "elsewhere is not a folder of fixtures" in err


# schema


class _Yaml(yaml.SafeLoader):
    """What an editor makes of YAML: JSON data, in which instants are texts."""


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    + [("tag:yaml.org,2002:bool", re.compile("(true|false)$"))] * (first in "tf")
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return document(vendors())


def test_schema_prints_a_document_that_is_one(capsys: pytest.CaptureFixture[str], schema: dict[str, Any]) -> None:
    status, lines, _ = run(capsys, "schema")

    assert status == 0
    assert json.loads("\n".join(lines)) == schema
    Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_conform_to_the_schema(name: str, schema: dict[str, Any]) -> None:
    data = yaml.load(resources.scenario(name).read_text("utf-8"), _Yaml)

    assert [error.message for error in Draft7Validator(schema).iter_errors(data)] == []


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ("sed: 1", []),
        ("seed: x", ["seed"]),
        ("length: 40", ["length"]),
        ("length: P", ["length"]),
        ("clock: {mode: frozen, at: tomorrow}", ["clock", "at"]),
        ("customers: {count: 10000}", ["customers", "count"]),
        ("customers: {utc_offsets: {'+25:00': 1}}", ["customers", "utc_offsets"]),
        ("start: {balance_usd: -1}", ["start", "balance_usd"]),
        ("traffic: {calls_per_day: -1, uses: [{endpoint: auto}]}", ["traffic"]),
        ("traffic: {calls_per_day: 1}", ["traffic"]),
        ("integrator: {forgets: 2}", ["integrator", "forgets"]),
        ("client: {on_no_credit: panic}", ["client", "on_no_credit"]),
        ("drifts: [{kind: qualty, at: +1d, size: -0.1}]", ["drifts", 0, "kind"]),
        ("drifts: [{kind: quality, at: +1x, size: -0.1}]", ["drifts", 0, "at"]),
        ("drifts: [{kind: quality, at: +1d}]", ["drifts", 0]),
        ("drifts: [{kind: quality, at: +1d, size: -2}]", ["drifts", 0, "size"]),
        ("drifts: [{kind: latency, at: +1d, size: 1}]", ["drifts", 0, "size"]),
        ("drifts: [{kind: quality, at: +1d, size: -0.1, from_quantile: 0.9}]", ["drifts", 0]),
        ("drifts: [{kind: quality, at: +1d, size: -0.1, sise: 3}]", ["drifts", 0]),
        ("faults: [{operation: x, stats: 500}]", ["faults", 0]),
        ("faults: [{operation: x, status: 200}]", ["faults", 0, "status"]),
        ("faults: [{operation: x, lost_ack: true, between: [+1d]}]", ["faults", 0, "between"]),
        ("steps: [{request: FETCH /x, at: +1d}]", ["steps", 0, "request"]),
    ],
)
def test_the_schema_refuses_what_cannot_be(schema: dict[str, Any], part: str, where: list[str | int]) -> None:
    data = yaml.load(f"name: x\npurpose: y\n{part}\n", _Yaml)

    places = [list(error.absolute_path) for error in Draft7Validator(schema).iter_errors(data)]

    assert places
    assert all(place == where for place in places)


def test_the_schema_says_what_every_field_of_ours_is_for(schema: dict[str, Any]) -> None:
    silent = [
        f"{name}.{field}"
        for name, part in {"Script": schema, **schema["$defs"]}.items()
        for field, told in part.get("properties", {}).items()
        if name != "FaultPart" and not told.get("description") and "$ref" not in told
    ]

    assert silent == []


def test_the_schema_shows_durations_as_they_are_written(schema: dict[str, Any]) -> None:
    assert schema["$defs"]["ClientPart"]["properties"]["backoff"]["default"] == "1s"
