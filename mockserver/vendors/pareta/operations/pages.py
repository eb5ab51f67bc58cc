"""Reading the documents of a conversation; the library for it is loaded with the first document."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

from mockserver.vendors.pareta.domain.attachments import IMAGE_TOKENS, MAX_PAGES
from mockserver.vendors.pareta.domain.errors import ExtraMissing, Refused
from mockserver.vendors.pareta.domain.generation import Prompt

MAX_TEXT_CHARACTERS = 200_000
"""How much of a document's text is looked at."""


def with_documents(prompt: Prompt) -> Prompt:
    """Return a prompt with its documents read: each page counts as a picture, its text feeds the answer.

    :raises Refused: a document cannot be rendered.
    :raises ExtraMissing: the library that reads documents is not installed.

    Source: pareta/chat "PDFs" (documented).
    """
    read = [_read(pdf.data) for pdf in prompt.pdfs]
    texts = tuple(text for text, _ in read)
    tokens = prompt.tokens + IMAGE_TOKENS * sum(pages for _, pages in read)
    return replace(prompt, documents=texts, pdfs=(), tokens=tokens)


def _read(data: bytes) -> tuple[str, int]:
    """Return the text of a document's first pages, and how many they are."""
    try:
        import logging

        from pypdf import PdfReader
    except ImportError:
        raise ExtraMissing("a PDF", "media") from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it says of a broken file, the refusal says
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted:
            reader.decrypt("")
        count = min(len(reader.pages), MAX_PAGES)
        texts = [reader.pages[n].extract_text() for n in range(count)]
    except Exception as error:  # a damaged file can fail in any way
        raise Refused(f"the PDF cannot be rendered: {str(error)[:200] or type(error).__name__}") from None
    if not count:
        raise Refused("the PDF cannot be rendered: it has no pages")
    return "\n".join(texts)[:MAX_TEXT_CHARACTERS], count
