"""Chat completions: find who answers, check the credit, write the answer, take the money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mockserver.kernel.call import Call
from mockserver.kernel.errors import Conflict, MockError, NotFound
from mockserver.kernel.ids import fingerprint
from mockserver.kernel.windows import Instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain import generation
from mockserver.vendors.pareta.domain.catalog import (
    AUTO,
    FrontierModel,
    PriceSheet,
    ServedEndpoint,
    Task,
    looks_like_alias,
)
from mockserver.vendors.pareta.domain.errors import EndpointNotReady, Refused, VendorFailed
from mockserver.vendors.pareta.domain.generation import ANY_TOOL, Answer, Choice, Prompt, Tool, finished
from mockserver.vendors.pareta.domain.generations import ENDPOINTS
from mockserver.vendors.pareta.domain.generations import generation as generation_of
from mockserver.vendors.pareta.domain.ledger import completion_id
from mockserver.vendors.pareta.domain.metrics import ServedCall
from mockserver.vendors.pareta.domain.pricing import Price, auto_price, capability_price, list_price
from mockserver.vendors.pareta.domain.scoring import SCORERS, exact_match
from mockserver.vendors.pareta.operations import drifting, metering
from mockserver.vendors.pareta.operations.auto import FRONTIER_FAILS
from mockserver.vendors.pareta.operations.endpoints import undeployed
from mockserver.vendors.pareta.operations.metering import begun, latency_us
from mockserver.vendors.pareta.operations.pages import read

if TYPE_CHECKING:
    from mockserver.vendors.pareta.domain.stubs import StubbedAnswer
    from mockserver.vendors.pareta.domain.writing import Draft
    from mockserver.vendors.pareta.operations.writer import Writer

OPERATION = "chat.completions.create"

DIRECT_MODELS = "pareta.direct_models"
"""The switch that lets chat name a frontier model itself, at the vendor's own token price."""

# Half of all calls take longer than this, plus the time per token below.
MEDIAN_US = 320_000
PER_TOKEN_US = 9_000

JUDGED_SHARE = 0.5
"""Share of live answers the judge scores.

Source: pareta/metrics "judge windows" (that it samples: documented; the share: assumed).
"""

MAX_CHOICES = 8
"""Source: pareta/chat "n" (that further OpenAI fields pass: documented; how many answers at most: assumed)."""

# How often another answer is tried where several must differ.
_TRIES = 12


@dataclass(frozen=True, slots=True)
class Form:
    """What a request says about the shape of its answers, beside the conversation.

    :param schema: JSON Schema of the answer; `wants_json` asks for any JSON object.
    """

    tools: tuple[Tool, ...] = ()
    choice: Choice = ANY_TOOL
    schema: Any = None
    wants_json: bool = False


PLAIN = Form()


class ChatRequest(NamedTuple):
    """What a client asks.

    :param seed: the client's own seed, which makes even chance repeatable.
    :param choices: how many answers it wants.
    """

    model: str
    prompt: Prompt
    is_streamed: bool
    wants_usage: bool
    seed: int | None
    choices: int = 1
    form: Form = PLAIN


@dataclass(slots=True)
class Completion:
    """Answers with their receipt.

    :param settle: debits and records a streamed answer once it is out; `abandon` frees what was set aside for it.
        Both are `None` for an answer that is settled already.
    :param system_fingerprint: what served it, where that is told.
    """

    id: str
    model: str
    created: Instant
    answers: tuple[Answer, ...]
    prompt_tokens: int
    completion_tokens: int
    price: Price
    request: ChatRequest
    settle: Callable[[], None] | None = None
    abandon: Callable[[], None] | None = None
    system_fingerprint: str | None = None


class Server(NamedTuple):
    """Who answers, and under which name its calls are kept.

    :param endpoint: with its task, for a deployed model.
    :param direct: the frontier model a request named itself.
    """

    who: str
    operation: str = OPERATION
    endpoint: ServedEndpoint | None = None
    task: Task | None = None
    direct: FrontierModel | None = None

    @property
    def model(self) -> str:
        """The model behind it."""
        if self.endpoint is not None:
            return self.endpoint.model
        return AUTO if self.direct is None else self.direct.id

    @property
    def is_flat(self) -> bool:
        """Whether all its calls cost the same."""
        return self.endpoint is not None and self.task is not None and not self.task.is_metered_by_token


AUTOMATIC = Server(AUTO)


def create(call: Call, request: ChatRequest) -> Completion:
    """Answer a chat request.

    :raises NotFound: no such model or endpoint in this world.
    :raises Conflict: a seed endpoint, which never serves.
    :raises EndpointNotReady: the endpoint is stopped or starting.
    :raises InsufficientCredits: the balance is empty.
    :raises Refused: it asks for something that cannot be had.
    """
    return complete(call, request, _server(call, request.model))


def complete(
    call: Call, request: ChatRequest, server: Server, settled: Callable[[Completion], None] | None = None
) -> Completion:
    """Answer a request with a server that is known to serve.

    :param settled: called when the money was taken.
    """
    world = call.world
    who = server.who
    last, n = begun(world, who)
    drift = drifting.of(call, who, n)
    if drift is not None:
        drift.attempt(call)
        if server.endpoint is not None:
            quality = drift.quality(server.endpoint.quality)
            server = server._replace(endpoint=replace(server.endpoint, quality=quality))
    prompt = read(world, request.prompt)
    stub: StubbedAnswer | None = call.answer
    if stub is None:
        answers, score = _answers(world, server, request, prompt, n)
    else:
        answers, score = _stubbed(call, stub, server, request, prompt, n)
    prompt_tokens = prompt.tokens + (0 if prompt.has_instructions else injected_tokens(server.endpoint))
    completion_tokens = sum([answer.tokens for answer in answers])
    sheet = None if server.is_flat else tables.catalog.price_sheet(world)
    price = price_of(server, sheet, prompt_tokens, completion_tokens)
    duration_us = latency_us(call, who, n, MEDIAN_US, completion_tokens * PER_TOKEN_US, drift)
    if drift is not None:
        price = Price(drift.billed(price.billed_micro_usd), price.frontier_micro_usd)
        score = drift.judged(score)
    identity = completion_id(call.request_id)
    completion = Completion(
        identity, request.model, call.now, answers, prompt_tokens, completion_tokens, price, request
    )  # fmt: skip

    def settle() -> None:
        served = ServedCall(
            call.now, 200, duration_us, prompt_tokens, completion_tokens, price.billed_micro_usd,
            price.frontier_micro_usd, score,
        )  # fmt: skip
        # While a stream was out, others may have been served and paid.
        ordinal, after = (tables.endpoints.next_call(world, who), None) if request.is_streamed else (n, last)
        metering.settle(call, server.operation, who, server.model, ordinal, served, after)
        if settled is not None:
            settled(completion)
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


# Who answers


def _server(call: Call, model: str) -> Server:
    """Return who serves a model id."""
    if model == AUTO:
        return AUTOMATIC
    endpoint, task = tables.endpoints.find_served(call.world, model)
    if endpoint is None:
        if generation_of(call.client) == ENDPOINTS and looks_like_alias(model):
            there = tables.endpoints.endpoints(call.world)
            endpoint = next((e for e in there if e.model == model and e.status == "live"), None)
            endpoint = endpoint or undeployed(call, model)
        if endpoint is None:
            return direct(call.world, model)
        task = tables.catalog.find_task(call.world, endpoint.task)
    call.subject = endpoint.id
    return deployed(endpoint, task)


def deployed(endpoint: ServedEndpoint, task: Task | None) -> Server:
    """Return an endpoint as what serves a request.

    :raises Conflict: a seed endpoint, which never serves.
    :raises EndpointNotReady: it is stopped or starting.
    """
    if endpoint.is_seed:
        raise Conflict(f"endpoint '{endpoint.id}' is a seed endpoint and is not deployed", retry_after_s=0)
    if endpoint.status != "live":
        raise EndpointNotReady(endpoint.id, endpoint.status)
    assert task is not None
    return Server(endpoint.id, OPERATION, endpoint, task)


def direct(world: World, model: str) -> Server:
    """Return the frontier model a request names.

    :raises NotFound: there is none of that name, or organisations may not name them.
    :raises VendorFailed: the vendor fails, which costs nothing.

    Source: pareta/generations "direct-model entitlement" (that it exists: sdk; what it does: assumed).
    """
    if not world.is_on(DIRECT_MODELS):
        raise NotFound("endpoint", model)
    found = next((each for each in tables.catalog.roster(world) if each.id == model), None)
    if found is None:
        raise NotFound("endpoint", model)
    if world.is_on(FRONTIER_FAILS):
        raise VendorFailed(model)
    # A name no endpoint can have, so that nobody's metrics count these calls.
    return Server(f"models/{model}", direct=found)


# What it costs


def injected_tokens(endpoint: ServedEndpoint | None) -> int:
    """Return the tokens of the recommended prompt, which goes before a conversation that has no system message.

    Source: pareta/endpoints "recommended prompt" (documented; that it counts: assumed).
    """
    if endpoint is None or endpoint.system_prompt is None:
        return 0
    return generation.prompt_tokens((endpoint.system_prompt,))


def price_of(server: Server, sheet: PriceSheet | None, prompt_tokens: int, completion_tokens: int) -> Price:
    """Return what a request costs by its tokens.

    :param sheet: may be left out where the price is flat.
    """
    endpoint, task = server.endpoint, server.task
    if endpoint is not None and task is not None:
        flat = Price(endpoint.cost_micro_usd, endpoint.frontier_cost_micro_usd)
        if sheet is None or not task.is_metered_by_token:
            return flat
        metered = capability_price(sheet, prompt_tokens + completion_tokens)
        said = endpoint.extra
        return Price(
            metered.billed_micro_usd if said.get("cost_per_request_micro_usd") is None else flat.billed_micro_usd,
            metered.frontier_micro_usd
            if said.get("frontier_cost_per_request_micro_usd") is None
            else flat.frontier_micro_usd,
        )
    assert sheet is not None, "only an endpoint's price is flat"
    if server.direct is not None:
        charged = list_price(sheet, prompt_tokens, completion_tokens)
        return Price(charged, charged)
    return auto_price(sheet, prompt_tokens, completion_tokens)


# What is said


def _answers(
    world: World, server: Server, request: ChatRequest, prompt: Prompt, n: int
) -> tuple[tuple[Answer, ...], float | None]:
    """Write the answers, and let the judge score the first of an endpoint now and then.

    The judge compares what was written with what a flawless model would have written. Answers in a row differ
    wherever there is more than one way to say it.

    :param n: the call's ordinal at its server, on which the chance of an endpoint's answers hangs without a seed.
    """
    _check_vision(server, prompt)
    writer = _writer(world, server, request, prompt, n)
    draft = writer.write("answer")
    answers = [_finished(draft, prompt)]
    seen = {draft.text}
    for number in range(2, request.choices + 1):
        for attempt in range(_TRIES):
            other = writer.write(f"answer {number}.{attempt}")
            if other.text not in seen or not other.is_free:
                break
        seen.add(other.text)
        answers.append(_finished(other, prompt))
    return tuple(answers), _score(world, server, draft, n)


def _check_vision(server: Server, prompt: Prompt) -> None:
    if server.direct is not None and not server.direct.has_vision and (prompt.pictures or prompt.documents):
        raise Refused(f"model '{server.direct.id}' does not take pictures or documents")


def _writer(world: World, server: Server, request: ChatRequest, prompt: Prompt, n: int) -> Writer:
    counter = request.seed
    if counter is not None or server.endpoint is None:
        # All that is asked, and nothing that happened meanwhile.
        subject = fingerprint(server.who, prompt.text, *[picture.digest for picture in prompt.pictures])
    else:
        subject, counter = server.endpoint.id, n
    from mockserver.vendors.pareta.operations.writer import Writer  # what reads and writes takes long to load

    return Writer(world.draws, server, request.form, prompt, subject, counter or 0)


def _score(world: World, server: Server, draft: Draft, n: int) -> float | None:
    if draft.right is None or not _is_judged(world, server, n):
        return None
    assert server.task is not None
    return SCORERS.get(server.task.default_scorer, exact_match)(draft.given, draft.right)


def _is_judged(world: World, server: Server, n: int) -> bool:
    endpoint = server.endpoint
    return endpoint is not None and world.draws.uniform("judge", endpoint.id, n) < JUDGED_SHARE


def _stubbed(
    call: Call, stub: StubbedAnswer, server: Server, request: ChatRequest, prompt: Prompt, n: int
) -> tuple[tuple[Answer, ...], float | None]:
    """Return the answers a stub gives, the same for each choice, whatever form the request wants them in.

    What is said on an endpoint is judged like any answer; only then is anything written to compare it with.
    """
    _check_vision(server, prompt)
    if request.form.schema is not None:
        from mockserver.vendors.pareta.operations.conformity import checked

        checked(request.form.schema, "response_format: schema")
    draws = call.world.draws

    def answer(choice: int) -> Answer:
        return stub.answer(prompt, lambda k: f"call_{draws.token('stubbed call', f'{choice}:{k}', call.seq, 24)}")

    answers = tuple([answer(choice) for choice in range(request.choices)])
    if stub.text is None or not _is_judged(call.world, server, n):
        return answers, None
    try:
        draft = _writer(call.world, server, request, prompt, n).write("answer")
    except Refused:  # nobody knows what would have been right
        return answers, None
    if draft.right is None:
        return answers, None
    from mockserver.vendors.pareta.domain.stubs import given_fields

    given = given_fields(stub.text, draft.right)
    return answers, _score(call.world, server, draft._replace(given=given), n)


def _finished(draft: Draft, prompt: Prompt) -> Answer:
    return generation.called(draft.calls, prompt) if draft.calls else finished(draft.text, prompt)
