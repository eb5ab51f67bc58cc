"""Reading multipart/form-data bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mockserver.kernel.errors import MalformedBody


@dataclass(frozen=True, slots=True)
class Upload:
    """A file part.

    :param mime: the part's content type as the client named it.
    """

    filename: str
    mime: str
    data: bytes


def parse_multipart(content_type: bytes, body: bytes) -> dict[str, str | Upload]:
    """Return a form's fields as text and its files as `Upload`; of repeated names the last one.

    :raises MalformedBody: not multipart, no boundary, or cut short.
    """
    from python_multipart import FormParser
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import parse_options_header

    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise MalformedBody("the request body must be multipart/form-data")
    boundary = options.get(b"boundary")
    if not boundary:
        raise MalformedBody("the multipart body has no boundary")
    parts: dict[str, str | Upload] = {}
    ended = False

    def on_field(field: Any) -> None:
        name = (field.field_name or b"").decode("utf-8", "replace")
        parts[name] = (field.value or b"").decode("utf-8", "replace")

    def on_file(file: Any) -> None:
        name = (file.field_name or b"").decode("utf-8", "replace")
        file.file_object.seek(0)
        parts[name] = Upload(
            (file.file_name or b"").decode("utf-8", "replace"),
            (getattr(file, "content_type", None) or "application/octet-stream"),
            file.file_object.read(),
        )

    def on_end() -> None:
        nonlocal ended
        ended = True

    try:
        parser = FormParser(
            "multipart/form-data",
            on_field,
            on_file,
            on_end,
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": 1 << 40, "MAX_BODY_SIZE": float("inf")},
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise MalformedBody(f"the multipart body is broken: {error}") from None
    if not ended:
        raise MalformedBody("the multipart body ends before its last boundary")
    return parts
