"""One balance, many at once: as much as it pays for is served, not one call more, and the books always add up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.http.serve import BackgroundServer
from tests.vendors.pareta.org import ENDPOINT, PRICE, Org, Streamed, body

THREADS = 64
CHAT = "/v1/chat/completions"
ROW = {"input": "Effective as of January 1, 2026", "expected": {"effective_date": "2026-01-01"}}

Connect = Callable[[Org], Any]


@contextmanager
def in_process(org: Org) -> Iterator[httpx.Client]:
    yield org.http


@contextmanager
def over_a_socket(org: Org) -> Iterator[httpx.Client]:
    """Leaving waits until the server has noticed everybody who left."""
    with (
        BackgroundServer(org.simulator) as server,
        httpx.Client(
            base_url=server.url,
            headers=org.http.headers,
            limits=httpx.Limits(max_connections=THREADS),
            timeout=60,
            trust_env=False,
        ) as client,
    ):
        yield client


@pytest.fixture(params=[in_process, over_a_socket])
def connect(request: pytest.FixtureRequest) -> Connect:
    chosen: Connect = request.param
    return chosen


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """Run `work(n)` in as many threads, which all start together."""
    ready = threading.Barrier(THREADS)

    def wait_and_work(n: int) -> Any:
        ready.wait()
        return work(n)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(wait_and_work, range(THREADS)))


def plain(client: httpx.Client, model: str = ENDPOINT, **headers: str) -> int:
    return client.post(CHAT, json=body(model), headers=headers).status_code


def streamed(client: httpx.Client) -> int:
    response = client.post(CHAT, json=body(stream=True))
    if response.status_code == 200:
        assert Streamed(response.text).order[-1] == "done"
    return response.status_code


def check_books(org: Org, before: int, served: int) -> None:
    """Exactly `served` endpoint calls were paid for, one ledger row each."""
    debits = org.debits
    assert [entry.amount_micro_usd for entry in debits] == [-PRICE] * served
    assert len({entry.request_id for entry in debits}) == served
    assert org.balance == before - served * PRICE
    assert org.metric("cost", window="1d")["total_micro_usd"] == served * PRICE
    assert org.metric("activity", window="1d")["succeeded"] == served
    org.check()


@pytest.mark.parametrize("balance", [1, PRICE, 20 * PRICE - 1, 20 * PRICE, 20 * PRICE + 1, 63 * PRICE + 45])
def test_plain_calls_succeed_while_there_is_credit(org: Org, connect: Connect, balance: int) -> None:
    org.set_balance(balance)

    with connect(org) as client:
        statuses = Counter(status for part in at_once(lambda _: [plain(client), plain(client)]) for status in part)

    served = -(-balance // PRICE)
    assert statuses == {200: served, 402: 2 * THREADS - served}
    check_books(org, balance, served)


def test_streams_and_plain_calls_share_the_credit(org: Org, connect: Connect) -> None:
    balance = 50 * PRICE + 17
    org.set_balance(balance)

    with connect(org) as client:
        statuses = Counter(at_once(lambda n: streamed(client) if n % 2 else plain(client)))

    assert statuses == {200: 51, 402: THREADS - 51}
    check_books(org, balance, 51)


def test_streams_alone_cannot_overspend(org: Org, connect: Connect) -> None:
    org.set_balance(10 * PRICE)

    with connect(org) as client:
        statuses = Counter(at_once(lambda _: streamed(client)))

    assert statuses == {200: 10, 402: THREADS - 10}
    check_books(org, 10 * PRICE, 10)


def test_streams_left_early_give_back_what_they_held(org: Org, connect: Connect) -> None:
    balance = 30 * PRICE + 1
    org.set_balance(balance)

    def leave(client: httpx.Client, pieces: int) -> int:
        with client.stream("POST", CHAT, json=body(stream=True)) as response:
            if response.status_code == 200:
                for _, _ in zip(range(pieces), response.iter_raw(), strict=False):
                    pass
            return response.status_code

    with connect(org) as client:
        statuses = at_once(lambda n: leave(client, n % 3) if n % 4 else plain(client))
    assert set(statuses) <= {200, 402}
    org.check()

    served = len(org.debits)
    assert served <= 31
    while org.chat().status_code == 200:
        served += 1
    assert served == 31
    check_books(org, balance, served)


def test_one_key_is_one_debit_however_many_send_it(org: Org, connect: Connect) -> None:
    with connect(org) as client:
        answers = at_once(lambda _: client.post(CHAT, json=body(), headers={"Idempotency-Key": "k"}))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers["x-pareta-billed"] for answer in answers) == {str(PRICE): 1, "0": THREADS - 1}
    assert len(org.debits) == 1


def test_one_key_for_streams_is_one_debit_too(org: Org, connect: Connect) -> None:
    with connect(org) as client:
        answers = at_once(lambda _: client.post(CHAT, json=body(stream=True), headers={"Idempotency-Key": "k"}))

    assert {answer.status_code for answer in answers} <= {200, 409}
    billed = [Streamed(a.text).receipt("pareta-billed-micro-usd ") for a in answers if a.status_code == 200]
    assert sorted(billed) == [0] * (len(billed) - 1) + [PRICE]
    assert len(org.debits) == 1


def test_runs_that_finish_at_once_are_started_while_they_are_covered(org: Org, connect: Connect) -> None:
    kept = org.new_set([ROW] * 5)
    cost = 5 * (63 + 700)
    org.set_balance(12 * cost + cost - 1)
    sent = {"eval_set_id": kept, "candidate_model_ids": ["llama-1", "gpt-5.5"]}

    with connect(org) as client:
        statuses = Counter(at_once(lambda _: client.post("/v1/eval-runs", json=sent).status_code))

    assert statuses == {202: 12, 402: THREADS - 12}
    assert [entry.amount_micro_usd for entry in org.debits] == [-cost] * 12
    assert org.balance == cost - 1


def test_a_run_looked_at_by_many_is_finished_and_debited_once(org: Org, connect: Connect) -> None:
    org.flip(timed_runs=True)
    run = org.new_run(org.new_set([ROW] * 5), "llama-1")

    with connect(org) as client:
        answers = at_once(lambda _: client.get(f"/v1/eval-runs/{run}").json())

    assert Counter(answer["run"]["status"] for answer in answers) == {
        "running": 1, "evaluating": 1, "completed": THREADS - 2,
    }  # fmt: skip
    assert [entry.amount_micro_usd for entry in org.debits] == [-5 * 63]


def test_organisations_do_not_mix(simulator: Simulator, connect: Connect) -> None:
    orgs = [Org(simulator, f"org-{n}") for n in range(4)]
    for n, org in enumerate(orgs):
        org.set_balance((n + 1) * 3 * PRICE)

    with connect(orgs[0]) as client:
        at_once(lambda n: [plain(client, Authorization=orgs[n % 4].http.headers["Authorization"]) for _ in range(2)])

    for n, org in enumerate(orgs):
        check_books(org, (n + 1) * 3 * PRICE, (n + 1) * 3)


def test_every_request_is_in_the_journal_once_and_in_order(org: Org, connect: Connect) -> None:
    with connect(org) as client:
        at_once(lambda n: streamed(client) if n % 2 else plain(client, "auto" if n % 4 else ENDPOINT))

    journal = org.journal
    assert [entry.seq for entry in journal] == list(range(1, THREADS + 1))
    assert len({entry.request_id for entry in journal}) == THREADS
    assert sum(entry.cost_micro_usd for entry in journal) == -sum(entry.amount_micro_usd for entry in org.debits)
