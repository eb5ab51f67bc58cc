"""What Paygentic refuses, as facts without status codes.

MockError
├── Forbidden                the key's organization may not do this
│   ├── NoPermission         the key lacks a permission
│   ├── NotMember            another organization was named
│   └── CostTrackingOff      the private beta is not enabled
├── Refused                  well-formed, but a rule between fields or with the organization is broken
└── UnknownEventType         no live cost listens to an event's type
"""

from __future__ import annotations

from mockserver.kernel.errors import MockError


class Forbidden(MockError):
    """The key's organization may not do this.

    :param reason: one of the vendor's words for a denied authorization, or `None`.
    :param needed: permissions of which one would have been enough.
    """

    def __init__(
        self, message: str, *, reason: str | None = None, needed: tuple[str, ...] = (), code: str | None = None
    ) -> None:
        self.reason = reason
        self.needed = needed
        self.code = code
        super().__init__(message)


class NoPermission(Forbidden):
    """The key lacks a permission."""

    def __init__(self, *needed: str) -> None:
        super().__init__(f"Missing permission: {' or '.join(needed)}", reason="no_permission", needed=needed)


class NotMember(Forbidden):
    """A request names an organization that is not the key's."""

    def __init__(self, organization: str) -> None:
        super().__init__(f"The API key does not belong to organization {organization}", reason="not_member")


class CostTrackingOff(Forbidden):
    """The organization is not in the private beta."""

    def __init__(self) -> None:
        super().__init__("Cost tracking is not enabled for this organization", code="COST_TRACKING_DISABLED")


class Refused(MockError):
    """Well-formed, but no single field is to blame.

    :param code: the vendor's kind of business code, or `None`.
    """

    def __init__(self, message: str, code: str | None = None) -> None:
        self.code = code
        super().__init__(message)


class UnknownEventType(MockError):
    """An event's type matches nothing that is configured."""

    def __init__(self, event_type: str) -> None:
        self.event_type = event_type
        super().__init__(f"Event type '{event_type}' does not match any configured eventType")
