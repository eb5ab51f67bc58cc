from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.windows import DAY, HOUR, parse_instant
from mockserver.vendors.pareta.domain.auto import (
    COMPARABLE,
    Rollup,
    compared_model,
    cost_to_serve,
    days_window,
    filled,
    hours_window,
)
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.metrics import Tally

NOON = parse_instant("2026-02-10T12:00:00Z")
instants = st.integers(parse_instant("1969-11-01T00:00:00Z"), parse_instant("2100-01-01T00:00:00Z"))


@pytest.mark.parametrize("now", ["2026-02-10T00:00:00Z", "2026-02-10T12:00:00Z", "2026-02-10T23:59:59.999999Z"])
def test_thirty_days_end_with_today(now: str) -> None:
    window = days_window(parse_instant(now))

    assert window.start + 1 == parse_instant("2026-01-12T00:00:00Z")
    assert window.end == parse_instant(now)


@pytest.mark.parametrize("now", ["2026-02-10T12:00:00Z", "2026-02-10T12:59:59.999999Z"])
def test_a_week_of_hours_ends_with_this_one(now: str) -> None:
    assert hours_window(parse_instant(now)).start + 1 == parse_instant("2026-02-03T13:00:00Z")


@given(instants)
def test_no_day_and_no_hour_is_left_out(now: int) -> None:
    days, hours = filled({}, days_window(now)), filled({}, hours_window(now))

    assert (len(days), len(hours)) == (30, 168)
    for starts, width in ((list(days), DAY), (list(hours), HOUR)):
        assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {width}
        assert starts[-1] <= now < starts[-1] + width
    assert set(days.values()) == {Tally()}


def test_what_happened_stays_in_its_bucket() -> None:
    today = parse_instant("2026-02-10T00:00:00Z")
    busy = Tally(requests=3, succeeded=2)

    days = filled({today: busy, today - DAY: Tally(requests=1)}, days_window(NOON))
    rollup = Rollup(days, {}, {}, None)

    assert rollup.today == busy
    assert (rollup.whole.requests, rollup.whole.succeeded) == (4, 2)


@pytest.mark.parametrize(("billed", "expected"), [(0, 0), (1, 0), (2, 1), (100, 80), (12_500, 10_000)])
def test_serving_costs_a_share_of_what_is_billed_in_whole_micro_dollars(billed: int, expected: int) -> None:
    assert cost_to_serve(billed) == expected


def test_four_models_can_be_compared_with() -> None:
    assert [compared_model(model) for model in COMPARABLE] == list(COMPARABLE)
    with pytest.raises(
        Refused, match=r"^model must be one of claude-sonnet-4-6, gemini-3-1-pro, gemini-3-5-flash, gpt-5.5$"
    ):
        compared_model("claude-opus-4-7")
