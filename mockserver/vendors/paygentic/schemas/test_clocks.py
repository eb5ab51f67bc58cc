"""Test clocks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from mockserver.kernel.windows import format_instant
from mockserver.vendors.paygentic.domain.errors import Refused
from mockserver.vendors.paygentic.domain.test_clocks import STEP
from mockserver.vendors.paygentic.operations.paging import Page, PageOf
from mockserver.vendors.paygentic.operations.test_clocks import ClockDraft, Move, ShownClock
from mockserver.vendors.paygentic.schemas.pages import PageQuery, listed
from mockserver.vendors.paygentic.schemas.values import DateTime, NotNull, OptionalText, OrganizationId, Wire


class ListTestClocksQuery(PageQuery):
    """Query of `GET /v0/testClocks`."""

    merchant_id: OrganizationId | None = None

    def to_domain(self) -> Page:
        """Return which page is wanted."""
        return Page(self.limit, self.offset, merchant_id=self.merchant_id)


class CreateTestClockRequest(Wire):
    """Body of `POST /v0/testClocks`; it may be empty."""

    current_time: Annotated[DateTime | None, NotNull] = None
    name: OptionalText = None
    description: OptionalText = None
    merchant_id: Annotated[OrganizationId | None, NotNull] = None

    def to_domain(self) -> ClockDraft:
        """Return the test clock that is wanted."""
        return ClockDraft(self.current_time, self.name, self.description, self.merchant_id)


class AdvanceTestClockRequest(Wire):
    """Body of `PATCH /v0/testClocks/{id}`: exactly one of the two."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["currentTime"]}, {"required": ["advanceBy"]}]})

    current_time: Annotated[DateTime | None, NotNull] = None
    # The vendor has no limit; nobody needs more characters, and a number of thousands of digits is no step.
    advance_by: Annotated[str | None, NotNull] = Field(default=None, pattern=STEP, max_length=100)

    def to_domain(self) -> Move:
        """Return how the clock is to move.

        :raises Refused: both ways are named, or neither.
        """
        if (self.current_time is None) == (self.advance_by is None):
            raise Refused("exactly one of currentTime and advanceBy is needed")
        return self.current_time if self.advance_by is None else self.advance_by  # type: ignore[return-value]


def present_clock(shown: ShownClock) -> dict[str, Any]:
    """Shape a test clock; what is unset is null."""
    clock = shown.clock
    return {
        "id": clock.id,
        "merchantId": clock.merchant_id,
        "name": clock.name,
        "description": clock.description,
        "currentTime": format_instant(shown.current_time),
        "createdAt": format_instant(clock.created_at),
        "updatedAt": format_instant(clock.updated_at),
        "deletedAt": None if clock.deleted_at is None else format_instant(clock.deleted_at),
    }


def present_clocks(page: PageOf[ShownClock]) -> dict[str, Any]:
    """Shape some test clocks."""
    return listed(page, [present_clock(shown) for shown in page.items])
