"""What a scenario file may say, part by part. Amounts and numbers with a point are read from the text that was written.

Instants of a timeline are ISO 8601, or `+14d`: so long after the scenario's start.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from mockserver.config import parse_clock
from mockserver.kernel.drifts import Shape
from mockserver.kernel.money import micro_usd
from mockserver.kernel.windows import DAY, format_duration, parse_duration, parse_instant

WRITTEN = object()
"""Context of what was read from a file, where a duration has a unit."""

MAX_CUSTOMERS = 2_000
MAX_LAW_US = 30 * DAY
"""Durations that have a law are never longer."""
MAX_HISTORY_CALLS = 20_000_000
"""More calls than this are a slip of the pen: they would take many minutes and several gigabytes."""
MAX_PLACES = 100
"""Digits that a number of data may have on either side of the point: whatever is made of it, a double can tell."""
MAX_STEPS = 100_000
"""How often one request may be sent again and again."""

# What text that means something looks like, for editors; what it must be is checked by reading it.
INSTANT = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?"
SPAN = r"(\d+(\.\d+)?(ms|s|m|h|d|w)|P(?=.)(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?)"
OFFSET = r"[+-](0\d|1[0-4]):(00|15|30|45)"


class Number(str):
    """A number with a point, as the text that was written: exact as an amount, or to be made a number of."""

    __slots__ = ()


def as_json(value: Any) -> Any:
    """Return what was written as JSON data: numbers with a point are floats.

    :raises ValueError: one of them has more digits than that keeps, or is larger or finer than a vendor takes.
    """
    _refuse_out_of_range(value)
    if isinstance(value, Number):
        if Decimal(repr(float(value))) != Decimal(value):
            raise ValueError(f"{value} has more digits than a JSON number keeps: write it as text, in quotes")
        return float(value)
    if isinstance(value, dict):
        return {str(name): as_json(each) for name, each in value.items()}
    return [as_json(each) for each in value] if isinstance(value, list | tuple) else value


def as_exact(value: Any) -> Any:
    """Return what was written as JSON data in which numbers with a point are decimals.

    :raises ValueError: one of them is larger or finer than a vendor takes.
    """
    _refuse_out_of_range(value)
    if isinstance(value, Number):
        return Decimal(value)
    if isinstance(value, dict):
        return {str(name): as_exact(each) for name, each in value.items()}
    return [as_exact(each) for each in value] if isinstance(value, list | tuple) else value


def _refuse_out_of_range(value: Any) -> None:
    if isinstance(value, Number | int) and not isinstance(value, bool):
        number = Decimal(value)
        exponent = number.as_tuple().exponent
        if number.adjusted() > MAX_PLACES or (isinstance(exponent, int) and exponent < -MAX_PLACES):
            raise ValueError(f"a number of data has at most {MAX_PLACES} digits before the point, and after it")


def _checked(value: str, *, by: Any) -> str:
    by(value)
    return value


def _day(value: str) -> date:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise ValueError(f"'{value}' is not a date such as 2026-12-24")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"'{value}' is no day: {error}") from None


def _dollars(value: str) -> str:
    if micro_usd(value) < 0:
        raise ValueError("a balance is not below zero")
    return value


def _moment(value: str) -> str:
    if value.startswith("+"):
        parse_duration(value[1:])
    else:
        parse_instant(value)
    return value


def _span(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if info.context is WRITTEN:
        raise ValueError("must say how long with a unit, such as 90s, 15m, 36h or 7d")
    return value


def _dollars_above_zero(value: str) -> str:
    if micro_usd(value) <= 0:
        raise ValueError("must be above 0")
    return value


def _at_most(span: int, most: int) -> int:
    if span > most:
        raise ValueError(f"{format_duration(span)} is too long: at most {format_duration(most)}")
    return span


def _at_least(span: int, least: int) -> int:
    if span < least:
        raise ValueError(f"{format_duration(span)} is too short: at least {format_duration(least)}")
    return span


def _some(weights: Any) -> Any:
    if not any(weights.values() if isinstance(weights, dict) else weights):
        raise ValueError("at least one of them must be above 0")
    return weights


def _schema(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern})$", "examples": list(examples)})


_AMOUNT = WithJsonSchema(
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?$"}], "examples": ["0.09"]}
)
_SPAN_SCHEMA = _schema(SPAN, "90s", "15m", "36h", "7d")

Instant = Annotated[
    str, AfterValidator(lambda text: _checked(text, by=parse_instant)), _schema(INSTANT, "2026-05-01T00:00:00Z")
]
Moment = Annotated[str, AfterValidator(_moment), _schema(rf"{INSTANT}|\+{SPAN}", "+14d", "2026-05-15T00:00:00Z")]
"""ISO 8601, or `+14d` after the start."""
Span = Annotated[int, BeforeValidator(_span), Field(ge=0), _SPAN_SCHEMA]
"""Microseconds; written as `40s`, `15m`, `2h`, `7d` or an ISO 8601 duration."""
LongSpan = Annotated[int, BeforeValidator(_span), Field(gt=0), _SPAN_SCHEMA]
"""The same, and not nothing."""
Usd = Annotated[str, AfterValidator(_dollars), _AMOUNT]
SomeUsd = Annotated[str, AfterValidator(_dollars_above_zero), _AMOUNT]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Offset = Annotated[str, Field(pattern=f"^{OFFSET}$")]


LawSpan = Annotated[LongSpan, AfterValidator(lambda span: _at_most(span, MAX_LAW_US))]
Period = Annotated[LongSpan, AfterValidator(lambda span: _at_least(span, DAY))]


class Part(BaseModel):
    """Something a scenario says; nothing else may be said in its place."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class ClockPart(Part):
    """The clock of new worlds.

    :param mode: `real`, `frozen` or `x60`, as the command line has it; after a history, if there is one.
    :param at: ISO 8601 instant the clock shows at first, when traffic begins; the machine's time if absent.
    """

    mode: Annotated[str, AfterValidator(lambda text: _checked(text, by=parse_clock))] = "real"
    at: Instant | None = None


class RequestPart(Part):
    """A request that is sent in the world's own name, as any client could.

    :param request: method and path, such as `POST /v0/costs`.
    :param body: JSON.
    :param at: when it is sent; not in `start`, which comes before anything else.
    :param every: sent again so long after, and again, until the traffic ends.
    :param then: sent right after its answer came. In them a text that is all `{...}`, or a `{...}` in the path, becomes
        what it names of that answer, such as `{run_id}`; they have no `at` or `every` of their own.
    """

    request: Annotated[str, Field(pattern=r"^(GET|POST|PUT|PATCH|DELETE) /\S+$")]
    body: Annotated[Any, AfterValidator(as_json)] = None
    at: Moment | None = None
    every: LongSpan | None = None
    then: tuple[RequestPart, ...] = ()


class StartPart(Part):
    """The state of new worlds.

    :param balance_usd: prepaid balance in dollars; that of the shipped data if absent.
    :param requests: sent before the traffic begins, in order; each must succeed.
    """

    balance_usd: Usd | None = None
    requests: tuple[RequestPart, ...] = ()


class LawPart(Part):
    """A long-tailed law, log-normal.

    :param median: half of all are below it.
    :param p99: one in a hundred is above it.
    """

    median: Annotated[float, Field(ge=0.001, le=1e9)]
    p99: Annotated[float, Field(ge=0.001, le=1e9)]

    @model_validator(mode="after")
    def _has_a_tail(self) -> Self:
        _check_tail(self.median, self.p99)
        return self


class SpanLawPart(Part):
    """A long-tailed law of durations, log-normal.

    :param median: half of all are shorter.
    :param p99: one in a hundred is longer.
    """

    median: LawSpan
    p99: LawSpan

    @model_validator(mode="after")
    def _has_a_tail(self) -> Self:
        _check_tail(self.median, self.p99)
        return self


def _check_tail(median: float, p99: float) -> None:
    if p99 <= median:
        raise ValueError(
            "p99 must be above the median: half of all are above that, and only one in a hundred above p99"
        )


class SizesPart(Part):
    """How unequal customers are: Pareto's law.

    :param alpha: of the tail: the smaller, the more the largest customers do of everything.
    :param largest: no customer is more times as large as the smallest.
    """

    alpha: Annotated[float, Field(gt=0, le=20)] = 1.2
    largest: Annotated[float, Field(ge=1, le=1e6)] = 100.0


class CustomersPart(Part):
    """Who uses the product. They are numbered by size: `customer-001` is the largest.

    :param count: how many there ever are.
    :param utc_offsets: where they live, as weights; no daylight-saving time, which depends on a machine's tables.
    :param joining: share of them that join later, at any time until the traffic ends, or within a year if it never
        does; the largest is always there from the start.
    :param churn_per_month: share of those there are that leave for good in 30 days; nobody comes in their place.
    """

    count: Annotated[int, Field(ge=1, json_schema_extra={"maximum": MAX_CUSTOMERS})] = 20
    sizes: SizesPart = SizesPart()
    utc_offsets: Annotated[dict[Offset, Weight], AfterValidator(_some)] = {"+00:00": 1.0}
    joining: Share = 0.0
    churn_per_month: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @field_validator("count")
    @classmethod
    def _are_not_too_many(cls, count: int) -> int:
        if count > MAX_CUSTOMERS:
            raise ValueError(f"{count} customers are too many: a scenario has at most {MAX_CUSTOMERS}")
        return count


class HolidayPart(Part):
    """A day, by the customers' own calendar, on which less (or more) happens.

    :param date: the day.
    :param factor: of what would happen otherwise.
    :param utc_offsets: of those who keep it; everybody if absent.
    """

    date: Annotated[
        str,
        AfterValidator(lambda text: _checked(text, by=_day)),
        WithJsonSchema({"type": "string", "format": "date", "pattern": r"^\d{4}-\d\d-\d\d$"}),
    ]
    factor: Weight = 0.2
    utc_offsets: Annotated[tuple[Offset, ...], Field(min_length=1)] | None = None


class SeasonPart(Part):
    """A slow swing of traffic that comes round again: how the world is, and no drift.

    :param period: from one peak to the next, such as `365d`.
    :param amplitude: how much more happens at a peak, and less half a period later, as a share of the mean.
    :param peak: when most happens; a quarter of a period after the start if absent, so that the start is at the mean.
    """

    period: Period
    amplitude: Share
    peak: Moment | None = None


class ConversationPart(Part):
    """Calls that belong together: each waits for the answer before it.

    :param turns: mean number of calls, at least 1 (geometric).
    :param think_time: from an answer to the next call.
    :param carry: share of what was said so far that goes along as further prompt tokens.
    """

    turns: Annotated[float, Field(ge=1, le=50)] = 1.0
    think_time: SpanLawPart = SpanLawPart(median=30_000_000, p99=300_000_000)
    carry: Share = 1.0


class UsePart(Part):
    """What customers call.

    :param endpoint: the id of a live endpoint, or `auto`.
    :param share: of conversations, as a weight.
    :param latency_ms: in place of the vendor's own law.
    """

    endpoint: str
    share: Weight = 1.0
    prompt_tokens: LawPart = LawPart(median=400.0, p99=4_000.0)
    completion_tokens: LawPart = LawPart(median=120.0, p99=900.0)
    latency_ms: LawPart | None = None


_OFFICE = (
    0.3,
    0.2,
    0.2,
    0.2,
    0.2,
    0.3,
    0.5,
    0.9,
    1.4,
    1.8,
    2.0,
    1.9,
    1.6,
    1.8,
    1.9,
    1.8,
    1.6,
    1.3,
    1.0,
    0.9,
    0.8,
    0.7,
    0.5,
    0.4,
)
_WEEK = (1.15, 1.2, 1.2, 1.15, 1.1, 0.6, 0.6)

Hours = Annotated[tuple[Weight, ...], Field(min_length=24, max_length=24), AfterValidator(_some)]
Weekdays = Annotated[tuple[Weight, ...], Field(min_length=7, max_length=7), AfterValidator(_some)]


class TrafficPart(Part):
    """How much happens, and when: conversations begin by a Poisson process whose intensity has these factors.

    :param calls_per_day: expected on an average day of a week, of the customers that are there from the start; those
        who join later come on top. Holidays, seasons, growth, churn and drifts change it; failed calls and retries
        are not counted.
    :param hours: shape of a day by the customers' own clocks, from midnight; only the ratios count.
    :param weekdays: shape of a week, from Monday; only the ratios count.
    :param growth_per_week: of the intensity, compound.
    :param holidays: days on which less or more happens.
    :param seasons: longer swings; they multiply.
    :param uses: what is called.
    """

    calls_per_day: Annotated[float, Field(gt=0, le=10_000_000)]
    hours: Hours = _OFFICE
    weekdays: Weekdays = _WEEK
    holidays: tuple[HolidayPart, ...] = ()
    growth_per_week: Annotated[float, Field(gt=-1, le=10)] = 0.0
    seasons: tuple[SeasonPart, ...] = ()
    conversation: ConversationPart = ConversationPart()
    uses: Annotated[tuple[UsePart, ...], Field(min_length=1)]

    @field_validator("uses")
    @classmethod
    def _are_used(cls, uses: tuple[UsePart, ...]) -> tuple[UsePart, ...]:
        if not any(use.share for use in uses):
            raise ValueError("at least one of them must have a share above 0")
        return uses


class ClientPart(Part):
    """How customers' programs behave when a call fails.

    :param retries: further attempts after a server's failure or a lost connection; never after a refusal.
    :param backoff: before the first of them; doubled each time.
    :param reuses_key: whether an attempt bears the same idempotency key as the one before, so that an answer which got
        lost is given again and paid once.
    :param on_no_credit: `stop` for `probe_after`, then try again; `continue` as if nothing had happened; or `retry`
        like any failure, which is wrong.
    :param probe_after: how long customers stop for.
    """

    retries: Annotated[int, Field(ge=0, le=20)] = 2
    backoff: Span = 1_000_000
    reuses_key: bool = True
    on_no_credit: Literal["stop", "continue", "retry"] = "stop"
    probe_after: Span = 900_000_000


class EventPart(Part):
    """A cost event for each call that was answered.

    :param type: its event type.
    :param source: where it says it comes from.
    :param of: globs of the endpoints whose calls are reported so.
    :param data: JSON; a text that is all `{...}` becomes the value it names, of the answer (`{id}`, `{model}`,
        `{usage.total_tokens}`) or of the call (`{cost_usd}`, `{endpoint}`, `{latency_ms}`, `{customer}`).
    """

    type: str
    source: str = "https://app.example/usage"
    of: tuple[str, ...] = ("*",)
    data: Annotated[dict[str, Any], AfterValidator(as_exact)]


class IntegratorPart(Part):
    """Who reports calls as cost events, carefully unless told otherwise.

    :param delay: from an answer to its event.
    :param key: what an event's idempotency key is: the `call`'s id, which makes a resend harmless; a new one for each
        `attempt`; or `none`.
    :param retries: further attempts after an event was not acknowledged.
    :param backoff: before the first of them; doubled each time.
    :param forgets: share of calls that are never reported.
    :param doubles: share of events that are sent twice although they were acknowledged.
    :param overstates: share of events that report `factor` times the cost.
    :param factor: see `overstates`.
    :param is_stamped: whether an event says when its call was made; else it counts as of when it arrives.
    """

    delay: SpanLawPart = SpanLawPart(median=2_000_000, p99=30_000_000)
    key: Literal["call", "attempt", "none"] = "call"
    retries: Annotated[int, Field(ge=0, le=20)] = 3
    backoff: Span = 2_000_000
    forgets: Share = 0.0
    doubles: Share = 0.0
    overstates: Share = 0.0
    factor: Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=30, allow_inf_nan=False)] = Decimal(10)
    is_stamped: bool = True

    @model_validator(mode="after")
    def _shares_are_of_one_whole(self) -> Self:
        total = self.forgets + self.doubles + self.overstates
        if total > 1:
            raise ValueError(f"forgets, doubles and overstates are shares of one whole, and come to {total:g}")
        return self


class TopUpPart(Part):
    """Credit that is bought at an instant.

    :param at: when it comes.
    :param usd: how much, in dollars.
    """

    at: Moment
    usd: SomeUsd


class AutoTopUpPart(Part):
    """Credit that is bought `after` the balance has fallen below an amount; not again before it came.

    :param below_usd: the balance at which it is bought, in dollars.
    :param usd: how much, in dollars.
    :param after: how long it takes to come.
    """

    below_usd: SomeUsd
    usd: SomeUsd
    after: Span = 0


class WalletPart(Part):
    """Where credit comes from.

    :param top_ups: bought at an instant.
    :param auto: bought whenever little is left.
    """

    top_ups: tuple[TopUpPart, ...] = ()
    auto: AutoTopUpPart | None = None


class RevenuePart(Part):
    """What customers are invoiced for, and have paid at once: at the end of each period, for the time they were there.

    :param every: how long a period is.
    :param fee_usd: per customer and period, in dollars.
    :param per_call_usd: for each answered call on top.
    :param fees_usd: other fees, by glob of the customer's external id.
    """

    every: LongSpan = 604_800_000_000
    fee_usd: Usd = "0"
    per_call_usd: Usd = "0"
    fees_usd: dict[str, Usd] = {}


class DriftPart(Part):
    """Something changes, and why. What else may be said depends on the kind, as in `POST drifts`.

    :param kind: what moves.
    :param subject: glob of what it moves for; `sent:<event type>` for a contract drift of what is reported.
    :param at: from when on.
    :param size: how far, in the kind's own unit.
    :param shape: how it gets there; all but a step take `over`.
    :param end: from when on nothing is different any more; never if absent.
    :param over: how long it takes to get there; a period, if seasonal.
    :param cause: in words, for whoever is to find it.
    """

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=False)

    kind: str
    subject: str = "*"
    at: Moment
    size: float | None = None
    shape: Shape = "step"
    end: Moment | None = None
    over: Annotated[str, AfterValidator(lambda text: _checked(text, by=parse_duration)), _SPAN_SCHEMA] | None = None
    cause: str = ""


class FaultPart(Part):
    """Something goes wrong, for traffic and for clients: with the keys of `POST faults`.

    :param between: instants, `null` for open ends.
    """

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=False)

    between: tuple[Moment | None, Moment | None] | None = None
