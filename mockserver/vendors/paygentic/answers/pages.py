"""Lists in pages."""

from __future__ import annotations

from mockserver.vendors.paygentic.answers.answer import Answer


class Pagination(Answer):
    """Which part of a list an answer holds."""

    limit: int
    offset: int
    total: int
