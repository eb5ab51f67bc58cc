"""What stands behind the doors a request comes in by, whether it simulates or plays a recording."""

from __future__ import annotations

from typing import Protocol

from mockserver.http.messages import Reply, Request


class Writes(Protocol):
    """What serving writes, and when it is there to stay."""

    @property
    def is_pending(self) -> bool:
        """Whether something is waiting for a commit."""

    def commit(self) -> None:
        """Make everything done so far durable."""


class Handler(Protocol):
    """Answers requests, synchronously; whoever asked commits before the answer goes out."""

    @property
    def store(self) -> Writes:
        """What answering writes to."""

    def body_limit(self, path: str) -> int:
        """Return how many body bytes are taken at a path."""

    def handle(self, request: Request) -> Reply:
        """Serve one request; a streamed answer comes as `Reply.pieces`."""
