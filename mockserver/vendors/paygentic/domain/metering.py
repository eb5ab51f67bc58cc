"""What an event is, and how a meter reads it: paths, values, dimensions (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from mockserver.kernel.money import plain
from mockserver.vendors.paygentic.domain.json_text import canonical, number_in

PATH = r"^\$(\.[a-zA-Z0-9_]+)+$"
"""The part of JSONPath that is understood: object keys, one after the other."""

EVERYBODY = ""
"""The party under which a rollup adds up all parties; no event's own party is empty."""

SUBJECT, EXTERNAL_SUBJECT = "s:", "x:"
"""What a party's name begins with."""

_LONGEST_KEY = 64


class EventDraft(NamedTuple):
    """An event as it was sent.

    :param at: when it happened, or `None` for now.
    """

    type: str
    source: str
    data: Mapping[str, Any]
    subject: str | None = None
    external_subject: str | None = None
    external_id: str | None = None
    namespace: str | None = None
    at: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it was accepted.

    :param subject: what the answer names as its subject: the one sent, or the customer its external subject is now.
    :param at: when it happened.
    :param received_at: when it was accepted.
    """

    id: str
    draft: EventDraft
    subject: str | None
    namespace: str
    at: int
    received_at: int
    idempotency_key: str


Metered = tuple[int, int, str, Mapping[str, Any]]
"""What a meter needs of an event: arrival number, instant, party, data."""

Labels = tuple[str, ...]
"""The value of each of a meter's dimensions, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One way of reading the events of one type; costs that read alike share it.

    :param value_path: where the number is, or `None`.
    :param group_by: dimension name -> path.
    :param keeps_distinct: whether distinct values are told apart and kept ready per day.
    """

    event_type: str
    value_path: str | None
    group_by: Mapping[str, str] = field(default_factory=dict)
    keeps_distinct: bool = False

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """The dimensions in the order in which readings list their values."""
        return tuple(sorted(self.group_by))

    @property
    def lens(self) -> Lens:
        """How this meter reads, ready for use on many events."""
        steps = None if self.value_path is None else steps_of(self.value_path)
        dimensions = tuple([steps_of(self.group_by[name]) for name in self.dimension_names])
        return Lens(steps, dimensions, self.keeps_distinct)


Steps = tuple[str, ...]
"""A path taken apart: the object keys to follow."""


@dataclass(frozen=True, slots=True)
class Lens:
    """A meter's paths, taken apart.

    :param value: where the number is, or `None`.
    :param dimensions: one path per dimension, in the meter's order.
    :param tells_apart: whether readings need a key.
    """

    value: Steps | None
    dimensions: tuple[Steps, ...]
    tells_apart: bool


Reading = tuple[Labels, Decimal | None, str | None]
"""What a meter read from one event: the value of each dimension, the number, and text that tells distinct values apart.

The number is `None` when there is none; so is the text when the value is missing, null or not asked for.
"""


def party_of(subject: str | None, external_subject: str | None) -> str:
    """Return whom an event belongs to: a subject, or an external subject that some customer may turn out to be."""
    return f"{SUBJECT}{subject}" if subject is not None else f"{EXTERNAL_SUBJECT}{external_subject}"


def parties_of(subject: str, external_id: str | None) -> tuple[str, ...]:
    """Return every party that is a subject: itself, and the external subject of the customer it is.

    Asking at reading time makes events count that were sent before the customer existed.

    Source: paygentic/events "externalSubject" (documented), that the link is made at once (assumed).
    """
    own = f"{SUBJECT}{subject}"
    return (own,) if external_id is None else (own, f"{EXTERNAL_SUBJECT}{external_id}")


def subject_of(party: str, linked: Mapping[str, str]) -> str | None:
    """Return the subject that a party is, or `None` for an external subject that is nobody's yet.

    :param linked: customers' ids by their external ids.
    """
    kind, name = party[:2], party[2:]
    return name if kind == SUBJECT else linked.get(name)


def read(lens: Lens, data: Mapping[str, Any]) -> Reading:
    """Return what a meter reads from an event's data.

    Source: paygentic/cost-tracking "Cost Event data Fields" (documented), values that are no number (assumed).
    """
    found = [reach(data, steps) for steps in lens.dimensions]
    labels = tuple([value if type(value) is str else label(value) for value in found])
    if lens.value is None:
        return labels, None, None
    value = reach(data, lens.value)
    return labels, number(value), distinction(value) if lens.tells_apart else None


def reach(data: Mapping[str, Any], steps: Steps) -> Any:
    """Walk from object to object; a step into anything else finds nothing, which is as good as null."""
    if len(steps) == 1:  # nearly always
        return data.get(steps[0])
    here: Any = data
    for name in steps:
        if type(here) is not dict:
            return None
        here = here.get(name)
    return here


@lru_cache(maxsize=4096)
def steps_of(path: str) -> Steps:
    """Take a path apart."""
    return tuple(path.split(".")[1:])


def number(value: Any) -> Decimal | None:
    """Return a JSON number, or the number a string wholly is; anything else has none."""
    kind = type(value)
    if kind is Decimal:
        return value  # type: ignore[no-any-return]  # the line above says so
    if kind is int:
        return Decimal(value)
    return number_in(value) if kind is str else None


def distinction(value: Any) -> str | None:
    """Return text that is equal for equal JSON values of one type, or `None` for null and for nothing."""
    if value is None:
        return None
    text = canonical(value)
    return text if len(text) <= _LONGEST_KEY else f"#{blake2b(text.encode(), digest_size=24).hexdigest()}"


def label(value: Any) -> str:
    """Return a dimension's value as text; what is missing, null or composite is the empty string."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]  # the line above says so
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    return plain(value) if kind is Decimal else ""


def control_character_in(text: str) -> bool:
    """Whether text holds a control character, which an event's type must not."""
    return re.search(r"[\x00-\x1f\x7f-\x9f]", text) is not None
