"""Every question about events against the oracle, whatever was sent, created, changed and deleted, in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from mockserver.app import Simulator
from tests.vendors.paygentic.bookkeeper import (
    AGGREGATIONS,
    EXTERNAL,
    PATHS,
    SCALARS,
    Bookkeeper,
    dimensions,
    drafts,
    event_types,
    moments,
    new_simulator,
    object_text,
    parties,
    stream,
    unit_costs,
)
from tests.vendors.paygentic.oracle import Asked, Wanted, iso

place = st.integers(0, 3)
spans = st.tuples(moments, moments).map(sorted)
measures = st.fixed_dictionaries(
    {
        "eventType": event_types,
        "aggregation": st.sampled_from(AGGREGATIONS),
        "valueProperty": st.sampled_from(PATHS),
        "groupBy": dimensions,
    }
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "eventType": st.none() | event_types,
        "aggregation": st.none() | st.sampled_from(AGGREGATIONS),
        "valueProperty": st.none() | st.sampled_from(PATHS),
        "groupBy": dimensions,
        "unitCost": unit_costs,
        "currency": st.sampled_from(["USD", "EUR"]),
        "unit": st.none() | st.just("page"),
    },
)
beginnings = st.none() | moments.map(iso)
metric_changes = st.fixed_dictionaries(
    {},
    optional={
        "eventType": event_types,
        "valueProperty": st.none() | st.sampled_from(PATHS),
        "groupBy": dimensions,
        "eventFrom": beginnings,
    },
)
lengths = st.sampled_from(
    [timedelta(seconds=1), timedelta(hours=12), timedelta(hours=24), timedelta(hours=24) - timedelta(microseconds=1)]
)
questions = st.fixed_dictionaries(
    {
        "measure": place,
        "span": spans,
        "party": st.none() | parties,
        "keys": st.lists(place, max_size=3),
        "filters": st.none() | st.lists(st.tuples(place, st.sampled_from(SCALARS)), max_size=2),
        "window": st.none() | st.sampled_from(["MINUTE", "HOUR", "DAY", "MONTH"]),
    }
)
several = st.lists(questions, min_size=1, max_size=4)
pages = st.tuples(st.integers(1, 4), st.integers(0, 3))
wishes = st.fixed_dictionaries(
    {
        "group_by": st.sampled_from(["cost", "customer", "dimension"]),
        "costs": st.lists(place, max_size=2),
        "is_lost": st.booleans(),
        "more": st.fixed_dictionaries(
            {},
            optional={
                "top": st.integers(1, 4),
                "compares": st.booleans(),
                "excludes_empty": st.booleans(),
                "sort": st.sampled_from(["totalCost", "totalQuantity"]),
                "is_ascending": st.booleans(),
                "offset": st.integers(0, 3),
                "limit": st.integers(1, 4),
                "currency": st.sampled_from(["USD", "EUR"]),
            },
        ),
    }
)
ALWAYS = Asked(datetime(1, 2, 1, tzinfo=UTC), datetime(9999, 12, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """One simulator for all examples; each has a world of its own."""
    simulator = new_simulator()
    yield simulator
    simulator.close()


class History(RuleBasedStateMachine):
    """Everything one may do and ask, in any order; what is named by a number is taken from what there is."""

    simulator: Simulator

    def __init__(self) -> None:
        super().__init__()
        self.keeper = Bookkeeper(self.simulator)
        self.books = self.keeper.books

    @initialize(measure=measures, metric=measures, unit_cost=unit_costs)
    def begin(self, measure: dict[str, Any], metric: dict[str, Any], unit_cost: str) -> None:
        self.keeper.create_cost(**measure, unitCost=unit_cost)
        self.keeper.create_metric(**metric)

    @rule(many=st.lists(drafts, min_size=1, max_size=4), at_once=st.booleans())
    def send(self, many: list[dict[str, Any]], at_once: bool) -> None:
        if at_once:
            self.keeper.send_all(many)
        else:
            for draft in many:
                self.keeper.send(draft)

    @rule(seed=st.integers(0, 10**6), length=st.integers(1, 60))
    def send_stream(self, seed: int, length: int) -> None:
        self.keeper.send_all(stream(seed, length))

    @rule(measure=measures, unit_cost=unit_costs)
    def create_cost(self, measure: dict[str, Any], unit_cost: str) -> None:
        self.keeper.create_cost(**measure, unitCost=unit_cost)

    @rule(n=place, changed=changes, is_gone=st.sampled_from([False, False, False, True]))
    def change_cost(self, n: int, changed: dict[str, Any], is_gone: bool) -> None:
        identifier = nth(self.books.costs, n)
        if is_gone and len(self.books.costs) > 1:
            self.keeper.delete_cost(identifier)
        else:
            self.keeper.patch_cost(identifier, **changed)

    @rule(measure=measures, begins=beginnings)
    def create_metric(self, measure: dict[str, Any], begins: str | None) -> None:
        self.keeper.create_metric(**measure, eventFrom=begins)

    @rule(n=place, changed=metric_changes)
    def change_metric(self, n: int, changed: dict[str, Any]) -> None:
        self.keeper.patch_metric(nth(self.books.billables, n), **changed)

    @rule(what=st.sampled_from(["create", "patch", "delete"]), n=place, external=st.none() | st.sampled_from(EXTERNAL))
    def see_to_customers(self, what: str, n: int, external: str | None) -> None:
        if what == "create":
            self.keeper.create_customer(external)
        elif what == "patch":
            self.keeper.patch_customer(nth(self.books.customers, n), external)
        else:
            self.keeper.delete_customer(nth(self.books.customers, n))

    @rule(by=lengths, is_flipped=st.booleans())
    def advance(self, by: timedelta, is_flipped: bool) -> None:
        self.keeper.advance(by)
        if is_flipped:
            self.keeper.fill_zeros()

    @rule(several=several)
    def ask_for_summaries(self, several: list[dict[str, Any]]) -> None:
        for question in several:
            if question["window"] != "MONTH":
                identifier = nth(self.books.costs, question["measure"])
                self.keeper.ask_summary(identifier, self.asked(question, self.books.costs[identifier]))

    @rule(several=several, page=st.none() | pages, by_subject=st.booleans())
    def ask_meters(self, several: list[dict[str, Any]], page: tuple[int, int] | None, by_subject: bool) -> None:
        for question in several:
            identifier = nth(self.books.billables, question["measure"])
            also = ["subject"] if by_subject else []
            asked = self.asked(question, self.books.billables[identifier], also)
            self.keeper.ask_meter(identifier, asked, *(page or ()))

    @rule(several=several, page=pages, names=st.dictionaries(st.sampled_from(["externalId", "externalSubject"]),
                                                             st.sampled_from(EXTERNAL)))  # fmt: skip
    def list_events(self, several: list[dict[str, Any]], page: tuple[int, int], names: dict[str, str]) -> None:
        for question in several:
            identifier = nth(self.books.billables, question["measure"])
            asked = self.asked(question, self.books.billables[identifier])
            self.keeper.ask_listing(identifier, asked, page[0] * 3, page[1] * 2)
            self.keeper.ask_listing(identifier, asked, page[0] * 3, page[1], **names)

    @rule(question=questions, wishes=st.lists(wishes, min_size=1, max_size=3))
    def ask_for_reports(self, question: dict[str, Any], wishes: list[dict[str, Any]]) -> None:
        if question["window"] == "MINUTE":
            return
        for wish in wishes:
            costs = [nth(self.books.costs, n) for n in wish["costs"]]
            asked = self.asked(question, self.books.costs[costs[0] if costs else nth(self.books.costs, 0)])
            by = wish["group_by"]
            if by == "dimension":
                by = asked.keys[0] if asked.keys else "a"
            lost = ["cst_lost"] if wish["is_lost"] and costs else []
            wanted = Wanted(by, (*costs, *lost), **wish["more"])
            self.keeper.ask_report(asked, wanted)

    def asked(self, question: dict[str, Any], measure: Any, also: Sequence[str] = ()) -> Asked:
        """Make a question fit the dimensions a measure has."""
        known = sorted(measure["groupBy"] or {})
        keys = dict.fromkeys(nth(known, n) for n in question["keys"] if known)
        filters = None
        if question["filters"] is not None:
            filters = object_text({nth(known, n): text for n, text in question["filters"] if known})
        start, end = question["span"]
        party = self.keeper.subject(question["party"])
        return Asked(start, end, party, (*keys, *also) or None, filters, question["window"])

    def teardown(self) -> None:
        for identifier in self.books.costs:
            self.keeper.ask_summary(identifier, ALWAYS)
        for identifier in self.books.billables:
            self.keeper.ask_meter(identifier, ALWAYS)
        self.keeper.check()


def nth(things: Any, n: int) -> Any:
    """Return one of several."""
    return list(things)[n % len(things)]


@pytest.mark.parametrize("batch", [20_000, 3])
def test_every_answer_is_the_oracles_whatever_happened(
    shared: Simulator, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("mockserver.vendors.paygentic.operations.events.MAX_UNREAD", min(batch, 256))
    monkeypatch.setattr("mockserver.vendors.paygentic.operations.events._BATCH", batch)
    monkeypatch.setattr("mockserver.vendors.paygentic.tables.events._BATCH", batch)
    History.simulator = shared

    run_state_machine_as_test(History, settings=settings(max_examples=25, stateful_step_count=30))


@pytest.mark.parametrize("window", ["DAY", "MONTH"])
def test_distinct_values_of_two_months_are_told_apart(shared: Simulator, window: str) -> None:
    keeper = Bookkeeper(shared)
    metric = keeper.create_metric(aggregation="UNIQUE_COUNT", eventType="cost.a", valueProperty="$.v")
    for at in ("2026-01-31T12:00Z", "2026-02-01T12:00Z"):
        keeper.send({"type": "cost.a", "party": ("subject", "s"), "data": '{"v": 1}', "at": datetime.fromisoformat(at)})

    now = keeper.books.now
    found = keeper.ask_meter(metric, Asked(now - timedelta(days=365), now, window=window))

    assert [float(each["value"]) for each in found["windowedValues"]] == [1, 1]
