"""One suite of behaviour through every generation of the vendor's client, sync and async, over a socket.

The last test fails for a version that offers anything no case used.
"""

from __future__ import annotations

import base64
import io
import json
import math
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from mockserver.vendors.pareta.domain.ledger import LedgerEntry
from tests.sdks import Sdk, served
from tests.vendors.pareta.clients.samples import PDF, png, recording, size_of
from tests.vendors.pareta.org import ENDPOINT, FRONTIER, PRICE, SEED, STOPPED, Org
from tests.vendors.pareta.sdk import Plain, expect, installed, recorded, resources_of, surface, versions

pytestmark = pytest.mark.sdk

START = "2026-02-10T12:00:00Z"
QUESTION = [{"role": "user", "content": "Explain how a prepaid balance works."}]
CONTRACT = [{"role": "user", "content": "Effective as of January 1, 2026, governed by the laws of Delaware."}]
TASK = "contract-key-fields"
PROMPT = "extract the key dates of each contract"
INLINE_MAX = 5 * 1024 * 1024


# One version, served


@pytest.fixture(scope="module")
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    with served(request.param, installed, recorded) as found:
        yield found


@dataclass
class Case:
    """One client of that version in an organisation of its own."""

    sdk: Sdk
    org: Org
    is_async: bool
    client: Any

    @property
    def key(self) -> str:
        return f"pareta_sk_test_{self.org.name}"

    @property
    def error(self) -> Any:
        """The client's module, for the names of its exceptions."""
        return self.sdk.module

    def another(self, http: httpx.Client | httpx.AsyncClient | None = None, **options: Any) -> Any:
        """Return one more client, by default of the same organisation over the same connections."""
        kind = self.sdk.module.AsyncPareta if self.is_async else self.sdk.module.Pareta
        http = http or (self.sdk.async_http if self.is_async else self.sdk.sync_http)
        client = kind(
            **{"api_key": self.key, "base_url": self.sdk.url, "max_retries": 0, "http_client": http} | options
        )
        return Plain(client, self.sdk.runner) if self.is_async else client

    @contextmanager
    def debits(self) -> Iterator[list[LedgerEntry]]:
        """Collect what a block takes from the balance."""
        before = len(self.org.ledger)
        taken: list[LedgerEntry] = []
        yield taken
        taken += self.org.ledger[before:]

    @contextmanager
    def costs(self, micro_usd: int) -> Iterator[None]:
        """Hold a block to one debit of an amount."""
        with self.debits() as taken:
            yield
        assert [(entry.kind, entry.amount_micro_usd) for entry in taken] == [("debit", -micro_usd)]

    @contextmanager
    def free(self) -> Iterator[None]:
        """Hold a block to no movement of the balance."""
        with self.debits() as taken:
            yield
        assert taken == []

    @contextmanager
    def refused(self, name: str, status: int, says: str = "", *, retry_after: str | None = None) -> Iterator[None]:
        """Hold a block to a refusal in the client's own exception, which costs nothing."""
        with self.free(), pytest.raises(getattr(self.error, name)) as caught:
            yield
        error: Any = caught.value
        assert type(error) is getattr(self.error, name)
        assert isinstance(error, self.error.APIStatusError)
        assert error.status_code == status
        assert error.request_id.startswith("req_")
        assert error.response.headers.get("retry-after") == retry_after
        if status == 422:
            assert [set(problem) for problem in error.detail] == [{"loc", "msg", "type"}] * len(error.detail)
            assert str(error) == "HTTP 422"
        else:
            assert str(error) == error.detail
        assert says in str(error.detail)

    def chat(self, model: str = "auto", messages: list[dict[str, Any]] = QUESTION, **more: Any) -> Any:
        return self.client.chat.completions.create(model=model, messages=messages, **more)

    def spelled(self, text: str = PROMPT) -> dict[str, str]:
        """Say what a set is for, in the generation's word, if it has one."""
        return {2: {"intent": text}, 3: {"prompt": text}}.get(self.sdk.major, {})

    def rows(self, n: int = 4) -> list[dict[str, Any]]:
        """Return rows of contracts, spelled as the generation's documentation spells them."""
        days = [f"2026-01-{1 + i % 28:02d}" for i in range(n)]
        if self.sdk.major < 2:
            return [{"input": f"Effective as of {day}.", "expected": {"effective_date": day}} for day in days]
        return [
            {"input": {"contract_text": f"Effective as of {day}."}, "expected_output": {"effective_date": day}}
            for day in days
        ]

    def new_set(self, **more: Any) -> Any:
        request = {"task": TASK, "items": self.rows(), **self.spelled(), **more}
        return self.client.evals.sets.create(**request)

    def run(self, **more: Any) -> Any:
        request = {"models": ["auto"], "wait": True, "poll_interval": 0.001, **more}
        return self.client.evals.runs.create(**request)


@pytest.fixture
def case(sdk: Sdk, is_async: bool, request: pytest.FixtureRequest) -> Iterator[Case]:
    name = f"{request.node.originalname.removeprefix('test_')[:48]}.{'async' if is_async else 'sync'}"
    case = Case(sdk, Org(sdk.simulator, name), is_async, None)
    case.client = case.another()
    yield case
    # A client has its last piece of a stream before the server has seen it go.
    for _ in range(1000):
        if not case.org.world.in_flight:
            break
        time.sleep(0.002)
    case.org.check()
    sdk.finished.add((request.node.originalname, is_async))


Test = TypeVar("Test", bound=Callable[..., None])
CASES: dict[str, tuple[str, tuple[bool, ...]]] = {}
"""Every case: the versions it is for (since and until), and whether it is for sync and async clients."""


def through(
    since: str = "0.1.0", until: str = "9", *, kinds: tuple[bool, ...] = (False, True)
) -> Callable[[Test], Test]:
    """Run a case through every version of a span, with the sync and the async client."""

    def marked(test: Test) -> Test:
        CASES[test.__name__] = (f"{since} {until}", kinds)
        pytest.mark.parametrize("is_async", kinds, ids=["async" if kind else "sync" for kind in kinds])(test)
        pytest.mark.parametrize("sdk", versions(since, until), indirect=True, scope="module")(test)
        return test

    return marked


# What values may be


def text(value: Any) -> bool:
    return type(value) is str and value != ""


def positive(value: Any) -> bool:
    return type(value) is int and value > 0


def natural(value: Any) -> bool:
    return type(value) is int and value >= 0


def share(value: Any) -> bool:
    """A number that a page may format, between nothing and all."""
    return type(value) in (int, float) and 0 <= value <= 1


def one_of(*values: Any) -> Callable[[Any], bool]:
    return lambda value: value in values


def anything(_value: Any) -> bool:
    return True


# The client itself


@through()
def test_a_client_needs_two_variables_and_closes_what_it_opened(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARETA_API_KEY", case.key)
    monkeypatch.setenv("PARETA_BASE_URL", case.sdk.url + "//")

    async def with_async_client() -> tuple[list[str], Any]:
        async with case.sdk.module.AsyncPareta.from_env() as entered:
            names = [task.id for task in await entered.tasks.list()]
        other = case.sdk.module.AsyncPareta.from_env()
        await other.aclose()
        return names, other

    def with_sync_client() -> tuple[list[str], Any]:
        with case.sdk.module.Pareta.from_env() as entered:
            names = [task.id for task in entered.tasks.list()]
        other = case.sdk.module.Pareta.from_env()
        other.close()
        return names, other

    names, closed = case.sdk.runner.run(with_async_client()) if case.is_async else with_sync_client()

    assert TASK in names
    with pytest.raises(RuntimeError, match="closed"):
        (Plain(closed, case.sdk.runner) if case.is_async else closed).models.list()


@through()
def test_a_client_without_a_key_is_not_made(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARETA_API_KEY", raising=False)
    kind = case.sdk.module.AsyncPareta if case.is_async else case.sdk.module.Pareta
    with case.free(), pytest.raises(case.error.ParetaError, match="missing API key"):
        kind.from_env(base_url=case.sdk.url)


@through()
def test_raw_requests_and_streams_carry_the_wire_unchanged(case: Case) -> None:
    body = {"model": ENDPOINT, "messages": CONTRACT, "stream": True}

    assert case.client.request("GET", "/v1/tasks")["tasks"][0]["id"] == case.client.tasks.list()[0].id
    with case.costs(PRICE):
        pieces = list(case.client.stream("POST", "/v1/chat/completions", body=body))

    assert {piece["object"] for piece in pieces} == {"chat.completion.chunk"}
    assert json.loads("".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces))
    # Nothing is redirected, and an answer without a body reads as an empty object.
    with case.refused("NotFoundError", 404, "Not Found"):
        case.client.request("GET", "/v1/models/")
    case.client.evals.sets.delete("es_contracts")
    assert case.client.evals.sets.list() == []


# Chat and models


@through()
def test_auto_answers_everyone_and_takes_one_debit(case: Case) -> None:
    with case.debits() as taken:
        answer = case.chat("auto", temperature=0.2, top_p=1, seed=7, max_tokens=400)

    (debit,) = taken
    expect(
        answer, id=text, model="auto", created=positive, choices=list, usage=lambda usage: usage.total_tokens > 0,
        billed_micro_usd=-debit.amount_micro_usd, frontier_would_have_cost_micro_usd=positive,
        savings_factor=lambda factor: factor > 1,
    )  # fmt: skip
    (choice,) = answer.choices
    expect(choice, index=0, finish_reason="stop", message=lambda m: m.content, delta=lambda d: d.content is None)
    expect(choice.message, role="assistant", content=text)
    expect(
        answer.usage, prompt_tokens=positive, completion_tokens=positive,
        total_tokens=answer.usage.prompt_tokens + answer.usage.completion_tokens,
    )  # fmt: skip
    if case.sdk.major >= 2:
        ratio = answer.frontier_would_have_cost_micro_usd / answer.billed_micro_usd
        assert answer.savings_factor == round(ratio, 1)


@through()
def test_a_live_endpoint_answers_everyone_at_its_flat_rate(case: Case) -> None:
    with case.costs(PRICE):
        answer = case.chat(ENDPOINT, CONTRACT)

    assert answer.model == ENDPOINT
    assert json.loads(answer.choices[0].message.content) == {
        "effective_date": "2026-01-01", "governing_law": "Delaware",
    }  # fmt: skip
    assert getattr(answer, "frontier_would_have_cost_micro_usd", FRONTIER) == FRONTIER


@through()
def test_an_alias_is_a_model_to_the_first_generation_only(case: Case) -> None:
    if case.sdk.major == 0:
        with case.costs(PRICE):
            assert case.chat("qwen-2", CONTRACT).choices[0].message.content
    else:
        with case.refused("NotFoundError", 404):
            case.chat("qwen-2", CONTRACT)


@through()
def test_a_stream_says_what_a_whole_answer_says_and_costs_the_same(case: Case) -> None:
    with case.debits() as whole_debit:
        whole = case.chat()
    with case.debits() as stream_debit:
        stream = case.chat(stream=True)
        chunks = list(stream)

    assert len(chunks) > 2
    assert [entry.amount_micro_usd for entry in whole_debit] == [entry.amount_micro_usd for entry in stream_debit]
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole.choices[0].message.content
    for position, chunk in enumerate(chunks):
        is_last = position == len(chunks) - 1
        expect(
            chunk, id=chunks[0].id, model="auto", created=chunks[0].created, choices=lambda c: len(c) == 1,
            usage=lambda usage, is_last=is_last: (usage.total_tokens is not None) == is_last,
            billed_micro_usd=None, frontier_would_have_cost_micro_usd=None, savings_factor=None,
        )  # fmt: skip
        expect(
            chunk.choices[0], index=0, finish_reason="stop" if is_last else None,
            delta=lambda d, position=position: d.role == (None if position else "assistant"),
            message=lambda m: m.content is None,
        )  # fmt: skip


@through()
def test_pictures_and_documents_travel_in_content_parts(case: Case) -> None:
    pixel = "data:image/png;base64," + base64.b64encode(png(1, 1)).decode()
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": pixel}}]
    with case.debits() as taken:
        answer = case.chat("auto", [{"role": "user", "content": parts}])
    assert answer.choices[0].message.content
    assert len(taken) == 1


@through()
def test_tools_and_schemas_shape_the_answer(case: Case) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "description": "Weather now.", "parameters": schema}}
    forced = {"type": "function", "function": {"name": "weather"}}
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}

    called = case.chat(tools=[tool], tool_choice=forced)
    shaped = case.chat(response_format=wanted)

    expect(called.choices[0], index=0, finish_reason="tool_calls", message=lambda m: m.content is None, delta=anything)
    (call,) = called.choices[0].message.get("tool_calls")
    assert call["function"]["name"] == "weather"
    assert type(json.loads(call["function"]["arguments"])["city"]) is str
    assert type(json.loads(shaped.choices[0].message.content)["city"]) is str


@through()
def test_models_are_live_endpoints_for_the_first_generation_and_auto_ever_since(case: Case) -> None:
    with case.free():
        models = case.client.models.list()

    expect(models, data=list)
    ids = [model.id for model in models]
    assert len(models) == len(models.data) == len(ids)
    if case.sdk.major == 0:
        assert ENDPOINT in ids
        assert not {STOPPED, SEED} & set(ids)
    else:
        assert ids == ["auto"]
    for model in models:
        expect(model, id=text, owned_by="pareta", created=positive)


# Refusals, each in its own exception


@through()
def test_faulty_requests_are_bad_requests(case: Case) -> None:
    with case.refused("BadRequestError", 422):
        case.chat(messages="not a list")  # type: ignore[arg-type]
    with case.refused("BadRequestError", 400):
        case.chat(n=9)
    with case.refused("BadRequestError", 422):
        case.client.request("POST", "/v1/tasks/match", body={"query": " ", "top_k": 0})


@through()
def test_a_wrong_key_is_an_authentication_error(case: Case) -> None:
    for key in ("pareta", "sk_live_somebody"):
        with case.refused("AuthenticationError", 401, "invalid API key"):
            case.another(api_key=key).models.list()


@through()
def test_an_empty_balance_stops_every_metered_call_and_no_other(case: Case) -> None:
    created = case.new_set()
    case.org.set_balance(0)
    metered: list[Callable[[], Any]] = [
        case.chat,
        lambda: case.chat(ENDPOINT, CONTRACT),
        lambda: list(case.chat(stream=True)),
        lambda: case.run(eval_set=created.id),
        lambda: case.run(eval_set=created.id, models=["gpt-5.5"]),
    ]
    if hasattr(case.client, "auto"):
        metered.append(lambda: case.client.auto.compare_frontier(model="gpt-5.5", messages=QUESTION))
    if hasattr(case.client, "audio"):
        metered.append(lambda: case.client.audio.speech("hello"))
        metered.append(lambda: case.client.audio.transcriptions(recording()))
    if hasattr(case.client, "rerank"):
        metered.append(lambda: case.client.rerank("q", ["a"]))
        metered.append(lambda: case.client.embeddings("a"))
    if hasattr(case.client, "images"):
        metered.append(lambda: case.client.images.generate("a fox"))

    for call in metered:
        with case.refused("InsufficientCreditsError", 402, "organization is out of credit"):
            call()

    with case.free():
        assert case.client.models.list().data
        assert case.client.tasks.list()
        assert case.client.tasks.match("dates of a contract").matched
        assert case.client.evals.frontier_models()
        assert case.client.evals.sets.retrieve(created.id).item_count == 4
        assert case.new_set().id != created.id
        if hasattr(case.client, "auto"):
            assert case.client.auto.metrics()["requests_30d"] == 0


@through()
def test_what_a_key_may_not_do_is_permission_denied(case: Case) -> None:
    with case.refused("PermissionDeniedError", 403):
        case.client.request("POST", "/v1/task-requests", body={"description": "tax forms"})


@through()
def test_what_is_not_there_is_not_found(case: Case) -> None:
    other = Org(case.sdk.simulator, case.org.name + ".other")
    theirs = other.new_set([{"input": "x", "expected": {}}])
    nowhere: list[Callable[[], Any]] = [
        lambda: case.chat("ep-nowhere"),
        lambda: case.client.tasks.retrieve("no-such-task"),
        lambda: case.client.evals.sets.retrieve(theirs),
        lambda: case.client.evals.sets.delete(theirs),
        lambda: case.client.evals.runs.retrieve("run_nowhere"),
        lambda: case.run(eval_set=theirs),
    ]
    for work in nowhere:
        with case.refused("NotFoundError", 404, "not found"):
            work()


@through()
def test_a_seed_endpoint_is_a_conflict_and_a_stopped_one_is_not_ready(case: Case) -> None:
    with case.refused("ConflictError", 409, SEED, retry_after="0"):
        case.chat(SEED)
    with case.refused("EndpointNotReadyError", 503, f"endpoint '{STOPPED}' is stopped.", retry_after="1"):
        case.chat(STOPPED)
    with case.refused("EndpointNotReadyError", 503, "is stopped.", retry_after="1"):
        list(case.chat(STOPPED, stream=True))


@through()
def test_a_call_whose_answer_was_lost_is_paid_once_since_clients_say_which_call_it_is(case: Case) -> None:
    lost = iter([True])

    def lose(_response: httpx.Response) -> None:
        if next(lost, False):
            raise httpx.ReadError("connection lost")

    async def lose_async(response: httpx.Response) -> None:
        lose(response)

    if case.is_async:
        http: Any = httpx.AsyncClient(event_hooks={"response": [lose_async]}, timeout=20)
        client = case.another(http, max_retries=1)
    else:
        http = httpx.Client(event_hooks={"response": [lose]}, timeout=20)
        client = case.another(http, max_retries=1)
    subject = client._subject if case.is_async else client
    subject._backoff = lambda *_: 0.0

    with case.debits() as taken:
        answer = client.chat.completions.create(model=ENDPOINT, messages=CONTRACT)

    assert answer.choices[0].message.content
    if case.sdk.major == 0:
        assert [entry.amount_micro_usd for entry in taken] == [-PRICE, -PRICE]
    else:
        assert [entry.amount_micro_usd for entry in taken] == [-PRICE]
        assert getattr(answer, "billed_micro_usd", 0) == 0
    if case.is_async:
        case.sdk.runner.run(http.aclose())
    else:
        http.close()


@through()
def test_a_starting_endpoint_is_waited_for_by_the_clients_own_retries(case: Case) -> None:
    client = case.another(max_retries=2)
    subject = client._subject if case.is_async else client
    waits: list[float | None] = []

    def back_off(_attempt: int, retry_after: float | None) -> float:
        waits.append(retry_after)
        case.org.advance(10_000_000)
        return 0.0

    subject._backoff = back_off
    case.org.http.post(f"/v1/endpoints/{STOPPED}/start")

    with case.costs(3800):
        assert client.chat.completions.create(model=STOPPED, messages=CONTRACT).model == STOPPED

    assert waits == [1.0]


# Endpoints


@through(until="0.3.1")
def test_deploying_tells_its_progress_and_ends_with_a_live_endpoint(case: Case) -> None:
    with case.free():
        stream = case.client.endpoints.deploy(task=TASK, model="llama-1", name="contracts-prod", region="eu")
        events = list(stream)

    *progress, complete = events
    assert len(progress) >= 1
    assert {event["event"] for event in progress} == {"progress"}
    assert all(text(event["data"]["stage"]) for event in progress)
    assert complete["event"] == "complete"
    assert complete["data"]["endpoint"]["id"] == "contracts-prod"
    endpoint = case.client.endpoints.retrieve("contracts-prod")
    expect(
        endpoint, id="contracts-prod", name="contracts-prod", model="llama-1", status="live", task=TASK,
        url=lambda url: url.startswith("http"), is_live=True, recommended_system_prompt=text, prompt_scaffold=None,
    )  # fmt: skip
    assert endpoint["region"] == "eu"
    with case.costs(63):
        case.chat("contracts-prod", CONTRACT)


@through(until="0.3.1")
def test_deploying_and_waiting_returns_the_live_endpoint(case: Case) -> None:
    endpoint = case.client.endpoints.deploy(task="intent-classification", wait=True)
    again = case.client.endpoints.deploy(task="intent-classification", wait=True)

    assert endpoint.is_live
    assert endpoint.id != again.id
    assert endpoint.id in {model.id for model in case.client.models.list()}
    expect(
        endpoint, id=text, name=endpoint.id, model=text, status="live", task="intent-classification", url=text,
        is_live=True, recommended_system_prompt=None, prompt_scaffold=text,
    )  # fmt: skip
    with case.refused("ConflictError", 409, retry_after="0"):
        case.client.endpoints.deploy(task=TASK, name=endpoint.id, wait=True)
    with case.refused("BadRequestError", 400):
        case.client.endpoints.deploy(task="no-such-task", wait=True)


@through(until="0.3.1")
def test_an_endpoint_is_stopped_started_and_deleted(case: Case) -> None:
    client = case.client
    with case.free():
        assert {endpoint.id: endpoint.status for endpoint in client.endpoints.list()} == {
            ENDPOINT: "live", STOPPED: "stopped", SEED: "live",
        }  # fmt: skip
        assert client.endpoints.stop(ENDPOINT)["status"] == "stopped"
        expect(
            client.endpoints.retrieve(ENDPOINT), id=ENDPOINT, name=ENDPOINT, model="qwen-2", status="stopped",
            task=TASK, url=None, is_live=False, recommended_system_prompt=text, prompt_scaffold=None,
        )  # fmt: skip
    with case.refused("EndpointNotReadyError", 503, retry_after="1"):
        case.chat(ENDPOINT)
    assert client.endpoints.start(ENDPOINT)["ok"] is True
    assert client.endpoints.retrieve(ENDPOINT).is_live
    with case.costs(PRICE):
        case.chat(ENDPOINT)
    for work in (client.endpoints.start, client.endpoints.stop, client.endpoints.delete):
        with case.refused("ConflictError", 409, retry_after="0"):
            work(SEED)
    assert client.endpoints.delete(ENDPOINT) is None
    for gone in (client.endpoints.retrieve, client.endpoints.delete, case.chat):
        with case.refused("NotFoundError", 404, f"endpoint '{ENDPOINT}' not found"):
            gone(ENDPOINT)


@through(until="0.3.1")
def test_an_endpoints_metrics_follow_its_calls(case: Case) -> None:
    for _ in range(8):
        case.chat(ENDPOINT, CONTRACT)
    with pytest.raises(case.error.EndpointNotReadyError):
        case.chat(STOPPED)

    metrics = case.client.endpoints.metrics(ENDPOINT)
    with case.free():
        cost, quality = metrics.cost(window="7d", group_by="day"), metrics.quality(window="24h")
        performance, uptime, activity = metrics.performance(), metrics.uptime(), metrics.activity(since="30d")

    assert (cost["total_micro_usd"], cost["frontier_baseline_micro_usd"]) == (8 * PRICE, 8 * FRONTIER)
    assert cost["savings_micro_usd"] == 8 * (FRONTIER - PRICE)
    assert [bucket["requests"] for bucket in cost["buckets"]] == [8]
    assert share(quality["quality_mean"])
    assert 0 < performance["p50"] <= performance["p95"] <= performance["p99"]
    assert (uptime["uptime_pct"], activity["requests"], activity["failed"]) == (100, 8, 0)
    assert case.client.endpoints.metrics(STOPPED).uptime()["uptime_pct"] == 0
    with case.refused("NotFoundError", 404):
        case.client.endpoints.metrics("ep-nowhere").cost()


# Tasks


@through()
def test_tasks_say_what_their_rows_look_like(case: Case) -> None:
    tasks = case.client.tasks.list()
    assert {TASK, "invoice-extraction", "intent-classification"} <= {task.id for task in tasks}
    for task in tasks:
        expect(
            task, id=text, default_scorer=lambda s: s is None or text(s), has_blob_input=bool,
            gold_schema=lambda schema: schema is None or type(schema) is dict,
            output_schema_role=one_of("gold", "summary"),
        )  # fmt: skip
        examples = case.client.tasks.retrieve(task.id, examples_n=1)["examples"]
        assert all(set(example) <= {"input", "expected_output"} for example in examples)
    shown = case.client.tasks.retrieve(TASK)
    assert (shown.default_scorer, shown.has_blob_input) == ("field_f1", False)
    assert shown.get("examples") is None


@through()
def test_words_find_their_task_a_lane_or_nothing(case: Case) -> None:
    found = case.client.tasks.match("the effective date of a contract", top_k=2)
    expect(
        found, query="the effective date of a contract", type="task", matched=True, ambiguous=bool, matcher=text,
        chosen=lambda chosen: chosen.task_id == TASK, candidates=lambda rows: 1 <= len(rows) <= 2, capability=None,
        reasoning=lambda words: words is None or text(words), confidence=one_of(None, "high", "medium", "low"),
    )  # fmt: skip
    for row in (found.chosen, *found.candidates):
        expect(row, task_id=text, score=share, confidence=one_of("high", "medium", "low"))

    refused = case.client.tasks.match("compose a song about the sea")
    assert (refused.matched, refused.chosen) == (False, None)
    if case.sdk.version != "0.1.0":
        assert refused.type == "unsupported"
        lane = case.client.tasks.match("chat with my customers, a general assistant")
        assert (lane.type, lane.matched) == ("capability", True)
        expect(
            lane.capability, id="chat", label="Chat", category="Chat", category_id="chat", desc=text,
        )  # fmt: skip
    assert case.client.tasks.match("xyzzy plugh").matched is False


@through(until="0.3.1", kinds=(False,))
def test_a_leaderboard_ranks_open_models_against_a_baseline(case: Case) -> None:
    board = case.client.tasks.leaderboard(TASK)

    expect(
        board, task_id=TASK, metric="quality", cost_unit="per_request", recommended="qwen-2", models=list,
        frontier=lambda row: row.name == "gpt-5.5",
    )  # fmt: skip
    for row in (*board.models, board.frontier):
        expect(
            row, name=text, kind=one_of("open", "frontier"), quality=share, cost_per_request_micro_usd=positive,
            context_k=positive, run_mode=one_of("rte", "twostage"),
        )  # fmt: skip
    qualities = [row.quality for row in board.models]
    assert qualities == sorted(qualities, reverse=True)
    assert case.client.tasks.recommended(TASK) == board.recommended
    assert {row.name for row in board.models if row.kind == "open"} >= {board.recommended}
    with case.refused("NotFoundError", 404):
        case.client.tasks.leaderboard("no-such-task")


# Evals


@through()
def test_the_roster_says_what_was_measured_on_a_task(case: Case) -> None:
    roster = case.client.evals.frontier_models()
    for model in roster:
        expect(model, id=text, vendor=one_of("openai", "anthropic", "google"), vision=bool, benchmarked=False)
    assert "gpt-5.5" in {model.id for model in roster}
    measured = [model for model in case.client.evals.frontier_models(task=TASK) if model.benchmarked]
    assert [model.id for model in measured] == ["gpt-5.5"]
    assert all(model.vision for model in case.client.evals.frontier_models("invoice-extraction"))


@through()
def test_sets_are_made_listed_shown_and_deleted(case: Case) -> None:
    with case.free():
        made = case.new_set(name="Q3 sample")
        told: dict[str, Any] = {
            "id": text, "task_id": TASK, "name": "Q3 sample", "item_count": 4, "scoring_strategy": "extraction",
            "intent": PROMPT, "prompt": PROMPT,
        }  # fmt: skip
        expect(made, **told)
        expect(case.client.evals.sets.retrieve(made.id), **told)
        assert [found.id for found in case.client.evals.sets.list()][-1] == made.id
        assert case.new_set().name == "sdk eval set (4 items)"
        assert case.client.evals.sets.delete(made.id) is None
    with case.refused("NotFoundError", 404):
        case.client.evals.sets.retrieve(made.id)
    with case.refused("NotFoundError", 404, "no-such-task"):
        case.new_set(task="no-such-task")


@through(since="2.0.0")
def test_rows_are_held_to_the_generations_form(case: Case) -> None:
    old = [{"input": "text", "expected": {"effective_date": "2026-01-01"}}]
    if case.sdk.major == 2:
        assert case.new_set(items=old).item_count == 1
    else:
        with case.refused("BadRequestError", 400, "line 1"):
            case.new_set(items=old)


@through()
def test_a_run_debits_once_what_all_its_candidates_cost(case: Case) -> None:
    made = case.new_set()
    with case.debits() as taken:
        run = case.run(eval_set=made.id, models=["auto", "llama-1"], frontier="benchmarked")

    (debit,) = taken
    expect(
        run, id=text, eval_set_id=made.id, status="completed", is_terminal=True, error_detail=None,
        candidate_models=["auto", "llama-1", "gpt-5.5"], cost_micro_usd=-debit.amount_micro_usd,
        cost=Decimal(-debit.amount_micro_usd // 10_000) / 100, results=lambda rows: len(rows) == 3,
    )  # fmt: skip
    kinds = ["open" if case.sdk.major == 0 else None, "open", "frontier"]
    for row, model, kind in zip(run.results, run.candidate_models, kinds, strict=True):
        expect(
            row, model_id=model, kind=kind, quality_mean=share, n_succeeded=4, error_count=0, exact_match=None,
            quality_ci_low=lambda low, row=row: 0 <= low <= row.quality_mean,
            quality_ci_high=lambda high, row=row: row.quality_mean <= high <= 1,
            mean_cost_micro_usd=positive, per_item=lambda items: len(items) == 4,
        )  # fmt: skip
    assert [row.mean_cost_micro_usd for row in run.results][1:] == [63, 700]
    if case.sdk.version not in ("0.1.0", "0.2.1"):
        for idx, item in enumerate(run.results[0].per_item):
            expect(item, idx=idx, score=share, prediction=text, error=None)
    with case.free():
        assert case.client.evals.runs.retrieve(run.id).to_dict() == run.to_dict()


@through()
def test_a_run_can_be_waited_for_later(case: Case) -> None:
    case.org.flip(timed_runs=True)
    started = case.run(items=case.rows(), task=TASK, **case.spelled(), frontier=["gpt-5.5"], wait=False, name="later")

    assert (started.status, started.is_terminal, started.cost, started.results) == ("queued", False, 0, [])
    assert case.client.evals.sets.list()[-1].name == "later"
    with pytest.raises(case.error.ParetaError, match="did not finish within 0s"):
        case.client.evals.runs.wait(started.id, timeout=0)
    with case.debits() as taken:
        done = case.client.evals.runs.wait(started.id, poll_interval=0.001)
    assert done.status == "completed"
    assert [entry.amount_micro_usd for entry in taken] == [-done.cost_micro_usd]


@through()
def test_a_failed_run_says_why_and_costs_nothing(case: Case) -> None:
    case.org.flip(timed_runs=True)
    with case.free():
        started = case.run(eval_set="es_contracts", models=[ENDPOINT], wait=False)
        case.org.http.post(f"/v1/endpoints/{ENDPOINT}/stop")
        failed = case.client.evals.runs.wait(started.id, poll_interval=0.001)
    assert (failed.status, failed.is_terminal, failed.cost_micro_usd) == ("failed", True, 0)
    assert ENDPOINT in failed.error_detail


@through()
def test_a_run_the_balance_cannot_cover_is_not_made(case: Case) -> None:
    case.org.set_balance(100)
    with case.refused("InsufficientCreditsError", 402):
        case.run(eval_set="es_contracts", models=["gpt-5.5"])
    with case.refused("BadRequestError", 400):
        case.run(eval_set="es_contracts", models=["no such model"])


@through()
def test_classifiers_are_headlined_by_macro_f1(case: Case) -> None:
    words = [("I was charged twice", "billing"), ("cancel my plan", "cancel"), ("the app crashes", "bug")]
    if case.sdk.major < 2:
        rows: list[dict[str, Any]] = [{"input": said, "expected": label} for said, label in words]
    else:
        rows = [{"input": {"text": said}, "expected_output": {"label": label}} for said, label in words]
    run = case.run(task="intent-classification", items=rows, **case.spelled("label each message"), models=["gpt-5.5"])
    (row,) = run.results
    assert share(row.quality_mean)
    assert round(row["exact_match"]) in (0, 33, 67, 100)


@through(since="2.0.0")
def test_a_proposal_says_how_rows_would_be_scored(case: Case) -> None:
    with case.free():
        proposal = case.client.evals.propose_contract(items=case.rows(), **case.spelled())

    expect(
        proposal, proposals=lambda rows: len(rows) >= 1, homogeneous=True, split=None, conflict=None,
        closest_task=lambda task: task is None or text(task), intent=PROMPT, prompt=PROMPT,
        message=lambda message: message is None or text(message), is_clean=True, bound_task=TASK,
    )  # fmt: skip
    for row in proposal.proposals:
        expect(
            row, task_id=TASK, confidence=one_of("high", "medium"), warning=None,
            evidence=lambda evidence: (evidence["validated_n"], evidence["total_n"]) == (4, 4),
        )  # fmt: skip
    assert len(case.client.evals.sets.list()) == 1  # a proposal leaves nothing behind

    run = case.run(items=case.rows(), **case.spelled(), frontier="benchmarked")
    assert run.candidate_models == ["auto", "gpt-5.5"]
    assert case.client.evals.sets.retrieve(run.eval_set_id).task_id == TASK


@through(since="2.0.0")
def test_rows_that_fit_nothing_are_only_judged_by_choice(case: Case) -> None:
    rows = [{"input": {"haiku": "old pond"}, "expected_output": {"verdict": "a frog leaps in"}} for _ in range(3)]
    said = case.spelled("say whether the poem moves you")
    proposal = case.client.evals.propose_contract(items=rows, **said)
    assert (proposal.is_clean, proposal.bound_task) == (False, None)
    assert [row.task_id for row in proposal.proposals] == ["custom-eval"]
    with case.free(), pytest.raises(case.error.ParetaError, match="custom-eval"):
        case.client.evals.sets.create(items=rows, **said)
    made = case.client.evals.sets.create(items=rows, task="custom-eval", **said)
    assert (made.task_id, made.item_count) == ("custom-eval", 3)


# Documents


@through()
def test_documents_are_attached_to_rows_small_and_large(case: Case, tmp_path: Path) -> None:
    gold = "expected" if case.sdk.major < 3 else "expected_output"
    rows = [{"document": None, gold: {"total": "12.00"}} for _ in range(4)]
    made = case.new_set(task="invoice-extraction", items=rows, **case.spelled("extract the total of each invoice"))
    path = tmp_path / "invoice.pdf"
    path.write_bytes(PDF)
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(INLINE_MAX))
    attach = case.client.evals.sets.upload_document

    with case.free():
        attached = [
            attach(made.id, path, idx=0, field_name="document"),
            attach(made.id, PDF, idx=1, field_name="document", mime="application/pdf"),
            attach(made.id, io.BytesIO(PDF), idx=2, field_name="document"),
            attach(made.id, str(large), idx=3, field_name="document"),
        ]

    assert [found["kind"] for found in attached] == ["blob"] * 4
    assert [found["mime"] for found in attached] == [
        "application/pdf", "application/pdf", "application/octet-stream", "image/png",
    ]  # fmt: skip
    assert all(found["uri"].startswith("gs://") for found in attached)
    assert len({found["uri"] for found in attached}) == 4
    for idx, name in ((9, "document"), (0, "no_such_field")):
        with case.refused("BadRequestError", 400):
            attach(made.id, PDF, idx=idx, field_name=name)
    with case.refused("NotFoundError", 404):
        attach("es_nowhere", PDF, idx=0, field_name="document")
    run = case.run(eval_set=made.id, models=["gpt-5.5"])
    assert (run.status, run.results[0].n_succeeded, run.results[0].error_count) == ("completed", 4, 0)


# auto and comparisons


@through(since="0.3.1")
def test_the_rollup_counts_what_auto_did(case: Case) -> None:
    empty = case.client.auto.metrics()
    assert (empty["requests_30d"], empty["success_rate_30d"], empty["last_request"]) == (0, None, None)

    with case.debits() as taken:
        for _ in range(3):
            case.chat()
        case.chat(ENDPOINT, CONTRACT)

    with case.free():
        rollup = case.client.auto.metrics()
    spent = sum(-entry.amount_micro_usd for entry in taken) - PRICE
    assert (rollup["requests_today"], rollup["requests_30d"], rollup["success_rate_30d"]) == (3, 3, 1)
    assert (rollup["billed_micro_usd_today"], rollup["billed_micro_usd_30d"]) == (spent, spent)
    assert type(rollup["cost_to_serve_micro_usd_30d"]) is int
    assert type(rollup["savings_vs_frontier_micro_usd_30d"]) is int
    assert rollup["savings_vs_frontier_micro_usd_30d"] > 0
    assert rollup["savings_multiple_30d"] > 1
    assert rollup["days_30d"][-1] == {"day": "2026-02-10", "n": 3, "ok": 3, "success_rate": 1}
    assert sum(hour["requests"] for hour in rollup["performance_hourly_7d"]) == 3
    assert set(rollup["performance_hourly_7d"][-1]) == {"hour", "requests", "error_rate", "p50_ms", "p95_ms"}
    assert rollup["last_request"]["status_code"] == 200
    assert positive(rollup["last_request"]["billed_micro_usd"])


@through(since="0.3.1")
def test_a_comparison_costs_what_it_says(case: Case) -> None:
    for model in ("gpt-5.5", "claude-sonnet-4-6", "gemini-3-1-pro", "gemini-3-5-flash"):
        with case.debits() as taken:
            answer = case.client.auto.compare_frontier(model=model, messages=QUESTION)
        assert set(answer) >= {"model", "content", "cost_micro_usd", "latency_ms"}
        assert (answer["model"], [entry.amount_micro_usd for entry in taken]) == (model, [-answer["cost_micro_usd"]])
        assert text(answer["content"])
        assert positive(answer["latency_ms"])
    for model, messages in (("auto", QUESTION), ("gpt-5.5", QUESTION * 41)):
        with pytest.raises(case.error.BadRequestError), case.free():
            case.client.auto.compare_frontier(model=model, messages=messages)


# Speech


@through(since="0.2.1")
def test_speech_is_billed_by_its_length(case: Case, tmp_path: Path) -> None:
    with case.debits() as taken:
        speech = case.client.audio.speech("Hello there, this is the ledger speaking.", voice="af_heart")

    expect(
        speech, audio=lambda audio: len(audio) > 44, audio_base64=text, sample_rate=positive,
        duration_s=lambda seconds: type(seconds) is float and seconds > 0, format="wav",
    )  # fmt: skip
    assert [-entry.amount_micro_usd for entry in taken] == [math.ceil(round(speech.duration_s * 6000 / 60, 6))]
    assert speech.save(tmp_path / "out.wav") is speech
    with wave.open(str(tmp_path / "out.wav")) as saved:
        assert saved.getframerate() == speech.sample_rate
        assert saved.getnframes() / saved.getframerate() == pytest.approx(speech.duration_s, abs=0.01)
    with case.refused("BadRequestError", 400):
        case.client.audio.speech("x" * 5001)


@through(since="0.2.1")
def test_transcription_is_billed_by_the_length_of_what_was_sent(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(recording())

    with case.costs(200):
        heard = case.client.audio.transcriptions(path, language="de")

    expect(heard, text=str, language="de", duration_s=2.0)
    assert str(heard) == heard.text
    with case.costs(200):
        assert case.client.audio.transcriptions(path.read_bytes()).language
    with case.refused("BadRequestError", 400):
        case.client.audio.transcriptions("this is no base64!")


@through(since="0.2.1")
def test_what_was_spoken_is_heard_again(case: Case) -> None:
    words = "Prepaid credit pays for every call."
    assert case.client.audio.transcriptions(case.client.audio.speech(words).audio).text == words


# Retrieval


DOCUMENTS = [
    "The kitchen closes at ten in the evening.",
    "This agreement is governed by the laws of Delaware.",
    "Invoices are payable within thirty days.",
]


@through(since="1.1.0")
def test_reranking_scores_every_document_and_bills_each(case: Case) -> None:
    with case.costs(2 * 3):
        ranked = case.client.rerank("which laws govern this agreement", DOCUMENTS)

    expect(ranked, results=lambda rows: len(rows) == 3, model="pareta-rerank-1", pairs=3)
    for row in ranked.results:
        expect(row, index=one_of(0, 1, 2), relevance_score=lambda score: 0 < score < 1)
    scores = [row.relevance_score for row in ranked.results]
    assert scores == sorted(scores, reverse=True)
    assert ranked.top_documents(DOCUMENTS)[0] == DOCUMENTS[1]
    with case.costs(2 * 3):
        best = case.client.rerank("which laws govern this agreement", DOCUMENTS, top_n=1)
    assert (len(best.results), best.pairs) == (1, 3)
    assert best.results[0].to_dict() == ranked.results[0].to_dict()
    with pytest.raises(case.error.BadRequestError), case.free():
        case.client.rerank("q", ["d"] * 1001)


@through(since="1.1.0")
def test_embeddings_are_unit_vectors_billed_by_token(case: Case) -> None:
    with case.debits() as taken:
        found = case.client.embeddings(DOCUMENTS)

    expect(
        found, vectors=lambda rows: len(rows) == 3, model=one_of("bge-1", "qwen-embed-1"), prompt_tokens=positive,
    )  # fmt: skip
    assert len(found) == 3
    assert {len(vector) for vector in found.vectors} == {1024}
    assert [sum(x * x for x in vector) for vector in found.vectors] == pytest.approx([1, 1, 1], abs=1e-4)
    assert [-entry.amount_micro_usd for entry in taken] == [math.ceil(4 * found.prompt_tokens / 1000)]
    query = case.client.embeddings("which laws govern this agreement?", input_type="query").vectors[0]
    nearness = [sum(a * b for a, b in zip(query, vector, strict=True)) for vector in found.vectors]
    assert max(nearness) == nearness[1]
    assert case.client.embeddings(DOCUMENTS[0], input_type="query").vectors != [found.vectors[0]]
    assert case.client.embeddings(DOCUMENTS[0], input_type="document").vectors == [found.vectors[0]]
    with pytest.raises(case.error.BadRequestError), case.free():
        case.client.embeddings(["x"] * 513)


# Images


@through(since="1.2.0")
def test_an_image_costs_the_same_at_every_size(case: Case, tmp_path: Path) -> None:
    with case.costs(40_000):
        image = case.client.images.generate("a lighthouse at dusk", seed=3)
    expect(
        image, image=lambda png: size_of(png) == (1024, 1024), b64_json=text, size="1024x1024", model="hidream-1",
        created=positive,
    )  # fmt: skip
    with case.costs(40_000):
        wide = case.client.images.generate("a lighthouse at dusk", size="2560x1440", seed=3)
    assert (size_of(wide.image), wide.size) == ((2560, 1440), "2560x1440")
    assert case.client.images.generate("a lighthouse at dusk", seed=3).image == image.image
    assert image.save(tmp_path / "out.png") is image
    assert (tmp_path / "out.png").read_bytes() == image.image
    with case.refused("BadRequestError", 400, "2560x1440"):
        case.client.images.generate("a fox", size="512x512")


@through(since="1.3.0")
def test_an_edit_keeps_the_shape_of_its_picture(case: Case, tmp_path: Path) -> None:
    wide = case.client.images.generate("a fox", size="2560x1440")
    path = wide.save(tmp_path / "fox.png") and tmp_path / "fox.png"
    with case.costs(80_000):
        edited = case.client.images.edit(path, "give the fox a red scarf", seed=1)
    width, height = size_of(edited.image)
    expect(
        edited, image=lambda png: png != wide.image, b64_json=text, size=f"{width}x{height}", model="hidream-1",
        created=positive,
    )  # fmt: skip
    assert width / height == pytest.approx(2560 / 1440, rel=0.01)
    for picture in (b"no picture", "!!"):
        with case.refused("BadRequestError", 400):
            case.client.images.edit(picture, "a scarf")


# The whole of it


@pytest.mark.parametrize("sdk", versions(), indirect=True, scope="module")
def test_everything_a_version_offers_was_used(sdk: Sdk) -> None:
    mine = {
        (name, kind)
        for name, (span, kinds) in CASES.items()
        if sdk.version in versions(*span.split())
        for kind in kinds
    }
    if missing := mine - sdk.finished:
        pytest.skip(f"only the whole matrix shows what is unused: {len(missing)} of {len(mine)} cases were left out")
    offered = surface(sdk.module)
    assert len(offered) > 180
    for kind in (sdk.module.Pareta, sdk.module.AsyncPareta):
        # A resource of attributes alone, such as `chat`, offers nothing itself.
        reached = resources_of(kind(api_key="pareta_sk_x", http_client=sdk.sync_http))
        assert reached - {owner for owner, _ in offered} <= {"Chat", "AsyncChat"}
    assert sorted(offered - sdk.used) == []


@pytest.mark.parametrize("version", versions("3.0.4"))
def test_only_what_a_case_itself_uses_counts(version: str, url: str) -> None:
    with installed(version) as module, recorded(module) as used:
        with module.Pareta(api_key="pareta_sk_test_acme", base_url=url) as client:
            assert client.evals.runs.create(
                eval_set="es_contracts", models=["auto"], wait=True, poll_interval=0.001
            ).is_terminal
        create = module.Pareta.request

    assert used == {
        ("Pareta", "__enter__"), ("Pareta", "__exit__"), ("EvalRuns", "create"), ("EvalRun", "is_terminal"),
    }  # fmt: skip
    assert module.Pareta.request is not create
