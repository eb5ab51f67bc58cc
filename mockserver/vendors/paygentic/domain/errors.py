"""What Paygentic refuses, as facts without status codes.

MockError
├── Conflict
│   └── CustomerInUse        a customer that is to be deleted still owes something
├── Forbidden                the key's organization may not do this
│   ├── NoPermission         the key lacks a permission
│   ├── NotMember            another organization was named
│   └── CostTrackingOff      the private beta is not enabled
├── Refused                  well-formed, but a rule between fields or with the organization is broken
│   └── StateForbids         what is there already forbids the change
└── UnknownEventType         no billable metric and no live cost listens to an event's type
"""

from __future__ import annotations

from collections.abc import Sequence

from mockserver.kernel.errors import Conflict, MockError

_MOST_NAMED = 10
"""How many configured types a refusal names."""


class CustomerInUse(Conflict):
    """A customer that is to be deleted still owes something.

    :param invoices: ids of its outstanding invoices.
    """

    def __init__(self, customer: str, invoices: Sequence[str]) -> None:
        self.invoices = tuple(invoices)
        super().__init__(f"Customer {customer} cannot be deleted: it has outstanding invoices")


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


class StateForbids(Refused):
    """Well-formed, but what is there already forbids the change."""


class UnknownEventType(MockError):
    """An event's type matches nothing that is configured.

    :param configured: the types that would have matched, in order of name.
    """

    def __init__(self, event_type: str, configured: Sequence[str] = ()) -> None:
        self.event_type = event_type
        names = [f"'{each}'" for each in configured[:_MOST_NAMED]] or ["there is none"]
        if len(configured) > _MOST_NAMED:
            names.append(f"{len(configured) - _MOST_NAMED} more")
        super().__init__(f"Event type '{event_type}' does not match any configured eventType ({', '.join(names)})")
