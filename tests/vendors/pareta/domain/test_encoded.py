from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.encoded import MAX_FILE_BYTES, decoded
from mockserver.vendors.pareta.domain.errors import Refused


@given(data=st.binary(min_size=1, max_size=100))
def test_what_was_encoded_comes_back(data: bytes) -> None:
    assert decoded(b64encode(data).decode(), "image", 100) == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "image is empty"),
        ("data:image/png;base64,AAAA", "image must be base64 alone, without a 'data:' prefix"),
        ("AAA", "image is not base64: its length, 3, is no multiple of four"),
        ("AAAA=", "image is not base64: its length, 5, is no multiple of four"),
        ("AAA\n", "image is not base64: it has a character that does not belong there"),
        ("AA-_", "image is not base64: it has a character that does not belong there"),
        ("A===", "image is not base64: it has a character that does not belong there"),
        ("AA=A", "image is not base64: it has a character that does not belong there"),
        ("AAA\u00e4", "image is not base64: it has a character that does not belong there"),
        ("AAAAAAA=", "image holds more than 4 bytes"),
        ("A" * 12, "image holds more than 4 bytes"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        decoded(text, "image", 4)

    assert str(refused.value) == message


def test_a_file_may_have_25_megabytes_and_not_a_byte_more() -> None:
    assert len(decoded(b64encode(bytes(MAX_FILE_BYTES)).decode(), "image")) == 25 * 1024 * 1024
    with pytest.raises(Refused, match="image holds more than 26214400 bytes"):
        decoded(b64encode(bytes(MAX_FILE_BYTES + 1)).decode(), "image")
