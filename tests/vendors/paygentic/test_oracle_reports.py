"""Cost reports against the oracle: several costs over one history, asked about in every way there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from tests.vendors.paygentic.bookkeeper import (
    AGGREGATIONS,
    EXTERNAL,
    SCALARS,
    SUBJECTS,
    Bookkeeper,
    dimensions,
    new_simulator,
    object_text,
    spans,
    stream,
    unit_costs,
)
from tests.vendors.paygentic.oracle import Asked, Wanted

costs = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["Pages", "Tokens"]),
            "eventType": st.sampled_from(["cost.a", "cost.a", "cost.b"]),
            "aggregation": st.sampled_from(AGGREGATIONS),
            "valueProperty": st.sampled_from(["$.v", "$.w", "$.w"]),
            "groupBy": dimensions,
            "unitCost": unit_costs,
            "unit": st.sampled_from(["page", "page", None]),
            "currency": st.sampled_from(["USD", "USD", "USD", "EUR"]),
        }
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """One simulator for all examples; each has a world of its own."""
    simulator = new_simulator()
    yield simulator
    simulator.close()


def asked(draw: Callable[[st.SearchStrategy[Any]], Any], keeper: Bookkeeper) -> tuple[Asked, Wanted]:
    """Draw a question that is not refused."""
    books = keeper.books.costs
    currency = draw(st.sampled_from(["USD", "USD", "EUR"]))
    mine = [identifier for identifier, cost in books.items() if cost["currency"] == currency]
    chosen = draw(st.lists(st.sampled_from(list(books)), max_size=2)) + draw(st.sampled_from([[], [], ["cst_lost"]]))
    group_by, named = draw(st.sampled_from(["cost", "customer", "customer"])), tuple(chosen)
    with_dimensions = [identifier for identifier in mine if books[identifier]["groupBy"]]
    if with_dimensions and draw(st.booleans()):
        single = draw(st.sampled_from(with_dimensions))
        group_by, named = draw(st.sampled_from(sorted(books[single]["groupBy"]))), (single,)
    known = sorted({name for each in mine if each in (named or mine) for name in books[each]["groupBy"] or {}})
    filters = None
    if known and draw(st.booleans()):
        filters = object_text({draw(st.sampled_from(known)): draw(st.sampled_from(SCALARS))})
    start, end = draw(spans)
    subject = draw(st.sampled_from([None, None, None, *SUBJECTS]))
    return (
        Asked(start, end, subject, None, filters, draw(st.sampled_from([None, "HOUR", "DAY", "MONTH"]))),
        Wanted(
            group_by,
            named,
            top=draw(st.integers(1, 9)),
            compares=draw(st.booleans()),
            excludes_empty=draw(st.booleans()),
            sort=draw(st.sampled_from(["totalCost", "totalQuantity"])),
            is_ascending=draw(st.booleans()),
            offset=draw(st.sampled_from([0, 0, 1, 3])),
            limit=draw(st.integers(1, 12)),
            currency=currency,
        ),
    )


@settings(max_examples=30)
@given(data=st.data(), made=costs, seed=st.integers(0, 10**6), length=st.integers(0, 80), n=st.integers(0, 9))
def test_reports_are_the_oracles(
    shared: Simulator, data: st.DataObject, made: list[dict[str, Any]], seed: int, length: int, n: int
) -> None:
    keeper = Bookkeeper(shared)
    for external in EXTERNAL[:2]:
        keeper.create_customer(external)
    for cost in made:
        keeper.create_cost(**cost)
    keeper.send_all(stream(seed, length))
    if n < len(keeper.books.customers):
        keeper.delete_customer(list(keeper.books.customers)[n])
    if n < len(made):
        keeper.patch_cost(list(keeper.books.costs)[n], **{("aggregation", "eventType")[n % 2]: None})

    for _ in range(4):
        keeper.ask_report(*asked(data.draw, keeper))
    keeper.fill_zeros()
    keeper.ask_report(*asked(data.draw, keeper))
    keeper.check()


def test_the_series_of_one_subject_leaves_out_an_external_subject_of_the_same_text(shared: Simulator) -> None:
    keeper = Bookkeeper(shared)
    keeper.create_cost(eventType="cost.a", aggregation="COUNT", unitCost="1")
    for field in ("subject", "externalSubject"):
        keeper.send({"type": "cost.a", "party": (field, "s1"), "data": "{}"})
    now = keeper.books.now

    found = keeper.ask_report(
        Asked(now, now + timedelta(hours=1), subject="s1", window="HOUR"), Wanted("customer", compares=True)
    )

    assert [float(bucket["groups"]["s1"]) for bucket in found["timeSeries"]] == [1]
