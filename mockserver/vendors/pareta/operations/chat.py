"""Chat completions: find who answers, check the credit, write the answer, take the money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import Conflict, MockError, NotFound
from mockserver.kernel.ids import fingerprint
from mockserver.kernel.windows import Instant
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import AUTO, ServedEndpoint, looks_like_alias
from mockserver.vendors.pareta.domain.errors import EndpointNotReady
from mockserver.vendors.pareta.domain.generation import (
    Answer,
    Prompt,
    finished,
    labels_of,
    prose,
    rendered,
    right_answer,
)
from mockserver.vendors.pareta.domain.generations import ENDPOINTS, generation
from mockserver.vendors.pareta.domain.metrics import ServedCall
from mockserver.vendors.pareta.domain.predictions import predict
from mockserver.vendors.pareta.domain.pricing import Price, auto_price
from mockserver.vendors.pareta.domain.scoring import SCORERS
from mockserver.vendors.pareta.operations import metering
from mockserver.vendors.pareta.operations.metering import authorised, latency_us

OPERATION = "chat.completions.create"

# Half of all calls take longer than this, plus the time per token below.
_MEDIAN_US = 320_000
_PER_TOKEN_US = 9_000

JUDGED_SHARE = 0.5
"""Share of live answers the judge scores.

Source: pareta/metrics "judge windows" (that it samples: documented; the share: assumed).
"""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a client asks.

    :param seed: the client's own seed, which makes even chance repeatable.
    """

    model: str
    prompt: Prompt
    is_streamed: bool
    wants_usage: bool
    seed: int | None


@dataclass(slots=True)
class Completion:
    """An answer with its receipt.

    :param settle: debits and records a streamed answer once it is out; `abandon` frees what was set aside for it.
        Both are `None` for an answer that is settled already.
    """

    id: str
    model: str
    created: Instant
    answer: Answer
    prompt_tokens: int
    price: Price
    request: ChatRequest
    settle: Callable[[], None] | None = None
    abandon: Callable[[], None] | None = None


def create(call: Call, request: ChatRequest) -> Completion:
    """Answer a chat request.

    :raises NotFound: no such model or endpoint in this world.
    :raises Conflict: a seed endpoint, which never serves.
    :raises EndpointNotReady: the endpoint is stopped or starting.
    :raises InsufficientCredits: the balance is empty.
    """
    world = call.world
    endpoint = _served_by(call, request.model)
    last = authorised(world)
    who = endpoint.id if endpoint else AUTO
    n = tables.endpoints.next_call(world, who)
    answer, score = _endpoint_answer(call, endpoint, request, n) if endpoint else (_auto_answer(call, request), None)
    prompt_tokens = request.prompt.tokens
    if endpoint:
        price = Price(endpoint.cost_micro_usd, endpoint.frontier_cost_micro_usd)
    else:
        price = auto_price(tables.catalog.price_sheet(world), prompt_tokens, answer.tokens)
    duration_us = latency_us(call, who, n, _MEDIAN_US) + answer.tokens * _PER_TOKEN_US
    identity = f"chatcmpl-{call.request_id.removeprefix('req_')}"
    completion = Completion(identity, request.model, call.now, answer, prompt_tokens, price, request)

    def settle() -> None:
        served = ServedCall(
            call.now, 200, duration_us, prompt_tokens, answer.tokens, price.billed_micro_usd, price.frontier_micro_usd,
            score,
        )  # fmt: skip
        # While a stream was out, others may have been served and paid.
        ordinal, after = (tables.endpoints.next_call(world, who), None) if request.is_streamed else (n, last)
        metering.settle(call, OPERATION, who, ordinal, served, after)
        abandon()

    def abandon() -> None:
        world.holds.pop(call.request_id, None)

    if not request.is_streamed:
        settle()
        return completion
    world.holds[call.request_id] = price.billed_micro_usd
    completion.settle = settle
    completion.abandon = abandon
    return completion


def note_refusal(call: Call, error: MockError, status: int) -> None:
    """Count a refused call against the endpoint it was for."""
    who = call.subject
    if who is not None:
        failed = ServedCall(call.now, status, 0, 0, 0, 0, 0, None)
        tables.endpoints.insert_call(
            call.world, who, tables.endpoints.next_call(call.world, who), failed, call.request_id
        )


def _served_by(call: Call, model: str) -> ServedEndpoint | None:
    """Return the endpoint that serves a model id, `None` for `auto`."""
    if model == AUTO:
        return None
    endpoint = tables.endpoints.find_endpoint(call.world, model)
    if endpoint is None:
        if generation(call.client) == ENDPOINTS and looks_like_alias(model):
            endpoint = next(
                (e for e in tables.endpoints.endpoints(call.world) if e.model == model and e.status == "live"), None
            )
        if endpoint is None:
            raise NotFound("endpoint", model)
    call.subject = endpoint.id
    if endpoint.is_seed:
        raise Conflict(f"endpoint '{endpoint.id}' is a seed endpoint and is not deployed", retry_after_s=0)
    if endpoint.status != "live":
        raise EndpointNotReady(endpoint.id, endpoint.status)
    return endpoint


def _endpoint_answer(call: Call, endpoint: ServedEndpoint, request: ChatRequest, n: int) -> tuple[Answer, float | None]:
    """Write an endpoint's answer, right as often as its quality says, and let the judge score some of them.

    The judge compares what was written with what a flawless model would have written.
    """
    world = call.world
    task = tables.catalog.find_task(world, endpoint.task)
    assert task is not None
    if request.seed is None:
        subject, counter = endpoint.id, n
    else:
        subject, counter = fingerprint(endpoint.id, request.prompt.text), request.seed
    right = right_answer(task, request.prompt.last)
    given = predict(
        right, endpoint.quality, lambda name: world.draws.uniform(f"answer:{name}", subject, counter), labels_of(task)
    )
    is_judged = world.draws.uniform("judge", endpoint.id, n) < JUDGED_SHARE
    score = SCORERS[task.default_scorer](given, right) if is_judged else None
    return finished(rendered(task, given), request.prompt), score


def _auto_answer(call: Call, request: ChatRequest) -> Answer:
    subject = fingerprint(request.prompt.text)
    return finished(prose(request.prompt.last, lambda name: call.world.draws.uniform(name, subject)), request.prompt)
