"""A user's own starting data: a catalog, prices and a start of one's own, by flag, variable and project file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import cli, resources
from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.errors import Unusable
from mockserver.resources import Fixtures
from mockserver.vendors.pareta import seed_files

ASK = """
import json, os, urllib.request
def get(path):
    request = urllib.request.Request(
        os.environ["PARETA_BASE_URL"] + path,
        headers={"Authorization": "Bearer " + os.environ["PARETA_API_KEY"], "User-Agent": "pareta-python/0.3.1"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)
tasks = [task["id"] for task in get("/v1/tasks")["tasks"]]
board = get("/v1/tasks/ticket-urgency/leaderboard") if "ticket-urgency" in tasks else None
print(json.dumps([tasks, board and board["recommended"], [e["id"] for e in get("/v1/endpoints")]]))
"""


def catalog() -> dict[str, Any]:
    """One task, as somebody would write it down for a model of their own."""
    return {
        "tasks": [
            {
                "id": "ticket-urgency",
                "category": "Classification",
                "description": "How urgent a support ticket is.",
                "default_scorer": "macro_f1",
                "scoring_strategy": "classification",
                "has_blob_input": False,
                "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}},
                "output_schema": {
                    "type": "object",
                    "properties": {"urgency": {"type": "string", "enum": ["low", "high"]}},
                },
            }
        ],
        "leaderboards": {
            "ticket-urgency": {
                "recommended": "ours-1",
                "models": [
                    {"name": "gpt-5.5", "kind": "frontier", "quality": 0.9, "cost_per_request_micro_usd": 800,
                     "context_k": 400, "run_mode": "rte"},
                    {"name": "ours-1", "kind": "open", "quality": 0.8, "cost_per_request_micro_usd": 7,
                     "context_k": 32, "run_mode": "rte"},
                ],
            }
        },
        "frontier_models": [{"id": "gpt-5.5", "vendor": "openai", "vision": True}],
    }  # fmt: skip


def written(folder: Path, **files: Any) -> Path:
    """A folder of fixtures for Pareta; text is written as it is."""
    (folder / "own" / "pareta").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "own" / "pareta" / f"{name}.json").write_text(text)
    return folder / "own"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)


def asked(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert cli._run(["exec", *arguments, "--", sys.executable, "-c", ASK]) == 0
    return json.loads(capfd.readouterr().out)


# Through the command line


@pytest.mark.parametrize("how", ["flag", "variable", "project"])
def test_worlds_start_from_a_users_own_catalog(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    own = written(tmp_path, catalog=catalog())
    arguments: list[str] = []
    if how == "flag":
        arguments = ["--fixtures", str(own)]
    elif how == "variable":
        monkeypatch.setenv("MOCKSERVER_FIXTURES", str(own))
    else:
        (tmp_path / "pyproject.toml").write_text('[tool.mockserver]\nfixtures = "own"\n')

    assert asked(capfd, *arguments) == [["ticket-urgency"], "ours-1", []]


def test_without_a_users_own_the_shipped_ones_are_taken(capfd: pytest.CaptureFixture[str]) -> None:
    tasks, _, endpoints = asked(capfd)

    assert len(tasks) > 15
    assert "ep-contract-key-fields" in endpoints


def test_a_database_keeps_what_it_started_from(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    own = written(tmp_path, catalog=catalog())

    assert asked(capfd, "--db", "own.db", "--fixtures", str(own))[0] == ["ticket-urgency"]
    assert asked(capfd, "--db", "own.db")[0] == ["ticket-urgency"]


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets one value deep inside a file; `...` takes it away."""

    def changed(content: dict[str, Any]) -> None:
        *way, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
        inside: Any = content
        for part in way:
            inside = inside[part]
        if value is ...:
            del inside[last]
        else:
            inside[last] = value

    return changed


TASK = catalog()["tasks"][0]
START: dict[str, Any] = {
    "balance_micro_usd": 5_000_000,
    "endpoints": [
        {"id": "ep-tickets", "task": "ticket-urgency", "model": "ours-1", "status": "live", "quality": 0.9,
         "created_at": "2026-01-02T00:00:00Z"}
    ],
    "eval_set": {"id": "es_1", "name": "tickets", "task": "ticket-urgency", "prompt": "how urgent", "items": "t.jsonl",
                 "created_at": "2026-01-02T00:00:00Z"},
    "eval_run": {"id": "run_1", "models": ["ours-1", "gpt-5.5"], "created_at": "2026-01-03T00:00:00Z"},
}  # fmt: skip
ROW = '{"input": {"text": "it burns"}, "expected_output": {"urgency": "high"}}\n'


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (change("tasks", ...), "catalog.json: tasks: Field required"),
        (change("tasks", []), "catalog.json: tasks: List should have at least 1 item"),
        (change("tasks/0/default_scorer", ...), "tasks[0].default_scorer: Field required"),
        (change("tasks/0/default_scorer", "vibes"), "tasks[0].default_scorer: 'vibes' is none of field_f1, "),
        (change("tasks/0/id", "two words"), "tasks[0].id: String should match pattern"),
        (change("tasks/0/has_blob_input", "no"), "tasks[0].has_blob_input: Input should be a valid boolean"),
        (change("tasks/0/input_schema", {"type": "object"}), "tasks[0].input_schema.properties: Field required"),
        (change("tasks/0/output_schema/properties", {}), "output_schema.properties: Dictionary should have at least 1"),
        (change("tasks/0/colour", "red"), "tasks[0].colour: Extra inputs are not permitted"),
        (change("tasks/0/metering", "per_second"), "tasks[0].metering: Input should be 'per_token' or 'per_minute'"),
        (change("tasks/0/output_schema_role", "summary"), "tasks[0].gold_schema: there is one exactly where"),
        (change("tasks/0/examples", [{"input": {}}]), "tasks[0].examples[0].expected_output: Field required"),
        (change("tasks", [TASK, TASK]), "tasks[1].id: 'ticket-urgency' is there twice"),
        (
            change("leaderboards/other", {"recommended": None, "models": []}),
            "leaderboards.other: there is no such task",
        ),
        (change("leaderboards/ticket-urgency/recommended", "gpt-5.5"), "recommended: 'gpt-5.5' is no open model"),
        (change("leaderboards/ticket-urgency/models/0/quality", 1.5), "models[0].quality: Input should be less than"),
        (change("leaderboards/ticket-urgency/models/0/name", "gpt-9"), "'gpt-9' is not among frontier_models"),
        (change("leaderboards/ticket-urgency/models/1/name", "Ours"), "'Ours' is not of the form <family>-<rank>"),
        (change("leaderboards/ticket-urgency/models/0/name", "ours-1"), "models: a name is there twice"),
        (change("frontier_models/0/vision", 1), "frontier_models[0].vision: Input should be a valid boolean"),
        (change("frontier_models", [{"id": "gpt-5.5", "vendor": "o", "vision": True}] * 2), "an id is there twice"),
    ],
)
def test_a_broken_catalog_is_one_readable_line_at_the_start(
    broken: Callable[[dict[str, Any]], None], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = catalog()
    broken(content)
    own = written(tmp_path, catalog=content)

    assert cli._run(["exec", "--fixtures", str(own), "--", "true"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mockserver: ")
    assert err.count("\n") == 1
    assert reason in err
    assert "catalog.json: " in err


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"catalog": "{"}, "catalog.json is not JSON: Expecting property name"),
        ({"catalog": []}, "catalog.json: Input should be a valid dictionary"),
        ({"prices": {"open_per_request": -1}}, "prices.json: open_per_request: Input should be greater than"),
        ({"prices": {"open_per_request": 0.5}}, "prices.json: open_per_request: Input should be a valid integer"),
        ({"prices": {"auto_divisor": 0}}, "prices.json: auto_divisor: Input should be greater than"),
        ({"prices": {"per_smile": 1}}, "prices.json: per_smile: Extra inputs are not permitted"),
        ({"start": {}}, "start.json: balance_micro_usd: Field required"),
        ({"start": {**START, "eval_set": None}}, "start.json: endpoints[0].task: the catalog has no task"),
        ({"capabilities": {"lanes": []}}, "cannot be used: KeyError: 'unsupported'"),
        ({"catalogue": {}}, "pareta/catalogue.json is no file that worlds start from; those are pareta/capabilities"),
    ],
)  # fmt: skip
def test_any_broken_file_is_one_readable_line(
    files: dict[str, Any], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = written(tmp_path, **files)

    assert cli._run(["exec", "--fixtures", str(own), "--", "true"]) == 2

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert reason in err


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (change("endpoints/0/created_at", "yesterday"), "endpoints[0].created_at: 'yesterday' is no instant"),
        (change("endpoints/0/status", "asleep"), "endpoints[0].status: Input should be 'live' or 'stopped'"),
        (change("endpoints", START["endpoints"] * 2), "endpoints[1].id: 'ep-tickets' is there twice"),
        (change("eval_set/task", "elsewhere"), "eval_set.task: the catalog has no task 'elsewhere'"),
        (change("eval_set", None), "eval_run: there is no eval_set to run on"),
        (change("eval_set/items", "nowhere.jsonl"), "there is no fixture pareta/nowhere.jsonl"),
        (change("eval_run/models", ["who?"]), "eval_run.models: unknown candidate model 'who?'"),
        (change("eval_run/models", []), "eval_run.models: List should have at least 1 item"),
    ],
)
def test_a_broken_start_is_one_readable_line(
    broken: Callable[[dict[str, Any]], None], reason: str, tmp_path: Path
) -> None:
    start = json.loads(json.dumps(START))
    broken(start)
    own = written(tmp_path, catalog=catalog(), start=start)
    (own / "pareta" / "t.jsonl").write_text(ROW)

    with pytest.raises(Unusable) as refused:
        Simulator(Settings(fixtures=own))

    assert reason in str(refused.value)


def test_faulty_rows_are_told_by_their_file_and_line(tmp_path: Path) -> None:
    own = written(tmp_path, catalog=catalog(), start=START)
    (own / "pareta" / "t.jsonl").write_text(f"{ROW}[]\n")

    with pytest.raises(Unusable, match=r"t\.jsonl: items: line 2 must be a JSON object"):
        Simulator(Settings(fixtures=own))


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("nowhere", "nowhere is not a folder of fixtures"),
        ("empty", "empty has none of the files that worlds start from: "),
    ],
)
def test_a_folder_without_fixtures_is_one_readable_line(
    folder: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()

    assert cli._run(["exec", "--fixtures", folder, "--", "true"]) == 2
    assert reason in capsys.readouterr().err


def test_nothing_is_left_behind_by_a_refused_start(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    own = written(tmp_path, catalog={"tasks": []})
    assert cli._run(["exec", "--db", "a.db", "--fixtures", str(own), "--", "true"]) == 2

    written(tmp_path, catalog=catalog())
    capfd.readouterr()

    assert asked(capfd, "--db", "a.db", "--fixtures", str(own))[0] == ["ticket-urgency"]


# What comes of it


def test_everything_works_on_a_users_own_catalog_start_and_prices(tmp_path: Path) -> None:
    own = written(tmp_path, catalog=catalog(), start=START, prices={"frontier_per_prompt_token": 1000})
    (own / "pareta" / "t.jsonl").write_text(ROW * 3)
    simulator = Simulator(Settings(fixtures=own))
    headers = {"Authorization": "Bearer pareta_sk_test_acme", "User-Agent": "pareta-python/0.3.1"}
    ask = {"model": "ep-tickets", "messages": [{"role": "user", "content": "it burns"}]}
    with httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://m", headers=headers) as client:
        run = client.get("/v1/eval-runs/run_1").json()
        label = client.post("/v1/chat/completions", json=ask)
        auto = client.post("/v1/chat/completions", json={**ask, "model": "auto"})
        found = client.post("/v1/tasks/match", json={"query": "ticket urgency"}).json()
        credits = client.get("/_mock/worlds/acme/credits")
        rows = [{"input": "late", "expected": {"urgency": "low"}}] * 4
        kept = client.post(
            "/v1/eval-sets",
            data={"task_id": "ticket-urgency"},
            files={"items": ("i.jsonl", "\n".join(map(json.dumps, rows)).encode(), "application/jsonl")},
        ).json()["eval_set"]
        asked = {"eval_set_id": kept["id"], "candidate_model_ids": ["ours-1", "theirs-2", "gpt-5.5"]}
        new = client.post("/v1/eval-runs", json=asked).json()["run_id"]
        for _ in range(3):
            mine = client.get(f"/v1/eval-runs/{new}").json()
    account = next(vendor.account for vendor in simulator.vendors if vendor.account)
    left = account.balance(simulator.worlds.get("acme"))
    simulator.close()

    assert credits.status_code != 200  # that is the control API's
    assert run["run"]["total_cost_micro_usd"] == 3 * (7 + 800)
    assert label.json()["choices"][0]["message"]["content"] in ("low", "high")
    assert label.headers["x-pareta-billed"] == "7"
    assert int(auto.headers["x-pareta-frontier-would-have-cost"]) > 1000
    assert found["chosen"]["task_id"] == "ticket-urgency"
    assert [result["mean_cost_micro_usd"] for result in mine["results"]] == [7, 7, 800]
    assert mine["results"][0]["exact_match"] is not None
    assert left == 5_000_000 - 7 - int(auto.headers["x-pareta-billed"]) - 4 * (7 + 7 + 800)


def test_a_start_may_have_a_balance_and_nothing_else(tmp_path: Path) -> None:
    for start in ({"balance_micro_usd": 5}, {**START, "endpoints": [], "eval_run": None}):
        own = written(tmp_path, catalog=catalog(), start=start)
        (own / "pareta" / "t.jsonl").write_text(ROW)
        simulator = Simulator(Settings(fixtures=own))
        account = next(vendor.account for vendor in simulator.vendors if vendor.account)
        assert account.balance(simulator.worlds.nobody) == start["balance_micro_usd"]
        simulator.close()


def test_the_other_vendors_data_can_be_replaced_too(tmp_path: Path) -> None:
    shipped = Fixtures().read("paygentic/organization.json")
    (tmp_path / "own" / "paygentic").mkdir(parents=True)
    path = tmp_path / "own" / "paygentic" / "organization.json"
    path.write_text(json.dumps({**shipped, "name": "Ours"}))
    Simulator(Settings(fixtures=tmp_path / "own")).close()

    path.write_text(json.dumps({"id": "org_1"}))

    with pytest.raises(Unusable, match="cannot be used: KeyError: 'name'"):
        Simulator(Settings(fixtures=tmp_path / "own"))


def test_what_is_shipped_is_held_to_the_same_form() -> None:
    seed_files.check(Fixtures())
    fixtures = Fixtures(resources.folder("fixtures"))
    fixtures.check()
    seed_files.check(fixtures)
    Simulator(Settings(fixtures=fixtures.own)).close()


def test_a_fault_of_our_own_is_not_blamed_on_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError), Fixtures().blamed():
        raise KeyError("ours")
    with pytest.raises(Unusable, match="there is no fixture pareta/nope"):
        Fixtures().file("pareta/nope.json")
