"""Events."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.domain.metering import Event, EventDraft
from mockserver.vendors.paygentic.schemas.values import (
    DateTime,
    EventType,
    ExternalId,
    NotNull,
    OptionalText,
    OrganizationId,
    Text,
    Wire,
    one_of_two,
    without_none,
)


class IngestEventRequest(Wire):
    """Body of `POST /v0/events`."""

    model_config = one_of_two("subject", "externalSubject")

    type: EventType
    source: str
    external_subject: Annotated[ExternalId | None, NotNull] = None
    # After `external_subject`: it may be missing when that is there.
    subject: Text | None = Field(default=None, validate_default=True)
    data: dict[str, Any]
    namespace: Annotated[OrganizationId | None, NotNull] = None
    timestamp: Annotated[DateTime | None, NotNull] = None
    idempotency_key: OptionalText = None
    external_id: Annotated[ExternalId | None, NotNull] = None

    @field_validator("subject")
    @classmethod
    def _one_of_two(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("external_subject", "") is None:
            raise PydanticCustomError("required", "needed when there is no externalSubject")
        return value

    def to_domain(self) -> EventDraft:
        """Return the event that was sent."""
        return EventDraft(
            self.type, self.source, self.data, self.subject, self.external_subject, self.external_id,
            self.namespace, self.timestamp, self.idempotency_key,
        )  # fmt: skip


def present_event(event: Event) -> dict[str, Any]:
    """Shape an accepted event; what is unset is left out."""
    draft = event.draft
    return without_none(
        {
            "id": event.id,
            "object": "event",
            "type": draft.type,
            "source": draft.source,
            "subject": event.subject,
            "externalSubject": draft.external_subject,
            "namespace": event.namespace,
            "timestamp": format_instant(event.at),
            "idempotencyKey": event.idempotency_key,
            "externalId": draft.external_id,
        }
    )
