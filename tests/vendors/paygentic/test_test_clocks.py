"""Test clocks: one flow of time, seen from several distances; and the events of customers that live by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic
from paygentic_sdk import errors as sdk_errors

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning, World
from mockserver.resources import Fixtures
from mockserver.vendors.paygentic.domain.metering import EventDraft
from mockserver.vendors.paygentic.operations.events import ingest_many
from tests.conftest import START
from tests.control.conftest import ControlClient
from tests.vendors.paygentic.conftest import MERCHANT, TYPE, Merchant

CLOCKS = "/v0/testClocks"
PAST = "2024-01-31T08:00:00Z"


class Clockmaker(Merchant):
    """A merchant that has test clocks."""

    def clock(self, **members: Any) -> Any:
        return self.expect(201, self.http.post(CLOCKS, json=members))

    def shown(self, clock: dict[str, Any]) -> str:
        body = self.expect(200, self.http.get(f"{CLOCKS}/{clock['id']}"))
        return str(body["currentTime"])

    def customer(self, name: str) -> str:
        consumer = {"name": name, "email": f"ap@{name}.example", "address": {"country": "GB"}}
        body = {"merchantId": MERCHANT, "consumer": consumer, "externalId": name}
        return str(self.expect(201, self.http.post("/v0/customers", json=body))["customerId"])


@pytest.fixture
def shop(paygentic: httpx.Client) -> Clockmaker:
    return Clockmaker(paygentic)


@pytest.fixture
def control(simulator: Simulator) -> ControlClient:
    return ControlClient(simulator)


@pytest.fixture
def put(control: ControlClient) -> Callable[[str, str | None], httpx.Response]:
    """Puts a customer of world `acme` on a test clock."""

    def on(customer: str, clock: str | None) -> httpx.Response:
        return control.put(f"worlds/acme/customers/{customer}/test_clock", {"test_clock_id": clock})

    return on


def test_a_clock_starts_where_it_is_told_even_in_the_past_or_else_with_the_world(shop: Clockmaker) -> None:
    bare = shop.clock()
    full = shop.clock(currentTime=PAST, name="Q1", description="Backdated", merchantId=MERCHANT)

    assert bare == {
        "id": bare["id"], "merchantId": MERCHANT, "name": None, "description": None, "currentTime": START,
        "createdAt": START, "updatedAt": START, "deletedAt": None,
    }  # fmt: skip
    assert bare["id"].startswith("tc_")
    assert len(bare["id"]) == 19
    assert full.items() >= {"currentTime": PAST, "name": "Q1", "description": "Backdated", "createdAt": START}.items()
    assert shop.expect(200, shop.http.get(f"{CLOCKS}/{full['id']}")) == full


@pytest.mark.parametrize(
    ("move", "shown"),
    [({"advanceBy": "P1M"}, "2024-02-29T08:00:00Z"), ({"advanceBy": "PT30M"}, "2024-01-31T08:30:00Z"),
     ({"currentTime": "2030-01-01T01:00:00+01:00"}, "2030-01-01T00:00:00Z"),
     ({"currentTime": "2024-01-31T08:00:01.9"}, "2024-01-31T08:00:01Z")],
)  # fmt: skip
def test_a_clock_moves_forward_alone(shop: Clockmaker, world: World, move: dict[str, str], shown: str) -> None:
    clock, other = shop.clock(currentTime=PAST), shop.clock()

    moved = shop.expect(200, shop.http.patch(f"{CLOCKS}/{clock['id']}", json=move))

    assert moved == {**clock, "currentTime": shown}
    assert (shop.shown(clock), shop.shown(other)) == (shown, START)
    assert world.clock.now() == parse_instant(START)


def test_all_clocks_move_with_the_worlds_and_keep_their_distance(
    shop: Clockmaker, advance: Callable[[str], None], go_to: Callable[[str], None]
) -> None:
    behind, level = shop.clock(currentTime=PAST), shop.clock()
    advance("36h")
    assert (shop.shown(behind), shop.shown(level)) == ("2024-02-01T20:00:00Z", "2026-02-12T00:00:00Z")

    moved = shop.expect(200, shop.http.patch(f"{CLOCKS}/{behind['id']}", json={"advanceBy": "P1D"}))
    assert (moved["createdAt"], moved["updatedAt"]) == (START, "2026-02-12T00:00:00Z")
    go_to(START)
    assert shop.shown(behind) == "2024-02-01T08:00:00Z"
    go_to("0001-01-02T00:00:00Z")
    assert shop.shown(behind) == "0001-01-02T00:00:00Z"


def test_clocks_show_whole_seconds(shop: Clockmaker, go_to: Callable[[str], None]) -> None:
    go_to("2026-02-10T12:00:00.75Z")
    level, later = shop.clock(), shop.clock(currentTime="2026-03-01T00:00:00.5Z")
    assert (level["currentTime"], later["currentTime"]) == (START, "2026-03-01T00:00:00Z")

    go_to("2026-02-10T12:00:01.25Z")
    assert (shop.shown(level), shop.shown(later)) == ("2026-02-10T12:00:01Z", "2026-03-01T00:00:01Z")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"currentTime": PAST}, "currentTime", "out_of_range"),
        ({"currentTime": "2024-01-31T08:00:00.999999Z"}, "currentTime", "out_of_range"),
        ({"currentTime": "2020-01-01T00:00:00Z"}, "currentTime", "out_of_range"),
        ({"currentTime": "2030-01-01"}, "currentTime", "invalid_format"),
        ({"currentTime": "9999-12-31T00:00:00Z"}, "currentTime", "invalid_format"),
        ({"currentTime": 1893456000}, "currentTime", "invalid_type"),
        ({"currentTime": None}, "currentTime", "invalid_type"),
        ({"advanceBy": "P"}, "advanceBy", "out_of_range"),
        ({"advanceBy": "PT0S"}, "advanceBy", "out_of_range"),
        ({"advanceBy": "P9000Y"}, "advanceBy", "out_of_range"),
        ({"advanceBy": "P99999999999999999999D"}, "advanceBy", "out_of_range"),
        ({"advanceBy": "P" + "9" * 5000 + "D"}, "advanceBy", "too_long"),
        ({"advanceBy": "1d"}, "advanceBy", "invalid_format"),
        ({"advanceBy": "P1.5D"}, "advanceBy", "invalid_format"),
        ({"advanceBy": "-P1D"}, "advanceBy", "invalid_format"),
        ({"advanceBy": "P1D\n"}, "advanceBy", "invalid_format"),
        ({"advanceBy": ""}, "advanceBy", "invalid_format"),
        ({"advanceBy": 7}, "advanceBy", "invalid_type"),
        ({"advanceBy": None}, "advanceBy", "invalid_type"),
    ],
)
def test_a_move_that_is_none_is_refused(shop: Clockmaker, body: dict[str, Any], field: str, code: str) -> None:
    clock = shop.clock(currentTime=PAST)

    answer = shop.http.patch(f"{CLOCKS}/{clock['id']}", json=body)

    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert shop.shown(clock) == PAST


def test_a_clock_moves_in_exactly_one_way(shop: Clockmaker) -> None:
    clock = shop.clock(currentTime=PAST)

    for body in ({}, {"currentTime": START, "advanceBy": "P1D"}, {"name": "other"}):
        answer = shop.http.patch(f"{CLOCKS}/{clock['id']}", json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    faulty = shop.http.patch(f"{CLOCKS}/{clock['id']}", json={"currentTime": "x", "advanceBy": "y"}).json()
    assert [error["field"] for error in faulty["errors"]] == ["currentTime", "advanceBy"]
    assert shop.shown(clock) == PAST


def test_what_is_wrong_with_a_new_clock_is_named_all_at_once(shop: Clockmaker) -> None:
    body = {"currentTime": "soon", "name": 1, "description": None, "merchantId": "acme"}

    faulty = shop.http.post(CLOCKS, json=body)

    assert faulty.status_code == 400
    assert [error["field"] for error in faulty.json()["errors"]] == ["currentTime", "name", "description", "merchantId"]
    assert shop.http.post(CLOCKS).json()["error"] == "bad_request"
    assert shop.http.post(CLOCKS, json={"merchantId": "org_other"}).status_code == 403
    assert shop.http.get(CLOCKS, params={"merchantId": "org_other"}).status_code == 403
    assert shop.http.get(CLOCKS).json()["pagination"]["total"] == 0


def test_the_list_is_newest_first_and_paged(shop: Clockmaker, advance: Callable[[str], None]) -> None:
    names = ["a", "b", "c"]
    for name in names:
        shop.clock(name=name)
        advance("1s")

    page = shop.expect(200, shop.http.get(CLOCKS, params={"limit": 2, "offset": 1, "merchantId": MERCHANT}))

    assert [clock["name"] for clock in page["data"]] == ["b", "a"]
    assert [clock["currentTime"] for clock in page["data"]] == ["2026-02-10T12:00:03Z"] * 2
    assert (page["object"], page["pagination"]) == ("list", {"limit": 2, "offset": 1, "total": 3})


def test_a_deleted_clock_is_gone(shop: Clockmaker, advance: Callable[[str], None]) -> None:
    clock = shop.clock(currentTime=PAST)
    advance("1m")

    gone = shop.expect(200, shop.http.delete(f"{CLOCKS}/{clock['id']}"))

    at = "2026-02-10T12:01:00Z"
    assert gone == {**clock, "currentTime": "2024-01-31T08:01:00Z", "updatedAt": at, "deletedAt": at}
    for method in ("GET", "DELETE", "PATCH"):
        answer = shop.http.request(method, f"{CLOCKS}/{clock['id']}", content=None if method != "PATCH" else "{}")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found"), method
    assert shop.http.get(f"{CLOCKS}/nonsense").status_code == 404
    assert shop.http.get(CLOCKS).json()["data"] == []


@pytest.mark.parametrize("named", ["subject", "externalSubject"])
def test_a_customers_clock_dates_its_events(shop: Clockmaker, put: Callable[..., httpx.Response], named: str) -> None:
    cost = shop.create()
    north, clock = shop.customer("north"), shop.clock(currentTime=PAST)
    who = {"subject": north} if named == "subject" else {"subject": ..., "externalSubject": "north"}

    assert put(north, clock["id"]).json() == {"customer_id": north, "test_clock_id": clock["id"]}
    own = shop.send({"amount": 1}, **who)
    told = shop.send({"amount": 2}, **who, timestamp="2026-02-03T00:00:00Z")
    others = shop.send({"amount": 4}, subject="cus_abc123")
    assert put(north, None).json() == {"customer_id": north, "test_clock_id": None}
    back = shop.send({"amount": 8}, **who)

    stamps = [event["timestamp"] for event in (own, told, others, back)]
    assert stamps == [PAST, "2026-02-03T00:00:00Z", START, START]
    assert shop.total(cost) == 14
    assert shop.total(cost, from_="2024-01-31T00:00:00Z", to="2024-02-01T00:00:00Z", subject=north) == 1


def test_the_worlds_clock_moves_a_customers_events_along_and_dates_them_to_the_microsecond(
    shop: Clockmaker, put: Callable[..., httpx.Response], go_to: Callable[[str], None]
) -> None:
    shop.create()
    north = shop.customer("north")
    put(north, shop.clock(currentTime=PAST)["id"])

    go_to("2026-02-10T13:00:00.25Z")

    assert shop.send({}, subject=north)["timestamp"] == "2024-01-31T09:00:00.250Z"


def test_keys_count_for_24_hours_of_the_worlds_time_whatever_the_customers_clock(
    shop: Clockmaker, put: Callable[..., httpx.Response], advance: Callable[[str], None]
) -> None:
    cost = shop.create()
    north, clock = shop.customer("north"), shop.clock(currentTime=PAST)
    put(north, clock["id"])
    shop.send({"amount": 1}, subject=north, idempotencyKey="k")
    shop.http.patch(f"{CLOCKS}/{clock['id']}", json={"advanceBy": "P1Y"})
    duplicate = shop.send({"amount": 1}, subject=north, idempotencyKey="k")
    advance("24h")
    shop.send({"amount": 1}, subject=north, idempotencyKey="k")

    assert duplicate["timestamp"] == "2025-01-31T08:00:00Z"
    assert shop.total(cost, from_="2024-01-01T00:00:00Z", to="2024-12-31T00:00:00Z") == 1
    assert shop.total(cost, from_="2025-01-01T00:00:00Z", to="2025-12-31T00:00:00Z") == 1


def test_a_history_is_dated_by_the_customers_clocks_too(
    simulator: Simulator, shop: Clockmaker, put: Callable[..., httpx.Response], world: World
) -> None:
    cost = shop.create()
    north = shop.customer("north")
    put(north, shop.clock(currentTime=PAST)["id"])

    def draft(amount: int, **who: Any) -> tuple[int, EventDraft]:
        return parse_instant(START), EventDraft(TYPE, "", {"amount": amount}, **who)

    with simulator.store.committed():
        ingest_many(world, [draft(1, subject=north), draft(2, external_subject="north"), draft(4, subject="cus_x")])

    assert shop.total(cost, from_=PAST, to="2024-01-31T08:00:01Z") == 3
    assert shop.total(cost) == 4


def test_a_clock_in_use_is_not_deleted_until_its_customers_left_or_were_deleted(
    shop: Clockmaker, put: Callable[..., httpx.Response]
) -> None:
    clock = shop.clock()
    north, south = shop.customer("north"), shop.customer("south")
    for customer in (north, south):
        put(customer, clock["id"])

    refused = shop.http.delete(f"{CLOCKS}/{clock['id']}")
    assert (refused.status_code, refused.json()["error"]) == (409, "conflict")
    assert north in refused.json()["message"]
    assert south in refused.json()["message"]
    put(north, None)
    assert shop.http.delete(f"{CLOCKS}/{clock['id']}").status_code == 409
    shop.expect(204, shop.http.delete(f"/v0/customers/{south}"))
    assert shop.http.delete(f"{CLOCKS}/{clock['id']}").status_code == 200


def test_events_named_after_a_deleted_customer_have_the_worlds_time(
    shop: Clockmaker, put: Callable[..., httpx.Response]
) -> None:
    shop.create()
    north = shop.customer("north")
    put(north, shop.clock(currentTime=PAST)["id"])
    shop.expect(204, shop.http.delete(f"/v0/customers/{north}"))

    assert shop.send({}, subject=north)["timestamp"] == START


def test_only_what_is_there_is_put_on_a_clock(
    shop: Clockmaker, control: ControlClient, put: Callable[..., httpx.Response]
) -> None:
    clock = shop.clock()["id"]
    gone = shop.clock()["id"]
    shop.http.delete(f"{CLOCKS}/{gone}")

    assert put("cus_abc123", gone).status_code == 404
    assert put("cus_abc123", "tc_nowhere").status_code == 404
    assert put("cus_nobody", clock).status_code == 404
    for body in ({}, {"test_clock_id": 5}, {"test_clock_id": None, "also": 1}):
        assert control.put("worlds/acme/customers/cus_abc123/test_clock", body).status_code == 422
    assert control.put("worlds/~/customers/cus_abc123/test_clock", {"test_clock_id": None}).status_code == 409


def test_a_copy_of_a_world_has_its_clocks_and_who_is_on_them(
    shop: Clockmaker, control: ControlClient, put: Callable[..., httpx.Response]
) -> None:
    shop.create()
    clock = shop.clock(currentTime=PAST)
    put("cus_abc123", clock["id"])
    control.post("worlds/acme/fork", {"name": "copy"})
    shop.http.patch(f"{CLOCKS}/{clock['id']}", json={"advanceBy": "P1D"})

    shop.http.headers["Authorization"] = "Bearer sk_test_copy"

    assert shop.shown(clock) == PAST
    assert shop.send({})["timestamp"] == PAST


def own_fixtures(folder: Path, on: str) -> Settings:
    """Return settings for worlds whose customer is on a clock a week behind."""
    (folder / "paygentic").mkdir()
    clock = {"id": "tc_0123456789abcdef", "name": "Behind", "ahead": "-7d", "createdAt": "2026-01-01T00:00:00Z"}
    ahead = {**clock, "id": "tc_ahead", "ahead": "1h"}
    customers = Fixtures().read("paygentic/customers.json")
    customers[0]["testClockId"] = on
    (folder / "paygentic" / "test_clocks.json").write_text(json.dumps([clock, ahead]))
    (folder / "paygentic" / "customers.json").write_text(json.dumps(customers))
    beginning = Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START))
    return Settings(fixtures=folder, beginning=beginning)


def test_worlds_may_start_with_customers_on_clocks(tmp_path: Path) -> None:
    simulator = Simulator(own_fixtures(tmp_path, "tc_0123456789abcdef"))
    headers = {"Authorization": "Bearer sk_test_acme"}
    transport = InProcessTransport(simulator.gateway)
    with httpx.Client(transport=transport, base_url="http://mock", headers=headers) as http:
        shop = Clockmaker(http)
        shop.create()
        listed = http.get(CLOCKS).json()["data"]
        stamp = shop.send({})["timestamp"]
    simulator.close()

    week_ago = "2026-02-03T12:00:00Z"
    assert {clock["id"]: clock["currentTime"] for clock in listed} == {
        "tc_0123456789abcdef": week_ago, "tc_ahead": "2026-02-10T13:00:00Z",
    }  # fmt: skip
    assert stamp == week_ago


def test_fixtures_that_name_no_clock_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="tc_none, which is no test clock"):
        Simulator(own_fixtures(tmp_path, "tc_none"))


@pytest.mark.sdk
def test_the_vendors_client_works_with_clocks(sdk: Paygentic) -> None:
    at = datetime(2024, 1, 31, 8, tzinfo=UTC)

    made = sdk.test_clocks.create(current_time=at.replace(tzinfo=None), name="Q1")
    bare = asyncio.run(sdk.test_clocks.create_async(description="now"))
    by_step = sdk.test_clocks.advance(id=made.id, request_body={"advance_by": "P1M"})
    by_time = sdk.test_clocks.advance(id=made.id, request_body={"current_time": datetime(2024, 3, 1, tzinfo=UTC)})
    listed = sdk.test_clocks.list(request={"limit": 1})
    with pytest.raises(sdk_errors.Error) as backwards:
        sdk.test_clocks.advance(id=made.id, request_body={"current_time": at})
    gone = asyncio.run(sdk.test_clocks.delete_async(id=made.id))
    with pytest.raises(sdk_errors.Error) as missing:
        sdk.test_clocks.get(id=made.id)

    assert (made.current_time, made.name, made.description) == (at, "Q1", None)
    assert (bare.current_time, bare.description) == (datetime(2026, 2, 10, 12, tzinfo=UTC), "now")
    assert by_step.current_time == datetime(2024, 2, 29, 8, tzinfo=UTC)
    assert by_time.current_time == datetime(2024, 3, 1, tzinfo=UTC)
    assert listed.pagination is not None
    assert listed.pagination.total == 2
    assert gone.deleted_at == datetime(2026, 2, 10, 12, tzinfo=UTC)
    assert (backwards.value.status_code, missing.value.status_code) == (400, 404)
