"""What SDK 3.0.4 and stock OpenAI clients share with the first generation, sync and async, over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam

from mockserver.app import Simulator
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.world import World
from tests.vendors.pareta.sdk import Client, installed

KEY = "pareta_sk_test_acme"
MESSAGES = [{"role": "user", "content": "Explain how a prepaid balance works."}]
DAYS = [f"2026-01-{day:02d}" for day in range(1, 11)]
ROWS = [
    {"input": {"contract_text": f"Effective as of {day}."}, "expected_output": {"effective_date": day}} for day in DAYS
]

pytestmark = pytest.mark.sdk


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(request: pytest.FixtureRequest, url: str) -> Iterator[Client]:
    with installed("3.0.4") as module:
        yield Client(module, url, KEY, is_async=request.param)


def test_a_chat_receipt_is_what_the_ledger_debited(client: Client, simulator: Simulator, world: World) -> None:
    account = next(vendor.account for vendor in simulator.vendors if vendor.account)
    before = account.balance(world)

    answer = client(lambda pa: pa.chat.completions.create(model="auto", messages=MESSAGES))

    assert answer.model == "auto"
    assert answer.choices[0].message.content
    assert answer.billed_micro_usd == before - account.balance(world) > 0
    assert answer.frontier_would_have_cost_micro_usd > answer.billed_micro_usd
    assert answer.savings_factor == round(answer.frontier_would_have_cost_micro_usd / answer.billed_micro_usd, 1)


def test_a_stream_says_the_same_as_a_whole_answer(client: Client) -> None:
    whole = client(lambda pa: pa.chat.completions.create(model="auto", messages=MESSAGES))
    assert "".join(client.texts(model="auto", messages=MESSAGES)) == whole.choices[0].message.content


def test_only_auto_is_listed_but_a_live_endpoint_still_answers(client: Client) -> None:
    assert [model.id for model in client(lambda pa: pa.models.list())] == ["auto"]
    answer = client(lambda pa: pa.chat.completions.create(model="ep-contract-key-fields", messages=MESSAGES))
    assert answer.billed_micro_usd == 90


def test_tasks_show_what_a_row_must_look_like(client: Client) -> None:
    task = client(lambda pa: pa.tasks.retrieve("contract-key-fields"))

    assert "contract-key-fields" in {each.id for each in client(lambda pa: pa.tasks.list())}
    assert (task.default_scorer, task.has_blob_input, task.gold_schema, task.output_schema_role) == (
        "field_f1", False, None, "gold",
    )  # fmt: skip
    found = client(lambda pa: pa.tasks.match("the effective date of a contract"))
    assert (found.type, found.matched, found.chosen.task_id) == ("task", True, "contract-key-fields")


def test_an_eval_with_a_prompt_runs_auto_against_a_frontier_model(client: Client) -> None:
    run = client(
        lambda pa: pa.evals.runs.create(
            task="contract-key-fields", items=ROWS, prompt="extract the dates", models=["auto"], frontier="benchmarked",
            wait=True, poll_interval=0.01,
        )
    )  # fmt: skip

    assert run.status == "completed"
    assert [(result.model_id, result.kind) for result in run.results] == [("auto", None), ("gpt-5.5", "frontier")]
    assert sum(r.mean_cost_micro_usd * r.n_succeeded for r in run.results) == pytest.approx(run.cost_micro_usd, abs=20)
    assert {item["idx"] for item in run.results[0].to_dict()["per_item"]} == set(range(10))


def test_rows_of_the_old_form_are_refused_with_their_line(client: Client) -> None:
    with pytest.raises(client.module.BadRequestError, match="line 1"):
        client(
            lambda pa: pa.evals.sets.create(
                task="contract-key-fields", items=[{"input": "text", "expected": {}}], prompt="extract the dates"
            )
        )


def test_every_refusal_is_the_clients_own_exception(client: Client, simulator: Simulator, world: World) -> None:
    def chat(model: str) -> Any:
        return client(lambda pa: pa.chat.completions.create(model=model, messages=MESSAGES))

    with pytest.raises(client.module.NotFoundError):
        chat("gpt-5.5")
    with pytest.raises(client.module.EndpointNotReadyError):
        chat("ep-invoice-extraction")
    with pytest.raises(client.module.ConflictError):
        chat("ep-intent-classification")
    with pytest.raises(client.module.AuthenticationError, match="invalid API key"):
        Client(client.module, client.url, "sk_test_acme", is_async=client.is_async)(lambda pa: pa.models.list())
    account = next(vendor.account for vendor in simulator.vendors if vendor.account)
    with simulator.store.committed():
        account.grant(world, MicroUsd(-account.balance(world)), "test")
    with pytest.raises(client.module.InsufficientCreditsError, match="out of credit"):
        chat("auto")


def test_a_stock_async_openai_client_streams_and_pays_once(url: str, simulator: Simulator, world: World) -> None:
    words = ChatCompletionUserMessageParam(role="user", content="Explain ledgers.")

    async def main() -> list[str]:
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as client:
            stream = await client.chat.completions.create(model="auto", messages=[words], stream=True)
            texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(model="gpt-4", messages=[words])
            return texts

    assert len(asyncio.run(main())) > 3
    debits = [entry for entry in world.journal.read() if entry.cost_micro_usd]
    assert len(debits) == 1
