"""What one event is worth by itself, and which texts it carries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mockserver.vendors.paygentic.domain.costing import Cost
from mockserver.vendors.paygentic.domain.worth import Tariff, strings_in, tariffs


def cost(identifier: str, **changes: Any) -> Cost:
    settings: dict[str, Any] = {
        "name": "n", "currency": "USD", "unit_cost": Decimal("0.5"), "unit": None, "aggregation": "SUM",
        "event_type": "t", "value_property": "$.amount", "group_by": None, "product_id": "p", "merchant_id": "m",
        "created_at": 0, "updated_at": 0,
    }  # fmt: skip
    return Cost(id=identifier, **{**settings, **changes})


@pytest.mark.parametrize(
    ("data", "worth"),
    [
        ({"amount": Decimal("0.000000000001"), "tokens": 3}, "2.0600000000005"),
        ({"amount": " 1e2 ", "tokens": 0}, "52"),
        ({"amount": None, "tokens": [1]}, "2"),
        ({}, "2"),
    ],
)
def test_an_event_is_worth_what_it_adds_to_the_totals_of_all_costs_that_read_it(
    data: dict[str, Any], worth: str
) -> None:
    costs = [
        cost("a"),
        cost("b", value_property="$.tokens", unit_cost=Decimal("0.02")),
        cost("c", aggregation="COUNT", value_property=None, unit_cost=Decimal(2)),
        cost("d", event_type="other"),
        cost("e", event_type=None),
    ]

    found = tariffs(costs)

    assert found.keys() == {"t", "other"}
    assert found["t"].worth(data) == Decimal(worth)
    assert found["t"].caveats == ()


@pytest.mark.parametrize(
    ("changes", "caveat"),
    [
        ({"aggregation": "AVG"}, "cost a is AVG: none of its events is worth anything by itself"),
        ({"aggregation": None}, "cost a is without an aggregation: none of its events is worth anything by itself"),
        ({"currency": "EUR"}, "cost a is in EUR: what its events are worth in USD is not known"),
    ],
)
def test_what_makes_nothing_of_a_single_event_is_a_caveat(changes: dict[str, Any], caveat: str) -> None:
    found = tariffs([cost("a", **changes)])["t"]

    assert found == Tariff(caveats=(caveat,))
    assert found.worth({"amount": 5}) == 0


def test_strings_are_found_at_any_depth_and_names_are_none() -> None:
    data = {"a": "one", "b": [1, "two", ["three", {"c": "four", "d": None}]], "e": {"f": {"g": "five"}}}

    assert sorted(strings_in(data)) == sorted(["one", "two", "three", "four", "five"])
