"""Reading the documents of a conversation; the library for it is loaded with the first document."""

from __future__ import annotations

from io import BytesIO

from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.attachments import IMAGE_TOKENS, MAX_PAGES
from mockserver.vendors.pareta.domain.errors import ExtraMissing, Refused
from mockserver.vendors.pareta.domain.generation import Prompt
from mockserver.vendors.pareta.operations.metering import authorised

MAX_TEXT_CHARACTERS = 200_000
"""How much of a document's text is looked at."""


def read(world: World, prompt: Prompt) -> Prompt:
    """Return a prompt whose documents have been read, which is only done for those who have credit.

    Each page counts as a picture, its text feeds the answer.

    :raises InsufficientCredits: the balance is empty.
    :raises Refused: a document cannot be rendered.
    :raises ExtraMissing: the library that reads documents is not installed.

    Source: pareta/chat "PDFs" (documented).
    """
    if not prompt.pdfs:
        return prompt
    authorised(world)
    found = [_read(pdf.data) for pdf in prompt.pdfs]
    tokens = prompt.tokens + IMAGE_TOKENS * sum(pages for _, pages in found)
    return prompt._replace(documents=tuple(text for text, _ in found), pdfs=(), tokens=tokens)


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
