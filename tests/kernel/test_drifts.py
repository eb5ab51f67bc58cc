from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.drifts import Alert, Alerts, Drift, Drifts, Shape, migrations
from mockserver.kernel.store import Store
from mockserver.kernel.windows import DAY, HOUR

AT = 1_770_724_800_000_000


def drift(shape: Any = "step", **more: Any) -> Drift:
    return Drift("quality", "ep-*", AT, -0.2, shape, **{"span_us": 0 if shape == "step" else 4 * DAY, **more})


@pytest.mark.parametrize(
    ("shape", "levels"),
    [
        ("step", {-1: 0, 0: 1, DAY: 1, 400 * DAY: 1}),
        ("ramp", {-1: 0, 0: 0, DAY: 0.25, 2 * DAY: 0.5, 4 * DAY: 1, 400 * DAY: 1}),
        ("gradual_mix", {-1: 0, 0: 0, DAY: 0.25, 4 * DAY: 1, 400 * DAY: 1}),
        ("pulse", {-1: 0, 0: 0, 2 * DAY: 1, DAY: math.sin(math.pi / 4), 4 * DAY: 0, 5 * DAY: 0}),
        ("seasonal", {-1: 0, 0: 0, DAY: 1, 2 * DAY: 0, 3 * DAY: -1, 5 * DAY: 1, 4001 * DAY: 1}),
    ],
)
def test_a_shape_gets_there_in_its_own_way(shape: str, levels: dict[int, float]) -> None:
    for elapsed, level in levels.items():
        assert drift(shape).level(AT + elapsed) == pytest.approx(level, abs=1e-12), elapsed


@pytest.mark.parametrize("shape", get_args(Shape))
def test_nothing_is_different_before_the_onset_or_from_the_end_on(shape: str) -> None:
    ended = drift(shape, end=AT + DAY + HOUR)

    assert ended.level(AT - 1) == ended.level(AT + DAY + HOUR) == ended.level(AT + 9 * DAY) == 0
    assert ended.level(AT + DAY) == drift(shape).level(AT + DAY) != 0


@pytest.mark.parametrize(
    ("shape", "end", "until"),
    [
        ("step", None, None),
        ("ramp", 9, 9),
        ("pulse", None, 4),
        ("pulse", 2, 2),
        ("pulse", 9, 4),
        ("seasonal", None, None),
    ],
)
def test_a_pulse_is_over_by_itself(shape: str, end: int | None, until: int | None) -> None:
    found = drift(shape, end=None if end is None else AT + end * DAY).until

    assert found == (None if until is None else AT + until * DAY)


@given(size=st.floats(0.01, 1000), level=st.floats(-1, 1))
def test_a_factor_is_never_below_zero_and_the_other_way_divides(size: float, level: float) -> None:
    factor = Drift("latency", "*", AT, size).factor

    assert factor(level) > 0
    assert factor(level) * factor(-level) == pytest.approx(1)
    assert [factor(0), factor(1), factor(-1)] == pytest.approx([1, size, 1 / size])


@pytest.fixture
def drifts(store: Store) -> Drifts:
    return Drifts(store, 1)


def never(place: int) -> float:
    raise AssertionError("nothing is left to chance here")


def test_drifts_are_kept_whole_and_apart_by_world(store: Store, drifts: Drifts) -> None:
    kept = drift("ramp", end=AT + 1, cause="new weights", options={"drop": ["a.b"], "status": 503})
    assert not drifts.all

    drifts.add(7, kept)

    assert [(found.id, found.drift) for found in drifts.all] == [("drift-7", kept)]
    assert Drifts(store, 1).all == drifts.all
    assert Drifts(store, 2).all == ()


def test_one_is_seen_by_what_it_is_about_while_it_lasts(drifts: Drifts) -> None:
    known = [
        drift(),
        drift(end=AT + DAY),
        Drift("latency", "ep-*", AT, 2.0),
        Drift("quality", "other", AT, 0.1),
        Drift("quality", "chat.*", AT, 0.1),
    ]
    for seq, each in enumerate(known, 1):
        drifts.add(seq, each)

    def places(kind: str, *names: str, at: int = AT) -> list[int]:
        return [seen.place for seen in drifts.seen(kind, names, at, never)]

    assert places("quality", "ep-a") == [0, 1]
    assert places("quality", "ep-a", at=AT + DAY) == [0]
    assert places("quality", "ep-a", at=AT - 1) == []
    assert places("quality", "xep-a") == []
    assert places("latency", "ep-a") == [0]
    assert places("quality", "pareta.chat.create", "chat.create") == [0]


@given(share=st.integers(1, 99))
def test_a_gradual_mix_shows_all_of_itself_to_a_growing_share(share: int) -> None:
    store = Store(None)
    store.migrate([migrations])
    drifts = Drifts(store, 1)
    drifts.add(1, drift("gradual_mix"))
    at = AT + 4 * DAY * share // 100

    seen = [drifts.seen("quality", ("ep-a",), at, lambda _, n=n: n / 1000) for n in range(1000)]  # type: ignore[misc]

    assert {each.level for found in seen for each in found} == {1.0}
    assert sum(map(len, seen)) == math.ceil(Fraction(4 * DAY * share // 100, 4 * DAY) * 1000)
    store.close()


def test_alerts_come_in_the_order_they_were_raised_about(store: Store) -> None:
    alerts = Alerts(store, 1)
    for alert in (Alert(1, 9), Alert(2, 5, "quality", "ep-a", "low"), Alert(3, 9)):
        alerts.add(alert)

    assert alerts.all() == [Alert(2, 5, "quality", "ep-a", "low"), Alert(1, 9), Alert(3, 9)]
    assert alerts.all()[0].id == "alert-2"
    assert Alerts(store, 2).all() == []
