"""Documents on rows: small ones come with the request, large ones by a signed address of their own."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound, Unauthenticated
from mockserver.kernel.windows import Instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.documents import (
    URL_LIFE,
    Announced,
    Document,
    Place,
    check_announced,
    check_complete,
    check_inline,
    check_put,
    checked_mime,
    place_of,
)
from mockserver.vendors.pareta.operations.eval_sets import eval_set_named

STORAGE = "/_storage/"
"""Where signed addresses begin. Source: pareta/eval-sets (assumed)."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that comes with its request."""

    idx: int
    field: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Announcement:
    """A document that is going to be put at a signed address; size in bytes."""

    idx: int
    field: str
    mime: str
    size: int


@dataclass(frozen=True, slots=True)
class Completion:
    """A document that a client says it has put at the signed address."""

    idx: int
    field: str
    mime: str
    uri: str


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """Where to put a document, and the address storage will know it by."""

    url: str
    announced: Announced


@dataclass(frozen=True, slots=True)
class Blob:
    """A document that is attached."""

    place: Place
    mime: str


def attach(call: Call, set_id: str, new: Attachment) -> Blob:
    """Attach a document to a row, in place of the one that was there.

    :raises NotFound: no such set.
    :raises Refused: no such row or field, or a document that is empty, too large or of no known kind.
    """
    place = _place(call.world, set_id, new.idx, new.field)
    mime = checked_mime(new.mime)
    check_inline(len(new.data))
    tables.documents.put_document(call.world, Document(place, mime, len(new.data), is_signed=False), new.data)
    return Blob(place, mime)


def announce(call: Call, set_id: str, new: Announcement) -> SignedAddress:
    """Return the address a document is to be put at; an earlier one for the same place is void.

    It is on the host the request came to, because that is one the client can reach.

    :raises NotFound: no such set.
    :raises Refused: no such row or field, or a document that would be empty, too large or of no known kind.
    """
    world = call.world
    place = _place(world, set_id, new.idx, new.field)
    check_announced(new.size)
    token = f"{world.new_id('up', 32)}.{world.name}"
    announced = Announced(place, token, checked_mime(new.mime), new.size, Instant(call.now + URL_LIFE))
    tables.documents.put_upload(world, announced)
    return SignedAddress(f"{call.origin}{STORAGE}{token}", announced)


def world_of(parameters: tuple[str, ...]) -> str:
    """Return the world that a signed address names: it stands in for the key.

    :raises Unauthenticated: it names none.
    """
    _, found, name = parameters[0].partition(".")
    if not found:
        raise Unauthenticated("the address names no world")
    return name


def receive(call: Call, token: str, mime: str, data: bytes) -> None:
    """Take the bytes that are put at a signed address.

    :raises NotFound: nothing is awaited there.
    :raises Expired: not any more.
    :raises Refused: they are not what was announced.
    """
    announced = tables.documents.upload_at(call.world, token)
    if announced is None:
        raise NotFound("upload", token)
    check_put(announced, mime, len(data), call.now)
    tables.documents.receive(call.world, announced, data)


def complete(call: Call, set_id: str, done: Completion) -> Blob:
    """Attach a document that was put at its signed address; to say so twice changes nothing.

    :raises NotFound: no such set.
    :raises Refused: it is not there, or is another one.
    """
    world = call.world
    place = _place(world, set_id, done.idx, done.field)
    announced, kept = tables.documents.find_upload(world, place), tables.documents.find_document(world, place)
    if check_complete(announced, kept, place, done.uri, done.mime):
        tables.documents.attach_received(world, place)
    return Blob(place, done.mime)


def _place(world: World, set_id: str, idx: int, field: str) -> Place:
    kept = eval_set_named(world, set_id)
    return place_of(kept.task, set_id, kept.row.item_count, idx, field)
