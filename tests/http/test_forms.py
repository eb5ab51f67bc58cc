from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.http.forms import Upload, parse_multipart
from mockserver.kernel.errors import MalformedBody

TYPE = b"multipart/form-data; boundary=xyz"
WHOLE = (
    b'--xyz\r\nContent-Disposition: form-data; name="title"\r\n\r\nhello\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n'
    b"--xyz--\r\n"
)


def test_fields_are_text_and_files_are_uploads() -> None:
    assert parse_multipart(TYPE, WHOLE) == {"title": "hello", "file": Upload("a.csv", "text/csv", b"1,2")}


def test_of_repeated_names_the_last_counts() -> None:
    body = WHOLE.replace(b"--xyz--", b'--xyz\r\nContent-Disposition: form-data; name="title"\r\n\r\nbye\r\n--xyz--')

    assert parse_multipart(TYPE, body)["title"] == "bye"


def test_a_file_without_a_content_type_is_octets() -> None:
    upload = parse_multipart(TYPE, WHOLE.replace(b"Content-Type: text/csv\r\n", b""))["file"]

    assert isinstance(upload, Upload)
    assert upload.mime == "application/octet-stream"


@given(st.binary(max_size=2000), st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_what_a_client_library_sends_is_read_back(data: bytes, title: str) -> None:
    request = httpx.Request("POST", "http://mock", data={"title": title}, files={"file": ("f", data, "a/b")})

    parts = parse_multipart(request.headers["content-type"].encode(), request.read())

    assert parts == {"title": title, "file": Upload("f", "a/b", data)}


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        (b"", WHOLE, "must be multipart/form-data"),
        (b"application/json", b"{}", "must be multipart/form-data"),
        (b"multipart/form-data", WHOLE, "has no boundary"),
        (TYPE, b"", "ends before its last boundary"),
        (TYPE, WHOLE[:-6], "ends before its last boundary"),
        (TYPE, WHOLE[:60], "ends before its last boundary"),
        (b"multipart/form-data; boundary=other", WHOLE, "is broken"),
        (TYPE, b"no boundary at all", "is broken"),
        (TYPE, b"--xyz\r\nno colon\r\n\r\nx\r\n--xyz--\r\n", "is broken"),
    ],
)
def test_a_broken_body_is_refused_with_its_reason(content_type: bytes, body: bytes, reason: str) -> None:
    with pytest.raises(MalformedBody, match=reason):
        parse_multipart(content_type, body)


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)))
def test_no_body_breaks_anything_but_itself(noise: bytes, at: int) -> None:
    with suppress(MalformedBody):
        parse_multipart(TYPE, WHOLE[:at] + noise + WHOLE[at:])
