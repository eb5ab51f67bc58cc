"""Events."""

from __future__ import annotations

from typing import Literal

from mockserver.vendors.paygentic.answers.answer import Answer


class EventResponse(Answer):
    """An accepted event."""

    id: str
    object: Literal["event"]
    type: str
    source: str
    subject: str | None = None
    external_subject: str | None = None
    namespace: str
    timestamp: str
    idempotency_key: str
    external_id: str | None = None
