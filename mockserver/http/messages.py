"""A request and a reply, free of any server or client library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic_core import to_json

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Request:
    """What came in.

    :param path: decoded path without the query.
    :param query: raw query string.
    :param headers: lower-case names; of repeated headers the last one.
    :param origin: `scheme://host` the client addressed.
    """

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    origin: str = ""


@dataclass(slots=True)
class Stream:
    """A body that is sent piece by piece and only counts once it is whole.

    :param head: everything before the money moves.
    :param settle: does what a finished answer does (debit) and returns the last piece; never called when the
        client has left.
    :param abandon: undoes what was held back; called instead of `settle`.
    """

    head: Iterator[bytes]
    settle: Callable[[], bytes]
    abandon: Callable[[], None]


Fate = Literal["sent", "cut", "reset", "held"]
"""What becomes of an answer on its way: it arrives; the connection is cut without it (after the pieces of a stream);
the connection is reset; or nothing comes for `Reply.delay_s`, and then the connection is cut.
"""


@dataclass(slots=True)
class Reply:
    """What goes out: a whole body, or a stream of pieces.

    :param is_ending: whether the piece that was handed out last is the last there is.
    :param delay_s: how long it is held back.
    :param fate: what becomes of it; anything but `sent` is a fault's doing.
    :param is_spoilt: whether faults had a hand in it, so that it need not be what the vendor documents.
    :param unheard: to be called when the client left while it was held back.
    :param is_recorded: whether it is a recorded answer, or says that there is none.
    :param note: what the journal is to say about it.
    :param is_bodiless: whether its headers say all there is about its length, because no body follows.
    :param pauses_s: how long each piece of a stream is held back after the one before it; no more where it ends.
    """

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)
    stream: Stream | None = None
    pieces: Iterator[bytes] | None = None
    is_ending: bool = False
    delay_s: float = 0.0
    fate: Fate = "sent"
    is_spoilt: bool = False
    unheard: Callable[[], None] | None = None
    is_recorded: bool = False
    note: str | None = None
    is_bodiless: bool = False
    pauses_s: Sequence[float] = ()

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Headers | None = None) -> Reply:
        """Return a JSON reply."""
        return cls(status, to_json(value), [(b"content-type", b"application/json"), *(headers or ())])

    @classmethod
    def empty(cls, status: int = 204) -> Reply:
        """Return a reply without a body."""
        return cls(status)
