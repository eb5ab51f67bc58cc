"""What crosses the wire about proof: a claim about what a client did, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from mockserver.control.faults import MATCH_KEYS, MatchFields
from mockserver.control.reconciling import FaultKind
from mockserver.control.schemas import MAX_TEXT, Moment, Span, Usd
from mockserver.http.endpoint import WireModel
from mockserver.kernel.errors import InvalidRequest, Problem

Check = Literal[
    "called", "spend", "no_retry_after_402", "same_idempotency_key", "retry_after_respected", "reconciles",
    "invariants", "unmatched", "unused", "detected",
]  # fmt: skip

OPTIONS: dict[Check, tuple[str, ...]] = {
    "called": (*MATCH_KEYS, "match", "status", "times", "at_least", "at_most", "since"),
    "spend": ("max_usd", "min_usd", "exactly_usd", "operation", "since"),
    "no_retry_after_402": ("any_request", "since"),
    "same_idempotency_key": ("since",),
    "retry_after_respected": ("since",),
    "reconciles": ("from", "to", "type", "tolerance_usd", "kind"),
    "invariants": (),
    "unmatched": ("since",),
    "unused": (),
    "detected": ("within", "kind", "max_false_alarms"),
}
"""What may be said beside each check."""

assert set(OPTIONS) == set(get_args(Check))

_MAX_COUNT = 2**31 - 1


def _decimal(value: object) -> Decimal:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("must be an amount as text, such as '0.000001'")
    try:
        return Decimal(value)
    except InvalidOperation:
        raise ValueError(f"'{value}' is not an amount") from None


Count = Annotated[int, Field(ge=0, le=_MAX_COUNT)]
Tolerance = Annotated[
    Decimal, BeforeValidator(_decimal), Field(ge=0, allow_inf_nan=False),
    WithJsonSchema({
        "type": "string", "maxLength": MAX_TEXT, "description": "Dollars by which an amount may differ.",
        "examples": ["0.000001"],
    }),
]  # fmt: skip


class VerifyRequest(MatchFields):
    """A claim about what a client did. What may be said beside `check` depends on it.

    Which requests are meant is for `called` to say; `spend` takes an operation.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"check": "called", "times": 2}]})

    check: Check
    status: int | None = Field(None, ge=100, le=599, description="Of `called`: what they were answered.")
    times: Count | None = Field(None, description="Of `called`; without any of these three, at least once.")
    at_least: Count | None = None
    at_most: Count | None = None
    max_usd: Usd | None = Field(None, description="Of `spend`, as are the other two; one of them is needed.")
    min_usd: Usd | None = None
    exactly_usd: Usd | None = None
    any_request: bool | None = Field(
        None, description="Of `no_retry_after_402`: any paid request counts, not only the same one."
    )
    since: Moment | None = Field(None, description="Only what happened then or later.")
    from_: Moment | None = Field(None, alias="from", description="Of `reconciles`, as are the next three.")
    to: Moment | None = None
    type: str | None = Field(None, max_length=200)
    tolerance_usd: Tolerance | None = None
    kind: str | None = Field(
        None, max_length=MAX_TEXT, description="Of `reconciles` a kind of fault, of `detected` a kind of drift."
    )
    within: Span | None = Field(None, description="Of `detected`: how long after its onset a drift may be found.")
    max_false_alarms: Count | None = Field(None, description="Of `detected`.")

    def refuse_misfits(self) -> None:
        """Refuse what does not go with the check, or with one another.

        :raises InvalidRequest: something does not; every faulty field is named.
        """
        problems = list(self._misfits())
        if problems:
            raise InvalidRequest(*problems)

    def _misfits(self) -> Iterator[Problem]:
        said = {"from" if name == "from_" else name for name in self.model_fields_set} - {"check"}
        for name in sorted(said - set(OPTIONS[self.check])):
            where = " and ".join(f"'{check}'" for check, options in OPTIONS.items() if name in options)
            yield Problem(("body", name), f"goes with {where}, not with '{self.check}'", "invalid_format")
        if self.times is not None and (self.at_least is not None or self.at_most is not None):
            yield Problem(("body", "times"), "goes without at_least and at_most", "invalid_format")
        if None not in (self.at_least, self.at_most) and self.at_least > self.at_most:  # type: ignore[operator]
            yield Problem(("body", "at_most"), "must be at_least or more", "out_of_range")
        if self.check == "spend":
            yield from self._amount_misfits()
        if self.check == "reconciles" and self.kind is not None and self.kind not in get_args(FaultKind):
            kinds = ", ".join(get_args(FaultKind))
            yield Problem(("body", "kind"), f"no such kind of fault; there are: {kinds}", "invalid_enum")

    def _amount_misfits(self) -> Iterator[Problem]:
        amounts = {"max_usd": self.max_usd, "min_usd": self.min_usd, "exactly_usd": self.exactly_usd}
        if all(amount is None for amount in amounts.values()):
            yield Problem(("body", "max_usd"), "max_usd, min_usd or exactly_usd is needed", "required")
        for name, amount in amounts.items():
            if amount is not None and amount < 0:
                yield Problem(("body", name), "nobody spends less than nothing", "out_of_range")
        if self.exactly_usd is not None and (self.max_usd is not None or self.min_usd is not None):
            yield Problem(("body", "exactly_usd"), "goes without max_usd and min_usd", "invalid_format")
        if None not in (self.min_usd, self.max_usd) and self.min_usd > self.max_usd:  # type: ignore[operator]
            yield Problem(("body", "max_usd"), "must be min_usd or more", "out_of_range")


class VerdictResponse(WireModel):
    """Whether a claim holds; if not, a table of what speaks against it."""

    holds: bool
    message: str = Field(description="One line.")
    columns: list[str]
    rows: list[list[str | int | None]] = Field(description="At most 50.")
    count: int = Field(description="Of offences; of a claim about a number of calls, of those calls.")
    more: int = Field(description="How many rows are left out.")
