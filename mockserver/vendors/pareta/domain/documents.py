"""Documents on the rows of an eval set: where they go, how large they may be, and until when they are awaited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.kernel.windows import HOUR, Instant
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.errors import Expired, Refused

INLINE_BYTES = 5 * 1024 * 1024
"""From here on a document takes the signed way. Source: pareta/eval-sets "files under 5 MiB" (documented)."""
MAX_BYTES = 64 * 1024 * 1024
"""Source: pareta/eval-sets, which gives no limit (assumed)."""
URL_LIFE = HOUR
"""How long a signed address takes bytes. Source: pareta/eval-sets (assumed)."""
MAX_MIME_CHARACTERS = 200

_MIME = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?: *;[ -~]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document belongs: a field of one row of one set."""

    eval_set: str
    idx: int
    field: str

    @property
    def uri(self) -> str:
        """The address the vendor's storage would know it by."""
        return f"gs://mock/{self.eval_set}/{self.idx}/{self.field}"


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is kept, without its bytes.

    :param is_signed: whether it came through a signed address.
    """

    place: Place
    mime: str
    size: int
    is_signed: bool


@dataclass(frozen=True, slots=True)
class Announced:
    """A document that was announced and has a signed address to go to.

    :param has_arrived: whether its bytes are there.
    """

    place: Place
    token: str
    mime: str
    size: int
    expires_at: Instant
    has_arrived: bool = False


def document_fields(task: Task) -> tuple[str, ...]:
    """Return the fields of a task's input that take a document; a task on text may have one beside it."""
    fields: Mapping[str, Any] = task.body["input_schema"]["properties"]
    return tuple(name for name, schema in fields.items() if schema.get("format") == "binary")


def text_fields(task: Task) -> tuple[str, ...]:
    """Return the names under which a row may carry the text of its document instead."""
    fields = document_fields(task)
    return ("text", *(f"{name}_text" for name in fields)) if fields else ()


def carries_document(task: Task, given: Mapping[str, Any]) -> bool:
    """Whether a row of a task on documents brings its own: as text, or as a reference in the document's place."""
    return task.has_blob_input and any(given.get(name) for name in (*document_fields(task), *text_fields(task)))


def place_of(task: Task, eval_set: str, item_count: int, idx: int, field: str) -> Place:
    """Return where a document goes.

    :raises Refused: there is no such row, or its task has no such document.

    Source: pareta/eval-sets "idx counts rows from zero" (documented; statuses: assumed).
    """
    if not 0 <= idx < item_count:
        raise Refused(f"idx must be between 0 and {item_count - 1}")
    fields = document_fields(task)
    if not fields:
        raise Refused(f"task '{task.id}' takes no documents")
    if field not in fields:
        raise Refused(f"field_name must be one of: {', '.join(fields)}")
    return Place(eval_set, idx, field)


def checked_mime(mime: str) -> str:
    """Return a media type.

    :raises Refused: it is none.
    """
    if len(mime) > MAX_MIME_CHARACTERS or not _MIME.fullmatch(mime):
        raise Refused("mime must be a media type such as application/pdf")
    return mime


def check_inline(size: int) -> None:
    """Let a document through that is sent along with the request.

    :raises Refused: it is empty, or so large that it must take the signed way.

    Source: pareta/eval-sets "files under 5 MiB go inline" (documented; status: assumed).
    """
    if size >= INLINE_BYTES:
        raise Refused(
            f"the file has {size} bytes; files of {INLINE_BYTES} bytes and more go to the address that blob-upload-url"
            " returns"
        )
    if not size:
        raise Refused("the file is empty")


def check_announced(size: int) -> None:
    """Let a document through that is going to be put at a signed address.

    :raises Refused: it would be empty or too large.
    """
    if not 1 <= size <= MAX_BYTES:
        raise Refused(f"file_size must be between 1 and {MAX_BYTES}")


def check_put(announced: Announced, mime: str, size: int, now: Instant) -> None:
    """Let bytes through that arrive at a signed address.

    :raises Expired: too late.
    :raises Refused: they are not what was announced.
    """
    if now >= announced.expires_at:
        raise Expired("the signed address has expired")
    if mime != announced.mime:
        raise Refused(f"Content-Type is '{mime}', but '{announced.mime}' was announced")
    if size != announced.size:
        raise Refused(f"the file has {size} bytes, but {announced.size} were announced")


def check_complete(announced: Announced | None, kept: Document | None, place: Place, uri: str, mime: str) -> bool:
    """Say whether bytes that arrived are yet to be attached; if not, they already are.

    :param announced: what is awaited at this place; `kept` what was attached there.
    :raises Refused: another place's or another kind of document, or no bytes have arrived.

    Source: pareta/eval-sets "blob-upload-complete" (status before the bytes are there: assumed).
    """
    if uri != place.uri:
        raise Refused(f"storage_uri must be '{place.uri}', as blob-upload-url returned it")
    known = announced or (kept if kept is not None and kept.is_signed else None)
    if known is None:
        raise Refused("no upload was announced here: call blob-upload-url first")
    if mime != known.mime:
        raise Refused(f"mime is '{mime}', but '{known.mime}' was announced")
    if announced is not None and not announced.has_arrived:
        raise Refused("the file has not arrived: PUT it at the signed address first")
    return announced is not None
