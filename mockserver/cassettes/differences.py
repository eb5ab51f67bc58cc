"""What a difference between a recorded answer and a simulated one is, and how much it matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mockserver.cassettes.interaction import Answer
from mockserver.kernel.windows import Instant

Json = dict[str, Any]

Grade = Literal["breaking", "additive", "value"]
"""How much a difference matters, worst first: a client that was tested on the simulator fails in reality; reality has
more than the simulator; both are of one form, and say different things.
"""

Kind = Literal[
    "status",
    "header",
    "body",
    "missing_field",
    "new_field",
    "type",
    "null",
    "format",
    "enum",
    "number",
    "boolean",
    "instant",
    "id",
    "length",
    "order",
    "missing_event",
    "new_event",
]


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which an answer of the simulator is not what was recorded.

    :param where: a path in the body, such as `$.choices[].finish_reason`, with `[]` for any item of a list and `.*` for
        any value of a map; `events[KIND].choices[].delta` for what is in the events of a stream, and `events` for the
        stream itself; a header's name in lower case; `status`, or `body`.
    :param recorded: a short text of what reality had there, empty where it had nothing.
    :param simulated: likewise of what the simulator had.
    :param note: what else is known, for people.
    :param count: how often it is in this one answer.
    """

    kind: Kind
    grade: Grade
    where: str
    recorded: str = ""
    simulated: str = ""
    note: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON schema, with what it refers to."""

    schema: Json
    definitions: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known about an interaction beside its two answers.

    :param schema: of the documented JSON body of the simulated status; of a stream, of one event.
    :param asked_at: when the request was recorded; instants are not compared where it is not known.
    :param ids: recorded ids, and what the simulation calls the same thing.
    :param noise: what a world of another seed answered. Where it differs from the simulated answer, chance speaks, and
        only forms are compared.
    """

    schema: Schema | None = None
    asked_at: Instant | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    noise: Answer | None = None


NOTHING_KNOWN = Knowledge()


def compare(recorded: Answer, simulated: Answer, knowledge: Knowledge = NOTHING_KNOWN) -> list[Difference]:
    """Return how a simulated answer differs from the recorded one, each cause once."""
    raise NotImplementedError


class Descriptions:
    """What OpenAPI documents say of the bodies of answers.

    :param documents: by vendor, as `http.openapi.vendor_document` makes them.
    """

    def __init__(self, documents: Mapping[str, Json]) -> None:
        raise NotImplementedError

    def schema(self, operation: str, status: int) -> Schema | None:
        """Return the schema of an operation's body for a status.

        :param operation: its name, with the vendor: `pareta.chat.completions.create`.
        """
        raise NotImplementedError
