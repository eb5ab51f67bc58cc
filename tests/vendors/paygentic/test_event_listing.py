"""The events of a billable metric: newest first, in pages, found by the names that others have for them."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from paygentic_sdk import Paygentic

from mockserver.app import Simulator
from mockserver.kernel.windows import HOUR, format_instant, parse_instant
from mockserver.kernel.world import World
from mockserver.vendors.paygentic.domain.metering import EventDraft
from mockserver.vendors.paygentic.operations.events import ingest_many
from tests.vendors.paygentic.conftest import MERCHANT, MONTH, TYPE, Merchant
from tests.vendors.paygentic.test_billable_metrics import PATH, create

START = parse_instant(MONTH["from"])


def listed(merchant: Merchant, metric: dict[str, Any], **query: Any) -> Any:
    """Return the events of February, or of another window."""
    wanted = {**MONTH, **{name.rstrip("_"): value for name, value in query.items()}}
    return merchant.expect(200, merchant.http.get(f"{PATH}/{metric['id']}/events", params=wanted))


def times(page: Any) -> list[str]:
    return [event["time"] for event in page["events"]]


def test_an_event_is_listed_with_everything_it_has(merchant: Merchant) -> None:
    metric = create(merchant)
    echo = merchant.send(
        '{"tokens": 0.1000000000000000055, "deep": {"a": [1, null, true, "ä"]}}', subject="ann",
        externalSubject="north-1", externalId="job-1", idempotencyKey="k-1", timestamp="2026-02-01T10:00:00.25Z",
    )  # fmt: skip
    merchant.send({"tokens": 2}, subject="bob", timestamp="2026-02-01T09:00:00Z")

    answer = merchant.http.get(f"{PATH}/{metric['id']}/events", params=MONTH)
    page = merchant.expect(200, answer)

    assert page["events"][0] == {
        "id": echo["id"], "object": "meterEvent", "type": TYPE, "source": "https://api.myapp.com", "subject": "ann",
        "time": "2026-02-01T10:00:00.250Z", "idempotencyKey": "k-1", "externalId": "job-1",
        "externalSubject": "north-1", "data": page["events"][0]["data"],
    }  # fmt: skip
    assert page["events"][0]["data"]["deep"] == {"a": [1, None, True, "ä"]}
    assert '"tokens":0.1000000000000000055' in answer.text
    assert page["events"][1].keys() == {
        "id", "object", "type", "source", "subject", "time", "idempotencyKey", "data",
    }  # fmt: skip
    assert (page["object"], page["billableMetricId"]) == ("list", metric["id"])
    assert page["pagination"] == {"limit": 20, "offset": 0, "total": 2}


def test_events_come_newest_first_and_equally_old_ones_last_received_first(merchant: Merchant) -> None:
    metric = create(merchant)
    ids = [merchant.send({}, timestamp=f"2026-02-{day}T00:00:00Z")["id"] for day in ("03", "01", "03", "02", "03")]

    assert [event["id"] for event in listed(merchant, metric)["events"]] == [ids[4], ids[2], ids[0], ids[3], ids[1]]


def test_a_window_holds_its_start_but_not_its_end_and_nothing_before_the_metrics_own(merchant: Merchant) -> None:
    metric = create(merchant, eventFrom="2026-02-02T00:00:00Z")
    for at in ("2026-02-01T23:59:59Z", "2026-02-02T00:00:00Z", "2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z"):
        merchant.send({}, timestamp=at)

    page = listed(merchant, metric, to="2026-02-04T00:00:00Z")

    assert times(page) == ["2026-02-03T00:00:00Z", "2026-02-02T00:00:00Z"]
    assert page["pagination"]["total"] == 2
    assert listed(merchant, metric, to="2026-02-02T00:00:00Z")["pagination"]["total"] == 0


def test_events_of_another_type_are_another_metrics(merchant: Merchant) -> None:
    metric, other = create(merchant), create(merchant, eventType="other", aggregation="UNIQUE_COUNT")
    merchant.send({})
    merchant.send({}, type="other")

    assert [event["type"] for event in listed(merchant, metric)["events"]] == [TYPE]
    assert [event["type"] for event in listed(merchant, other)["events"]] == ["other"]


def test_a_subject_is_empty_until_an_external_subject_is_a_customers_in_both_directions_of_time(
    merchant: Merchant,
) -> None:
    metric = create(merchant)
    sent = {"subject": ..., "externalSubject": "later-1"}
    merchant.send({}, **sent, timestamp="2026-02-01T00:00:00Z")

    assert [event["subject"] for event in listed(merchant, metric)["events"]] == [""]
    consumer = {"name": "Later", "email": "l@later.example", "address": {"country": "DE"}}
    body = {"merchantId": MERCHANT, "consumer": consumer, "externalId": "later-1"}
    later = merchant.expect(201, merchant.http.post("/v0/customers", json=body))["customerId"]
    merchant.send({}, **sent, timestamp="2026-02-02T00:00:00Z")
    merchant.send({}, subject=later, timestamp="2026-02-03T00:00:00Z")
    merchant.send({}, subject="ann", externalSubject="later-1", timestamp="2026-02-04T00:00:00Z")

    assert [event["subject"] for event in listed(merchant, metric)["events"]] == ["ann", later, later, later]
    assert listed(merchant, metric, subject=later)["pagination"]["total"] == 3
    assert times(listed(merchant, metric, externalSubject="later-1")) == [
        "2026-02-04T00:00:00Z", "2026-02-02T00:00:00Z", "2026-02-01T00:00:00Z",
    ]  # fmt: skip
    merchant.expect(204, merchant.http.delete(f"/v0/customers/{later}"))
    assert [event["subject"] for event in listed(merchant, metric)["events"]] == ["ann", later, "", ""]


def test_events_are_found_by_the_names_others_have_for_them(merchant: Merchant) -> None:
    metric = create(merchant)
    for number, (subject, external) in enumerate([("ann", "a"), ("bob", "a"), ("ann", "b"), ("ann", "a")]):
        merchant.send({}, subject=subject, externalSubject=external, externalId=f"job-{number % 2}")

    def ids(**query: Any) -> tuple[list[str], int]:
        page = listed(merchant, metric, **query)
        return [f"{event['subject']}{event['externalSubject']}" for event in page["events"]], page["pagination"][
            "total"
        ]

    assert ids(externalId="job-0") == (["annb", "anna"], 2)
    assert ids(externalId="job-0", externalSubject="a") == (["anna"], 1)
    assert ids(externalSubject="a", subject="ann") == (["anna", "anna"], 2)
    assert ids(externalSubject="a", limit=1, offset=1) == (["boba"], 3)
    assert ids(externalId="job-9") == ([], 0)
    assert ids(externalId="job-0", from_="2026-02-11T00:00:00Z") == ([], 0)


@pytest.mark.parametrize("subject", [None, "bob", "nobody"])
def test_pages_of_a_long_history_are_slices_of_the_whole(
    merchant: Merchant, simulator: Simulator, world: World, subject: str | None
) -> None:
    metric = create(merchant, aggregation="UNIQUE_COUNT")
    rng = random.Random(3)
    instants = [START + rng.choice([0, 1, 30]) * 24 * HOUR + rng.randrange(3 * HOUR) for _ in range(400)]
    instants += [START + 12 * HOUR] * 30
    subjects = [rng.choice(["ann", "ann", "ann", "bob"]) for _ in instants]
    with simulator.store.committed():
        ingest_many(
            world,
            [
                (START, EventDraft(TYPE, "s", {"n": number}, subject=who, at=at))
                for number, (at, who) in enumerate(zip(instants, subjects, strict=True))
            ],
        )
    window = {"from": format_instant(START + HOUR), "to": format_instant(START + 30 * 24 * HOUR + HOUR)}
    expected = [
        number
        for at, number in sorted(((at, number) for number, at in enumerate(instants)), reverse=True)
        if START + HOUR <= at < START + 30 * 24 * HOUR + HOUR and subject in (None, subjects[number])
    ]

    for limit, offset in ((7, 0), (200, 0), (200, 150), (20, 131), (1, 77), (200, 10_000)):
        query = window | ({} if subject is None else {"subject": subject})
        page = listed(merchant, metric, **query, limit=limit, offset=offset)
        assert [event["data"]["n"] for event in page["events"]] == expected[offset : offset + limit]
        assert page["pagination"] == {"limit": limit, "offset": offset, "total": len(expected)}


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"from": ...}, "from", "required"),
        ({"to": "soon"}, "to", "invalid_format"),
        ({"limit": 0}, "limit", "out_of_range"),
        ({"limit": 201}, "limit", "out_of_range"),
        ({"offset": -1}, "offset", "out_of_range"),
        ({"externalId": "a/b"}, "externalId", "invalid_format"),
        ({"externalSubject": "x" * 256}, "externalSubject", "too_long"),
    ],
)
def test_a_faulty_parameter_is_named(merchant: Merchant, query: dict[str, Any], field: str, code: str) -> None:
    metric = create(merchant)
    wanted = {name: value for name, value in {**MONTH, **query}.items() if value is not ...}

    answer = merchant.http.get(f"{PATH}/{metric['id']}/events", params=wanted)

    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


def test_an_empty_window_is_refused(merchant: Merchant) -> None:
    metric = create(merchant)

    answer = merchant.http.get(f"{PATH}/{metric['id']}/events", params={**MONTH, "to": MONTH["from"]})

    assert (answer.status_code, answer.json()["message"]) == (400, "from must be before to")


@pytest.mark.sdk
def test_the_vendors_client_lists_events(sdk: Paygentic, merchant: Merchant) -> None:
    metric = create(merchant)
    merchant.send({"tokens": 1, "tags": ["a"]}, timestamp="2026-02-01T00:00:00Z", externalId="job-1")
    merchant.send({}, subject=..., externalSubject="never-1", timestamp="2026-02-02T00:00:00Z")
    window: dict[str, Any] = {"from_": datetime(2026, 2, 1, tzinfo=UTC), "to": datetime(2026, 3, 1, tzinfo=UTC)}

    page = sdk.billable_metrics.list_events(id=metric["id"], **window)
    one = sdk.billable_metrics.list_events(id=metric["id"], **window, external_id="job-1", limit=1, offset=0)
    none = sdk.billable_metrics.list_events(id=metric["id"], **window, subject="nobody")

    assert [(event.subject, event.external_subject) for event in page.events] == [("", "never-1"), ("cus_abc123", None)]
    assert (page.pagination.limit, page.pagination.offset, page.pagination.total) == (20, 0, 2)
    assert [(event.data, event.time) for event in one.events] == [
        ({"tokens": 1, "tags": ["a"]}, datetime(2026, 2, 1, tzinfo=UTC))
    ]
    assert none.events == []
