"""A batch of events folded into buckets, against adding up each bucket event by event."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.windows import DAY, HOUR, MINUTE
from mockserver.vendors.paygentic.domain.aggregation import Tally
from mockserver.vendors.paygentic.domain.amounts import mark, sortable
from mockserver.vendors.paygentic.domain.buckets import Window, bucket_start
from mockserver.vendors.paygentic.domain.folding import (
    DISTINCT_WINDOWS,
    EVERYBODY_WINDOWS,
    PARTY_LABELS_WINDOWS,
    PARTY_WINDOWS,
    Folded,
    Place,
    Sum,
)
from mockserver.vendors.paygentic.domain.metering import EVERYBODY, Labels, Meter, read

AMOUNTS = st.sampled_from(
    [Decimal(text) for text in ("0", "0.0042", "-3", "7.000000000001", "1e30", "-1e30", "1e-30", "999999999.5")]
)
instants = st.integers(-2 * DAY, 40 * DAY) | st.sampled_from([0, HOUR, DAY, 31 * DAY, MINUTE - 1])
events = st.lists(
    st.tuples(
        instants,
        st.sampled_from(("s:a", "s:b", "x:c")),
        st.fixed_dictionaries({}, optional={"v": AMOUNTS | st.just("x"), "d": st.sampled_from(("p", "q"))}),
    ),
    max_size=25,
)
meters = st.builds(
    Meter, st.just("t"), st.sampled_from(("$.v", None)), st.sampled_from(({}, {"d": "$.d"})), st.booleans()
)


def numbered(sent: list[tuple[int, str, dict[str, Any]]]) -> list[tuple[int, int, str, dict[str, Any]]]:
    """Number events in order of arrival."""
    return [(seq, *each) for seq, each in enumerate(sent, 1)]


@given(events, meters)
def test_every_bucket_holds_what_its_events_add_up_to(
    sent: list[tuple[int, str, dict[str, Any]]], meter: Meter
) -> None:
    expected: dict[Place, Tally] = {}
    for seq, at, party, data in numbered(sent):
        labels, amount, _ = read(meter.lens, data)
        key = None if amount is None else sortable(amount)
        one = Tally(1) if amount is None or key is None else Tally(1, 1, amount, key, key, mark(at, seq, key))
        levels: list[tuple[str, Labels | None, tuple[Window, ...]]] = [
            (party, None, PARTY_WINDOWS),
            (EVERYBODY, None, EVERYBODY_WINDOWS),
        ]
        if meter.group_by:
            levels += [(party, labels, PARTY_LABELS_WINDOWS), (EVERYBODY, labels, EVERYBODY_WINDOWS)]
        for who, which, windows in levels:
            for window in windows:
                expected.setdefault((window, who, bucket_start(at, window), which), Tally()).add(one)

    folded = Folded(meter, numbered(sent))

    assert {place: added.tally() for place, added in folded.sums().items()} == expected


@given(events, st.integers(0, 25))
def test_batches_add_up_to_the_whole(sent: list[tuple[int, str, dict[str, Any]]], cut: int) -> None:
    meter = Meter("t", "$.v", {"d": "$.d"})
    whole = Folded(meter, numbered(sent)).sums()
    parts: dict[Place, Sum] = {}
    for part in (numbered(sent)[cut:], numbered(sent)[:cut]):
        for place, added in Folded(meter, part).sums().items():
            parts.setdefault(place, Sum()).merge(added)

    assert {place: added.tally() for place, added in parts.items()} == {
        place: added.tally() for place, added in whole.items()
    }


@given(events)
def test_distinct_values_are_kept_for_the_party_and_for_everybody(sent: list[tuple[int, str, dict[str, Any]]]) -> None:
    meter = Meter("t", "$.v", {"d": "$.d"}, keeps_distinct=True)
    expected = set()
    for _, at, party, data in numbered(sent):
        labels, _, key = read(meter.lens, data)
        if key is not None:
            expected |= {
                (window, who, bucket_start(at, window), labels, key)
                for window in DISTINCT_WINDOWS
                for who in (party, EVERYBODY)
            }

    assert Folded(meter, numbered(sent)).distinct == expected
    assert Folded(Meter("t", "$.v", {"d": "$.d"}), numbered(sent)).distinct == set()
