"""What users' programs do with the vendors' clients, and what they see, live or of a recording."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from tests.vendors.pareta.sdk import Plain as PlainPareta
from tests.vendors.paygentic.clients.sdk import Plain as PlainPaygentic

TASK = "contract-key-fields"
ENDPOINT = "ep-contract-key-fields"
QUESTION = [{"role": "user", "content": "Effective as of January 1, 2026: caf\u00e9, \u20ac 5 and a \u2603."}]
PRODUCT, MERCHANT, CUSTOMER = "prod_YOUR_PRODUCT_ID", "org_YOUR_ORG_ID", "cus_abc123"

Seen = list[tuple[str, Any]]
"""What a program saw, step by step, in a form that can be compared and printed."""
Program = Callable[[Any, Callable[[], None]], Seen]
"""Uses a client; the second argument takes all credit away from its world."""


def seen(value: Any) -> Any:
    """Return an object of any client as type and plain data."""
    if isinstance(value, list | tuple):
        return [seen(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, dataclasses.asdict(value)
    for way in ("to_dict", "model_dump"):
        if hasattr(value, way):
            return type(value).__name__, getattr(value, way)()
    return value


def _error(error: Exception) -> Any:
    facts = {name: getattr(error, name, None) for name in ("status_code", "detail", "request_id", "body")}
    return type(error).__name__, str(error), {name: fact for name, fact in facts.items() if fact is not None}


def seen_by(steps: Iterator[tuple[str, Callable[[], Any]]]) -> Seen:
    """Take steps, and return what came of each: what it returned, or its error."""
    found: Seen = []
    for name, step in steps:
        try:
            found.append((name, seen(step())))
        except Exception as error:
            found.append((name, _error(error)))
    return found


# Pareta


def pareta(major: int, has_auto: bool = True) -> Program:
    """Return what a program does with a generation of Pareta's client."""
    return lambda client, drain: seen_by(_pareta(client, drain, major, has_auto))


def _pareta(client: Any, drain: Callable[[], None], major: int, has_auto: bool) -> Iterator[tuple[str, Any]]:
    chat = client.chat.completions.create
    model = ENDPOINT if major < 1 else "auto"
    yield "chat", lambda: chat(model=model, messages=QUESTION)
    yield "the same again", lambda: chat(model=model, messages=QUESTION)
    yield "stream", lambda: list(chat(model=model, messages=QUESTION, stream=True, temperature=0.5))
    yield "unknown model", lambda: chat(model="ep-none", messages=QUESTION)
    yield "invalid", lambda: chat(model=model, messages=[{"role": "nobody", "content": "x"}])
    yield "models", lambda: list(client.models.list())
    yield "roster", lambda: list(client.evals.frontier_models(task=TASK))
    if major < 1:
        yield "endpoints", lambda: list(client.endpoints.list())
        yield "metrics", lambda: client.endpoints.metrics(ENDPOINT).cost(window="7d", group_by="day")
    made: list[Any] = []

    def create() -> Any:
        words = {2: {"intent": "extract dates"}, 3: {"prompt": "extract dates"}}.get(major, {})
        made.append(client.evals.sets.create(task=TASK, items=_rows(major), **words))
        return made[0]

    yield "set by multipart", create
    yield "set", lambda: client.evals.sets.retrieve(made[0].id)
    yield "sets", lambda: list(client.evals.sets.list())
    pdf = b"%PDF-1.4\n\x00\xff binary\r\n--not-a-boundary\r\n"
    yield (
        "document",
        lambda: client.evals.sets.upload_document(
            made[0].id, pdf, idx=0, field_name="document", mime="application/pdf"
        ),
    )
    models = ["llama-1", "qwen-2"] if major < 1 else ["auto"]
    yield (
        "run",
        lambda: client.evals.runs.create(
            eval_set=made[0].id, models=models, frontier="benchmarked", wait=True, poll_interval=0.001
        ),
    )
    yield "no such run", lambda: client.evals.runs.retrieve("run_none")
    if has_auto:
        yield "speech", lambda: client.audio.speech("Shipped.").audio[:64]
    yield "deleted", lambda: client.evals.sets.delete(made[0].id)
    drain()
    yield "no credit", lambda: chat(model=model, messages=QUESTION)
    yield "no credit in a stream", lambda: list(chat(model=model, messages=QUESTION, stream=True))


def _rows(major: int) -> list[dict[str, Any]]:
    days = [f"2026-01-0{1 + i}" for i in range(3)]
    if major < 2:
        return [{"input": f"Effective as of {day}.", "expected": {"effective_date": day}} for day in days]
    return [
        {"input": {"contract_text": f"Effective as of {day}."}, "expected_output": {"effective_date": day}}
        for day in days
    ]


def openai(client: Any, drain: Callable[[], None]) -> Seen:
    """Do what a program does with OpenAI's client."""
    return seen_by(_openai(client, drain))


def _openai(client: Any, drain: Callable[[], None]) -> Iterator[tuple[str, Any]]:
    chat = client.chat.completions.create
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
    yield "chat", lambda: chat(model="auto", messages=QUESTION)
    yield (
        "stream",
        lambda: list(chat(model="auto", messages=QUESTION, stream=True, stream_options={"include_usage": True})),
    )
    yield "tools", lambda: chat(model="auto", messages=QUESTION, tools=tools, tool_choice="required")
    yield "models", lambda: list(client.models.list())
    yield "unknown model", lambda: chat(model="none", messages=QUESTION)
    drain()
    yield "no credit", lambda: chat(model="auto", messages=QUESTION)


# Paygentic


def paygentic(client: Any, drain: Callable[[], None]) -> Seen:
    """Do what a program does with Paygentic's client."""
    return seen_by(_paygentic(client))


def _paygentic(client: Any) -> Iterator[tuple[str, Any]]:
    cost = {
        "type_": "metered", "event_type": "cost.ai.inference", "value_property": "$.amount", "aggregation": "SUM",
        "unit_cost": 1, "currency": "USD", "product_id": PRODUCT, "group_by": {"provider": "$.provider"},
    }  # fmt: skip
    made: list[Any] = []

    def create(name: str) -> Any:
        made.append(client.costs.create_cost(name=name, **cost))
        return made[-1]

    def send(amount: float, key: str) -> Any:
        data = {"amount": amount, "provider": "anthropic"}
        event = {"type": "cost.ai.inference", "source": "https://api.myapp.com", "subject": CUSTOMER, "data": data}
        return client.events.ingest(request={**event, "idempotency_key": key, "timestamp": _NOON})

    for n in range(3):
        yield f"cost {n}", lambda n=n: create(f"Cost {n}")
    for page in range(2):
        query = {"product_id": PRODUCT, "limit": 2, "offset": 2 * page}
        yield f"page {page}", lambda query=query: client.costs.list_costs(request=query)
    yield "cost again", lambda: client.costs.get_cost(id=made[0].id)
    yield "event", lambda: send(0.0042, "job-1")
    yield "the same event", lambda: send(0.0042, "job-1")
    yield "another event", lambda: send(12, "job-2")
    span = {"from_": datetime(2026, 2, 1, tzinfo=UTC), "to": datetime(2026, 3, 1, tzinfo=UTC)}
    yield "summary", lambda: client.costs.get_cost_summary(id=made[0].id, subject=CUSTOMER, **span)
    yield "renamed", lambda: client.costs.update_cost(id=made[0].id, name="x")
    yield "no such cost", lambda: client.costs.get_cost(id="cst_none")
    yield "faulty", lambda: client.costs.create_cost(name="x", **{**cost, "product_id": "prod_none"})
    yield "deleted", lambda: client.costs.delete_cost(id=made[2].id)


_NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


# Both kinds of client, used in one way


def in_one_way(client: Any, runner: asyncio.Runner | None) -> Any:
    """Return a client whose methods need no awaiting, whatever it is."""
    if type(client).__module__.startswith("paygentic_sdk"):
        return PlainPaygentic(client, runner)
    return client if runner is None else PlainPareta(client, runner)
