from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mockserver.kernel.windows import HOUR, Instant
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.documents import (
    INLINE_BYTES,
    MAX_BYTES,
    Announced,
    Document,
    Place,
    carries_document,
    check_announced,
    check_complete,
    check_inline,
    check_put,
    checked_mime,
    document_fields,
    place_of,
    text_fields,
)
from mockserver.vendors.pareta.domain.errors import Expired, Refused
from tests.vendors.pareta.domain.samples import task

PDF = "application/pdf"
FILE = {"type": "string", "format": "binary"}
PLACE = Place("es_1", 2, "document")
NOW = Instant(10 * HOUR)
AWAITED = Announced(PLACE, "t.acme", PDF, 9, Instant(NOW + HOUR))
ARRIVED = replace(AWAITED, has_arrived=True)
SIGNED = Document(PLACE, PDF, 9, is_signed=True)
INLINE = replace(SIGNED, is_signed=False)


def on_documents(*fields: str) -> Task:
    return Task(
        "kie",
        "field_f1",
        "extraction",
        True,
        {"input_schema": {"properties": dict.fromkeys(fields, FILE)}, "id": "kie"},
    )


def test_a_place_has_an_address_in_the_vendors_storage() -> None:
    assert PLACE.uri == "gs://mock/es_1/2/document"


def test_fields_for_documents_are_those_of_binary_form() -> None:
    mixed = Task(
        "v", "j", "judge", True, {"input_schema": {"properties": {"prompt": {"type": "string"}, "image": FILE}}}
    )

    assert document_fields(mixed) == ("image",)
    assert text_fields(mixed) == ("text", "image_text")
    assert document_fields(task()) == text_fields(task()) == ()


@pytest.mark.parametrize(
    ("given", "carried"),
    [
        ({}, False),
        ({"document": None}, False),
        ({"document": ""}, False),
        ({"document": "gs://mock/es_1/0/document"}, True),
        ({"document": {"kind": "blob", "uri": "gs://x"}}, True),
        ({"text": "INVOICE no. 5"}, True),
        ({"document_text": "INVOICE no. 5"}, True),
        ({"file_name": "5.pdf"}, False),
    ],
)
def test_a_row_may_bring_its_document_itself(given: dict[str, Any], carried: bool) -> None:
    assert carries_document(on_documents("document"), given) is carried
    assert carries_document(replace(on_documents("document"), has_blob_input=False), given) is False


def test_a_place_is_a_row_and_a_field_of_the_task() -> None:
    assert place_of(on_documents("document", "invoice"), "es_1", 3, 0, "document") == Place("es_1", 0, "document")
    assert place_of(on_documents("document", "invoice"), "es_1", 3, 2, "invoice") == Place("es_1", 2, "invoice")


@pytest.mark.parametrize(
    ("subject", "idx", "field", "message"),
    [
        (on_documents("document"), 3, "document", "idx must be between 0 and 2"),
        (on_documents("document"), -1, "document", "idx must be between 0 and 2"),
        (on_documents("document"), 10**30, "document", "idx must be between 0 and 2"),
        (on_documents("document", "invoice"), 0, "scan", "field_name must be one of: document, invoice"),
        (on_documents("document"), 0, "", "field_name must be one of: document"),
        (task(), 0, "document", "task 'contract-key-fields' takes no documents"),
    ],
)
def test_there_is_no_other_place(subject: Task, idx: int, field: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        place_of(subject, "es_1", 3, idx, field)

    assert str(refused.value) == message


@pytest.mark.parametrize("mime", [PDF, "image/svg+xml", "text/plain; charset=utf-8", "application/vnd.a-b.c", "x/y"])
def test_media_types(mime: str) -> None:
    assert checked_mime(mime) == mime


@pytest.mark.parametrize(
    "mime", ["", "pdf", "a/", "/b", "a/b/c", "a b/c", "a/b\n", "a/b; x=\ny", "a/ü", "a/" + "b" * 200]
)
def test_what_is_no_media_type(mime: str) -> None:
    with pytest.raises(Refused, match="mime must be a media type"):
        checked_mime(mime)


def test_inline_documents_are_small_and_not_empty() -> None:
    check_inline(1)
    check_inline(INLINE_BYTES - 1)
    with pytest.raises(Refused, match=r"the file has 5242880 bytes; .* blob-upload-url"):
        check_inline(INLINE_BYTES)
    with pytest.raises(Refused, match="empty"):
        check_inline(0)


@pytest.mark.parametrize(("size", "is_taken"), [(0, False), (1, True), (MAX_BYTES, True), (MAX_BYTES + 1, False)])
def test_announced_sizes(size: int, is_taken: bool) -> None:
    if is_taken:
        check_announced(size)
    else:
        with pytest.raises(Refused, match=f"file_size must be between 1 and {MAX_BYTES}"):
            check_announced(size)


def test_an_address_takes_what_was_announced_until_it_expires() -> None:
    check_put(AWAITED, PDF, 9, NOW)
    check_put(AWAITED, PDF, 9, Instant(AWAITED.expires_at - 1))
    with pytest.raises(Expired, match="expired"):
        check_put(AWAITED, PDF, 9, AWAITED.expires_at)
    with pytest.raises(Refused, match="8 bytes, but 9"):
        check_put(AWAITED, PDF, 8, NOW)
    with pytest.raises(Refused, match="'image/png', but 'application/pdf'"):
        check_put(AWAITED, "image/png", 9, NOW)


@pytest.mark.parametrize(
    ("announced", "kept", "is_new"),
    [(ARRIVED, None, True), (ARRIVED, SIGNED, True), (ARRIVED, INLINE, True), (None, SIGNED, False)],
)
def test_a_complete_upload_is_attached_once(announced: Announced | None, kept: Document | None, is_new: bool) -> None:
    assert check_complete(announced, kept, PLACE, PLACE.uri, PDF) is is_new


@pytest.mark.parametrize(
    ("announced", "kept", "uri", "mime", "message"),
    [
        (AWAITED, None, PLACE.uri, PDF, "the file has not arrived: "),
        (AWAITED, SIGNED, PLACE.uri, PDF, "the file has not arrived: "),
        (None, None, PLACE.uri, PDF, "no upload was announced here: "),
        (None, INLINE, PLACE.uri, PDF, "no upload was announced here: "),
        (ARRIVED, None, PLACE.uri, "image/png", "mime is 'image/png', but 'application/pdf' was announced"),
        (None, SIGNED, PLACE.uri, "image/png", "mime is 'image/png', but 'application/pdf' was announced"),
        (ARRIVED, None, "gs://mock/es_2/2/document", PDF, "storage_uri must be 'gs://mock/es_1/2/document'"),
        (ARRIVED, None, "", PDF, "storage_uri must be 'gs://mock/es_1/2/document'"),
    ],
)
def test_what_is_not_complete(
    announced: Announced | None, kept: Document | None, uri: str, mime: str, message: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_complete(announced, kept, PLACE, uri, mime)

    assert str(refused.value).startswith(message)
