"""Endpoints and models: what is there, what runs, and who sees what."""

from __future__ import annotations

import pytest

from mockserver.app import Simulator
from mockserver.kernel.windows import SECOND
from tests.vendors.pareta.org import CURL, ENDPOINT, G0, G1, G2, G3, SEED, STOPPED, Org


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


def test_looking_at_the_list_is_looking_too(org: Org) -> None:
    org.http.post(f"/v1/endpoints/{STOPPED}/start")

    assert {row["id"]: row["status"] for row in org.get("/v1/endpoints")}[STOPPED] == "live"


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


@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_seed_endpoint_cannot_be_moved(org: Org, action: str) -> None:
    response = org.http.post(f"/v1/endpoints/{SEED}/{action}")

    assert response.status_code == 409
    assert response.headers["retry-after"] == "0"
    assert status(org, SEED) == "live"


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
    ("headers", "ids"), [(G0, [ENDPOINT]), (G1, ["auto"]), (G2, ["auto"]), (G3, ["auto"]), (CURL, ["auto"])]
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
