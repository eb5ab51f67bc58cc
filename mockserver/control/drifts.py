"""What crosses the wire about drifts, alerts, and how well alerts did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel, ValidationError, model_validator

from mockserver.control.faults import FaultRequest
from mockserver.control.schemas import Moment, Span
from mockserver.http.endpoint import WireModel
from mockserver.kernel.drifts import Alert, DriftKind, Labelled, Option, Shape
from mockserver.kernel.scoring import Detection, Score
from mockserver.kernel.windows import DAY, SECOND, format_duration, format_instant

Name = Annotated[str, Field(min_length=1, max_length=255)]
Text = Annotated[str, Field(max_length=500)]

GRACE_US = DAY
"""Alerts may come so long after a drift's end: what is looked at in daily windows cannot be noticed sooner."""

MAX_ALERTS = 1_000
"""Alerts that one request may raise."""


def _edit(name: str) -> Callable[[Any], Any]:
    """Return what reads an edit of an answer's fields: as a fault has it, under a name of its own."""

    def read(value: Any) -> Any:
        try:
            FaultRequest.model_validate({name: value})
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return value

    return read


CONTRACT = DriftKind(
    "fields of successful answers come, go or change",
    "the share of answers it happens to",
    low=0.0,
    high=1.0,
    subject="an operation, such as paygentic.customers.*",
    default_size=1.0,
    options={
        "drop": Option("fields to leave out, by dotted path: one or a list", _edit("drop_field")),
        "add": Option("values by dotted path", _edit("add_field")),
        "rename": Option("new names by dotted path", _edit("rename_field")),
        "retype": Option("types by dotted path", _edit("retype_field")),
    },
)
"""The kind of drift that every vendor has."""

PARTS_OF_TOKENS = ("prompt", "completion", "both")


def _part_of_tokens(value: Any) -> str:
    if value not in PARTS_OF_TOKENS:
        raise ValueError(f"must be one of {', '.join(PARTS_OF_TOKENS)}")
    return str(value)


_CUSTOMERS = "a customer's external id, such as customer-001"

OF_TRAFFIC: Mapping[str, DriftKind] = {
    "traffic": DriftKind(
        "customers call more or less often; with gradual_mix one customer after the other",
        "factor of how often conversations begin, such as 3, or 0 for silence",
        low=0.0,
        high=1000.0,
        neutral=1.0,
        subject=_CUSTOMERS,
    ),
    "token_mix": DriftKind(
        "calls become longer or shorter, in tokens; there are as many as ever",
        "factor of a call's tokens, such as 2",
        low=0.01,
        high=1000.0,
        neutral=1.0,
        subject="an endpoint's id, or `auto`",
        options={"of": Option("which tokens, both if absent", _part_of_tokens)},
    ),
    "customer_mix": DriftKind(
        "some customers do more or less of what all do together, which stays as much as ever",
        "factor of how much of it they do, relative to the others, such as 5",
        low=0.01,
        high=1000.0,
        neutral=1.0,
        subject=_CUSTOMERS,
    ),
}
"""Kinds of drift that no answer can show, only who asks what and how often."""


# Requests


class DriftRequest(WireModel):
    """A drift to come. What else may be said depends on its kind."""

    model_config = ConfigDict(extra="allow")

    kind: Name = Field(description="What moves, such as `quality` or `latency`.", examples=["quality"])
    subject: Name = Field("*", description="Glob of what it moves for, such as an endpoint's id.")
    at: Moment | None = Field(None, description="From when on; now if absent.")
    size: float | None = Field(None, allow_inf_nan=False, description="How far, in the kind's unit.", examples=[-0.08])
    shape: Shape = "step"
    end: Moment | None = Field(None, description="From when on nothing is different any more.")
    over: Span | None = Field(None, description="How long it takes to get there; a period, if seasonal.")
    cause: Text = ""

    def options(self) -> Mapping[str, Any]:
        """Return what else was said."""
        return self.model_extra or {}


class AlertRequest(WireModel):
    """Something seems to have changed."""

    model_config = ConfigDict(extra="forbid")

    at: Moment | None = Field(None, description="When it was noticed; now if absent.")
    kind: Name | None = Field(None, description="What moves; null fits any kind.")
    subject: Name | None = Field(None, description="What it moves for; null fits any subject.")
    note: Text = ""


class AlertsRequest(RootModel[list[AlertRequest]], WireModel):
    """One alert, or a list of them."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema.update(
            {"anyOf": [{"$ref": "#/components/schemas/AlertRequest"}, _listed(schema)]}
        )
    )
    root: Annotated[list[AlertRequest], Field(max_length=MAX_ALERTS)]

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value


def _listed(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: schema.pop(name) for name in ("type", "items", "maxItems")}


class ScoreQuery(WireModel):
    """How alerts are to be scored."""

    model_config = ConfigDict(extra="forbid")

    grace: Span | None = Field(
        None, description="How long after a drift's end an alert may still be about it; a day if absent."
    )


# Answers


class TruthResponse(WireModel):
    """What really changes in a world, and why."""

    id: str
    kind: str
    subject: str
    onset: str
    end: str | None = Field(description="From when on nothing is different any more.")
    size: float
    unit: str = Field(description="What the size is a number of.")
    shape: Shape
    over: str | None
    cause: str
    options: dict[str, Any]


class DriftResponse(TruthResponse):
    """A drift, and how much of it there is."""

    level: float = Field(description="Now: 0 is none of it, 1 all of it, -1 all of it the other way.")


class _Page(WireModel):
    next: int | None = Field(description="`after` of the next page, or null at the end.")


class DriftsPage(_Page):
    """Drifts, in the order they were added."""

    data: list[DriftResponse]


class TruthPage(_Page):
    """What really changes in a world, in the order it was said."""

    data: list[TruthResponse]


class AlertResponse(WireModel):
    """An alert."""

    id: str
    at: str
    kind: str | None
    subject: str | None
    note: str


class AlertsResponse(WireModel):
    """Alerts that were raised."""

    data: list[AlertResponse]


class DetectionResponse(WireModel):
    """One drift, and whether it was noticed."""

    drift: str
    kind: str
    subject: str
    onset: str
    end: str | None
    state: Literal["hit", "missed", "pending"] = Field(description="`pending` before its onset.")
    detected_at: str | None
    delay_s: float | None = Field(description="From the onset to the first alert that fits.")
    alert: str | None
    repeats: int = Field(description="Further alerts that fit.")


class KindScore(WireModel):
    """How alerts did on drifts of one kind."""

    hits: int
    misses: int
    pending: int
    false_alarms: int = Field(description="Those that named this kind.")
    mean_delay_s: float | None
    median_delay_s: float | None


class ScoreResponse(WireModel):
    """How well alerts did."""

    data: list[DetectionResponse]
    hits: int
    misses: int
    pending: int
    repeats: int
    median_delay_s: float | None = Field(description="Of the hits.")
    false_alarms: list[AlertResponse] = Field(description="Alerts that fit no drift.")
    by_kind: dict[str, KindScore]


# Shaping


def present_truth(labelled: Labelled, kinds: Mapping[str, DriftKind]) -> dict[str, Any]:
    """Return the wire form of what really changes."""
    drift = labelled.drift
    kind = kinds.get(drift.kind)  # the file may come from where there was a vendor more
    return {
        "id": labelled.id, "kind": drift.kind, "subject": drift.subject, "onset": format_instant(drift.onset),
        "end": _moment(drift.until), "size": drift.size, "unit": "" if kind is None else kind.unit,
        "shape": drift.shape, "over": format_duration(drift.span_us) if drift.span_us else None, "cause": drift.cause,
        "options": drift.options,
    }  # fmt: skip


def present_drift(labelled: Labelled, kinds: Mapping[str, DriftKind], now: int) -> dict[str, Any]:
    """Return the wire form of a drift."""
    return {**present_truth(labelled, kinds), "level": round(labelled.drift.level(now), 6)}


def present_alert(alert: Alert) -> dict[str, Any]:
    """Return the wire form of an alert."""
    return {
        "id": alert.id, "at": format_instant(alert.at), "kind": alert.kind, "subject": alert.subject,
        "note": alert.note,
    }  # fmt: skip


def present_score(score: Score) -> dict[str, Any]:
    """Return the wire form of a score."""
    named = {each.labelled.drift.kind for each in score.detections}
    named |= {alert.kind for alert in score.false_alarms if alert.kind is not None}
    return {
        "data": [_detection(each) for each in score.detections],
        "hits": score.count("hit"),
        "misses": score.count("missed"),
        "pending": score.count("pending"),
        "repeats": sum(each.repeats for each in score.detections),
        "median_delay_s": _median_s(score.delays_us()),
        "false_alarms": [present_alert(alert) for alert in score.false_alarms],
        "by_kind": {kind: _kind(score, kind) for kind in sorted(named)},
    }


def _detection(detection: Detection) -> dict[str, Any]:
    labelled, alert = detection.labelled, detection.alert
    drift = labelled.drift
    return {
        "drift": labelled.id, "kind": drift.kind, "subject": drift.subject, "onset": format_instant(drift.onset),
        "end": _moment(drift.until), "state": detection.state,
        "detected_at": None if alert is None else format_instant(alert.at), "delay_s": _seconds(detection.delay_us),
        "alert": None if alert is None else alert.id, "repeats": detection.repeats,
    }  # fmt: skip


def _kind(score: Score, kind: str) -> dict[str, Any]:
    delays = score.delays_us(kind)
    return {
        "hits": score.count("hit", kind),
        "misses": score.count("missed", kind),
        "pending": score.count("pending", kind),
        "false_alarms": sum(alert.kind == kind for alert in score.false_alarms),
        "mean_delay_s": _seconds(sum(delays) // len(delays)) if delays else None,
        "median_delay_s": _median_s(delays),
    }


def _median_s(delays: Sequence[int]) -> float | None:
    """Return the middle one of sorted delays, the longer of two; no delay lies between them."""
    return _seconds(delays[len(delays) // 2]) if delays else None


def _moment(at: int | None) -> str | None:
    return None if at is None else format_instant(at)


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / SECOND
