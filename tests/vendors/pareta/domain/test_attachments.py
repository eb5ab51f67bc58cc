"""What a URL in a message stands for."""

from __future__ import annotations

import base64

import pytest

from mockserver.vendors.pareta.domain import attachments
from mockserver.vendors.pareta.domain.attachments import Pdf, Picture, attachment, described
from mockserver.vendors.pareta.domain.errors import Refused

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x01\x00\x00\x00\x00\x80"
WEBP = b"RIFF\x00\x00\x00\x00WEBP"


def uri(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("data", "kind", "size"),
    [
        (PNG, "PNG", (256, 128)),
        (PNG[:20], "PNG", None),
        (PNG.replace(b"IHDR", b"XXXX"), "PNG", None),
        (b"GIF87a\x00\x01\x80\x00", "GIF", (256, 128)),
        (b"GIF89a", "GIF", None),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x0b\x08\x00\x80\x01\x00\x03", "JPEG", (256, 128)),
        (b"\xff\xd8\xff\xc4\x00\x04ab\xff\xc8\x00\x02\xff\xc0\x00\x0b\x08\x00\x80\x01\x00", "JPEG", (256, 128)),
        (b"\xff\xd8\xff\xe0\x00\x04ab", "JPEG", None),
        (b"\xff\xd8\xff\xe0\x00\x00" + b"ab" * 9, "JPEG", None),
        (WEBP + b"VP8 \x00\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\x00\x41\x80\x00", "WebP", (256, 128)),
        (WEBP + b"VP8L\x00\x00\x00\x00\x2f\xff\xc0\x1f\x00" + bytes(9), "WebP", (256, 128)),
        (WEBP + b"VP8X" + bytes(8) + b"\xff\x00\x00\x7f\x00\x00", "WebP", (256, 128)),
        (WEBP + b"ANIM" + bytes(20), "WebP", None),
        (WEBP, "WebP", None),
    ],
)
def test_pictures_are_told_and_measured_by_their_heads(data: bytes, kind: str, size: tuple[int, int] | None) -> None:
    found = attachment(uri(data), "it")

    assert isinstance(found, Picture)
    assert (found.kind, found.size) == (kind, size)


@pytest.mark.parametrize("mime", ["application/pdf", "APPLICATION/PDF;charset=x", "image/png", ""])
def test_pdfs_are_told_by_their_first_bytes_or_their_type(mime: str) -> None:
    assert isinstance(attachment(uri(b"%PDF-1.4", mime), "it"), Pdf)


def test_a_declared_pdf_is_taken_for_one() -> None:
    assert isinstance(attachment(uri(PNG, "application/pdf"), "it"), Pdf)


@pytest.mark.parametrize("url", ["http://x", "https://x/y.pdf", "data:,hello", "data:text/plain;charset=utf-8,base64"])
def test_references_are_not_followed(url: str) -> None:
    found = attachment(url, "it")

    assert isinstance(found, Picture)
    assert (found.kind, found.size) == ("", None)


def test_the_same_picture_has_the_same_digest() -> None:
    assert attachment(uri(PNG), "it") == attachment(uri(PNG), "there")
    assert attachment("http://x", "it") != attachment("http://y", "it")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://x", r"it must be an http\(s\) URL or a data URI"),
        ("data:image/png;base64", r"it must be an http\(s\) URL or a data URI"),
        ("data:image/png;base64,*", "it is not base64"),
        ("data:image/png;base64,", "it is empty"),
        (uri(b"text"), "it holds neither a PNG"),
    ],
)
def test_everything_else_is_refused(url: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        attachment(url, "it")


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "MAX_FILE_BYTES", 10)

    with pytest.raises(Refused, match="it holds more than 10 bytes"):
        attachment(uri(PNG), "it")


def test_blanks_and_escapes_do_not_count() -> None:
    text = base64.encodebytes(PNG).decode()

    for spelled in (text, text.replace("\n", "\r\n "), text.replace("\n", "%0A").replace("=", "%3D")):
        assert isinstance(attachment(f"data:image/png;base64,{spelled}", "it"), Picture)


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ([Picture("PNG", (2, 3), "")], "The picture is a PNG of 2 by 3 pixels."),
        ([Picture("GIF", None, "")], "The picture is a GIF."),
        ([Picture("", None, "")], "The picture is at another address."),
        ([Picture("", None, ""), Picture("", None, "")], "The 2 pictures are at other addresses."),
        ([Picture("PNG", None, ""), Picture("", None, "")], "There are 2 pictures, among them a PNG."),
        (
            [Picture("PNG", None, ""), Picture("GIF", (1, 2), ""), Picture("JPEG", None, "")],
            "There are 3 pictures, among them a PNG, a GIF of 1 by 2 pixels and a JPEG.",
        ),
    ],
)
def test_pictures_are_described_by_what_their_heads_tell(pictures: list[Picture], expected: str) -> None:
    assert described(pictures) == expected
