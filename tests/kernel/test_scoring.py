from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.drifts import Alert, Drift, Labelled
from mockserver.kernel.scoring import score

KINDS, SUBJECTS, GLOBS = ("quality", "latency"), ("ep-a", "ep-b", "auto"), ("ep-a", "ep-*", "*", "auto")


def quality(seq: int = 1, onset: int = 100, end: int | None = None, subject: str = "ep-a") -> Labelled:
    return Labelled(seq, Drift("quality", subject, onset, -0.1, end=end))


@pytest.mark.parametrize(
    ("alert", "is_hit"),
    [
        (Alert(1, 100), True),
        (Alert(1, 99), False),
        (Alert(1, 500, "quality", "ep-a"), True),
        (Alert(1, 500, "latency", "ep-a"), False),
        (Alert(1, 500, "quality", "ep-b"), False),
        (Alert(1, 500, None, "ep-a"), True),
        (Alert(1, 500, "quality"), True),
    ],
)
def test_an_alert_hits_what_it_fits(alert: Alert, is_hit: bool) -> None:
    found = score([quality()], [alert], now=1000, grace_us=0)

    (detection,) = found.detections
    assert detection.state == ("hit" if is_hit else "missed")
    assert found.false_alarms == (() if is_hit else (alert,))
    assert detection.delay_us == (alert.at - 100 if is_hit else None)


@pytest.mark.parametrize(
    ("at", "grace", "is_hit"), [(199, 0, True), (200, 0, False), (249, 50, True), (250, 50, False)]
)
def test_after_its_end_a_drift_can_be_noticed_for_a_grace(at: int, grace: int, is_hit: bool) -> None:
    found = score([quality(end=200)], [Alert(1, at)], now=1000, grace_us=grace)

    assert found.count("hit") == is_hit
    assert len(found.false_alarms) == (not is_hit)


def test_later_alerts_are_repeats_and_a_drift_to_come_is_no_miss() -> None:
    drifts = [quality(1), quality(2, onset=900, subject="ep-b"), quality(3, onset=300, subject="ep-b")]
    alerts = [Alert(3, 400, "quality", "ep-a"), Alert(1, 250, "quality", "ep-a"), Alert(2, 250, "quality", "ep-a")]

    found = score(drifts, alerts, now=800, grace_us=0)

    first, to_come, missed = found.detections
    assert (first.alert, first.repeats, first.delay_us) == (alerts[1], 2, 150)
    assert (to_come.state, missed.state) == ("pending", "missed")
    assert [found.count(state) for state in ("hit", "missed", "pending")] == [1, 1, 1]
    assert found.count("missed", "latency") == 0
    assert found.false_alarms == ()


def test_a_subject_may_be_named_as_the_drift_names_it() -> None:
    assert score([quality(subject="ep-*")], [Alert(1, 100, subject="ep-*")], 200, 0).count("hit") == 1
    assert score([quality(subject="ep-*")], [Alert(1, 100, subject="ep-b")], 200, 0).count("hit") == 1


def test_delays_are_told_shortest_first_of_a_kind_or_of_any() -> None:
    drifts = [quality(1, onset=100), quality(2, onset=150), Labelled(3, Drift("latency", "ep-a", 100, 2.0))]
    alerts = [Alert(1, 160, "quality"), Alert(2, 400, "latency")]

    found = score(drifts, alerts, now=1000, grace_us=0)

    assert found.delays_us() == [10, 60, 300]
    assert found.delays_us("quality") == [10, 60]
    assert found.delays_us("price") == []


moments = st.integers(0, 40)
drifts_ = st.lists(
    st.builds(
        lambda kind, subject, onset, length: Drift(
            kind, subject, onset, 0.5, end=None if length is None else onset + length
        ),
        st.sampled_from(KINDS), st.sampled_from(GLOBS), moments, st.none() | st.integers(1, 20),
    ),
    max_size=6,
)  # fmt: skip
alerts_ = st.lists(
    st.tuples(moments, st.none() | st.sampled_from(KINDS), st.none() | st.sampled_from(SUBJECTS)), max_size=12
)


@given(drifts=drifts_, raised=alerts_, now=moments, grace=st.integers(0, 10))
def test_scores_are_those_of_somebody_who_watches_the_clock(
    drifts: list[Drift], raised: list[tuple[int, str | None, str | None]], now: int, grace: int
) -> None:
    """The oracle goes through time, tick by tick, and remembers which drifts are on."""
    alerts = [Alert(seq, *each) for seq, each in enumerate(raised, 1)]
    first: dict[int, Alert] = {}
    repeats = dict.fromkeys(range(len(drifts)), 0)
    false = []
    on: set[int] = set()
    for tick in range(200):
        on |= {n for n, drift in enumerate(drifts) if drift.onset == tick}
        on -= {n for n, drift in enumerate(drifts) if drift.end is not None and drift.end + grace == tick}
        for alert in (alert for alert in alerts if alert.at == tick):
            meant = {
                n
                for n in on
                if (alert.kind or drifts[n].kind) == drifts[n].kind
                and (alert.subject is None or fnmatchcase(alert.subject, drifts[n].subject))
            }
            if not meant:
                false.append(alert)
            for n in meant:
                repeats[n] += n in first
                first.setdefault(n, alert)

    found = score([Labelled(n + 1, drift) for n, drift in enumerate(drifts)], alerts, now, grace)

    assert [each.alert for each in found.detections] == [first.get(n) for n in range(len(drifts))]
    assert [each.repeats for each in found.detections] == list(repeats.values())
    assert [each.state for each in found.detections] == [
        "hit" if n in first else "pending" if drift.onset > now else "missed" for n, drift in enumerate(drifts)
    ]
    assert list(found.false_alarms) == false
    assert all(one.at <= other.at for one, other in pairwise(found.false_alarms))
