"""Pages of a metric's events, newest first: where in a long history a page lies (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class EventsQuestion:
    """Which of a metric's events are wanted.

    :param external_subject: what they were sent with, whether or not it is some customer's by now.
    """

    start: int
    end: int
    limit: int
    offset: int
    subject: str | None = None
    external_id: str | None = None
    external_subject: str | None = None


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """An event as a metric lists it.

    :param subject: `None` while its external subject is nobody's.
    """

    id: str
    type: str
    source: str
    subject: str | None
    external_subject: str | None
    external_id: str | None
    at: int
    idempotency_key: str
    data: Mapping[str, Any]


class Piece(NamedTuple):
    """The part of a bucket of time that is on a page.

    :param skipped: how many of the bucket's newest events come before the page.
    :param taken: how many of its events the page holds.
    """

    bucket: int
    skipped: int
    taken: int


def pieces(counts: Mapping[int, int], offset: int, limit: int) -> list[Piece]:
    """Return which buckets of time hold a page of events, the newest first, and how much of each is on it.

    :param counts: start of a bucket -> how many events it holds.
    :param offset: how many events come before the page.
    :param limit: how many the page holds at most.
    """
    found: list[Piece] = []
    skipped, left = offset, limit
    for bucket in sorted(counts, reverse=True):
        if skipped >= counts[bucket]:
            skipped -= counts[bucket]
            continue
        taken = min(counts[bucket] - skipped, left)
        found.append(Piece(bucket, skipped, taken))
        skipped, left = 0, left - taken
        if not left:
            break
    return found
