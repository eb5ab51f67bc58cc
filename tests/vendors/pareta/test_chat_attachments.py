"""Pictures and PDFs within a conversation: what passes, what counts, what is read."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import pytest

from tests.vendors.pareta.clients.samples import png
from tests.vendors.pareta.documents import pdf
from tests.vendors.pareta.org import Org
from tests.vendors.pareta.test_chat import said, tokens
from tests.vendors.pareta.test_endpoints import deployed

IMAGE_TOKENS = 765
CONTRACT = "This Agreement between Acme GmbH and Orchard LLC\nis effective as of January 1, 2026."


def data_uri(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def looking(text: str, *urls: str) -> list[dict[str, Any]]:
    """A conversation that asks about what stands at addresses."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    parts += [{"type": "image_url", "image_url": {"url": url, "detail": "high"}} for url in urls]
    return [{"role": "user", "content": parts}]


PICTURES = {
    "PNG": png(7, 5),
    "JPEG": b"\xff\xd8\xff\xe0\x00\x04JF\xff\xc0\x00\x0b\x08\x00\x05\x00\x07\x03\x01\x11\x00\xff\xd9",
    "GIF": b"GIF89a\x07\x00\x05\x00" + bytes(20),
    "WebP": b"RIFF\x1a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x04\x00\x00",
}


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_are_told_by_their_first_bytes_and_count_the_same(org: Org, kind: str) -> None:
    for mime in ("image/png", "application/octet-stream", ""):
        response = org.chat("auto", messages=looking("What is this?", data_uri(PICTURES[kind], mime)))

        assert said(response).startswith(f"The picture is a {kind} of 7 by 5 pixels.")
        assert response.json()["usage"]["prompt_tokens"] == tokens("What is this?") + IMAGE_TOKENS


@pytest.mark.parametrize(
    "url",
    ["https://example.com/a.png", "http://example.com/a.pdf", "HTTPS://EXAMPLE.COM/A", "data:image/svg+xml,%3Csvg%3E"],
)
def test_references_pass_unseen_and_count_as_a_picture(org: Org, url: str) -> None:
    response = org.chat("auto", messages=looking("What is this?", url))

    assert said(response).startswith("The picture is at another address.")
    assert response.json()["usage"]["prompt_tokens"] == tokens("What is this?") + IMAGE_TOKENS


def test_several_pictures_count_each(org: Org) -> None:
    messages = looking("Compare.", data_uri(PICTURES["PNG"]), data_uri(PICTURES["GIF"]), "https://example.com/x")
    response = org.chat("auto", messages=messages)

    assert "3 pictures, among them a PNG of 7 by 5 pixels and a GIF of 7 by 5 pixels" in said(response)
    assert response.json()["usage"]["prompt_tokens"] == tokens("Compare.") + 3 * IMAGE_TOKENS


def test_base64_may_be_broken_into_lines_or_escaped(org: Org) -> None:
    text = base64.encodebytes(png(40, 40)).decode()

    for url in (
        f"data:image/png;base64,{text}",
        "data:image/png;BASE64," + text.replace("\n", "%0A").replace("+", "%2B"),
    ):
        assert org.chat("auto", messages=looking("What is this?", url)).status_code == 200


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("data:image/png;base64,%%%", "is not base64"),
        ("data:image/png;base64,QUJD=", "is not base64"),
        ("data:image/png;base64,", "is empty"),
        (data_uri(b"plain text"), "holds neither a PNG, JPEG, GIF or WebP picture nor a PDF"),
        (data_uri(b"BM" + bytes(50), "image/bmp"), "holds neither a PNG, JPEG, GIF or WebP picture nor a PDF"),
        ("ftp://example.com/a.png", "must be an http(s) URL or a data URI"),
        ("", "must be an http(s) URL or a data URI"),
        ("data:", "must be an http(s) URL or a data URI"),
    ],
)
def test_what_is_no_picture_is_400_and_free(org: Org, url: str, detail: str) -> None:
    response = org.chat("auto", messages=looking("", "https://example.com/a.png", url))

    assert response.status_code == 400
    assert response.json()["detail"].startswith(f"messages[0].content[1].image_url.url {detail}")
    assert org.debits == []


def test_a_picture_part_without_one_is_400(org: Org) -> None:
    response = org.chat("auto", messages=[{"role": "user", "content": [{"type": "image_url"}]}])

    assert response.status_code == 400
    assert response.json() == {"detail": "messages[0].content[0].image_url is missing"}


# Documents


@pytest.mark.parametrize("mime", ["application/pdf", "image/png", ""])
def test_an_extraction_endpoint_reads_the_fields_from_a_pdf(org: Org, mime: str) -> None:
    endpoint = deployed(org, "contract-kie")["id"]
    messages = looking("Return the key information.", data_uri(pdf(CONTRACT), mime))

    answers = [json.loads(said(org.chat(endpoint, messages=messages))) for _ in range(20)]

    right = {"effective_date": "2026-01-01", "party_a": "Acme GmbH", "party_b": "Orchard LLC"}
    assert answers.count(right) > 10


def test_pages_count_like_pictures_but_only_the_first_eight(org: Org) -> None:
    pages = [f"Page {n}: the code word is word{n}." for n in range(1, 11)]
    prompt = "What is the code word on page 9?"

    for count in (1, 3, 8, 10):
        response = org.chat("auto", messages=looking(prompt, data_uri(pdf(*pages[:count]), "application/pdf")))
        assert response.json()["usage"]["prompt_tokens"] == tokens(prompt) + min(count, 8) * IMAGE_TOKENS
        assert "word9" not in said(response)
    assert "word1" in said(response)


def test_a_document_of_an_earlier_turn_still_answers(org: Org) -> None:
    first = looking("Here is the invoice.", data_uri(pdf("The invoice number is A-17.\nThe total is 12.50 EUR.")))
    messages = [*first, {"role": "assistant", "content": "Thanks."}, {"role": "user", "content": "What is the total?"}]

    assert said(org.chat("auto", messages=messages)) == "The total is 12.50 EUR."


@pytest.mark.parametrize("data", [b"%PDF-1.7\nnothing", b"%PDF", pdf()])
def test_a_pdf_that_cannot_be_rendered_is_400_and_free(org: Org, data: bytes) -> None:
    response = org.chat("auto", messages=looking("Read.", data_uri(data, "application/pdf")))

    assert response.status_code == 400
    assert response.json()["detail"].startswith("the PDF cannot be rendered: ")
    assert org.debits == []


def test_what_declares_itself_a_pdf_must_be_one(org: Org) -> None:
    response = org.chat("auto", messages=looking("Read.", data_uri(png(2, 2), "application/pdf")))

    assert response.status_code == 400


def test_without_credit_no_document_is_read(org: Org) -> None:
    org.set_balance(0)

    assert org.chat("auto", messages=looking("Read.", data_uri(b"%PDF-broken"))).status_code == 402


def test_without_the_library_that_reads_documents_they_are_501(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)

    response = org.chat("auto", messages=looking("Read.", data_uri(pdf("x"))))

    assert response.status_code == 501
    assert "pip install 'mockserver[media]'" in response.json()["detail"]
    assert org.chat("auto", messages=looking("Look.", data_uri(png(1, 1)))).status_code == 200


def test_another_picture_gives_another_answer_and_the_same_one_the_same(org: Org) -> None:
    def answer(width: int) -> str:
        return said(org.chat("auto", messages=looking("Describe it.", data_uri(png(width, 3)))))

    assert answer(2) == answer(2)
    assert answer(2).partition(". ")[2] != answer(4).partition(". ")[2]


def test_a_frontier_model_without_eyes_refuses_pictures(org: Org) -> None:
    org.flip(direct_models=True)
    messages = looking("Look.", data_uri(png(1, 1)))

    assert org.chat("gpt-4o", messages=messages).json() == {
        "detail": "model 'gpt-4o' does not take pictures or documents"
    }
    assert org.chat("gpt-4o-vision", messages=messages).status_code == 200
