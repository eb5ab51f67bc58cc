"""What crosses the wire below `/_mock`. Bodies are strict: an unknown or mistyped field is named, not ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from mockserver.control.reconciling import FaultKind, Kind
from mockserver.http.endpoint import WireModel
from mockserver.kernel.clock import MAX_RATE
from mockserver.kernel.money import MicroUsd, micro_usd
from mockserver.kernel.tenancy import WORLD_NAME
from mockserver.kernel.windows import Instant, parse_duration, parse_instant

MAX_PAGE = 1000
MAX_TEXT = 64
# The range `micro_usd` takes, so that both spellings of an amount have one limit.
_MAX_MICRO_USD = 10**18
_MAX_INTEGER = 2**63 - 1


def _text(parse: Callable[[str], int]) -> BeforeValidator:
    """Read a field that travels as short text and means a number."""

    def read(value: object) -> int:
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "Input should be a valid string")
        if len(value) > MAX_TEXT:
            raise PydanticCustomError("string_too_long", "Input should have at most 64 characters")
        return parse(value)

    return BeforeValidator(read)


def _string(description: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "maxLength": MAX_TEXT, "description": description, "examples": [example]})


WorldName = Annotated[str, Field(pattern=f"^{WORLD_NAME.pattern}$", examples=["acme"])]
Moment = Annotated[Instant, _text(parse_instant), _string("ISO 8601; UTC without an offset.", "2026-05-01T00:00:00Z")]
Span = Annotated[
    int, _text(parse_duration), _string("`90s`, `15m`, `36h`, `7d`, `2w` or ISO 8601 (`PT36H`).", "86399s")
]
Micro = Annotated[MicroUsd, Field(ge=-_MAX_MICRO_USD, le=_MAX_MICRO_USD, description="Whole micro-dollars.")]
Usd = Annotated[MicroUsd, _text(micro_usd), _string("Dollars, exact.", "0.09")]


class _Strict(WireModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid")


def _either(first: str, second: str) -> ConfigDict:
    """Say in a model's schema that exactly one of two fields is wanted."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [first]}, {"required": [second]}]})


# Requests


class CreateWorldRequest(_Strict):
    """A world to make from the template."""

    name: WorldName | None = None
    seed: int | None = Field(None, ge=-_MAX_INTEGER, le=_MAX_INTEGER)
    switches: dict[str, bool] = Field(default_factory=dict)


class ForkRequest(_Strict):
    """Where a copy goes."""

    name: WorldName


class ClockRequest(_Strict):
    """How a world's time is to pass, and from when."""

    mode: Literal["real", "frozen", "scaled"]
    now: Moment | None = None
    rate: float | None = Field(
        None, gt=0, le=MAX_RATE, allow_inf_nan=False, description="Virtual seconds per second, for `scaled` only."
    )

    @model_validator(mode="after")
    def _rate_belongs_to_scaled(self) -> Self:
        if (self.mode == "scaled") != (self.rate is not None):
            raise ValueError("rate is wanted with mode 'scaled', and only then")
        return self


class AdvanceRequest(_Strict):
    """How far a clock moves."""

    by: Span


class CreditsRequest(_Strict):
    """The balance a world is to have, in one of two spellings."""

    model_config = _either("balance_micro_usd", "balance_usd")

    balance_micro_usd: Micro | None = None
    balance_usd: Usd | None = None

    @model_validator(mode="after")
    def _is_said_once(self) -> Self:
        if (self.balance_micro_usd is None) == (self.balance_usd is None):
            raise ValueError("give exactly one of balance_micro_usd and balance_usd")
        return self

    @property
    def balance(self) -> MicroUsd:
        """The balance, however it was spelt."""
        chosen = self.balance_usd if self.balance_micro_usd is None else self.balance_micro_usd
        assert chosen is not None
        return chosen


class GrantRequest(_Strict):
    """Credit to add, in one of two spellings."""

    model_config = _either("amount_micro_usd", "amount_usd")

    amount_micro_usd: Micro | None = None
    amount_usd: Usd | None = None
    note: str = Field("", max_length=200)

    @model_validator(mode="after")
    def _is_said_once_and_adds(self) -> Self:
        if (self.amount_micro_usd is None) == (self.amount_usd is None):
            raise ValueError("give exactly one of amount_micro_usd and amount_usd")
        if self.amount <= 0:
            raise ValueError("a grant adds credit; to take some away, set the balance")
        return self

    @property
    def amount(self) -> MicroUsd:
        """The amount, however it was spelt."""
        chosen = self.amount_usd if self.amount_micro_usd is None else self.amount_micro_usd
        assert chosen is not None
        return chosen


class CustomerClockRequest(_Strict):
    """The test clock a customer is to live by; null for the world's own clock."""

    test_clock_id: str | None = Field(max_length=MAX_TEXT)


class SwitchesRequest(WireModel):
    """Behaviours to turn on or off, by name; those not named stay as they are."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, bool] = Field(init=False)

    def switches(self) -> Mapping[str, bool]:
        """Return them."""
        return self.__pydantic_extra__


class PageQuery(_Strict):
    """Which part of a list."""

    after: int = Field(0, ge=0, le=_MAX_INTEGER, description="`next` of the page before.")
    limit: int = Field(100, ge=1, le=MAX_PAGE)


class RequestsQuery(PageQuery):
    """Which requests of a world."""

    operation: str | None = Field(
        None, max_length=200, description="Its name, with or without the vendor; `*` stands for any text."
    )
    status: int | None = Field(None, ge=100, le=599)


class ReconciliationQuery(PageQuery):
    """Which debits and events to compare, and what to tell of them."""

    from_: Moment | None = Field(None, alias="from")
    to: Moment | None = None
    type: str = Field("*", max_length=200, description="Types of event to look at; `*` stands for any text.")
    tolerance_usd: Annotated[Decimal, _string("Dollars by which an amount may differ.", "0.000001")] = Field(
        Decimal(0), ge=0, allow_inf_nan=False
    )
    kind: FaultKind | None = Field(None, description="The one kind of fault to show.")
    faults: int = Field(100, ge=0, le=MAX_PAGE, description="How many faults to show at most, oldest first.")


# Answers


class HealthResponse(WireModel):
    """The server answers."""

    status: Literal["ok"]


class VendorVersion(WireModel):
    """A simulated vendor."""

    name: str
    title: str
    version: str


class VersionResponse(WireModel):
    """What runs here."""

    name: Literal["mockserver"]
    version: str
    vendors: list[VendorVersion]


class ClockResponse(WireModel):
    """A world's time."""

    mode: Literal["real", "frozen", "scaled"]
    now: str
    rate: float = Field(description="Virtual seconds per second: 1 when real, 0 when frozen.")


class CustomerClockResponse(WireModel):
    """The test clock a customer lives by, or null for the world's own clock."""

    customer_id: str
    test_clock_id: str | None


class WorldResponse(WireModel):
    """One world."""

    name: str
    seed: int
    switches: dict[str, bool]
    clock: ClockResponse


class _Page(WireModel):
    next: int | None = Field(description="`after` of the next page, or null at the end.")


class WorldsPage(_Page):
    """Worlds, oldest first."""

    data: list[WorldResponse]


class CreditsResponse(WireModel):
    """What a world has left."""

    balance_micro_usd: int
    balance_usd: str


class GrantResponse(CreditsResponse):
    """What was added, and what a world has now."""

    amount_micro_usd: int
    amount_usd: str
    note: str


class LedgerEntry(WireModel):
    """One movement of credit; what else it says is the vendor's."""

    model_config = ConfigDict(extra="allow")

    seq: int


class LedgerPage(_Page):
    """Ledger entries, oldest first."""

    data: list[LedgerEntry]


class InvariantResponse(WireModel):
    """One claim, with the rows that break it."""

    name: str
    holds: bool
    rows: list[dict[str, Any]]


class InvariantsResponse(WireModel):
    """Everything that must always hold in a world."""

    holds: bool
    invariants: list[InvariantResponse]


class ReconciledSums(WireModel):
    """What debits and the events about them come to, in exact dollars."""

    debited_usd: str
    billed_usd: str
    difference_usd: str = Field(description="Billed less debited.")


class ReconciledKind(ReconciledSums):
    """What is of one kind."""

    count: int = Field(description="Debits; for `unknown` and `ambiguous`, events.")


class ReconciledTotals(ReconciledSums):
    """What there is of any kind."""

    calls: int = Field(description="Debits.")
    events: int


class ReconciledLine(ReconciledSums):
    """One customer, model and hour."""

    customer: str | None = Field(description="Null without events, or when nobody known is meant.")
    model: str | None = Field(description="Null for events about no debit, and work that no one model did.")
    hour: str
    kinds: dict[Kind, ReconciledKind] = Field(description="The kinds there are.")


class ReconciledDebit(WireModel):
    """A debit, and by what an event can name it."""

    id: str | None = Field(description="What the answer is called, where answers have an id.")
    request_id: str | None = Field(description="The answer's `x-request-id`.")
    idempotency_key: str | None
    at: str
    operation: str
    endpoint: str
    model: str | None
    amount_usd: str


class ReconciledEvent(WireModel):
    """A cost event, and what it is worth by itself."""

    id: str
    type: str
    customer: str | None
    at: str
    idempotency_key: str | None
    worth_usd: str


class ReconciledFault(ReconciledSums):
    """A debit that is not matched, or an event that names none, or several."""

    kind: FaultKind
    at: str
    customer: str | None
    debits: list[ReconciledDebit]
    events: list[ReconciledEvent] = Field(description="At most 100.")
    event_count: int


class ReconciliationResponse(_Page):
    """Whether all that was debited was billed, once and at its price."""

    holds: bool = Field(description="Whether everything is matched.")
    from_: str | None = Field(alias="from")
    to: str | None
    totals: ReconciledTotals
    kinds: dict[Kind, ReconciledKind]
    faults: list[ReconciledFault]
    warnings: list[str] = Field(description="Why events of some types are worth less than may be expected.")
    data: list[ReconciledLine] = Field(description="By hour, customer and model.")


class JournalBody(WireModel):
    """A body as kept: the first 16 KiB, credentials redacted; base64 when it is not UTF-8 text."""

    body: str
    encoding: Literal["utf-8", "base64"]


class JournalRequest(JournalBody):
    """What came in."""

    headers: dict[str, str]


class JournalEntry(WireModel):
    """One request to a vendor and what was decided about it."""

    seq: int
    at: str
    vendor: str
    operation: str | None
    method: str
    path: str
    query: str
    status: int | None = Field(description="Null when the client left before a stream ended.")
    cost_micro_usd: int
    duration_ms: float = Field(description="Simulated time.")
    request_id: str
    client: str
    reason: str | None
    idempotency: str | None
    fault: str | None
    stub: str | None
    retry_after: str | None
    request: JournalRequest
    response: JournalBody


class RequestsPage(_Page):
    """Requests, newest last."""

    data: list[JournalEntry]


class SwitchesResponse(WireModel):
    """Every behaviour that can be turned on or off."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, bool] = Field(init=False)


class OpenApiDocument(WireModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: Literal["3.1.0"]
    info: dict[str, Any]
    paths: dict[str, Any]


class FieldProblem(WireModel):
    """One faulty field."""

    field: str
    message: str
    code: str


class Problem(WireModel):
    """What went wrong, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field([], description="Given when fields are faulty.")
