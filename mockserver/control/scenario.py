"""What crosses the wire about scenarios."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from mockserver.control.schemas import Span
from mockserver.http.endpoint import WireModel

_MAX_INTEGER = 2**63 - 1


class PlayRequest(WireModel):
    """A scenario to play in a world."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200, description="Of a shipped scenario, or what to call the one in `text`.")
    text: str | None = Field(None, max_length=1024 * 1024, description="A scenario's file, in place of a shipped one.")
    seed: int | None = Field(None, ge=-_MAX_INTEGER, le=_MAX_INTEGER, description="In place of the scenario's own.")
    history: Span | None = Field(
        None,
        description="How much of it has happened when this answers, in place of what the scenario says; `0s` for none.",
    )


class StepRequest(WireModel):
    """How far a paused scenario goes."""

    model_config = ConfigDict(extra="forbid")

    by: Span | None = Field(None, description="To the next instant at which anything happens, if absent.")


class Planted(WireModel):
    """How many differences between debits and cost events were planted, by kind; `GET reconciliation` finds them."""

    missing: int = Field(description="Calls that were debited and never reported.")
    doubled: int = Field(description="Calls that were reported more than once.")
    wrong_amount: int = Field(description="Calls that were reported with another amount.")
    unknown: int = Field(description="Reports about calls that were never debited.")


class PlayResponse(WireModel):
    """The scenario that was played last, and how far it is; null where none was."""

    name: str | None
    purpose: str | None
    expect: str | None = Field(description="What comes of it.")
    seed: int = Field(description="The world's.")
    played_at: str | None = Field(description="What the world's clock showed when it was played.")
    starts_at: str | None = Field(description="When its traffic begins; null for one without any.")
    ends_at: str | None = Field(description="When its traffic ends; null for never, or for one without any.")
    history_ends_at: str | None = Field(description="Up to when all happens at once.")
    position: str | None = Field(description="Up to when it was played.")
    is_filled: bool = Field(description="Whether all of its history is there.")
    is_paused: bool
    is_over: bool = Field(description="Whether nothing comes any more.")
    tallies: dict[str, int] = Field(description="What its traffic did so far: calls, cost events, and the like.")
    planted: Planted
