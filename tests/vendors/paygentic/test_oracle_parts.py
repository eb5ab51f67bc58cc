"""What must hold between answers: parts and total, any order of arrival, in bulk or one by one, before and after."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.kernel.call import Call
from mockserver.kernel.windows import parse_instant
from mockserver.vendors.paygentic.domain.costing import Question
from mockserver.vendors.paygentic.domain.metering import EventDraft
from mockserver.vendors.paygentic.operations import events, summaries
from tests.vendors.paygentic.bookkeeper import AGGREGATIONS, Bookkeeper, drafts, moments, new_simulator, stream
from tests.vendors.paygentic.oracle import Asked, Wanted

GROUP_BY = {"a": "$.a", "b": "$.o.b"}
ALWAYS = Asked(datetime(1800, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
BY_DAY = Asked(datetime(2025, 1, 1, tzinfo=UTC), datetime(2033, 1, 1, tzinfo=UTC), window="DAY")
"""Nothing happens after it; a bucket for every day until 2100 would take most of the time."""
seeds = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """One simulator for all examples; each has a world of its own."""
    simulator = new_simulator()
    yield simulator
    simulator.close()


def ask_about_everything(keeper: Bookkeeper) -> list[Any]:
    """Ask every kind of question about every measure, and return the answers without the ids that differ anyway."""
    found = []
    for cost in keeper.books.costs:
        found.append(keeper.ask_summary(cost, replace(ALWAYS, keys=("b", "a"))))
        found.append(keeper.ask_summary(cost, BY_DAY))
        found.append(keeper.ask_summary(cost, replace(ALWAYS, subject="s1")))
    for metric in keeper.books.billables:
        found.append(keeper.ask_meter(metric, replace(ALWAYS, keys=("subject", "a"), window="MONTH")))
        found.append(keeper.ask_meter(metric, BY_DAY))
    found.append(keeper.ask_report(replace(ALWAYS, window="MONTH"), Wanted("customer", compares=True, top=25)))
    for each in found:
        for name in ("id", "billableMetricId"):
            each.pop(name, None)
    return found


def open_books(simulator: Simulator) -> Bookkeeper:
    """A merchant with a cost or a billable metric for every aggregation."""
    keeper = Bookkeeper(simulator)
    measure = {"eventType": "cost.a", "valueProperty": "$.v", "groupBy": GROUP_BY}
    for aggregation in ("SUM", "AVG", "LATEST"):
        keeper.create_cost(**measure, aggregation=aggregation, unitCost="0.75")
    for aggregation in ("COUNT", "MIN", "MAX", "UNIQUE_COUNT"):
        keeper.create_metric(**measure, aggregation=aggregation)
    return keeper


@settings(max_examples=8)
@given(many=st.lists(drafts, min_size=1, max_size=30), hours=st.lists(st.sampled_from([0, 1, 12, 24]), min_size=30))
def test_a_history_taken_in_at_once_is_the_same_as_one_by_one(
    shared: Simulator, many: list[dict[str, Any]], hours: list[int]
) -> None:
    one_by_one, at_once = open_books(shared), open_books(shared)
    received = []
    for draft, hour in zip(many, hours, strict=False):
        one_by_one.advance(timedelta(hours=hour))
        received.append(one_by_one.books.now)
        one_by_one.send(draft)

    at_once.send_all(many, received)

    assert ask_about_everything(one_by_one) == ask_about_everything(at_once)


@settings(max_examples=8)
@given(seed=seeds, length=st.integers(1, 80), order=st.randoms())
def test_the_order_of_arrival_changes_nothing_but_what_is_latest_of_one_instant(
    shared: Simulator, seed: int, length: int, order: random.Random
) -> None:
    first, second = open_books(shared), open_books(shared)
    by_instant = {draft["at"]: {**draft, "type": "cost.a"} for draft in stream(seed, length)}
    many = [{name: value for name, value in draft.items() if name != "key"} for draft in by_instant.values()]
    first.send_all(many)
    order.shuffle(many)

    second.send_all(many)

    assert ask_about_everything(first) == ask_about_everything(second)


eighths = st.integers(-80, 80).map(lambda count: f"{count / 8}")


@settings(max_examples=25)
@given(
    sent=st.lists(st.tuples(moments, eighths, st.sampled_from(["1", "2", '"x"', "null"])), min_size=1, max_size=25),
    window=st.sampled_from(["DAY", "HOUR"]),
)
def test_parts_make_the_total(shared: Simulator, sent: list[tuple[datetime, str, str]], window: str) -> None:
    keeper = Bookkeeper(shared)
    first = keeper.create_cost(
        eventType="cost.a", aggregation="SUM", valueProperty="$.v", groupBy=GROUP_BY, unitCost="0.5"
    )
    for at, value, label in sent:
        keeper.send({"type": "cost.a", "party": ("subject", label), "at": at,
                     "data": f'{{"v": {value}, "a": {label}, "o": {{"b": {label}}}}}'})  # fmt: skip
    start = min(at for at, *_ in sent)
    asked = Asked(start, start + timedelta(days=1500 if window == "DAY" else 150), keys=("a", "b"), window=window)
    found = {}
    for aggregation in AGGREGATIONS:
        keeper.patch_cost(first, aggregation=aggregation)
        found[aggregation] = keeper.ask_summary(first, asked)

    # Eighths and their halves are doubles, and so are all their sums.
    for part in ("groups", "timeSeries"):
        values = {name: [float(each["quantity"]) for each in answer[part]] for name, answer in found.items()}
        totals = {name: float(answer["totalQuantity"]) for name, answer in found.items()}
        costs = [float(each["cost"]) for each in found["SUM"][part]]
        assert (sum(values["SUM"]), sum(costs)) == (totals["SUM"], totals["SUM"] / 2)
        assert sum(values["COUNT"]) == totals["COUNT"]
        assert (min(values["MIN"]), max(values["MAX"])) == (totals["MIN"], totals["MAX"])
        assert totals["LATEST"] in values["LATEST"]
        assert min(values["AVG"]) <= totals["AVG"] <= max(values["AVG"])
        assert max(values["UNIQUE_COUNT"]) <= totals["UNIQUE_COUNT"] <= sum(values["UNIQUE_COUNT"])
    report = keeper.ask_report(replace(asked, keys=None), Wanted("a", (first,), top=2))
    assert float(report["totalCost"]) == sum(float(group["totalCost"]) for group in report["groups"])


@settings(max_examples=3)
@given(seed=seeds, length=st.integers(1, 120))
def test_a_file_that_is_closed_and_opened_again_answers_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, length: int
) -> None:
    path: Path = tmp_path_factory.mktemp("books") / "world.db"
    keeper = open_books(new_simulator(db=path))
    keeper.create_customer("ext-1")
    for draft in stream(seed, length // 2):
        keeper.send(draft)
    keeper.simulator.close()

    keeper.open(keeper.world.name, new_simulator(db=path))
    ask_about_everything(keeper)
    keeper.send_all(stream(seed + 1, length))
    answers = ask_about_everything(keeper)
    keeper.simulator.close()
    keeper.open(keeper.world.name, new_simulator(db=path))

    assert ask_about_everything(keeper) == answers
    keeper.check()
    keeper.simulator.close()


def test_two_hundred_thousand_amounts_of_twelve_decimals_add_up_to_the_last_digit(shared: Simulator) -> None:
    keeper = Bookkeeper(shared)
    cost = keeper.create_cost(eventType="cost.a", aggregation="SUM", valueProperty="$.v", unitCost="0.000003")
    chance = random.Random(7)
    trillionths = [chance.getrandbits(62) - 2**60 for _ in range(200_000)]
    start = parse_instant("2026-02-01T00:00:00Z")
    history = (
        (start, EventDraft("cost.a", "s", {"v": Decimal(f"{amount}e-12")}, "s", at=start + place * 12_000_000))
        for place, amount in enumerate(trillionths)
    )
    with keeper.house():
        recorded = events.ingest_many(keeper.world, history)
    call = Call(keeper.world, keeper.world.clock.now(), 0, "req")

    for first, last in ((0, 200_000), (1, 199_999), (66_666, 133_334)):
        question = Question(start + first * 12_000_000, start + last * 12_000_000)
        summary = summaries.summary(call, cost, question)

        with localcontext(prec=60):
            assert summary.total_quantity == Decimal(sum(trillionths[first:last])).scaleb(-12)
            assert summary.total_cost == Decimal(sum(trillionths[first:last]) * 3).scaleb(-18)
    assert recorded == 200_000
