"""What crosses the wire about scenarios."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from mockserver.http.endpoint import WireModel

_MAX_INTEGER = 2**63 - 1


class PlayRequest(WireModel):
    """A scenario to play in a world."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200, description="Of a shipped scenario, or what to call the one in `text`.")
    text: str | None = Field(None, max_length=1024 * 1024, description="A scenario's file, in place of a shipped one.")
    seed: int | None = Field(None, ge=-_MAX_INTEGER, le=_MAX_INTEGER, description="In place of the scenario's own.")


class PlayResponse(WireModel):
    """The scenario that was played last; null where none was."""

    name: str | None
    purpose: str | None
    seed: int = Field(description="The world's.")
    played_at: str | None
