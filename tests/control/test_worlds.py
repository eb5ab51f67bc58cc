from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from mockserver.control.routes import control_app
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import START, ControlClient


def test_a_world_is_made_with_what_is_asked_for(control: ControlClient) -> None:
    made = control.post("worlds", {"name": "acme", "seed": 3, "switches": {"toy.strict": True}})

    assert made.status_code == 201
    assert made.json() == {
        "name": "acme",
        "seed": 3,
        "switches": {"toy.strict": True},
        "clock": {"mode": "frozen", "now": START, "rate": 0},
    }
    assert control.get("worlds/acme").json() == made.json()


def test_a_world_without_a_name_is_given_a_free_one(control: ControlClient) -> None:
    control.post("worlds", {"name": "world-2"})

    names = [control.post("worlds", content=body).json()["name"] for body in (b"", b"{}", b"{}")]

    assert names == ["world-1", "world-3", "world-4"]


def test_a_name_is_taken_once(control: ControlClient) -> None:
    control.post("worlds", {"name": "acme"})

    assert control.post("worlds", {"name": "acme"}).status_code == 409


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"name": "a b"}, "name", "invalid_format"),
        ({"name": ""}, "name", "invalid_format"),
        ({"seed": "7"}, "seed", "invalid_type"),
        ({"seed": 2**63}, "seed", "out_of_range"),
        ({"switches": {"toy.strict": 1}}, "switches.toy.strict", "invalid_type"),
        ({"switches": {"toy.lax": True}}, "switches.toy.lax", "unknown_key"),
        ({"nmae": "acme"}, "nmae", "unknown_key"),
    ],
)
def test_a_faulty_field_is_named_and_nothing_is_made(
    control: ControlClient, body: dict[str, object], field: str, code: str
) -> None:
    refused = control.post("worlds", body)

    assert refused.status_code == 422
    assert [(e["field"], e["code"]) for e in refused.json()["errors"]] == [(field, code)]
    assert control.get("worlds").json()["data"] == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"name": }'])
def test_a_broken_body_is_told_apart_from_a_wrong_one(control: ControlClient, body: bytes) -> None:
    assert control.post("worlds", content=body).status_code == 400


def test_a_body_that_is_no_object_is_refused(control: ControlClient) -> None:
    assert control.post("worlds", []).status_code == 422


def test_a_huge_body_is_refused(control: ControlClient) -> None:
    assert control.post("worlds", content=b" " * 2_000_000).status_code == 413


def test_worlds_are_listed_in_pages_oldest_first(control: ControlClient) -> None:
    for name in ("c", "a", "b"):
        control.post("worlds", {"name": name})

    first = control.get("worlds?limit=2").json()
    second = control.get(f"worlds?limit=2&after={first['next']}").json()

    assert [world["name"] for world in first["data"]] == ["c", "a"]
    assert [world["name"] for world in second["data"]] == ["b"]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "after=-1", "size=3", f"after={2**63}"])
def test_a_faulty_query_is_refused(control: ControlClient, query: str) -> None:
    assert control.get(f"worlds?{query}").status_code == 422


def test_showing_and_deleting_want_an_existing_world(control: ControlClient) -> None:
    assert control.get("worlds/acme").status_code == 404
    assert control.delete("worlds/acme").status_code == 404

    control.post("worlds", {"name": "acme"})

    assert control.delete("worlds/acme").status_code == 204
    assert control.get("worlds/acme").status_code == 404


@pytest.mark.parametrize("route", ["clock", "credits", "ledger", "invariants", "requests", "switches"])
def test_a_world_can_be_looked_at_before_its_first_request(control: ControlClient, route: str) -> None:
    assert control.get(f"worlds/fresh/{route}").status_code == 200
    assert control.get("worlds/fresh").status_code == 200


@pytest.mark.parametrize("route", ["clock", "credits", "ledger", "invariants", "requests", "switches"])
def test_no_world_is_made_under_a_name_no_key_can_carry(control: ControlClient, route: str) -> None:
    assert control.get(f"worlds/a%20b/{route}").status_code == 404


def test_only_known_worlds_are_looked_at_when_told_so(make_worlds: Callable[..., Worlds]) -> None:
    control = ControlClient(control_app(make_worlds(known_only=True), [toy.vendor], None))

    assert control.get("worlds/acme/credits").status_code == 404
    assert control.put("worlds/acme/credits", {"balance_micro_usd": 1}).status_code == 404

    control.post("worlds", {"name": "acme"})

    assert control.get("worlds/acme/credits").status_code == 200


def test_a_refused_change_still_leaves_the_world_it_was_meant_for(control: ControlClient) -> None:
    assert control.put("worlds/fresh/switches", {"toy.lax": True}).status_code == 422

    assert control.put("worlds/fresh/credits", {"balance_micro_usd": 5}).status_code == 200
    assert control.get("worlds/fresh/credits").json()["balance_micro_usd"] == 5


def test_reset_brings_back_the_template_and_keeps_the_seed(control: ControlClient, shop: httpx.Client) -> None:
    control.post("worlds", {"name": "acme", "seed": 3})
    shop.post("/shop/sales", json={"item": "tea"})
    control.put("worlds/acme/switches", {"toy.strict": True})
    control.post("worlds/acme/clock/advance", {"by": "1d"})

    reset = control.post("worlds/acme/reset")

    assert reset.json() == {
        "name": "acme",
        "seed": 3,
        "switches": {"toy.strict": False},
        "clock": {"mode": "frozen", "now": START, "rate": 0},
    }
    assert control.get("worlds/acme/credits").json()["balance_micro_usd"] == 1_000_000
    assert control.get("worlds/acme/requests").json()["data"] == []


def test_a_fork_has_everything_and_goes_its_own_way(control: ControlClient, shop: httpx.Client) -> None:
    shop.post("/shop/sales", json={"item": "tea"})

    forked = control.post("worlds/acme/fork", {"name": "copy"})
    shop.post("/shop/sales", json={"item": "milk"})

    assert forked.status_code == 201
    assert forked.json()["name"] == "copy"
    assert control.get("worlds/copy/credits").json()["balance_micro_usd"] == 1_000_000 - toy.PRICE
    assert len(control.get("worlds/copy/requests").json()["data"]) == 1
    assert control.post("worlds/acme/fork", {"name": "copy"}).status_code == 409
    assert control.post("worlds/acme/fork", {}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "worlds/~", None),
        ("POST", "worlds/~/reset", None),
        ("POST", "worlds/~/fork", {"name": "x"}),
        ("PUT", "worlds/~/credits", {"balance_micro_usd": 1}),
        ("PUT", "worlds/~/clock", {"mode": "frozen"}),
        ("PUT", "worlds/~/switches", {"toy.strict": True}),
    ],
)
def test_the_template_is_left_alone(control: ControlClient, method: str, path: str, body: object) -> None:
    assert control.request(method, path, json=body).status_code == 409


def test_switches_not_named_stay_as_they_are(control: ControlClient) -> None:
    assert control.get("worlds/acme/switches").json() == {"toy.strict": False}
    assert control.put("worlds/acme/switches", {"toy.strict": True}).json() == {"toy.strict": True}
    assert control.put("worlds/acme/switches", {}).json() == {"toy.strict": True}
    assert control.put("worlds/acme/switches", {"toy.strict": "yes"}).status_code == 422


def test_a_world_that_cannot_settle_can_still_be_reset(control: ControlClient, worlds: Worlds) -> None:
    with worlds.store.committed():
        world = worlds.admit("acme")
        world.schedule.add(world.clock.now(), "toy.stipend", "broken")

    assert control.request_unchecked("GET", "worlds/acme/credits").status_code == 500
    assert control.post("worlds/acme/reset").status_code == 200
    assert control.get("worlds/acme/credits").status_code == 200
