"""Summaries: windows, groups, series and filters, and an independent oracle for all of them together."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.call import Call
from mockserver.kernel.windows import DAY, HOUR, MINUTE, format_instant, parse_instant
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import vendor
from mockserver.vendors.paygentic.domain.costing import Question
from mockserver.vendors.paygentic.operations import summaries
from tests.vendors.paygentic.conftest import MONTH, Merchant


@pytest.fixture
def cost(merchant: Merchant) -> Any:
    """A cost, and five events of two days, three subjects and two providers."""
    made = merchant.create(unitCost=2)
    for at, subject, provider, amount in [
        ("2026-02-01T00:00:00Z", "a", "x", "0.1"),
        ("2026-02-01T00:59:59.999999Z", "b", "x", "0.2"),
        ("2026-02-01T01:00:00Z", "a", "y", "-0.05"),
        ("2026-02-02T23:59:59.999999Z", "c", "y", "1000000000000.25"),
        ("2026-02-03T00:00:00Z", "a", "x", '"7"'),
    ]:
        merchant.send(f'{{"amount": {amount}, "provider": "{provider}"}}', subject=subject, timestamp=at)
    return made


def test_the_keys_of_a_plain_summary(merchant: Merchant, cost: Any) -> None:
    assert merchant.summary(cost, to="2026-02-02T00:00:00Z") == {
        "object": "cost",
        "id": cost["id"],
        "name": cost["name"],
        "type": "metered",
        "currency": "USD",
        "eventType": cost["eventType"],
        "totalCost": Decimal("0.5"),
        "totalQuantity": Decimal("0.25"),
    }


def test_the_unit_is_there_when_the_cost_has_one(merchant: Merchant, cost: Any) -> None:
    merchant.patch(cost, unit="token")

    assert merchant.summary(cost)["unit"] == "token"


@pytest.mark.source("paygentic/sdk-0.6.3 window bounds", grade="sdk")
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-02-01T00:00:00Z", "2026-02-01T00:59:59.999999Z", "0.1"),
        ("2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z", "0.3"),
        ("2026-02-01T00:00:00.000001Z", "2026-02-01T01:00:00.000001Z", "0.15"),
        ("2026-02-02T00:00:00Z", "2026-02-03T00:00:00Z", "1000000000000.25"),
        ("2026-02-03T00:00:00Z", "2026-02-03T00:00:00.000001Z", "7"),
        ("2026-02-01T05:30:00 05:30", "2026-02-01T06:30:00%2B05:30", "0.3"),
        ("2026-02-01T00:00:00", "2026-02-01T00:59:59.999999999", "0.1"),
        ("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "0"),
    ],
)
def test_a_window_holds_its_start_but_not_its_end(
    merchant: Merchant, cost: Any, start: str, end: str, expected: str
) -> None:
    query = f"from={start.replace(' ', '+')}&to={end}"

    body = merchant.expect(200, merchant.http.get(f"/v0/costs/{cost['id']}/summary?{query}"))

    assert body["totalQuantity"] == Decimal(expected)


def test_groups_and_series_are_independent(merchant: Merchant, cost: Any) -> None:
    both = merchant.summary(cost, to="2026-02-02T00:00:00Z", groupBy=" provider , provider", window="HOUR")

    assert both["groups"] == [
        {"dimensions": {"provider": "x"}, "quantity": Decimal("0.3"), "cost": Decimal("0.6")},
        {"dimensions": {"provider": "y"}, "quantity": Decimal("-0.05"), "cost": Decimal("-0.1")},
    ]
    assert both["timeSeries"] == [
        {
            "windowStart": "2026-02-01T00:00:00Z", "windowEnd": "2026-02-01T01:00:00Z",
            "quantity": Decimal("0.3"), "cost": Decimal("0.6"),
        },
        {
            "windowStart": "2026-02-01T01:00:00Z", "windowEnd": "2026-02-01T02:00:00Z",
            "quantity": Decimal("-0.05"), "cost": Decimal("-0.1"),
        },
    ]  # fmt: skip


def test_a_filter_holds_for_total_groups_and_series(merchant: Merchant, cost: Any) -> None:
    found = merchant.summary(
        cost, groupBy="operation", window="DAY", filterGroupBy='{"provider": "x", "operation": null}', subject="a"
    )

    assert found["totalQuantity"] == Decimal("7.1")
    assert [group["quantity"] for group in found["groups"]] == [Decimal("7.1")]
    assert [point["quantity"] for point in found["timeSeries"]] == [Decimal("0.1"), 7]


def test_empty_buckets_are_left_out_unless_the_world_fills_them(
    merchant: Merchant, cost: Any, flip: Callable[..., None]
) -> None:
    query = {"from_": "2026-02-02T12:00:00Z", "to": "2026-02-05T00:00:00Z", "window": "DAY"}

    assert [p["windowStart"][8:10] for p in merchant.summary(cost, **query)["timeSeries"]] == ["02", "03"]
    flip(zero_fill=True)
    assert [p["quantity"] for p in merchant.summary(cost, **query)["timeSeries"]] == [Decimal("1000000000000.25"), 7, 0]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("to=2026-02-01T00:00:00Z", "from", "required"),
        ("from=2026-02-01T00:00:00Z", "to", "required"),
        ("from=2026-02-01&to=2026-03-01T00:00:00Z", "from", "invalid_format"),
        ("{w}&window=MONTH", "window", "invalid_enum"),
        ("{w}&window=day", "window", "invalid_enum"),
        ("{w}&groupBy=", "groupBy", "unknown_key"),
        ("{w}&groupBy=provider,,operation", "groupBy", "unknown_key"),
        ("{w}&groupBy=region", "groupBy", "unknown_key"),
        ("{w}&groupBy=subject", "groupBy", "unknown_key"),
        ("{w}&filterGroupBy=%7B%22region%22%3A1%7D", "filterGroupBy", "unknown_key"),
        ("{w}&filterGroupBy=provider", "filterGroupBy", "invalid_format"),
        ("{w}&filterGroupBy=%7B%22provider%22%3A%5B%5D%7D", "filterGroupBy", "invalid_format"),
    ],
)
def test_a_faulty_parameter_is_named(merchant: Merchant, cost: Any, query: str, field: str, code: str) -> None:
    text = query.replace("{w}", f"from={MONTH['from']}&to={MONTH['to']}")

    answer = merchant.http.get(f"/v0/costs/{cost['id']}/summary?{text}")

    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    "query",
    [
        {"from": MONTH["to"], "to": MONTH["from"]},
        {"from": MONTH["to"], "to": MONTH["to"]},
        {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z", "window": "MINUTE"},
    ],
)
def test_a_window_no_single_field_is_to_blame_for(merchant: Merchant, cost: Any, query: dict[str, str]) -> None:
    answer = merchant.http.get(f"/v0/costs/{cost['id']}/summary", params=query)

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("cleared", ["eventType", "aggregation"])
def test_a_cost_that_cannot_be_computed_has_null_totals(merchant: Merchant, cost: Any, cleared: str) -> None:
    merchant.patch(cost, **{cleared: None})

    found = merchant.summary(cost, groupBy="provider", window="DAY")

    assert (found["totalCost"], found["totalQuantity"], found["groups"], found["timeSeries"]) == (None, None, [], [])
    assert ("eventType" in found) is (cleared != "eventType")


@pytest.mark.parametrize("aggregation", ["AVG", "MIN", "MAX", "LATEST", "SUM", "COUNT", "UNIQUE_COUNT"])
def test_settings_hold_for_events_of_the_past(merchant: Merchant, cost: Any, aggregation: str) -> None:
    expected = {"AVG": Decimal("200000000001.5"), "MIN": Decimal("-0.05"), "MAX": Decimal("1000000000000.25"),
                "LATEST": 7, "SUM": Decimal("1000000000007.5"), "COUNT": 5, "UNIQUE_COUNT": 5}  # fmt: skip

    merchant.patch(cost, aggregation=aggregation)

    assert merchant.total(cost) == expected[aggregation]


# An oracle: plain loops and decimals, written from the rules and not from the code under test


AMOUNTS = ("0.1", "0.0042", "-3", "1e-30", "12345678901.5", "0.30000000000000004", "0", "1.0", "1", "1E+2", '" 2.50 "',
           '"1"', '"x"', "true", "null", '{"deep": 1}', None)  # fmt: skip
LABELS = ('"a"', '"b"', "1", "1.0", "true", "null", '{"x": 1}', '""', None)
BASE = parse_instant("2026-02-01T00:00:00Z")
amounts = st.sampled_from(AMOUNTS) | st.decimals(-(10**10), 10**10, places=14, allow_nan=False).map(lambda d: f"{d:f}")
instants = st.builds(
    lambda day, hour, minute, off: BASE + day * DAY + hour * HOUR + minute * MINUTE + off,
    st.integers(-1, 2), st.sampled_from((0, 1, 23)), st.sampled_from((0, 1, 59)),
    st.sampled_from((-1, 0, 1, 30_000_000)),
)  # fmt: skip
parties = st.sampled_from(("s1", "s2", "x:ext", "x:none"))
events = st.tuples(
    instants,
    st.sampled_from(("s1", "s2", "x:ext", "x:none")),
    amounts,
    amounts,
    st.sampled_from(LABELS),
    st.sampled_from(LABELS),
)
AGGREGATIONS = ("SUM", "COUNT", "AVG", "MIN", "MAX", "UNIQUE_COUNT", "LATEST")
settings_ = st.fixed_dictionaries(
    {
        "aggregation": st.sampled_from(AGGREGATIONS),
        "valueProperty": st.sampled_from(("$.v", "$.w", "$.o.v")),
        "groupBy": st.sampled_from((None, {"a": "$.a"}, {"b": "$.o.b", "a": "$.a"}, {"a": "$.o.b"})),
        "unitCost": st.sampled_from(("0", "1", "0.000003", "1.5")),
    }
)
questions = st.fixed_dictionaries(
    {
        "start": instants,
        "end": instants,
        "subject": st.sampled_from((None, "s1", "cus_ext", "nobody")),
        "group": st.integers(0, 3),
        "window": st.sampled_from((None, "MINUTE", "HOUR", "DAY")),
        "filter": st.sampled_from((None, None, "a", "1", "true", "")),
    }
)
steps = st.lists(events | settings_ | questions, min_size=4, max_size=30)


def as_number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    try:
        return Decimal(value.strip()) if isinstance(value, str) and value.strip() != "x" else None
    except ArithmeticError:
        return None


def as_label(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, Decimal)):
        return str(int(value))
    return value if isinstance(value, str) else ""


def look(data: Any, path: str) -> Any:
    for name in path.split(".")[1:]:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def apply(aggregation: str, rows: list[Any], path: str) -> Decimal | None:
    values = [look(row[2], path) for row in sorted(rows, key=lambda row: (row[0], row[3]))]
    found = [number for number in map(as_number, values) if number is not None]
    if aggregation == "COUNT":
        return Decimal(len(rows))
    if aggregation == "UNIQUE_COUNT":
        kinds = {(isinstance(v, bool), isinstance(v, str), json.dumps(v) if isinstance(v, dict) else v)
                 for v in values if v is not None}  # fmt: skip
        return Decimal(len(kinds))
    if aggregation == "SUM":
        return sum(found, Decimal(0))
    if not found:
        return None
    return {"AVG": sum(found, Decimal(0)) / len(found), "MIN": min(found), "MAX": max(found), "LATEST": found[-1]}[
        aggregation
    ]


def expected_summary(history: list[Any], cost: dict[str, Any], question: dict[str, Any]) -> dict[str, Any]:
    path, aggregation, groups = cost["valueProperty"], cost["aggregation"], cost["groupBy"] or {}
    unit = Decimal(cost["unitCost"])
    rows = [row for row in history if question["start"] <= row[0] < question["end"]]
    if question["subject"] is not None:
        rows = [row for row in rows if {"x:ext": "cus_ext"}.get(row[1], row[1]) == question["subject"]]
    if question["filter"] is not None and "a" in groups:
        rows = [row for row in rows if as_label(look(row[2], groups["a"])) == question["filter"]]
    total = apply(aggregation, rows, path)
    found: dict[str, Any] = {"total": total, "cost": None if total is None else total * unit}
    keys = sorted(groups)[: question["group"]]
    if keys:
        tuples = {tuple(as_label(look(row[2], groups[key])) for key in keys) for row in rows}
        split = {
            each: [r for r in rows if tuple(as_label(look(r[2], groups[k])) for k in keys) == each] for each in tuples
        }
        amounts_ = {each: apply(aggregation, part, path) for each, part in split.items()}
        ranked = sorted((-amount * unit, each) for each, amount in amounts_.items() if amount is not None)
        found["groups"] = [(dict(zip(keys, each, strict=True)), amounts_[each]) for _, each in ranked]
    if question["window"]:
        width = {"MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}[question["window"]]
        points = []
        for start in sorted({row[0] // width * width for row in rows}):
            part = [row for row in rows if start <= row[0] < start + width]
            usable = aggregation == "COUNT" or any(
                (look(row[2], path) if aggregation == "UNIQUE_COUNT" else as_number(look(row[2], path))) is not None
                for row in part
            )
            if usable:
                points.append((format_instant(start), apply(aggregation, part, path)))
        found["points"] = points
    return found


def member(name: str, token: str | None) -> str:
    return "" if token is None else f'"{name}": {token}, '


@pytest.fixture(scope="module")
def worlds() -> Iterator[Callable[[], tuple[Merchant, World]]]:
    """Fresh worlds of one simulator, each with a customer whose external id is `ext`."""
    simulator = Simulator()
    count = itertools.count()
    transport = InProcessTransport(simulator.gateway)

    def fresh() -> tuple[Merchant, World]:
        name = f"w{next(count)}"
        headers = {"Authorization": f"Bearer sk_test_{name}"}
        merchant = Merchant(httpx.Client(transport=transport, base_url="http://mock", headers=headers))
        with simulator.store.committed():
            world = simulator.worlds.admit(name)
            simulator.store.execute(
                "UPDATE paygentic_customers SET id = 'cus_ext', external_id = 'ext' WHERE world = ?", (world.id,)
            )
        return merchant, world

    yield fresh
    simulator.close()


@settings(max_examples=120, deadline=None)
@given(steps=steps)
def test_summaries_agree_with_plain_loops_over_everything_that_was_sent(
    worlds: Callable[[], tuple[Merchant, World]], steps: list[Any]
) -> None:
    merchant, world = worlds()
    current = {"aggregation": "SUM", "valueProperty": "$.v", "groupBy": {"a": "$.a"}, "unitCost": "1"}
    made = merchant.create(**{**current, "unitCost": 1})
    history: list[Any] = []
    with localcontext(prec=200):
        for step in [*steps, steps[0]]:
            if isinstance(step, tuple):
                at, subject, v, w, a, b = step
                text = (
                    "{"
                    + member("v", v)
                    + member("w", w)
                    + member("a", a)
                    + f'"o": {{{member("v", w)}{member("b", b)}"z": 0}}}}'
                )
                who = (
                    {"subject": ..., "externalSubject": subject[2:]}
                    if subject.startswith("x:")
                    else {"subject": subject}
                )
                merchant.send(text, timestamp=format_instant(at), **who)
                history.append((at, subject, json.loads(text, parse_float=Decimal), len(history)))
            elif "aggregation" in step:
                current = step
                merchant.patch(made, **{**step, "unitCost": float(step["unitCost"])})
            elif step["start"] < step["end"]:
                check(merchant, made, history, current, step)
    assert all(invariant.holds for invariant in vendor.invariants(world))


def check(merchant: Merchant, made: Any, history: list[Any], cost: dict[str, Any], question: dict[str, Any]) -> None:
    keys = sorted(cost["groupBy"] or {})[: question["group"]]
    query = {
        "from_": format_instant(question["start"]),
        "to": format_instant(question["end"]),
        "subject": question["subject"],
        "groupBy": ",".join(keys) or None,
        "window": question["window"],
        "filterGroupBy": None if question["filter"] is None or "a" not in (cost["groupBy"] or {})
        else json.dumps({"a": question["filter"]}),
    }  # fmt: skip

    found = merchant.summary(made, **{name: value for name, value in query.items() if value is not None})

    expected = expected_summary(history, cost, question)
    assert same(found["totalQuantity"], expected["total"])
    assert same(found["totalCost"], expected["cost"])
    groups = [(each["dimensions"], each["quantity"]) for each in found.get("groups", [])]
    assert [each[0] for each in groups] == [each[0] for each in expected.get("groups", [])]
    assert all(same(a[1], b[1]) for a, b in zip(groups, expected.get("groups", []), strict=True))
    points = [(each["windowStart"], each["quantity"]) for each in found.get("timeSeries", [])]
    assert [each[0] for each in points] == [each[0] for each in expected.get("points", [])]
    assert all(same(a[1], b[1]) for a, b in zip(points, expected.get("points", []), strict=True))


def same(found: Any, expected: Decimal | None) -> bool:
    return found is expected if expected is None else float(found) == float(expected)


@settings(max_examples=25, deadline=None)
@given(
    amounts=st.lists(st.decimals(-(10**8), 10**8, places=12, allow_nan=False), min_size=1, max_size=60),
    wide=st.lists(st.sampled_from(("1E+30", "-1E+30", "1E-40", "123456789012.1234")), max_size=6),
)
def test_sums_are_exact_to_the_last_digit(
    worlds: Callable[[], tuple[Merchant, World]], amounts: list[Decimal], wide: list[str]
) -> None:
    merchant, world = worlds()
    cost = merchant.create(unitCost=0.000003)
    tokens = [*(f"{amount:f}" for amount in amounts), *wide]
    for place, token in enumerate(tokens):
        merchant.send(f'{{"amount": {token}}}', timestamp=format_instant(BASE + place * HOUR))
    call = Call(world, world.clock.now(), 0, "req")

    for start, end in ((BASE, BASE + 30 * DAY), (BASE + HOUR, BASE + 30 * DAY), (BASE + HOUR + 1, BASE + 30 * DAY)):
        summary = summaries.summary(call, cost["id"], Question(start, end))

        with localcontext(prec=300):
            inside = [Decimal(token) for place, token in enumerate(tokens) if start <= BASE + place * HOUR < end]
            assert summary.total_quantity == sum(inside, Decimal(0))
            assert summary.total_cost == sum(inside, Decimal(0)) * Decimal("0.000003")


@given(
    st.lists(st.tuples(instants, amounts), min_size=1, max_size=12),
    st.sampled_from(("SUM", "COUNT")),
    st.sampled_from(("MINUTE", "HOUR", "DAY")),
)
@settings(max_examples=25, deadline=None)
def test_buckets_of_additive_aggregations_add_up_to_the_total(
    worlds: Callable[[], tuple[Merchant, World]], sent: list[Any], aggregation: Any, window: Any
) -> None:
    merchant, world = worlds()
    cost = merchant.create(aggregation=aggregation)
    for at, token in sent:
        merchant.send("{" + member("amount", token) + '"z": 0}', timestamp=format_instant(at))

    question = Question(BASE - 2 * DAY, BASE + 4 * DAY, window=window)
    summary = summaries.summary(Call(world, world.clock.now(), 0, "req"), cost["id"], question)

    assert summary.series is not None
    with localcontext(prec=300):
        assert sum((point.quantity for point in summary.series), Decimal(0)) == summary.total_quantity
