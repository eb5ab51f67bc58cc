"""What was recorded of one request and its answer, free of any file format."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.http.messages import Headers, Request
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import Instant


class BadCassette(Unusable):
    """A file cannot be used as a cassette; the message is one line that names the file and the place in it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a streamed answer, as it arrived.

    :param wait_us: since the piece before it; for the first, since the status line.
    :param size: in bytes of the recorded body.
    """

    wait_us: int
    size: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    :param reason: the phrase beside the status; empty where none was recorded.
    :param headers: in the order recorded, a name as often as it came.
    :param body: as recorded: still compressed where a `content-encoding` header says so.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """Return the last value of a header, by its name in lower case."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), None)


@dataclass(frozen=True, slots=True)
class Interaction:
    """A request and its answer.

    :param request: its `origin` is the scheme and host it was sent to; header names are in lower case.
    :param recorded_at: when the request was sent: said by the recorder, or else by the answer's `Date`; `None` where
        neither does.
    :param wait_us: from the request to the first byte of the answer; `None` where nobody measured it.
    :param pieces: of a stream whose timing was recorded; their sizes add up to the body.
    """

    request: Request
    answer: Answer
    recorded_at: Instant | None = None
    wait_us: int | None = None
    pieces: tuple[Piece, ...] = ()

    @property
    def is_stream(self) -> bool:
        """Whether the answer is a stream of server-sent events, or came in timed pieces."""
        return bool(self.pieces) or (self.answer.header(b"content-type") or b"").startswith(b"text/event-stream")
