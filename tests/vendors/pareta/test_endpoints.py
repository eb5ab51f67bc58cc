"""Endpoints and models: what is there, what is deployed, what runs, and who sees what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel.windows import HOUR, SECOND, parse_instant
from mockserver.kernel.world import Beginning
from tests.vendors.pareta.org import CURL, ENDPOINT, FRONTIER, G0, G1, G2, G3, PRICE, SEED, STOPPED, TEXT, Org
from tests.vendors.pareta.sdk import Client, installed

TASK = "contract-key-fields"
Event = tuple[str, Any]


def events(raw: str) -> list[Event]:
    """Take a deployment's stream apart, strictly: an event line, a data line, an empty line, each ended by CRLF."""
    blocks = raw.split("\r\n\r\n")
    assert blocks.pop() == ""
    found = []
    for block in blocks:
        event, data = block.split("\r\n")
        assert "\n" not in event + data
        assert event.startswith("event: ")
        assert data.startswith("data: ")
        found.append((event[7:], json.loads(data[6:])))
    return found


def deploy(org: Org, task: str = TASK, *, headers: Any = G0, **more: Any) -> list[Event]:
    response = org.http.post("/v1/endpoints", json={"task": task, **more}, headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    return events(response.text)


def deployed(org: Org, task: str = TASK, **more: Any) -> dict[str, Any]:
    *_, (event, data) = deploy(org, task, **more)
    assert event == "complete"
    record: dict[str, Any] = data["endpoint"]
    return record


def open_deployment(org: Org, task: str = TASK, **more: Any) -> httpx.Response:
    request = org.http.build_request("POST", "/v1/endpoints", json={"task": task, **more})
    return org.http.send(request, stream=True)


def listed(org: Org) -> dict[str, str]:
    return {row["id"]: row["status"] for row in org.get("/v1/endpoints")}


def status(org: Org, endpoint: str) -> str:
    found: str = org.get(f"/v1/endpoints/{endpoint}")["status"]
    return found


def test_endpoints_are_a_bare_array_oldest_first(org: Org) -> None:
    rows = org.get("/v1/endpoints")

    assert [(row["id"], row["status"], row["taskName"], row["model"]) for row in rows] == [
        (SEED, "live", "intent-classification", "qwen-1"),
        (ENDPOINT, "live", "contract-key-fields", "qwen-2"),
        (STOPPED, "stopped", "invoice-extraction", "qwen-vl-1"),
    ]
    assert all(row["id"] == row["name"] for row in rows)


def test_only_a_live_endpoint_has_a_url(org: Org) -> None:
    assert org.get(f"/v1/endpoints/{ENDPOINT}")["url"] == "http://mock/v1"
    assert org.get(f"/v1/endpoints/{STOPPED}")["url"] is None


def test_one_endpoint_looks_like_its_row(org: Org) -> None:
    for row in org.get("/v1/endpoints"):
        assert org.get(f"/v1/endpoints/{row['id']}") == row
    assert row["recommendedSystemPrompt"].startswith("Return the fields")
    assert row["promptScaffold"] is None


def test_unknown_endpoints_are_404_everywhere(org: Org) -> None:
    for method, path in [
        ("GET", "/v1/endpoints/nope"),
        ("DELETE", "/v1/endpoints/nope"),
        ("POST", "/v1/endpoints/nope/start"),
        ("POST", "/v1/endpoints/nope/stop"),
        *(("GET", f"/v1/endpoints/nope/{name}") for name in ("cost", "quality", "performance", "uptime", "activity")),
    ]:
        response = org.http.request(method, path)
        assert response.status_code == 404
        assert response.json() == {"detail": "endpoint 'nope' not found"}


def test_a_stopped_endpoint_starts_and_is_live_when_looked_at(org: Org) -> None:
    response = org.http.post(f"/v1/endpoints/{STOPPED}/start")

    assert response.status_code == 200
    assert response.json() == {"ok": True, "id": STOPPED, "status": "starting"}
    assert status(org, STOPPED) == "live"


def test_the_list_shows_what_is_starting_and_lets_it_go_live(org: Org) -> None:
    org.http.post(f"/v1/endpoints/{STOPPED}/start")

    assert [listed(org)[STOPPED] for _ in range(3)] == ["starting", "live", "live"]


@pytest.mark.parametrize(("by", "expected"), [(5 * SECOND - 1, 503), (5 * SECOND, 200)])
def test_a_starting_endpoint_goes_live_by_the_clock(org: Org, by: int, expected: int) -> None:
    org.http.post(f"/v1/endpoints/{STOPPED}/start")

    org.advance(by)

    assert org.chat(STOPPED).status_code == expected


def test_an_endpoint_stopped_while_starting_stays_stopped(org: Org) -> None:
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    response = org.http.post(f"/v1/endpoints/{STOPPED}/stop")
    org.advance(60 * SECOND)

    assert response.json() == {"ok": True, "id": STOPPED, "status": "stopped"}
    assert status(org, STOPPED) == "stopped"


def test_starting_twice_does_not_start_over(org: Org) -> None:
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.advance(4 * SECOND)
    again = org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.advance(SECOND)

    assert again.json()["status"] == "starting"
    assert org.chat(STOPPED).status_code == 200


def test_starting_what_is_live_and_stopping_what_is_stopped_change_nothing(org: Org) -> None:
    assert org.http.post(f"/v1/endpoints/{ENDPOINT}/start").json()["status"] == "live"
    assert org.http.post(f"/v1/endpoints/{STOPPED}/stop").json()["status"] == "stopped"
    assert org.chat().status_code == 200


@pytest.mark.parametrize(("method", "action"), [("POST", "/start"), ("POST", "/stop"), ("DELETE", "")])
def test_a_seed_endpoint_cannot_be_moved(org: Org, method: str, action: str) -> None:
    response = org.http.request(method, f"/v1/endpoints/{SEED}{action}")

    assert response.status_code == 409
    assert response.headers["retry-after"] == "0"
    assert response.json() == {"detail": f"endpoint '{SEED}' is a seed endpoint and is not deployed"}
    assert status(org, SEED) == "live"


def test_a_starting_endpoint_says_so_and_when_to_ask_again(org: Org) -> None:
    org.http.post(f"/v1/endpoints/{STOPPED}/start")

    response = org.chat(STOPPED)

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json() == {"detail": f"endpoint '{STOPPED}' is starting."}


def test_a_stopped_endpoint_serves_again_after_a_restart_with_its_history(org: Org) -> None:
    org.chat()
    org.http.post(f"/v1/endpoints/{ENDPOINT}/stop")
    refused = org.chat()
    org.http.post(f"/v1/endpoints/{ENDPOINT}/start")
    org.advance(5 * SECOND)
    served = org.chat()

    assert (refused.status_code, served.status_code) == (503, 200)
    activity = org.metric("activity")
    assert (activity["requests"], activity["succeeded"], activity["failed"]) == (3, 2, 1)


@pytest.mark.parametrize(
    ("headers", "ids"),
    [
        (G0, [ENDPOINT]),
        ({"User-Agent": "pareta-python/0.2.1"}, [ENDPOINT]),
        ({"User-Agent": "pareta-typescript/0.1.0"}, [ENDPOINT]),
        ({"User-Agent": "pareta-python/0.3.1"}, [ENDPOINT, "auto"]),
        ({"User-Agent": "pareta-typescript/0.2.1"}, [ENDPOINT, "auto"]),
        (G1, ["auto"]),
        (G2, ["auto"]),
        (G3, ["auto"]),
        (CURL, ["auto"]),
    ],
)
def test_models_by_generation(org: Org, headers: dict[str, str], ids: list[str]) -> None:
    answer = org.get("/v1/models", headers=headers)

    assert answer["object"] == "list"
    assert [row["id"] for row in answer["data"]] == ids
    assert {(row["object"], row["owned_by"]) for row in answer["data"]} == {("model", "pareta")}
    assert all(row["created"] > 1_500_000_000 for row in answer["data"])


def test_the_model_list_follows_what_is_live(org: Org) -> None:
    org.http.post(f"/v1/endpoints/{ENDPOINT}/stop")
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.advance(5 * SECOND)

    ids = [row["id"] for row in org.get("/v1/models", headers=G0)["data"]]

    assert ids == [STOPPED]
    assert org.chat(ids[0]).status_code == 200


def test_looking_costs_nothing_even_without_credit(org: Org) -> None:
    org.set_balance(0)
    before = org.balance

    for path in ("/v1/models", "/v1/endpoints", f"/v1/endpoints/{ENDPOINT}", f"/v1/endpoints/{ENDPOINT}/cost"):
        org.get(path)

    assert org.balance == before
    assert org.debits == []


def test_one_organisations_endpoints_do_not_move_anothers(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")
    org.http.post(f"/v1/endpoints/{ENDPOINT}/stop")

    assert other.chat().status_code == 200
    assert org.chat().status_code == 503
    assert org.metric("activity")["failed"] == 1
    assert other.metric("activity")["failed"] == 0


# Deploying


def test_a_deployment_tells_its_stages_and_ends_with_the_live_record(org: Org) -> None:
    *progress, (last, data) = deploy(org, name="contracts-prod")

    assert progress == [
        ("progress", {"stage": "provisioning-gpu", "label": "Provisioning GPU", "pct": 10}),
        ("progress", {"stage": "pulling weights", "label": "Pulling weights", "pct": 45}),
        ("progress", {"stage": "warming-up", "label": "Warming up", "pct": 90}),
    ]
    assert last == "complete"
    record = data["endpoint"]
    assert record == org.get("/v1/endpoints/contracts-prod")
    assert {**record, "recommendedSystemPrompt": ...} == {
        "id": "contracts-prod", "name": "contracts-prod", "model": "qwen-2", "status": "live", "taskName": TASK,
        "url": "http://mock/v1", "recommendedSystemPrompt": ..., "promptScaffold": None,
    }  # fmt: skip
    assert "effective_date" in record["recommendedSystemPrompt"]


def test_a_deployment_is_free_and_its_calls_cost_what_the_leaderboard_says(org: Org) -> None:
    before = org.balance
    record = deployed(org, model="llama-1")
    assert org.balance == before

    response = org.chat(record["id"])

    assert (response.headers["x-pareta-billed"], before - org.balance) == ("63", 63)
    assert response.headers["x-pareta-frontier-would-have-cost"] == str(FRONTIER)
    cost = org.metric("cost", record["id"])
    assert (cost["requests"], cost["total_micro_usd"], cost["frontier_model"]) == (1, 63, "gpt-5.5")
    assert json.loads(response.json()["choices"][0]["message"]["content"])["effective_date"]


def test_deploying_needs_no_credit(org: Org) -> None:
    org.set_balance(0)

    assert deployed(org)["status"] == "live"


def test_every_task_that_chat_can_serve_is_deployed_as_recommended_and_serves(org: Org) -> None:
    served, refused = {}, set()
    for task in org.get("/v1/tasks")["tasks"]:
        response = org.http.post("/v1/endpoints", json={"task": task["id"], "name": f"my-{task['id']}"}, headers=G0)
        if response.status_code == 400:
            assert "is not served by endpoints" in response.json()["detail"]
            refused.add(task["id"])
            continue
        served[task["id"]] = events(response.text)[-1][1]["endpoint"]

    for name, record in served.items():
        recommended = org.get(f"/v1/tasks/{name}/leaderboard")["recommended"]
        assert record["model"] == recommended or recommended is None
        assert org.chat(record["id"]).status_code == 200
        kinds = (record["recommendedSystemPrompt"] is not None, record["promptScaffold"] is not None)
        if name.endswith("-classification"):
            assert kinds == (False, True)
        elif name.endswith(("-extraction", "-kie", "-fields", "-coding")):
            assert kinds == (True, False)
        else:
            assert kinds == (False, False)
    assert {"general-asr"} <= refused
    assert {TASK, "invoice-extraction", "intent-classification", "general-chat"} <= served.keys()


def test_names_are_made_up_from_the_task_and_free_again_once_deleted(org: Org) -> None:
    assert [deployed(org, "doc-classification")["id"] for _ in range(3)] == [
        "ep-doc-classification", "ep-doc-classification-2", "ep-doc-classification-3",
    ]  # fmt: skip
    assert deployed(org)["id"] == f"{ENDPOINT}-2"
    org.http.delete("/v1/endpoints/ep-doc-classification-2")

    assert deployed(org, "doc-classification")["id"] == "ep-doc-classification-2"


def test_whatever_else_is_sent_is_kept_as_sent(org: Org) -> None:
    extra: dict[str, Any] = {
        "region": "eu-central", "provider": "any", "run_mode": "rte", "taskDisplay": "Contracts \u00fc",
        "labels": {"team": ["a", None, 1.5, True]}, "": 0, "null": None, "big": 10**30, "e.\u0000": "\u0000",
    }  # fmt: skip

    record = deployed(org, name="mine", **extra)

    assert {name: record[name] for name in extra} == extra
    assert org.get("/v1/endpoints/mine") == record
    assert org.get("/v1/endpoints")[-1] == record


def test_rates_can_be_set_at_deployment(org: Org) -> None:
    rates: dict[str, Any] = {"cost_per_request_micro_usd": 7, "frontier_cost_per_request_micro_usd": 1_000}
    record = deployed(org, name="mine", **rates)
    assert record.items() >= rates.items()

    with_rates = org.chat("mine")
    free = org.chat(deployed(org, cost_per_request_micro_usd=0)["id"])
    usual = org.chat(deployed(org, cost_per_request_micro_usd=None)["id"])

    assert with_rates.headers["x-pareta-billed"] == "7"
    assert with_rates.headers["x-pareta-frontier-would-have-cost"] == "1000"
    cost = org.metric("cost", "mine")
    assert (cost["total_micro_usd"], cost["savings_micro_usd"], cost["cost_per_request_micro_usd"]) == (7, 993, 7)
    assert [response.headers["x-pareta-billed"] for response in (free, usual)] == ["0", str(PRICE)]


@pytest.mark.parametrize("quality", [0, 0.5, 1])
def test_quality_can_be_set_at_deployment_and_shows_in_the_judges_windows(org: Org, quality: float) -> None:
    name = deployed(org, quality=quality)["id"]
    for _ in range(60):
        org.chat(name)

    measured = org.metric("quality", name)

    assert measured["n_judged"] > 10
    assert measured["quality_mean"] == pytest.approx(quality, abs=0.15 if 0 < quality < 1 else 0)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"task": None}, ["task"]),
        ({"task": ""}, ["task"]),
        ({"task": 5}, ["task"]),
        ({"model": ""}, ["model"]),
        ({"model": ["qwen-2"]}, ["model"]),
        ({"name": ""}, ["name"]),
        ({"name": "a b"}, ["name"]),
        ({"name": "a/b"}, ["name"]),
        ({"name": ".."}, ["name"]),
        ({"name": "-a"}, ["name"]),
        ({"name": "a\n"}, ["name"]),
        ({"name": "\u00fc"}, ["name"]),
        ({"name": "a" * 65}, ["name"]),
        ({"name": "auto"}, ["name"]),
        ({"name": "gpt-5.5"}, ["name"]),
        ({"name": "claude-mine"}, ["name"]),
        ({"cost_per_request_micro_usd": -1}, ["cost_per_request_micro_usd"]),
        ({"cost_per_request_micro_usd": 1.0}, ["cost_per_request_micro_usd"]),
        ({"cost_per_request_micro_usd": "90"}, ["cost_per_request_micro_usd"]),
        ({"cost_per_request_micro_usd": True}, ["cost_per_request_micro_usd"]),
        ({"cost_per_request_micro_usd": 10**12 + 1}, ["cost_per_request_micro_usd"]),
        ({"frontier_cost_per_request_micro_usd": -1}, ["frontier_cost_per_request_micro_usd"]),
        ({"quality": 1.01}, ["quality"]),
        ({"quality": -0.01}, ["quality"]),
        ({"quality": "high"}, ["quality"]),
        ({"quality": True}, ["quality"]),
        ({"status": "live"}, ["status"]),
        ({"url": "http://elsewhere"}, ["url"]),
        ({"note": "x" * 17_000}, []),
        ({"note": ["\u00fc" * 6_000, "\u00fc" * 6_000]}, []),
    ],
    ids=str,
)
def test_faulty_fields_are_422_before_anything_happens(org: Org, fields: dict[str, Any], where: list[str]) -> None:
    before = org.state()

    response = org.http.post("/v1/endpoints", json={"task": TASK, **fields})

    assert response.status_code == 422
    assert [problem["loc"] for problem in response.json()["detail"]] == [["body", *where]]
    assert org.state() == before


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"task": "no-such-task"}, "unknown task 'no-such-task'"),
        ({"task": "general-asr"}, "task 'general-asr' is not served by endpoints"),
        ({"model": "gpt-5.5"}, "unknown model 'gpt-5.5': it must be 'recommended' or an alias such as 'qwen-2'"),
        ({"model": "claude-opus-4-7"}, "unknown model 'claude-opus-4-7': ..."),
        ({"model": "auto"}, "unknown model 'auto': ..."),
        ({"model": "meta-llama/Llama"}, "unknown model 'meta-llama/Llama': ..."),
    ],
)
def test_what_cannot_be_deployed_is_400_before_the_stream(org: Org, fields: dict[str, Any], text: str) -> None:
    response = org.http.post("/v1/endpoints", json={"task": TASK, **fields})

    assert response.status_code == 400
    assert response.json()["detail"].startswith(text.removesuffix("..."))


def test_an_alias_nobody_ranked_is_served_at_the_tasks_rate(org: Org) -> None:
    record = deployed(org, model="contract-key-fields-open-1")

    assert record["model"] == "contract-key-fields-open-1"
    assert org.chat(record["id"]).headers["x-pareta-billed"] == str(PRICE)


def test_a_name_that_is_taken_is_409_and_asks_for_no_patience(org: Org) -> None:
    for taken in (ENDPOINT, STOPPED, SEED):
        response = org.http.post("/v1/endpoints", json={"task": TASK, "name": taken})

        assert (response.status_code, response.headers["retry-after"]) == (409, "0")
        assert response.json() == {"detail": f"endpoint '{taken}' already exists"}


def test_a_replay_tells_the_same_deployment_again_and_deploys_nothing(org: Org) -> None:
    first = org.http.post("/v1/endpoints", json={"task": TASK}, headers={"Idempotency-Key": "k"})
    again = org.http.post("/v1/endpoints", json={"task": TASK}, headers={"Idempotency-Key": "k"})
    other = org.http.post("/v1/endpoints", json={"task": TASK, "region": "eu"}, headers={"Idempotency-Key": "k"})

    assert (again.status_code, again.text) == (200, first.text)
    assert events(again.text)[-1][0] == "complete"
    assert other.status_code == 422
    assert sorted(listed(org)) == sorted([ENDPOINT, f"{ENDPOINT}-2", STOPPED, SEED])


# A deployment while it is being told


def test_a_deployment_is_listed_as_starting_while_it_is_told(org: Org) -> None:
    stream = open_deployment(org, name="mine")

    assert [listed(org)["mine"] for _ in range(3)] == ["starting"] * 3
    assert status(org, "mine") == "starting"
    assert org.get("/v1/endpoints/mine")["url"] is None
    assert org.chat("mine").status_code == 503
    assert "mine" not in [row["id"] for row in org.get("/v1/models", headers=G0)["data"]]
    assert org.http.post("/v1/endpoints", json={"task": TASK, "name": "mine"}).status_code == 409

    assert events(stream.read().decode())[-1][0] == "complete"
    assert org.chat("mine").status_code == 200


def test_deployments_at_once_get_names_of_their_own(url: str) -> None:
    def one(_: int) -> str:
        with httpx.Client(base_url=url, headers={"Authorization": "Bearer pareta_sk_test_acme"}, timeout=30) as http:
            event, data = events(http.post("/v1/endpoints", json={"task": "doc-classification"}).text)[-1]
        assert event == "complete"
        name: str = data["endpoint"]["id"]
        return name

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(one, range(24)))

    assert sorted(names) == sorted(["ep-doc-classification", *(f"ep-doc-classification-{n}" for n in range(2, 25))])


def left(org: Org, after: int, name: str) -> None:
    """Begin a deployment and leave after some pieces of its stream."""
    stream = open_deployment(org, name=name)
    pieces = stream.iter_raw()
    for _ in range(after):
        next(pieces)
    stream.close()


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_an_endpoint_goes_live_although_the_client_left_its_deployment(org: Org, after: int) -> None:
    for name in ("looked", "listed", "timed"):
        left(org, after, name)

    assert status(org, "looked") == "live"
    assert [listed(org)["listed"] for _ in range(2)] == ["starting", "live"]
    left(org, after, "clocked")
    assert org.chat("clocked").status_code == 503
    org.advance(5 * SECOND)
    assert org.chat("clocked").status_code == 200
    entry = org.journal[0]
    assert (entry.operation, entry.status, entry.cost_micro_usd) == ("pareta.endpoints.deploy", None, 0)
    assert entry.reason == "the client left before the stream ended"


def test_a_client_that_leaves_a_world_that_is_gone_leaves_nothing(org: Org, simulator: Simulator) -> None:
    stream = open_deployment(org, name="mine")
    with simulator.store.committed():
        org.world = simulator.worlds.reset(org.world)
    assert "mine" not in listed(org)
    again = open_deployment(org, name="mine")
    stream.close()

    assert [listed(org)["mine"] for _ in range(2)] == ["starting"] * 2
    again.close()


@pytest.mark.parametrize(("method", "action", "what"), [("DELETE", "", "deleted"), ("POST", "/stop", "stopped")])
def test_a_deployment_that_is_taken_back_ends_with_an_error(org: Org, method: str, action: str, what: str) -> None:
    stream = open_deployment(org, name="mine")
    org.http.request(method, f"/v1/endpoints/mine{action}")

    *_, (event, data) = events(stream.read().decode())

    assert event == "error"
    assert data == {"message": f"endpoint 'mine' was {what} while it was being deployed"}
    assert listed(org).get("mine") == (None if what == "deleted" else "stopped")
    org.advance(HOUR)
    assert listed(org).get("mine") == (None if what == "deleted" else "stopped")


def test_a_deployment_survives_the_end_of_the_server(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    at = parse_instant("2026-02-10T12:00:00Z")
    settings = Settings(db=path, beginning=Beginning(seed=7, clock_mode="frozen", clock_at=at))
    simulator = Simulator(settings)
    org = Org(simulator)
    stream = open_deployment(org, name="mine")
    copy = tmp_path / "copy.db"
    simulator.store.conn.execute("VACUUM INTO ?", (str(copy),))  # what a killed server would leave
    stream.close()
    simulator.close()

    simulator = Simulator(Settings(db=copy))
    org = Org(simulator)
    assert status(org, "mine") == "starting"
    org.advance(5 * SECOND)
    assert org.chat("mine").status_code == 200
    org.check()
    simulator.close()


# Switches


def test_with_timed_deploys_only_the_clock_makes_live(org: Org) -> None:
    org.flip(timed_deploys=True)

    record = deployed(org, name="mine")
    org.http.post(f"/v1/endpoints/{STOPPED}/start")

    assert (record["status"], record["url"]) == ("starting", None)
    for _ in range(3):
        assert (status(org, "mine"), status(org, STOPPED)) == ("starting", "starting")
        assert listed(org)["mine"] == "starting"
    assert org.chat("mine").json() == {"detail": "endpoint 'mine' is starting."}
    org.advance(5 * SECOND)
    assert (status(org, "mine"), status(org, STOPPED)) == ("starting", "live")
    org.advance(55 * SECOND - 1)
    assert org.chat("mine").status_code == 503
    org.advance(1)
    assert org.chat("mine").status_code == 200
    assert org.get("/v1/endpoints/mine")["url"] == "http://mock/v1"


def test_a_timed_deployment_takes_its_time_although_the_client_left(org: Org) -> None:
    org.flip(timed_deploys=True)
    left(org, 1, "mine")

    assert status(org, "mine") == "starting"
    org.advance(60 * SECOND)
    assert status(org, "mine") == "live"


def test_a_failing_deployment_ends_with_a_published_error_and_leaves_nothing(org: Org) -> None:
    org.flip(deploys_fail=True)
    before = listed(org)

    ends = [deploy(org, name="mine") for _ in range(12)]

    messages = [end[-1][1]["message"] for end in ends]
    assert {end[-1][0] for end in ends} == {"error"}
    assert set(messages) == {"out of memory", "GPU pool exhausted", "GPU OOM"}
    assert all(len(end) == (2 if end[-1][1]["message"] == "GPU pool exhausted" else 4) for end in ends)
    assert listed(org) == before
    assert org.chat("mine").status_code == 404
    left(org, 1, "mine")
    assert listed(org) == before

    org.flip(deploys_fail=False)
    assert deployed(org, name="mine")["status"] == "live"


def test_what_cannot_be_deployed_is_refused_before_it_can_fail(org: Org) -> None:
    org.flip(deploys_fail=True)

    assert org.http.post("/v1/endpoints", json={"task": "no-such-task"}).status_code == 400
    assert org.http.post("/v1/endpoints", json={"task": TASK, "name": ENDPOINT}).status_code == 409


# Deleting


def test_a_deleted_endpoint_is_gone_with_its_metrics_and_its_ledger_stays(org: Org) -> None:
    org.chat()
    org.stream()
    spent = [(entry.subject, entry.amount_micro_usd) for entry in org.debits]
    assert spent == [(ENDPOINT, -PRICE)] * 2

    response = org.http.delete(f"/v1/endpoints/{ENDPOINT}")

    assert (response.status_code, response.content) == (204, b"")
    for method, path in (
        ("GET", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"),
        *(("GET", f"/{name}") for name in ("cost", "quality", "performance", "uptime", "activity")),
    ):  # fmt: skip
        gone = org.http.request(method, f"/v1/endpoints/{ENDPOINT}{path}")
        assert (gone.status_code, gone.json()) == (404, {"detail": f"endpoint '{ENDPOINT}' not found"})
    assert org.chat().status_code == 404
    assert ENDPOINT not in listed(org)
    assert org.get("/v1/models", headers=G0)["data"] == []
    assert [(entry.subject, entry.amount_micro_usd) for entry in org.debits] == spent
    org.check()


def test_an_endpoint_that_gets_a_deleted_ones_name_starts_from_nothing(org: Org) -> None:
    for _ in range(5):
        org.chat()
    org.http.delete(f"/v1/endpoints/{ENDPOINT}")
    deployed(org, name=ENDPOINT, cost_per_request_micro_usd=11)

    assert org.metric("activity")["requests"] == 0
    assert org.metric("cost")["total_micro_usd"] == 0
    org.chat()
    for dimension in ("cost", "performance", "uptime", "activity"):
        assert org.metric(dimension)["requests"] == 1
    assert org.metric("cost")["total_micro_usd"] == 11
    assert [-entry.amount_micro_usd for entry in org.debits] == [PRICE] * 5 + [11]


def test_a_stream_of_a_deleted_endpoint_is_still_paid(org: Org) -> None:
    stream = org.open_stream()
    org.http.delete(f"/v1/endpoints/{ENDPOINT}")
    stream.read()

    assert [-entry.amount_micro_usd for entry in org.debits] == [PRICE]


def test_a_starting_endpoint_that_is_deleted_does_not_come_back(org: Org) -> None:
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.http.delete(f"/v1/endpoints/{STOPPED}")
    org.advance(HOUR)

    assert STOPPED not in listed(org)


def test_what_a_deleted_endpoint_waited_for_does_not_hurry_its_successor(org: Org) -> None:
    org.flip(timed_deploys=True)
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.http.delete(f"/v1/endpoints/{STOPPED}")
    deployed(org, name=STOPPED)

    org.advance(5 * SECOND)

    assert status(org, STOPPED) == "starting"


# Through the vendor's own clients


@pytest.fixture(params=[(version, kind) for version in ("0.1.0", "0.2.1", "0.3.1") for kind in (False, True)], ids=str)
def client(request: pytest.FixtureRequest, url: str) -> Iterator[Client]:
    version, is_async = request.param
    with installed(version) as module:
        yield Client(module, url, "pareta_sk_test_acme", is_async=is_async)


def told(client: Client, **request: Any) -> list[dict[str, Any]]:
    """Deploy without waiting, and return every event."""

    async def collected() -> list[dict[str, Any]]:
        async with client.module.AsyncPareta(api_key=client.key, base_url=client.url, max_retries=0) as pa:
            return [event async for event in await pa.endpoints.deploy(**request)]

    if client.is_async:
        return asyncio.run(collected())
    with client.module.Pareta(api_key=client.key, base_url=client.url, max_retries=0) as pa:
        return list(pa.endpoints.deploy(**request))


@pytest.mark.sdk
def test_the_clients_wait_for_a_deployment_and_use_it(client: Client) -> None:
    endpoint = client(lambda pa: pa.endpoints.deploy(task=TASK, wait=True, region="eu"))

    assert (endpoint.id, endpoint.status, endpoint.is_live, endpoint.model) == (
        f"{ENDPOINT}-2", "live", True, "qwen-2",
    )  # fmt: skip
    assert endpoint.url == f"{client.url}/v1"
    assert endpoint["region"] == "eu"
    answer = client(
        lambda pa: pa.chat.completions.create(model=endpoint.id, messages=[{"role": "user", "content": TEXT}])
    )
    assert answer.choices[0].message.content
    client(lambda pa: pa.endpoints.delete(endpoint.id))
    with pytest.raises(client.module.NotFoundError):
        client(lambda pa: pa.endpoints.retrieve(endpoint.id))


@pytest.mark.sdk
def test_the_clients_read_every_event(client: Client) -> None:
    *progress, complete = told(client, task=TASK, name="mine")

    assert [event["event"] for event in progress] == ["progress"] * 3
    assert progress[1]["data"] == {"stage": "pulling weights", "label": "Pulling weights", "pct": 45}
    assert complete["event"] == "complete"
    assert complete["data"]["endpoint"]["status"] == "live"


@pytest.mark.sdk
def test_the_clients_raise_for_a_failing_deployment(client: Client, simulator: Simulator) -> None:
    Org(simulator).flip(deploys_fail=True)

    with pytest.raises(client.module.ParetaError, match=r"^deploy failed: (out of memory|GPU pool exhausted|GPU OOM)$"):
        client(lambda pa: pa.endpoints.deploy(task=TASK, wait=True))
    assert told(client, task=TASK)[-1]["event"] == "error"


@pytest.mark.sdk
@pytest.mark.parametrize("version", ["0.1.0", "0.2.1", "0.3.1"])  # async ones read a stream whole before they tell
def test_a_client_that_stops_listening_finds_its_endpoint_live(version: str, url: str) -> None:
    with installed(version) as module, module.Pareta(api_key="pareta_sk_test_acme", base_url=url) as pa:
        stream = pa.endpoints.deploy(task=TASK, name="mine")
        assert next(stream)["event"] == "progress"
        stream.close()

        assert pa.endpoints.retrieve("mine").is_live
