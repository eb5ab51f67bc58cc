"""The door for a scenario's customers and events: the same rules as over HTTP, however what comes is cut."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.kernel.errors import Conflict
from mockserver.kernel.windows import DAY, HOUR, format_instant, parse_instant
from mockserver.kernel.world import World
from mockserver.vendors.intake import Newcomer, Sent
from mockserver.vendors.paygentic import vendor
from tests.vendors.paygentic.conftest import MERCHANT, TYPE, Merchant

BEGIN = parse_instant("2026-02-01T00:00:00Z")
NORTH = Newcomer("Norden", "north@example.com", "customer-001")
SOUTH = Newcomer("Sued", "south@example.com", "customer-002")

assert vendor.intake is not None
intake = vendor.intake


def sent(amount: str, *, key: str | None = None, at: int | None = None, kind: str = TYPE) -> Sent:
    """Return an event about a customer that nobody knows."""
    return Sent(kind, "https://app.example/usage", {"amount": Decimal(amount)}, "cus_1", at, key)


def test_newcomers_are_customers_that_the_merchant_can_find(
    simulator: Simulator, merchant: Merchant, world: World
) -> None:
    with simulator.store.committed():
        ids = intake.enrol(world, [NORTH, SOUTH])

    for identifier, (name, email, external_id) in zip(ids, (NORTH, SOUTH), strict=True):
        found = merchant.expect(200, merchant.http.get(f"/v0/customers/{identifier}"))
        assert found["externalId"] == external_id
        assert found["organization"]["name"] == name
        assert found["organization"]["billingEmails"] == [email]
        assert found["merchantId"] == MERCHANT


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (NORTH._replace(email="other@example.com"), "externalId 'customer-001' is already used by customer cus_"),
        (NORTH._replace(external_id="customer-009"), "with e-mail address 'north@example.com' and externalId"),
    ],
)
def test_nobody_is_added_when_one_of_them_is_there_already(
    simulator: Simulator, world: World, second: Newcomer, reason: str
) -> None:
    with simulator.store.committed():
        intake.enrol(world, [NORTH])
        before = simulator.store.one("SELECT count(*) FROM paygentic_customers WHERE world = ?", (world.id,))
        with pytest.raises(Conflict, match=reason):
            intake.enrol(world, [SOUTH, second])

    assert simulator.store.one("SELECT count(*) FROM paygentic_customers WHERE world = ?", (world.id,)) == before


def test_events_count_to_the_last_digit(simulator: Simulator, merchant: Merchant, world: World) -> None:
    cost = merchant.create()

    with simulator.store.committed():
        new = intake.take(world, [(BEGIN, sent("0.000001")), (BEGIN + 1, sent("123456789012.000000000000000001"))])

    assert new == 2
    rows = simulator.store.all("SELECT data FROM paygentic_events WHERE world = ? ORDER BY seq", (world.id,))
    assert rows == [('{"amount":0.000001}',), ('{"amount":123456789012.000000000000000001}',)]
    assert merchant.total(cost, to="2026-02-01T00:00:00.000001Z") == Decimal("0.000001")


def test_an_event_without_a_timestamp_counts_as_of_its_arrival(
    simulator: Simulator, merchant: Merchant, world: World
) -> None:
    cost = merchant.create()
    late = BEGIN + 3 * DAY

    with simulator.store.committed():
        intake.take(world, [(late, sent("1")), (late, sent("10", at=BEGIN))])

    assert merchant.total(cost, to="2026-02-02T00:00:00Z") == 10
    assert merchant.total(cost, from_="2026-02-04T00:00:00Z") == 1


def test_a_type_is_heard_once_a_cost_reads_it_or_the_world_takes_any(
    simulator: Simulator, merchant: Merchant, world: World, flip: Callable[..., None]
) -> None:
    assert not intake.is_heard(world, TYPE)
    merchant.create()
    assert intake.is_heard(world, TYPE)
    assert not intake.is_heard(world, "other")
    with simulator.store.committed():
        assert intake.take(world, [(BEGIN, sent("1", kind="other"))]) == 0
    flip(lenient_types=True)
    assert intake.is_heard(world, "other")
    with simulator.store.committed():
        assert intake.take(world, [(BEGIN, sent("1", kind="other"))]) == 1


ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 30 * HOUR),
        st.sampled_from([None, "a", "b", "c"]),
        st.sampled_from([TYPE, "unheard"]),
        st.sampled_from([None, 0, 5 * HOUR]),
        st.decimals(-1000, 1000, places=6),
    ),
    max_size=12,
)


def recorded_of(arrivals: list[tuple[int, Sent]]) -> list[tuple[int, int, Decimal]]:
    """Return what is to be recorded of events, as (when received, when it happened, amount)."""
    recorded, used = [], dict[str, int]()
    for now, event in arrivals:
        is_repeat = event.key is not None and event.key in used and now < used[event.key] + DAY
        if event.type == TYPE and not is_repeat:
            recorded.append((now, now if event.at is None else event.at, event.data["amount"]))
            if event.key is not None:
                used[event.key] = now
    return recorded


def rows(world: World) -> list[tuple[Any, ...]]:
    """Return what was recorded, in full."""
    return world.store.all(
        "SELECT received_at, at, data, seq, id, type, subject, source, idempotency_key FROM paygentic_events"
        " WHERE world = ? ORDER BY seq",
        (world.id,),
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=ARRIVALS, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_however_arrivals_are_cut_each_key_counts_once_a_day_and_the_rows_are_the_same(
    simulator: Simulator,
    merchant: Merchant,
    world: World,
    arrivals: list[tuple[int, str | None, str, int | None, Decimal]],
    cuts: list[int],
) -> None:
    merchant.create()
    events = [
        (BEGIN + after, sent(str(amount), key=key, kind=kind, at=None if at is None else BEGIN + at))
        for after, key, kind, at, amount in sorted(arrivals, key=lambda arrival: arrival[0])
    ]
    bounds = [0, *sorted(cuts), len(events)]

    with simulator.store.committed():
        whole, pieces = simulator.worlds.fork(world, "whole"), simulator.worlds.fork(world, "pieces")
        at_once = intake.take(whole, events)
        in_pieces = [intake.take(pieces, events[first:last]) for first, last in itertools.pairwise(bounds)]
        of_whole, of_pieces = rows(whole), rows(pieces)
        for fork in (whole, pieces):
            simulator.worlds.delete(fork)

    expected = recorded_of(events)
    assert at_once == sum(in_pieces) == len(expected)
    assert of_whole == of_pieces
    assert [(row[0], row[1], Decimal(row[2].removeprefix('{"amount":')[:-1])) for row in of_whole] == expected


def test_a_history_and_single_requests_record_the_same(
    simulator: Simulator, merchant: Merchant, world: World, go_to: Callable[[str], None]
) -> None:
    cost = merchant.create()
    with simulator.store.committed():
        forked = simulator.worlds.fork(world, "history")
    arrivals = [
        (BEGIN + DAY, sent("1", key="k")),
        (BEGIN + DAY + HOUR, sent("2", key="k")),
        (BEGIN + 2 * DAY - 1, sent("4")),
        (BEGIN + 2 * DAY, sent("8", key="k")),
    ]
    with simulator.store.committed():
        new = intake.take(forked, arrivals)
    for now, event in arrivals:
        go_to(format_instant(now))
        key = {} if event.key is None else {"idempotencyKey": event.key}
        merchant.send(dict(event.data, amount=int(event.data["amount"])), subject=event.subject, **key)

    assert new == 3
    assert merchant.total(cost) == 13
    query = "SELECT type, at, received_at FROM paygentic_events WHERE world = ? ORDER BY seq"
    assert simulator.store.all(query, (world.id,)) == simulator.store.all(query, (forked.id,))
