"""Every statement of the vendor's page on cost and quality monitoring, P1 to P41, through its own clients.

Each test runs with SDK 0.1.0 and 0.3.1, sync and async, over a socket, unless the statement is about something else.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam

from mockserver.app import Simulator
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.windows import DAY, HOUR
from mockserver.kernel.world import World
from tests.vendors.pareta.sdk import Client, installed

KEY = "pareta_sk_test_acme"
ENDPOINT = "ep-contract-key-fields"
MESSAGES = [
    {"role": "user", "content": "Extract the effective date from: Effective as of January 1, 2026, A and B agree."}
]
ROWS = [
    {"input": "Effective as of January 1, 2026, the parties ...", "expected": {"effective_date": "2026-01-01"}},
    {"input": "This Agreement terminates on 2027-12-31 ...", "expected": {"termination_date": "2027-12-31"}},
]

page = pytest.mark.sdk


def source(heading: str) -> pytest.MarkDecorator:
    return pytest.mark.source(f"pareta/monitoring {heading!r}", grade="documented")


@pytest.fixture(params=[("0.1.0", False), ("0.1.0", True), ("0.3.1", False), ("0.3.1", True)], ids=str)
def client(request: pytest.FixtureRequest, url: str) -> Iterator[Client]:
    version, is_async = request.param
    with installed(version) as module:
        yield Client(module, url, KEY, is_async=is_async)


@pytest.fixture
def account(simulator: Simulator) -> Any:
    return next(vendor.account for vendor in simulator.vendors if vendor.account is not None)


def set_balance(simulator: Simulator, world: World, account: Any, micro_usd: int) -> None:
    with simulator.store.committed():
        account.grant(world, MicroUsd(micro_usd - account.balance(world)), "test")


def take_time(simulator: Simulator, world: World) -> None:
    """Let runs go through their stages instead of being over at once."""
    with simulator.store.committed():
        simulator.worlds.flip(world, {"pareta.timed_runs": True})


def chat(client: Client, **more: Any) -> Any:
    return client(lambda pa: pa.chat.completions.create(model=ENDPOINT, messages=MESSAGES, **more))


def chats(client: Client, count: int) -> None:
    """Make calls with one client: all at once where that can."""

    def work(pa: Any) -> Any:
        calls = (pa.chat.completions.create(model=ENDPOINT, messages=MESSAGES) for _ in range(count))
        return asyncio.gather(*calls) if client.is_async else list(calls)

    client(work)


def run_page_eval(client: Client, **more: Any) -> Any:
    return client(
        lambda pa: pa.evals.runs.create(
            task="contract-key-fields",
            items=ROWS,
            models=["llama-1", "qwen-2"],
            frontier="benchmarked",
            wait=True,
            **more,
        )
    )


def metric(client: Client, dimension: str, **params: Any) -> dict[str, Any]:
    body: dict[str, Any] = client(lambda pa: getattr(pa.endpoints.metrics(ENDPOINT), dimension)(**params))
    return body


# Money


@page
@source("one org balance")
def test_p1_all_spend_goes_through_one_balance(
    client: Client, simulator: Simulator, world: World, account: Any
) -> None:
    before = account.balance(world)

    chat(client)
    run = run_page_eval(client)
    client(lambda pa: pa.chat.completions.create(model="auto", messages=MESSAGES))

    debits = [-e["amount_micro_usd"] for e in account.entries(world, 0, 100) if e["kind"] == "debit"]
    assert run.cost_micro_usd in debits
    assert before - account.balance(world) == sum(debits[1:])  # the first paid for the fixture's own run


@page
@source("Money is metered")
def test_p2_chat_debits_on_success_only(client: Client, world: World, account: Any) -> None:
    before = account.balance(world)

    with pytest.raises(client.module.NotFoundError):
        client(lambda pa: pa.chat.completions.create(model="ep-unknown", messages=MESSAGES))
    with pytest.raises(client.module.EndpointNotReadyError):
        client(lambda pa: pa.chat.completions.create(model="ep-invoice-extraction", messages=MESSAGES))
    assert account.balance(world) == before

    chat(client)
    assert before - account.balance(world) == 90

    assert "".join(client.texts(model=ENDPOINT, messages=MESSAGES))
    assert before - account.balance(world) == 180


@page
@source("Money is metered")
def test_p3_an_eval_run_debits_when_it_completes(
    client: Client, simulator: Simulator, world: World, account: Any
) -> None:
    take_time(simulator, world)
    before = account.balance(world)
    run = client(
        lambda pa: pa.evals.runs.create(task="contract-key-fields", items=ROWS, models=["llama-1"], frontier=None)
    )
    assert run.status == "queued"
    assert account.balance(world) == before

    statuses = [client(lambda pa: pa.evals.runs.retrieve(run.id)).status for _ in range(3)]

    assert statuses == ["running", "evaluating", "completed"]
    assert before - account.balance(world) == 2 * 63


@page
@source("An empty balance raises InsufficientCreditsError (402)")
def test_p4_an_empty_balance_stops_chat(client: Client, simulator: Simulator, world: World, account: Any) -> None:
    set_balance(simulator, world, account, 0)

    with pytest.raises(client.module.InsufficientCreditsError) as caught:
        chat(client)

    assert caught.value.status_code == 402
    assert caught.value.detail.startswith("organization is out of credit")
    assert caught.value.request_id.startswith("req_")
    assert account.balance(world) == 0


@page
@source("create raises InsufficientCreditsError before any compute")
def test_p5_an_empty_balance_stops_an_eval_before_compute(
    client: Client, simulator: Simulator, world: World, account: Any
) -> None:
    set_balance(simulator, world, account, 0)
    entries = len(account.entries(world, 0, 100))

    with pytest.raises(client.module.InsufficientCreditsError):
        run_page_eval(client)

    assert len(account.entries(world, 0, 100)) == entries
    with simulator.store.work():
        runs = simulator.store.all("SELECT id FROM pareta_eval_runs WHERE world = ?", (world.id,))
    assert [row[0] for row in runs] == ["run_contracts"]  # the fixture's own


@source("The SDK never exposes balance or payment methods")
def test_p6_no_route_shows_or_moves_the_balance(simulator: Simulator, pareta: httpx.Client) -> None:
    paths = [e.path for vendor in simulator.vendors if vendor.account for e in vendor.api.endpoints]
    words = ("balance", "credit", "payment", "topup", "top-up", "billing", "invoice")
    assert paths
    assert not [path for path in paths if any(word in path for word in words)]
    assert pareta.get("/v1/balance").status_code == 404
    assert pareta.post("/v1/credits", json={"amount": 1}).status_code == 404


@page
@source("GPUs are hidden")
def test_p7_the_price_is_one_integer_per_request(client: Client) -> None:
    for _ in range(3):
        chat(client)

    cost = metric(client, "cost")

    assert cost["cost_per_request_micro_usd"] == 90
    assert cost["total_micro_usd"] == 3 * 90


@page
@source("models are aliases")
def test_p8_open_models_appear_only_as_aliases(client: Client, pareta: httpx.Client) -> None:
    texts = [pareta.get(path).text.lower() for path in ("/v1/tasks", "/v1/endpoints", "/v1/eval-runs/run_contracts")]
    texts += [
        pareta.get(f"/v1/tasks/{t['id']}/leaderboard").text.lower() for t in pareta.get("/v1/tasks").json()["tasks"]
    ]
    for weights in ("gpt-oss", "qwen3-", "kokoro", "-instruct", "-fp8", "120b", "32b"):
        assert not [text for text in texts if weights in text]
    assert [e.model for e in client(lambda pa: pa.endpoints.list())] == ["qwen-1", "qwen-2", "qwen-vl-1"]


@page
@source("Frontier (vendor) ids are in the clear")
def test_p9_frontier_ids_are_the_vendors_own(client: Client) -> None:
    ids = {model.id for model in client(lambda pa: pa.evals.frontier_models())}
    assert {"gpt-5.5", "claude-opus-4-7", "gemini-3-1-pro"} <= ids


@page
@source("Pareta.from_env()")
def test_p10_only_base_url_and_key_change(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARETA_API_KEY", KEY)
    monkeypatch.setenv("PARETA_BASE_URL", f"{client.url}/")
    kind = client.module.AsyncPareta if client.is_async else client.module.Pareta

    with_env = kind.from_env()
    answer = with_env.chat.completions.create(model=ENDPOINT, messages=MESSAGES)
    if client.is_async:

        async def close() -> Any:
            result = await answer
            await with_env.aclose() if hasattr(with_env, "aclose") else await with_env.close()
            return result

        answer = asyncio.run(close())
    else:
        with_env.close()

    assert answer.choices[0].message.content


@page
@source("dollars are floored to cents")
def test_p11_a_total_of_74211_reads_seven_cents(client: Client) -> None:
    run = client(lambda pa: pa.evals.runs.retrieve("run_contracts"))

    assert run.cost == Decimal("0.07")
    assert run.cost_micro_usd == 74211 == 87 * (63 + 90 + 700)


@page
@source("a third of a cent reads 0.00")
def test_p12_a_sub_cent_total_reads_zero_dollars_and_keeps_its_value(
    client: Client, simulator: Simulator, world: World
) -> None:

    run = client(
        lambda pa: pa.evals.runs.create(
            task="contract-key-fields", items=ROWS, models=["llama-1"], frontier=None, wait=True
        )
    )

    assert run.cost == Decimal("0.00")
    assert run.cost_micro_usd == 126


@page
@source("cost_micro_usd: the raw integer")
def test_p13_totals_are_raw_integers(client: Client, pareta: httpx.Client) -> None:
    wire = pareta.get("/v1/eval-runs/run_contracts").json()["run"]["total_cost_micro_usd"]
    assert type(wire) is int
    assert client(lambda pa: pa.evals.runs.retrieve("run_contracts")).cost_micro_usd == wire


@page
@source("Per-unit rates stay in micro-USD")
def test_p14_rates_are_never_floored(client: Client) -> None:
    run = client(lambda pa: pa.evals.runs.retrieve("run_contracts"))
    assert {r.model_id: r.mean_cost_micro_usd for r in run.results} == {"llama-1": 63, "qwen-2": 90, "gpt-5.5": 700}


# Evals


@page
@source("What an eval run cost")
def test_p15_the_pages_run_with_two_aliases_and_benchmarked_baselines(
    client: Client, simulator: Simulator, world: World
) -> None:
    run = run_page_eval(client)
    assert run.status == "completed"
    assert [r.model_id for r in run.results] == ["llama-1", "qwen-2", "gpt-5.5"]


@page
@source("baselines already on this task's leaderboard")
def test_p16_roster_and_leaderboard_agree_on_what_is_benchmarked(client: Client, pareta: httpx.Client) -> None:
    flagged = {m.id for m in client(lambda pa: pa.evals.frontier_models(task="contract-key-fields")) if m.benchmarked}
    board = pareta.get("/v1/tasks/contract-key-fields/leaderboard").json()["models"]
    assert flagged == {m["name"] for m in board if m["kind"] == "frontier"} != set()


@page
@source("wait=True blocks until the run is terminal")
def test_p17_waiting_ends_after_a_few_polls(client: Client, pareta: httpx.Client) -> None:
    run = run_page_eval(client, poll_interval=0.001)

    assert run.status == "completed"
    assert len(run.results) == 3


@page
@source("What an eval run cost")
def test_p18_a_run_has_an_id_and_a_status(client: Client) -> None:
    run = client(lambda pa: pa.evals.runs.create(eval_set="es_contracts", models=["qwen-2"]))
    assert run.id.startswith("run_")
    assert run.status == "queued"


@page
@source("each EvalResult")
def test_p19_every_printed_field_of_a_result_can_be_formatted(
    client: Client, simulator: Simulator, world: World
) -> None:
    run = client(
        lambda pa: pa.evals.runs.create(
            task="contract-key-fields", items=ROWS, models=["llama-1", "auto"], frontier=["gpt-5.5"], wait=True
        )
    )

    lines = [
        f"{r.model_id:16} {r.kind:8} q={r.quality_mean:.3f} [{r.quality_ci_low:.3f}, {r.quality_ci_high:.3f}] "
        f"{r.mean_cost_micro_usd:d} ({r.n_succeeded:d} ok, {r.error_count:d} err)"
        for r in run.results
    ]

    assert [line.split()[:2] for line in lines] == [["llama-1", "open"], ["auto", "open"], ["gpt-5.5", "frontier"]]


@page
@source("across both the open candidates and any frontier baselines")
def test_p20_the_total_covers_every_candidate_and_item(client: Client, simulator: Simulator, world: World) -> None:
    run = run_page_eval(client)
    assert run.cost_micro_usd == 2 * (63 + 90 + 700)


@page
@source("the average cost per item for that model")
def test_p21_mean_cost_is_the_average_of_the_items(client: Client, simulator: Simulator, world: World) -> None:
    run = run_page_eval(client)
    assert sum(r.mean_cost_micro_usd * (r.n_succeeded + r.error_count) for r in run.results) == run.cost_micro_usd
    assert Decimal(90 // 10_000) == Decimal(700 // 10_000) == 0  # both floor to nothing, the gap is in the raw figure


@page
@source("Split the results by kind")
def test_p22_results_split_by_kind(client: Client) -> None:
    results = client(lambda pa: pa.evals.runs.retrieve("run_contracts")).results
    assert [r.model_id for r in results if r.kind == "open"] == ["llama-1", "qwen-2"]
    assert [r.model_id for r in results if r.kind == "frontier"] == ["gpt-5.5"]


@page
@source("Quality vs. cost, the actual trade")
def test_p23_the_savings_ratio_can_be_taken(client: Client) -> None:
    results = {r.model_id: r for r in client(lambda pa: pa.evals.runs.retrieve("run_contracts")).results}
    frontier, open_model = results["gpt-5.5"], results["qwen-2"]
    assert frontier.mean_cost_micro_usd > open_model.mean_cost_micro_usd > 0
    assert round(frontier.mean_cost_micro_usd / open_model.mean_cost_micro_usd, 1) == 7.8
    assert -1 < open_model.quality_mean - frontier.quality_mean < 1


@page
@source("Respect the confidence interval")
def test_p24_intervals_hold_the_mean_and_narrow_with_rows(client: Client, simulator: Simulator, world: World) -> None:

    def width(n: int) -> float:
        rows = [
            {
                "input": f"Effective as of 2026-01-{1 + i % 28:02d}",
                "expected": {"effective_date": f"2026-01-{1 + i % 28:02d}"},
            }
            for i in range(n)
        ]
        run = client(
            lambda pa: pa.evals.runs.create(
                task="contract-key-fields", items=rows, models=["llama-1"], frontier=None, wait=True
            )
        )
        (result,) = run.results
        assert 0 <= result.quality_ci_low <= result.quality_mean <= result.quality_ci_high <= 1
        return float(result.quality_ci_high - result.quality_ci_low)

    assert width(400) < width(100) < width(10)


# Inference


@page
@source("What an inference call cost")
def test_p25_the_pages_endpoint_answers(client: Client) -> None:
    answer = chat(client)
    assert answer.model == ENDPOINT
    assert answer.choices[0].message.content == '{"effective_date": "2026-01-01"}'


@page
@source("a usage block")
def test_p26_usage_counts_tokens(client: Client) -> None:
    usage = chat(client).usage
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@page
@source("lands on the endpoint's cost metric")
def test_p27_the_price_is_in_the_metric_and_not_in_the_body(client: Client) -> None:
    before = metric(client, "cost")["total_micro_usd"]

    body = chat(client).to_dict()

    assert "cost" not in str(body)
    assert metric(client, "cost")["total_micro_usd"] == before + 90


# Monitoring


@page
@source("a cheap local handle")
def test_p28_the_metrics_handle_asks_nothing(client: Client, simulator: Simulator, world: World) -> None:
    seen = len(world.journal.read())
    client(lambda pa: pa.endpoints.metrics("ep-that-does-not-exist"))
    assert len(world.journal.read()) == seen


@page
@source("one method per dimension")
@pytest.mark.parametrize("dimension", ["cost", "quality", "performance", "uptime", "activity"])
def test_p29_five_dimensions_answer_with_json_objects(client: Client, dimension: str) -> None:
    body = metric(client, dimension)
    assert body["dimension"] == dimension
    assert body["endpoint_id"] == ENDPOINT


@page
@source("they pass straight through as the query string")
def test_p30_windows_and_groupings_narrow(client: Client, simulator: Simulator, world: World) -> None:
    chat(client)
    with simulator.store.committed():
        simulator.worlds.advance(world, 2 * DAY)
    chat(client)

    assert metric(client, "cost", window="24h")["requests"] == 1
    assert metric(client, "cost", window="7d")["requests"] == 2
    by_day = metric(client, "cost", group_by="day", colour="blue")
    assert [(b["start"], b["requests"]) for b in by_day["buckets"]] == [
        ("2026-02-10T00:00:00Z", 1),
        ("2026-02-12T00:00:00Z", 1),
    ]


@page
@source("Cost and the vs-frontier savings framing")
def test_p31_savings_are_baseline_minus_total(client: Client) -> None:
    names = ("total_micro_usd", "frontier_baseline_micro_usd", "savings_micro_usd")
    assert [metric(client, "cost", window="7d").get(name) for name in names] == [0, 0, 0]

    chat(client)

    assert [metric(client, "cost", window="7d").get(name) for name in names] == [90, 700, 610]


@page
@source("the frontier baseline the open model stands in for")
def test_p32_the_baseline_is_what_the_replaced_model_would_have_cost(client: Client, pareta: httpx.Client) -> None:
    for _ in range(4):
        chat(client)
    rate = pareta.get("/v1/tasks/contract-key-fields/leaderboard").json()["frontier"]["cost_per_request_micro_usd"]
    assert metric(client, "cost")["frontier_baseline_micro_usd"] == 4 * rate


@page
@source("The exact keys are owned by the backend and may grow")
def test_p33_further_keys_reach_the_caller(client: Client) -> None:
    assert {"requests", "frontier_model", "window"} <= metric(client, "cost").keys()


@page
@source("Quality monitoring (judge windows)")
def test_p34_quality_comes_from_judged_answers_or_is_null(client: Client) -> None:
    assert metric(client, "quality", window="24h").get("quality_mean") is None

    for _ in range(12):
        chat(client)

    quality = metric(client, "quality", window="24h")
    assert 0 < quality["n_judged"] < 12
    assert 0 <= quality["quality_mean"] <= 1
    assert sum(w["n_judged"] for w in quality["windows"]) == quality["n_judged"]


@page
@source("alert when a window dips below your bar")
def test_p35_a_healthy_endpoint_stays_above_the_bar_and_a_worse_one_does_not(
    client: Client, simulator: Simulator, world: World
) -> None:
    chats(client, 60)
    assert metric(client, "quality", window="24h")["quality_mean"] >= 0.9

    with simulator.store.committed():
        simulator.worlds.advance(world, DAY)
        simulator.store.execute("UPDATE pareta_endpoints SET quality = 0.5 WHERE world = ?", (world.id,))
    chats(client, 60)

    assert metric(client, "quality", window="24h")["quality_mean"] < 0.9


@page
@source("Latency (performance) and uptime")
def test_p36_latency_availability_and_volume_follow_the_calls(client: Client) -> None:
    usages = [chat(client).usage for _ in range(5)]

    performance, uptime, activity = (metric(client, name) for name in ("performance", "uptime", "activity"))

    assert 0 < performance["p50_ms"] <= performance["p95_ms"] <= performance["p99_ms"]
    assert uptime["uptime_pct"] == 100
    assert activity["requests"] == activity["succeeded"] == 5
    assert activity["total_tokens"] == sum(usage.total_tokens for usage in usages)


@page
@source("Async")
@pytest.mark.parametrize("version", ["0.1.0", "0.3.1"])
def test_p37_the_async_twin_gathers(url: str, version: str) -> None:
    with installed(version) as module:

        async def main() -> tuple[Any, ...]:
            async with module.AsyncPareta(api_key=KEY, base_url=url) as pa:
                await asyncio.gather(*(pa.chat.completions.create(model=ENDPOINT, messages=MESSAGES) for _ in range(8)))
                handle = pa.endpoints.metrics(ENDPOINT)
                return await asyncio.gather(handle.cost(window="7d"), handle.quality(window="24h"))

        cost, quality = asyncio.run(main())

    assert cost["savings_micro_usd"] == 8 * 610
    assert "quality_mean" in quality


@source("TypeScript")
@pytest.mark.parametrize("path", ["/v1/eval-runs/run_contracts", f"/v1/endpoints/{ENDPOINT}/cost", "/v1/models"])
def test_p38_the_typescript_client_sees_the_same_wire(pareta: httpx.Client, path: str) -> None:
    """The TypeScript SDK is one promise client over the same routes, so its user agent must change nothing."""
    python = pareta.get(path, headers={"User-Agent": "pareta-python/0.1.0"})
    typescript = pareta.get(path, headers={"User-Agent": "pareta-typescript/0.1.0"})
    assert python.status_code == typescript.status_code == 200
    assert python.json() == typescript.json()


@page
@source("Lossless access")
def test_p39_objects_keep_the_raw_json(client: Client, pareta: httpx.Client) -> None:
    run = client(lambda pa: pa.evals.runs.retrieve("run_contracts"))
    raw = pareta.get("/v1/eval-runs/run_contracts", headers={"User-Agent": "pareta-python/0.1.0"}).json()
    assert run.to_dict() == raw
    assert run.results[0].to_dict() == raw["results"][0]
    assert raw["results"][0]["per_item"][0].keys() == {"idx", "score", "prediction", "error"}


@page
@source("Inference is OpenAI-compatible")
def test_p40_a_stock_openai_client_works_streams_and_passes_further_fields(url: str, client: Client) -> None:
    assert "".join(client.texts(model=ENDPOINT, messages=MESSAGES, temperature=0)) == '{"effective_date": "2026-01-01"}'

    words = ChatCompletionUserMessageParam(role="user", content=MESSAGES[0]["content"])
    with openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as stock:
        whole = stock.chat.completions.create(model=ENDPOINT, messages=[words], temperature=0.2, top_p=1)
        stream = stock.chat.completions.create(
            model="auto", messages=[words], stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)

    assert whole.usage is not None
    assert whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


@page
@source("every model you serve gets watched for drift")
def test_p41_live_calls_alone_move_the_quality_metric(client: Client, simulator: Simulator, world: World) -> None:
    for _ in range(10):
        chat(client)
    first = metric(client, "quality")["n_judged"]
    with simulator.store.committed():
        simulator.worlds.advance(world, HOUR)
    for _ in range(10):
        chat(client)

    quality = metric(client, "quality")

    assert quality["n_judged"] > first > 0
    assert len(quality["windows"]) >= 1


# The page as a script


SCRIPT = """
import asyncio
from pareta import AsyncPareta, Pareta

pa = Pareta.from_env()
run = pa.evals.runs.create(
    task="contract-key-fields",
    items=[{"input": "Effective as of January 1, 2026", "expected": {"effective_date": "2026-01-01"}}],
    models=["llama-1", "qwen-2"], frontier="benchmarked", wait=True, poll_interval=0.01)
print(run.status, run.cost, run.cost_micro_usd)
reply = pa.chat.completions.create(model="ep-contract-key-fields", messages=[{"role": "user", "content": "hi"}])
print(reply.usage.total_tokens > 0)
print(pa.endpoints.metrics("ep-contract-key-fields").cost(window="7d").get("total_micro_usd"))

async def main():
    async with AsyncPareta.from_env() as twin:
        print((await twin.evals.runs.retrieve(run.id)).cost_micro_usd)

asyncio.run(main())
"""


@page
@pytest.mark.parametrize("version", ["0.1.0", "0.3.1"])
def test_a_script_needs_nothing_but_two_variables(url: str, version: str) -> None:
    folder = Path(sys.prefix) / "sdks" / f"pareta-{version}"
    env = {**os.environ, "PARETA_API_KEY": KEY, "PARETA_BASE_URL": url, "PYTHONPATH": str(folder)}

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["completed", "0.00", "853", "True", "90", "853"]
