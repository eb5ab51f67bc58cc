"""What crosses the wire about snapshots."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from mockserver.http.endpoint import WireModel


class SnapshotRequest(WireModel):
    """A snapshot to take."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=200, description="Your own word for it; it is found by its id.")


class RestoreRequest(WireModel):
    """What a world is to be put back to."""

    model_config = ConfigDict(extra="forbid")

    snapshot: str = Field(max_length=64, description="A snapshot's id.", examples=["snapshot-1"])


class SnapshotResponse(WireModel):
    """A copy of a world as it was."""

    id: str
    name: str
    at: str = Field(description="What the world's clock showed.")
    requests: int = Field(description="How many the journal held.")


class SnapshotsPage(WireModel):
    """Snapshots, oldest first."""

    data: list[SnapshotResponse]
    next: int | None = Field(description="`after` of the next page, or null at the end.")
