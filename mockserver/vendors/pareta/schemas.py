"""The wire, as documented: models that validate requests, models that document answers, and the shaping between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, WithJsonSchema
from pydantic_core import to_json

from mockserver.http.endpoint import WireModel
from mockserver.http.forms import Upload
from mockserver.http.messages import Headers, Reply, Stream
from mockserver.kernel.windows import DAY, HOUR, SECOND, format_instant
from mockserver.vendors.pareta.domain import metrics
from mockserver.vendors.pareta.domain.catalog import AUTO, RankedModel, ServedEndpoint, Task, baseline
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.evaluation import TERMINAL, CandidateResult
from mockserver.vendors.pareta.domain.generation import Prompt, pieces, prompt_tokens
from mockserver.vendors.pareta.domain.matching import Candidate, TaskMatch
from mockserver.vendors.pareta.operations import chat, eval_runs, eval_sets, tasks
from mockserver.vendors.pareta.operations.endpoints import Listed
from mockserver.vendors.pareta.operations.eval_sets import KeptEvalSet
from mockserver.vendors.pareta.operations.metrics import Traffic
from mockserver.vendors.pareta.tables import EvalRunRow

Text = Annotated[str, StringConstraints(min_length=1)]

# Chat


class ContentPart(WireModel):
    """One part of a message: text, or an image or PDF by URL."""

    type: str
    text: str | None = None
    image_url: dict[str, Any] | None = None


class ChatMessage(WireModel):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        """The message's words."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""


class StreamOptions(WireModel):
    """How a stream ends."""

    include_usage: bool = False


class ChatCompletionRequest(WireModel):
    """A conversation to continue; any further OpenAI field is accepted."""

    model: Text
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    response_format: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] | None = None

    def to_domain(self) -> chat.ChatRequest:
        """Return what is asked, free of the wire.

        :raises Refused: it asks for a form of answer that is not made yet; ignoring it would be worse.
        """
        if self.n not in (None, 1):
            raise Refused("n must be 1")
        if self.response_format is not None and self.response_format.get("type") != "text":
            raise Refused('response_format must be {"type": "text"}')
        if self.tool_choice not in (None, "auto", "none"):
            raise Refused("tool_choice must be 'auto' or 'none'")
        texts = [message.text for message in self.messages]
        last = next((m.text for m in reversed(self.messages) if m.role == "user"), texts[-1])
        prompt = Prompt(
            "\n".join(texts),
            last,
            prompt_tokens(texts),
            self.max_tokens or self.max_completion_tokens,
            (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
        )
        wants_usage = self.stream_options is not None and self.stream_options.include_usage
        return chat.ChatRequest(self.model, prompt, bool(self.stream), wants_usage, self.seed)


def completion(value: chat.Completion) -> Reply:
    """Shape a completion as one JSON body or as a stream."""
    if value.request.is_streamed:
        return _streamed(value)
    answer = value.answer
    body = {
        "id": value.id,
        "object": "chat.completion",
        "created": value.created // SECOND,
        "model": value.model,
        "choices": [
            {
                "index": 0,
                "finish_reason": answer.finish_reason,
                "message": {"role": "assistant", "content": answer.text},
            }
        ],
        "usage": _usage(value),
    }
    return Reply.json(body, headers=_receipt(value))


BILLED = b"x-pareta-billed"
_BILLED_COMMENT = b": pareta-billed-micro-usd "


def _receipt(value: chat.Completion) -> Headers:
    return [
        (BILLED, b"%d" % value.price.billed_micro_usd),
        (b"x-pareta-frontier-would-have-cost", b"%d" % value.price.frontier_micro_usd),
    ]


def _usage(value: chat.Completion) -> dict[str, int]:
    given, written = value.prompt_tokens, value.answer.tokens
    return {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}


def _streamed(value: chat.Completion) -> Reply:
    """Send the answer in pieces; the receipt and `[DONE]` go out only after the debit."""
    assert value.settle is not None
    assert value.abandon is not None
    settle = value.settle

    def end() -> bytes:
        settle()
        price = value.price
        return (
            b"%s%d\n\n" % (_BILLED_COMMENT, price.billed_micro_usd)
            + b": pareta-frontier-would-have-cost-micro-usd %d\n\ndata: [DONE]\n\n" % price.frontier_micro_usd
        )

    return Reply(
        200,
        headers=[(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")],
        stream=Stream(_chunks(value), end, value.abandon),
    )


def _chunks(value: chat.Completion) -> Iterator[bytes]:
    """Yield the stream up to its receipt.

    Every chunk carries a choice, so usage travels in the last one unless a chunk of its own was asked for.
    """
    head = {"id": value.id, "object": "chat.completion.chunk", "created": value.created // SECOND, "model": value.model}
    if value.model == AUTO:
        yield b": pareta-progress planning\n\n: pareta-progress executing\n\n: pareta-progress answering\n\n"
    delta: dict[str, str] = {"role": "assistant", "content": ""}
    for text in pieces(value.answer.text):
        yield _event({**head, "choices": [{"index": 0, "delta": {**delta, "content": text}, "finish_reason": None}]})
        delta = {}
    last: dict[str, Any] = {
        **head,
        "choices": [{"index": 0, "delta": delta, "finish_reason": value.answer.finish_reason}],
    }
    if not value.request.wants_usage:
        yield _event({**last, "usage": _usage(value)})
    else:
        yield _event(last)
        yield _event({**head, "choices": [], "usage": _usage(value)})


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + to_json(value) + b"\n\n"


def replayed(reply: Reply) -> Reply:
    """Return a remembered answer as its repetition looks: the same, but billed 0.

    Source: pareta/idempotency "a replay reports X-Pareta-Billed: 0" (documented; in a stream's comment: assumed).
    """
    reply.headers = [(name, b"0" if name == BILLED else value) for name, value in reply.headers]
    start = reply.body.rfind(_BILLED_COMMENT) if reply.body.startswith((b"data:", b":")) else -1
    if start >= 0:
        start += len(_BILLED_COMMENT)
        reply.body = reply.body[:start] + b"0" + reply.body[reply.body.index(b"\n", start) :]
    return reply


# Models


def model_list(value: list[tuple[str, int]]) -> dict[str, Any]:
    """Shape the list of callable models."""
    rows = [{"id": name, "object": "model", "owned_by": "pareta", "created": at // SECOND} for name, at in value]
    return {"object": "list", "data": rows}


# Endpoints


def endpoint(value: Listed) -> dict[str, Any]:
    """Shape one endpoint."""
    e = value.endpoint
    return {
        "id": e.id,
        "name": e.id,
        "model": e.model,
        "status": e.status,
        "taskName": e.task,
        "url": value.url if e.status == "live" else None,
        "recommendedSystemPrompt": e.system_prompt,
        "promptScaffold": e.scaffold,
    }


def endpoint_list(value: list[Listed]) -> list[dict[str, Any]]:
    """Shape the bare array of endpoints."""
    return [endpoint(item) for item in value]


def endpoint_action(value: ServedEndpoint) -> dict[str, Any]:
    """Shape the outcome of a start or stop."""
    return {"ok": True, "id": value.id, "status": value.status}


# Metrics


class MetricsQuery(WireModel):
    """Free-form narrowing; what is not understood is ignored."""

    window: str | None = None
    since: str | None = None
    since_hours: str | None = None
    group_by: str | None = None

    def to_domain(self) -> dict[str, str]:
        """Return what was given."""
        return {name: value for name, value in self if isinstance(value, str)}


def cost_metric(value: Traffic) -> dict[str, Any]:
    """Shape spend and savings."""
    total = metrics.cost_of(value.calls)
    body: dict[str, Any] = {
        "dimension": "cost",
        "endpoint_id": value.endpoint.id,
        "window": value.window.label,
        **_cost(total),
        "savings_multiple": total.savings_multiple,
        "cost_per_request_micro_usd": value.endpoint.cost_micro_usd,
        "frontier_model": value.endpoint.frontier_model,
    }
    if value.window.bucket:
        body["buckets"] = [
            {"start": format_instant(start), **_cost(metrics.cost_of(calls))}
            for start, calls in metrics.grouped(value.calls, value.window.bucket).items()
        ]
    return body


def _cost(value: metrics.Cost) -> dict[str, int]:
    return {
        "requests": value.requests,
        "total_micro_usd": value.total_micro_usd,
        "frontier_baseline_micro_usd": value.frontier_micro_usd,
        "savings_micro_usd": value.savings_micro_usd,
    }


def quality_metric(value: Traffic) -> dict[str, Any]:
    """Shape the judge's windows: hours within two days, days beyond, unless a grouping is asked for."""
    window = value.window
    estimate, judged = metrics.quality_of(value.calls)
    width = window.bucket or (HOUR if window.end - window.start <= 2 * DAY else DAY)
    series = []
    for start, calls in metrics.grouped(value.calls, width).items():
        part, count = metrics.quality_of(calls)
        if part is not None:
            series.append(
                {
                    "start": format_instant(start),
                    "end": format_instant(start + width),
                    "quality_mean": part.mean,
                    "n_judged": count,
                }
            )
    return {
        "dimension": "quality",
        "endpoint_id": value.endpoint.id,
        "window": window.label,
        "quality_mean": estimate.mean if estimate else None,
        "quality_ci_low": estimate.low if estimate else None,
        "quality_ci_high": estimate.high if estimate else None,
        "n_judged": judged,
        "windows": series,
    }


def performance_metric(value: Traffic) -> dict[str, Any]:
    """Shape the latency percentiles."""
    whole = metrics.latency_of(value.calls)
    p50, p95, p99 = (_ms(us) for us in (whole.p50_us, whole.p95_us, whole.p99_us))
    points = []
    for start, calls in metrics.grouped(value.calls, value.window.bucket or HOUR).items():
        part = metrics.latency_of(calls)
        points.append(
            {
                "start": format_instant(start),
                "requests": part.requests,
                "p50_ms": _ms(part.p50_us),
                "p95_ms": _ms(part.p95_us),
            }
        )
    return {
        "dimension": "performance",
        "endpoint_id": value.endpoint.id,
        "window": value.window.label,
        "requests": whole.requests,
        "error_rate": round(1 - metrics.availability_of(value.calls), 6),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "points": points,
    }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


def uptime_metric(value: Traffic) -> dict[str, Any]:
    """Shape availability."""
    share = metrics.availability_of(value.calls)
    return {
        "dimension": "uptime",
        "endpoint_id": value.endpoint.id,
        "window": value.window.label,
        "uptime_pct": round(100 * share, 4),
        "availability": round(share, 6),
        "requests": len(value.calls),
        "incidents": [
            {"start": format_instant(start), "end": format_instant(end), "failed_requests": failures}
            for start, end, failures in metrics.incidents_of(value.calls)
        ],
    }


def activity_metric(value: Traffic) -> dict[str, Any]:
    """Shape usage volume."""
    calls = value.calls
    given = sum(call.prompt_tokens for call in calls)
    written = sum(call.completion_tokens for call in calls)
    return {
        "dimension": "activity",
        "endpoint_id": value.endpoint.id,
        "window": value.window.label,
        "requests": len(calls),
        "succeeded": sum(call.is_ok for call in calls),
        "failed": sum(not call.is_ok for call in calls),
        "prompt_tokens": given,
        "completion_tokens": written,
        "total_tokens": given + written,
        "last_request_at": format_instant(calls[-1].at) if calls else None,
        "points": [
            {
                "start": format_instant(start),
                "requests": len(part),
                "total_tokens": sum(call.prompt_tokens + call.completion_tokens for call in part),
            }
            for start, part in metrics.grouped(calls, value.window.bucket or DAY).items()
        ],
    }


# Tasks


class TaskQuery(WireModel):
    """How many examples to show."""

    examples_n: Annotated[int, Field(ge=0, le=100, strict=False)] | None = None

    def to_domain(self) -> int | None:
        """Return the number, if one was given."""
        return self.examples_n


def task(value: tuple[Task, int | None]) -> dict[str, Any]:
    """Shape one task, with as many examples as were asked for."""
    subject, examples_n = value
    body = {name: part for name, part in subject.body.items() if name not in ("keywords", "examples")}
    if examples_n is not None:
        body["examples"] = subject.body["examples"][:examples_n]
    return body


def task_list(value: list[Task]) -> dict[str, Any]:
    """Shape every task."""
    return {"tasks": [task((item, None)) for item in value]}


class MatchRequest(WireModel):
    """What is wanted, in plain words."""

    query: Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
    top_k: Annotated[int, Field(ge=1)] = 5

    def to_domain(self) -> tasks.Wanted:
        """Return what is wanted."""
        return tasks.Wanted(self.query, self.top_k)


def match(value: TaskMatch) -> dict[str, Any]:
    """Shape the ranked tasks."""
    rows = [_candidate(rank, candidate) for rank, candidate in enumerate(value.candidates)]
    return {
        "query": value.query,
        "matcher": "keyword",
        "type": value.kind,
        "matched": value.chosen is not None,
        "ambiguous": value.is_ambiguous,
        "confidence": None,
        "reasoning": None,
        "capability": None,
        "chosen": rows[0] if value.chosen else None,
        "candidates": rows,
    }


def _candidate(rank: int, value: Candidate) -> dict[str, Any]:
    return {
        "task_id": value.task.id,
        "score": value.score,
        "confidence": value.confidence,
        "rank": rank,
        "category": value.task.body["category"],
    }


def leaderboard(value: tasks.Leaderboard) -> dict[str, Any]:
    """Shape a leaderboard."""
    best = baseline(value.models)
    return {
        "task_id": value.task.id,
        "metric": "quality",
        "cost_unit": "per_request",
        "recommended": next((model.name for model in value.models if model.is_recommended), None),
        "models": [_ranked(model) for model in value.models],
        "frontier": _ranked(best) if best else None,
    }


def _ranked(model: RankedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "quality": model.quality,
        "cost_per_request_micro_usd": model.cost_micro_usd,
        "context_k": model.context_k,
        "run_mode": model.run_mode,
    }


class FrontierQuery(WireModel):
    """The task to measure against."""

    task: str | None = None

    def to_domain(self) -> str | None:
        """Return the task's id."""
        return self.task


def frontier_models(value: tasks.Roster) -> dict[str, Any]:
    """Shape the roster."""
    return {
        "task": value.task_id,
        "frontier_models": [
            {"id": m.id, "vendor": m.vendor, "vision": m.has_vision, "benchmarked": m.id in value.benchmarked}
            for m in value.models
        ],
    }


# Eval sets

File = Annotated[Upload, WithJsonSchema({"type": "string", "format": "binary"})]


class CreateEvalSetForm(WireModel):
    """A JSON Lines file with what it is for."""

    items: File
    task_id: str | None = None
    name: str | None = None
    intent: str | None = None
    prompt: str | None = None

    def to_domain(self) -> eval_sets.NewEvalSet:
        """Return what is to be kept."""
        return eval_sets.NewEvalSet(self.items.data, self.task_id, self.name, self.intent, self.prompt)


def eval_set(value: KeptEvalSet) -> dict[str, Any]:
    """Shape one eval set."""
    return {"eval_set": _eval_set(value)}


def eval_set_list(value: list[KeptEvalSet]) -> dict[str, Any]:
    """Shape every eval set."""
    return {"eval_sets": [_eval_set(item) for item in value]}


def _eval_set(value: KeptEvalSet) -> dict[str, Any]:
    row = value.row
    return {
        "id": row.id,
        "task_id": row.task,
        "name": row.name,
        "item_count": row.item_count,
        "scoring_strategy": value.task.scoring_strategy,
        "intent": row.prompt,
        "prompt": row.prompt,
        "created_at": format_instant(row.created_at),
    }


# Eval runs


class CreateEvalRunRequest(WireModel):
    """Which models to run on which set."""

    eval_set_id: Text
    candidate_model_ids: Annotated[list[Text], Field(min_length=1, max_length=50)]

    def to_domain(self) -> eval_runs.NewRun:
        """Return what is to be run."""
        return eval_runs.NewRun(self.eval_set_id, tuple(self.candidate_model_ids))


def queued_run(value: EvalRunRow) -> dict[str, Any]:
    """Shape the receipt of a new run."""
    return {"run_id": value.id, "status": value.status}


def eval_run(value: eval_runs.Run) -> dict[str, Any]:
    """Shape a run."""
    row = value.row
    return {
        "run": {
            "id": row.id,
            "eval_set_id": row.eval_set,
            "task_id": row.task,
            "status": row.status,
            "candidate_model_ids": list(row.candidates),
            "total_cost_micro_usd": row.total_cost_micro_usd,
            "error_detail": row.error_detail,
            "created_at": format_instant(row.created_at),
        },
        "results": [_result(value, result) for result in value.results] if row.status in TERMINAL else [],
    }


def _result(run: eval_runs.Run, value: CandidateResult) -> dict[str, Any]:
    kind = value.kind or ("open" if run.is_first_generation else None)
    return {
        "model_id": value.model_id,
        "kind": kind,
        "quality_mean": value.quality_mean,
        "quality_ci_low": value.quality_ci_low,
        "quality_ci_high": value.quality_ci_high,
        "mean_cost_micro_usd": value.mean_cost_micro_usd,
        "n_succeeded": value.n_succeeded,
        "error_count": value.error_count,
        "exact_match": value.exact_match,
        "per_item": [
            {"idx": item.idx, "score": item.score, "prediction": item.prediction, "error": None} for item in value.items
        ],
    }
