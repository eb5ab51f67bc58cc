"""What crosses the wire about faults: one flat object says which requests, when, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from mockserver.control.reach import Site, conjuncts_of, operations, reach
from mockserver.control.schemas import MAX_TEXT, Span, Usd
from mockserver.http.endpoint import Api, WireModel
from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.kernel.faults import Count, Double, Effect, Exhaustion, Fault, Latency, When
from mockserver.kernel.matching import COMMON, FaultyPattern, Pattern, criterion, read
from mockserver.kernel.money import plain, usd_text
from mockserver.kernel.windows import format_duration, format_instant, parse_duration, parse_instant

MATCH_KEYS = ("vendor", "operation", "path", "method", "model", "endpoint", "key", "idempotency_key", "customer")
"""Facts that a fault or a stub may match without a pattern object of its own."""

DEFAULT_TIMEOUT_S = 600.0
"""How long nothing comes if no time is given: as long as the vendors' clients wait at most of their own accord."""

_MAX_SECONDS = 86_400.0
_MAX_NUMBERS = 1000
_MAX_COUNT = 2**31 - 1


# Values of more than one form are read by hand: a message then says what is wanted, not what each form lacks.


def _number(value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("must be a number")
    if not low <= value <= high:
        raise ValueError(f"must be between {low:g} and {high:g}")
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    if not 1 <= value <= _MAX_COUNT:
        raise ValueError(f"must be between 1 and {_MAX_COUNT}")
    return value


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        return (_whole(value),)
    if not 1 <= len(value) <= _MAX_NUMBERS:
        raise ValueError(f"must have between 1 and {_MAX_NUMBERS} numbers")
    return tuple(sorted({_whole(each) for each in value}))


def _between(value: object) -> tuple[int | None, int | None]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("must be [from, to], of which one may be null")
    if any(not isinstance(each, str | None) for each in value):
        raise ValueError("must be two texts such as 2026-05-01T00:00:00Z, of which one may be null")
    start, end = (None if each is None else parse_instant(each[:MAX_TEXT]) for each in value)
    if start is None and end is None:
        raise ValueError("must say from when, or up to when")
    if start is not None and end is not None and start >= end:
        raise ValueError("ends before it starts" if start > end else "ends when it starts")
    return start, end


def _latency(value: object) -> Latency:
    if not isinstance(value, Mapping):
        return Latency(_number(value, 0, _MAX_SECONDS * 1000))
    for lower, upper in (("low", "high"), ("median", "p99")):
        if value.keys() == {lower, upper}:
            least, most = (_number(value[name], 0, _MAX_SECONDS * 1000) for name in (lower, upper))
            if least > most:
                raise ValueError(f"{lower} is above {upper}")
            if lower == "low":
                return Latency(least, most)
            if not least:
                raise ValueError("median must be above 0")
            return Latency(median_ms=least, p99_ms=most)
    raise ValueError('must be a number, {"low", "high"} or {"median", "p99"}')


def _timeout(value: object) -> float:
    return DEFAULT_TIMEOUT_S if value is True else _number(value, 0.001, _MAX_SECONDS)


def _seconds(value: object) -> float:
    return _number(value, 0, _MAX_SECONDS)


def _share(value: object) -> float:
    share = _number(value, 0, 1)
    if not share:
        raise ValueError("must be above 0")
    return share


def _which(value: object) -> int:
    return 1 if value is True else _whole(value)


def _paths(value: object) -> tuple[str, ...]:
    paths = value if isinstance(value, list | tuple) else [value]
    if not paths:
        raise ValueError("must name a field")
    return tuple(dict.fromkeys(_path(each) for each in paths))


def _path(value: object) -> str:
    if not isinstance(value, str) or not all(value.split(".")):
        raise ValueError("must be the dotted path of a field, such as choices.0.finish_reason")
    return value


def _by_path(check: Callable[[Any], Any]) -> Callable[[object], dict[str, Any]]:
    def read_fields(value: object) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not value:
            raise ValueError("must be an object of fields by dotted path")
        return {_path(path): check(each) for path, each in value.items()}

    return read_fields


def _name(value: object) -> str:
    if not isinstance(value, str) or not value or "." in value:
        raise ValueError("must be a new name, without dots")
    return value


_KINDS = ("string", "number", "integer", "boolean", "null", "array", "object")


def _kind(value: object) -> str:
    if value not in _KINDS:
        raise ValueError(f"must be one of {', '.join(_KINDS)}")
    return str(value)


def _skew(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("must be a duration such as -5m or 2h")
    us = parse_duration(value[:MAX_TEXT].removeprefix("-"))
    return -us if value.startswith("-") else us


def _factor(value: object) -> str:
    try:
        factor = Decimal(value if isinstance(value, str) else str(_whole(value)))
    except InvalidOperation:
        raise ValueError("must be a decimal as text, such as 1000 or 0.001") from None
    if len(str(value)) > MAX_TEXT or not factor.is_finite() or abs(factor.adjusted()) > 18:
        raise ValueError("must be a decimal of at most 18 digits before the point and after it")
    if factor == 1:
        raise ValueError("1 changes nothing")
    return plain(factor)


def _above_zero(value: int) -> int:
    if value <= 0:
        raise ValueError("must be above 0")
    return value


def _not_zero(value: int) -> int:
    if not value:
        raise ValueError("must not be 0")
    return value


def _exhaustion(value: object) -> Exhaustion:
    if value is True:
        return "before"
    if value == "mid_stream":
        return "mid_stream"
    raise ValueError('must be true or "mid_stream"')


def _criterion(value: object) -> object:
    if not isinstance(value, str):
        if not isinstance(value, Mapping):
            raise ValueError("must be a text, or an object with one of equals, contains, regex, one_of")
        criterion("it", value)
    return value


_WAYS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "equals": {},
        "contains": {"type": "string"},
        "regex": {"type": "string", "format": "regex"},
        "one_of": {"type": "array"},
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
_DURATION = {"type": "string", "maxLength": MAX_TEXT, "examples": ["30s"]}
_COUNT = {"type": "integer", "minimum": 1, "maximum": _MAX_COUNT}
_MS = {"type": "number", "minimum": 0}
_FIELD = {"type": "string", "minLength": 1, "examples": ["usage.total_tokens"]}
_MOMENT = {"type": ["string", "null"], "maxLength": MAX_TEXT, "examples": ["2026-05-01T00:00:00Z"]}


def _of(inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "minProperties": 1, "additionalProperties": inner}


Criterion = Annotated[
    Any,
    PlainValidator(_criterion),
    WithJsonSchema({"anyOf": [{"type": "string", "description": "The whole; `*` stands for anything."}, _WAYS]}),
]
_Numbers = Annotated[
    tuple[int, ...],
    PlainValidator(_numbers),
    WithJsonSchema({"anyOf": [_COUNT, {"type": "array", "items": _COUNT, "minItems": 1, "maxItems": _MAX_NUMBERS}]}),
]
_Count = Annotated[int, PlainValidator(_whole), WithJsonSchema(_COUNT)]
_Between = Annotated[
    tuple[int | None, int | None],
    PlainValidator(_between),
    WithJsonSchema({"type": "array", "items": _MOMENT, "minItems": 2, "maxItems": 2}),
]
_Rate = Annotated[
    float, PlainValidator(_share), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
]
_Seconds = Annotated[float, PlainValidator(_seconds), WithJsonSchema({"type": "number", "minimum": 0})]
_Latency = Annotated[
    Any,  # a `Latency`; named, the document would describe that too
    PlainValidator(_latency),
    WithJsonSchema(
        {
            "anyOf": [
                _MS,
                *(
                    {
                        "type": "object",
                        "properties": dict.fromkeys(names, _MS),
                        "required": names,
                        "additionalProperties": False,
                    }
                    for names in (["low", "high"], ["median", "p99"])
                ),
            ]
        }
    ),
]
_Timeout = Annotated[
    float,
    PlainValidator(_timeout),
    WithJsonSchema({"anyOf": [{"const": True}, {"type": "number", "minimum": 0.001, "maximum": _MAX_SECONDS}]}),
]
_Which = Annotated[int, PlainValidator(_which), WithJsonSchema({"anyOf": [{"const": True}, _COUNT]})]
_Paths = Annotated[
    tuple[str, ...],
    PlainValidator(_paths),
    WithJsonSchema({"anyOf": [_FIELD, {"type": "array", "items": _FIELD, "minItems": 1}]}),
]
_Added = Annotated[dict[str, Any], PlainValidator(_by_path(lambda value: value)), WithJsonSchema(_of({}))]
_Renamed = Annotated[
    dict[str, str], PlainValidator(_by_path(_name)), WithJsonSchema(_of({"type": "string", "minLength": 1}))
]
_Retyped = Annotated[dict[str, str], PlainValidator(_by_path(_kind)), WithJsonSchema(_of({"enum": list(_KINDS)}))]
_Later = Annotated[Span, AfterValidator(_above_zero), WithJsonSchema(_DURATION)]
_Skew = Annotated[
    int,
    PlainValidator(_skew),
    AfterValidator(_not_zero),
    WithJsonSchema({"type": "string", "maxLength": MAX_TEXT, "examples": ["-5m"]}),
]
_Factor = Annotated[
    str,
    PlainValidator(_factor),
    WithJsonSchema({"type": ["string", "integer"], "maxLength": MAX_TEXT, "examples": ["1000"]}),
]
_Exhaustion = Annotated[
    Exhaustion, PlainValidator(_exhaustion), WithJsonSchema({"anyOf": [{"const": True}, {"const": "mid_stream"}]})
]


class MatchFields(WireModel):
    """Which requests are meant: those for which everything that is said here holds."""

    vendor: Criterion | None = None
    operation: Criterion | None = Field(None, description="The vendor may be left out.")
    path: Criterion | None = Field(None, description="Without the query.")
    method: Criterion | None = None
    model: Criterion | None = None
    endpoint: Criterion | None = None
    key: Criterion | None = Field(None, description="The API key.")
    idempotency_key: Criterion | None = None
    customer: Criterion | None = None
    match: dict[str, Any] | None = Field(
        None, description="A pattern: facts by name, and `all`, `any` and `not`, which nest."
    )

    def conjuncts(self, names: Sequence[str]) -> list[tuple[str, Pattern]]:
        """Return the patterns that a request must all match, each with the field that says it.

        :param names: of the facts there are.
        :raises InvalidRequest: the pattern is none.
        """
        found = [(name, criterion(name, wanted)) for name in MATCH_KEYS if (wanted := getattr(self, name)) is not None]
        if self.match is not None:
            try:
                found += conjuncts_of("match", read(self.match, names))
            except FaultyPattern as error:
                raise InvalidRequest(Problem(("body", "match"), str(error), "invalid_format")) from None
        return found

    def spec(self) -> dict[str, Any]:
        """Return what is said here as one pattern, which `asked` takes apart again."""
        said = {name: wanted for name in MATCH_KEYS if (wanted := getattr(self, name)) is not None}
        return said if self.match is None else {**said, "all": [self.match]}


def asked(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pattern as it was asked for."""
    return {
        ("match" if name == "all" else name): wanted[0] if name == "all" else wanted for name, wanted in spec.items()
    }


def fact_names(apis: Sequence[Api]) -> tuple[str, ...]:
    """Return every fact a pattern may speak of."""
    return tuple(sorted({*COMMON, *(name for api in apis for name in api.facts)}))


_INSTEAD = ("status", "timeout", "reset")
_EDITS = ("drop_field", "add_field", "rename_field", "retype_field")
_INGESTION = ("double", "late", "clock_skew", "scale_values")
_UNANSWERED = "no answer arrives"

# What cannot go with what, and why.
_CONTRADICTIONS: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    *((_INSTEAD[n : n + 1], _INSTEAD[n + 1 :], "a request comes to one end only") for n in range(2)),
    (
        _INSTEAD,
        ("malformed_chunk", "truncate_stream_after", "lost_ack", "false_ack", "delay_visibility", *_EDITS, *_INGESTION),
        "no work is done that could suffer",
    ),
    (("timeout", "reset"), ("empty_body",), _UNANSWERED),
    (("timeout",), ("latency_ms",), "a timeout has a length of its own"),
    (("lost_ack",), ("empty_body", "malformed_chunk", "truncate_stream_after", *_EDITS), _UNANSWERED),
    (("empty_body",), ("malformed_chunk", "truncate_stream_after", *_EDITS), "there is no body"),
    (("false_ack",), ("lost_ack", "delay_visibility", "truncate_stream_after", *_INGESTION), "nothing is kept"),
)


class FaultFields(MatchFields):
    """Which requests are meant, which of these are hit, and what goes wrong with them."""

    nth: _Numbers | None = Field(None, description="Only these, counted from 1 among those that match.")
    first: _Count | None = Field(None, description="Only so many from the start.")
    every: _Count | None = Field(None, description="Only each so-manyth.")
    between: _Between | None = Field(None, description="From the first instant on, before the second.")
    rate: _Rate | None = Field(None, description="Each with this probability, drawn from the world's seed.")
    after_spend_usd: Usd | None = Field(None, description="None before so much was debited, from now on.")

    status: int | None = Field(None, ge=400, le=599, description="The vendor's own error; a 402 out of its ledger.")
    message: str | None = Field(None, max_length=2000)
    retry_after: _Seconds | None = Field(None, description="Seconds in the `Retry-After` header.")
    latency_ms: _Latency | None = Field(None, description="The answer is held back.")
    timeout: _Timeout | None = Field(None, description="Nothing comes for so many seconds; `true` stands for 600.")
    reset: Literal[True] | None = Field(None, description="The connection is reset, and nothing done.")
    truncate_stream_after: Annotated[int, Field(ge=0, le=_MAX_COUNT)] | None = Field(
        None, description="The connection is cut after so many pieces of a stream, and nothing debited."
    )
    malformed_chunk: _Which | None = Field(
        None, description="The so-manyth piece of a stream, or an answer, is no JSON."
    )
    empty_body: Literal[True] | None = Field(None, description="The status comes without a body.")
    lost_ack: Literal[True] | None = Field(None, description="Everything is done, and no answer comes.")
    false_ack: Literal[True] | None = Field(None, description="Answered as usual, and nothing of it is kept.")
    delay_visibility: _Later | None = Field(None, description="What the request leaves behind shows so much later.")
    drop_field: _Paths | None = None
    add_field: _Added | None = None
    rename_field: _Renamed | None = None
    retype_field: _Retyped | None = None
    double: Double | None = Field(None, description="An event arrives twice.")
    late: _Later | None = Field(None, description="An event arrives so much later than its sender is told.")
    clock_skew: _Skew | None = Field(None, description="An event's timestamp is so far off.")
    scale_values: _Factor | None = Field(
        None, description="Every number in an event's data is multiplied, also one written as text."
    )
    exhaust_credits: _Exhaustion | None = Field(None, description="The balance is emptied, for good.")
    top_up_usd: Usd | None = Field(None, description="So much credit comes, `top_up_after` the request.")
    top_up_after: _Later | None = None

    note: str = Field("", max_length=200, description="The user's own word for it.")
    optional: bool = Field(False, description="Whether it may remain unused.")


class FaultRequest(FaultFields):
    """A fault to arm."""

    model_config = ConfigDict(extra="forbid")

    def to_fault(self, apis: Sequence[Api]) -> Fault:
        """Return the fault.

        :raises InvalidRequest: it says nothing, contradicts itself, or could never hit any request to these vendors.
        """
        problems = [*self._faulty_effect(), *self._faulty_time()]
        try:
            sites = reach(self.conjuncts(fact_names(apis)), apis)
        except InvalidRequest as error:
            problems += error.problems
        else:
            problems += self._out_of_reach(sites)
        if problems:
            raise InvalidRequest(*problems)
        return Fault(self.spec(), fact_names(apis), self._effect(), self._when(), self.note, self.optional)

    def _said(self) -> set[str]:
        return {name for name in self.model_fields_set if getattr(self, name) is not None}

    def _faulty_effect(self) -> Iterator[Problem]:
        said = self._said()
        effects = [name for name in _EFFECTS if name in said]
        if not effects:
            yield Problem(("body",), f"say what goes wrong, by one of {', '.join(_EFFECTS)}", "required")
        for these, those, reason in _CONTRADICTIONS:
            for one in these:
                for other in those:
                    if one in said and other in said:
                        yield Problem(("body", other), f"not together with {one}: {reason}", "invalid_format")
        for name in ("message", "retry_after"):
            if name in said and self.status is None:
                yield Problem(("body", name), "goes with status only", "invalid_format")
            elif name in said and self.status == 402:
                yield Problem(("body", name), "a 402 is the vendor's own, out of its ledger", "invalid_format")
        if "top_up_after" in said and self.top_up_usd is None:
            yield Problem(("body", "top_up_after"), "goes with top_up_usd only", "invalid_format")
        if self.top_up_usd is not None and self.top_up_usd <= 0:
            yield Problem(("body", "top_up_usd"), "must be above 0", "out_of_range")
        if self.exhaust_credits == "mid_stream" and (cut := next((name for name in _INSTEAD if name in said), None)):
            yield Problem(("body", "exhaust_credits"), f"not mid_stream together with {cut}", "invalid_format")
        places = [
            (path, name)
            for name in ("drop_field", "rename_field", "retype_field")
            for path in getattr(self, name) or ()
        ]
        for number, (path, name) in enumerate(places):
            if any(path == earlier for earlier, _ in places[:number]):
                yield Problem(("body", name), f"'{path}' is changed in two ways", "invalid_format")

    def _faulty_time(self) -> Iterator[Problem]:
        if self.after_spend_usd is not None and self.after_spend_usd < 0:
            yield Problem(("body", "after_spend_usd"), "must be 0 or more", "out_of_range")
        first, every = self.first or _MAX_COUNT, self.every or 1
        if self.nth is None and every > first:
            yield Problem(("body", "every"), f"never comes within the first {first}", "out_of_range")
        if self.nth is not None and not any(n <= first and n % every == 0 for n in self.nth):
            missed = f"the first {first}" if first < min(self.nth) else f"the multiples of {every}"
            yield Problem(("body", "nth"), f"is never one of {missed}", "out_of_range")

    def _out_of_reach(self, sites: Sequence[Site]) -> Iterator[Problem]:
        """Yield the effects that no request can suffer that goes to one of some sites."""
        said = self._said()
        endpoints = [site.endpoint for site in sites if site.endpoint is not None]
        named = f"none of {_few(operations(sites))}"
        needs: list[tuple[str, bool, str]] = [
            ("truncate_stream_after", any(each.streams for each in endpoints), f"{named} streams"),
            ("delay_visibility", any(each.is_delayable for each in endpoints), f"{named} can show late"),
        ]
        intakes = {site.operation for site in sites if _takes_in(site)}
        needs += [(name, bool(intakes), f"{named} takes in events") for name in _INGESTION]
        if self.exhaust_credits == "mid_stream":
            needs.append(("exhaust_credits", any(each.streams for each in endpoints), f"{named} streams"))
        for name, is_met, reason in needs:
            if name in said and not is_met:
                yield Problem(("body", name), reason, "invalid_enum")
        if self.status == 402:
            yield from _broke(sites)

    def _when(self) -> When:
        start, end = self.between or (None, None)
        return When(self.nth or (), self.first, self.every, start, end, self.rate, self.after_spend_usd)

    def _effect(self) -> Effect:
        return Effect(
            status=self.status, message=self.message, retry_after_s=self.retry_after, latency=self.latency_ms,
            timeout_s=self.timeout, reset=bool(self.reset), truncate_after=self.truncate_stream_after,
            malformed_chunk=self.malformed_chunk, empty_body=bool(self.empty_body), lost_ack=bool(self.lost_ack),
            false_ack=bool(self.false_ack), delay_us=self.delay_visibility, drop=self.drop_field or (),
            add=self.add_field or {}, rename=self.rename_field or {}, retype=self.retype_field or {},
            double=self.double, late_us=self.late, skew_us=self.clock_skew, scale=self.scale_values,
            exhaust=self.exhaust_credits, top_up_micro_usd=self.top_up_usd, top_up_after_us=self.top_up_after or 0,
        )  # fmt: skip


_EFFECTS = (
    *_INSTEAD, "latency_ms", "truncate_stream_after", "malformed_chunk", "empty_body", "lost_ack", "false_ack",
    "delay_visibility", *_EDITS, *_INGESTION, "exhaust_credits", "top_up_usd",
)  # fmt: skip


def _few(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _takes_in(site: Site) -> bool:
    intake, endpoint = site.api.intake, site.endpoint
    return intake is not None and endpoint is not None and endpoint.operation == intake.operation


def _broke(sites: Sequence[Site]) -> Iterator[Problem]:
    """Yield what keeps a 402 from being made: there is no balance, or nothing looks at it."""
    if any(site.endpoint is not None and 402 in site.endpoint.errors for site in sites):
        return
    vendors = {site.api.name: site.api for site in sites}
    poor = [name for name, api in vendors.items() if not any(402 in endpoint.errors for endpoint in api.endpoints)]
    if len(poor) == len(vendors):
        reason = f"402 means an empty balance, and {' and '.join(poor)} has none"
    else:
        reason = f"none of {_few(operations(sites))} costs anything"
    yield Problem(("body", "status"), reason, "invalid_enum")


# Answers


class FaultResponse(FaultFields):
    """A fault as it was asked for, and what it has done."""

    id: str
    matched: int = Field(description="Requests it was about.")
    hits: int = Field(description="Those of them it hit.")


class DecisionResponse(WireModel):
    """What a fault decided about a request."""

    n: int = Field(description="The so-manyth request that matched.")
    request: int = Field(description="Its `seq` in the journal; 0 for a call or an event of a scenario's traffic.")
    hit: bool
    reason: str


class FaultDetailResponse(FaultResponse):
    """A fault with its decisions, oldest first."""

    decisions: list[DecisionResponse]
    next: int | None = Field(description="`after` of the next page, or null at the end.")


class FaultsPage(WireModel):
    """Faults, in the order they were armed."""

    data: list[FaultResponse]
    next: int | None = Field(description="`after` of the next page, or null at the end.")


def present_fault(count: Count) -> dict[str, Any]:
    """Shape a fault as it was asked for, with what it has done."""
    fault = count.armed.fault
    return {
        "id": count.armed.id,
        **asked(fault.match),
        **_when_asked(fault.when),
        **effect_asked(fault.effect),
        "note": fault.note,
        "optional": fault.is_optional,
        "matched": count.matched,
        "hits": count.hits,
    }


def _when_asked(when: When) -> dict[str, Any]:
    said: dict[str, Any] = {"first": when.first, "every": when.every, "rate": when.rate}
    if when.nth:
        said["nth"] = when.nth[0] if len(when.nth) == 1 else when.nth
    if when.start is not None or when.end is not None:
        said["between"] = [None if at is None else format_instant(at) for at in (when.start, when.end)]
    if when.after_spend_micro_usd is not None:
        said["after_spend_usd"] = usd_text(when.after_spend_micro_usd)
    return {name: value for name, value in said.items() if value is not None}


def effect_asked(effect: Effect) -> dict[str, Any]:
    """Return an effect as it was asked for."""
    said: dict[str, Any] = {
        "status": effect.status,
        "message": effect.message,
        "retry_after": _short(effect.retry_after_s),
        "latency_ms": None if effect.latency is None else _latency_asked(effect.latency),
        "timeout": _short(effect.timeout_s),
        "reset": effect.reset or None,
        "truncate_stream_after": effect.truncate_after,
        "malformed_chunk": effect.malformed_chunk,
        "empty_body": effect.empty_body or None,
        "lost_ack": effect.lost_ack or None,
        "false_ack": effect.false_ack or None,
        "delay_visibility": None if effect.delay_us is None else format_duration(effect.delay_us),
        "drop_field": effect.drop[0] if len(effect.drop) == 1 else effect.drop or None,
        "add_field": effect.add or None,
        "rename_field": effect.rename or None,
        "retype_field": effect.retype or None,
        "double": effect.double,
        "late": None if effect.late_us is None else format_duration(effect.late_us),
        "clock_skew": None if effect.skew_us is None else format_duration(effect.skew_us),
        "scale_values": effect.scale,
        "exhaust_credits": True if effect.exhaust == "before" else effect.exhaust,
        "top_up_usd": None if effect.top_up_micro_usd is None else usd_text(effect.top_up_micro_usd),
        "top_up_after": format_duration(effect.top_up_after_us) if effect.top_up_after_us else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _latency_asked(latency: Latency) -> Any:
    if latency.median_ms is not None:
        return {"median": _short(latency.median_ms), "p99": _short(latency.p99_ms)}
    if latency.high_ms is not None:
        return {"low": _short(latency.low_ms), "high": _short(latency.high_ms)}
    return _short(latency.low_ms)


def _short(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value
