"""The ledger against an oracle: the same rules once more, in plain integers and loops, and nothing shared."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel.windows import SECOND
from mockserver.kernel.world import Beginning
from tests.vendors.pareta.org import ENDPOINT, SEED, STOPPED, Org

NOON = 1_770_724_800
RATES = {ENDPOINT: (90, 700), STOPPED: (3800, 28800)}
CANDIDATES = {"llama-1": 63, "qwen-2": 90, "gpt-5.5": 700, ENDPOINT: 90, STOPPED: 3800}
TEXTS = ("Tell me about copper.", "Why do granite and basalt differ so much in their grain?", "x")
ROWS = [{"input": f"text {n}", "expected": {"effective_date": "2026-01-01", "party_a": "A B"}} for n in range(3)]

# What one may do, drawn with plain numbers that are read as indices, so that every sequence makes sense.
number = st.integers(0, 5)
model = st.sampled_from([ENDPOINT, STOPPED, SEED, "auto", "ep-nope"])
operation = st.one_of(
    st.tuples(st.just("grant"), st.integers(-500, 6000)),
    st.tuples(st.just("chat"), model, number),
    st.tuples(st.just("open"), model, number),
    st.tuples(st.just("finish"), number),
    st.tuples(st.just("leave"), number, number),
    st.tuples(st.just("malformed")),
    st.tuples(st.just("run"), st.lists(st.sampled_from([*CANDIDATES, "nobody"]), min_size=1, max_size=3)),
    st.tuples(st.just("look"), number),
    st.tuples(st.just("start")),
    st.tuples(st.just("stop")),
    st.tuples(st.just("advance"), st.integers(1, 40)),
)


@dataclass
class Oracle:
    """What must be true of an organisation, worked out the simplest way there is."""

    prices: dict[str, int]
    balance: int
    now: int = NOON
    rows: list[tuple[str, int, int, str]] = field(default_factory=list)
    is_live: dict[str, str] = field(default_factory=lambda: {ENDPOINT: "live", STOPPED: "stopped"})
    streams: list[tuple[str, int]] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=lambda: dict.fromkeys([ENDPOINT, STOPPED, SEED], 0))
    failed: dict[str, int] = field(default_factory=lambda: dict.fromkeys([ENDPOINT, STOPPED, SEED], 0))
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    due: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def left(self) -> int:
        unfinished = (
            int(row["estimate"]) for row in self.runs.values() if row["status"] not in ("completed", "failed")
        )
        return self.balance - sum(price for _, price in self.streams) - sum(unfinished)

    def move(self, kind: str, amount: int, subject: str) -> None:
        self.balance += amount
        self.rows.append((kind, amount, self.balance, subject))

    def price(self, model: str, text: str) -> int:
        return RATES[model][0] if model in RATES else self.prices[text]

    def admits(self, model: str) -> int:
        """The status a call to a model is answered with before anything is generated."""
        if model == "ep-nope":
            return 404
        status = 200
        if model == SEED:
            status = 409
        elif model != "auto" and self.is_live[model] != "live":
            status = 503
        elif self.left <= 0:
            status = 402
        if status != 200 and model != "auto":
            self.failed[model] += 1
        return status

    def pay(self, model: str, price: int) -> None:
        self.move("debit", -price, model)
        if model != "auto":
            self.served[model] += 1

    def cost(self, candidates: list[str]) -> int | None:
        """What a run costs, `None` when one of them cannot take part."""
        total = 0
        for name in candidates:
            if name not in CANDIDATES or (name in self.is_live and self.is_live[name] != "live"):
                return None
            total += len(ROWS) * CANDIDATES[name]
        return total

    def complete(self, run: str) -> None:
        self.due = [row for row in self.due if row[1:] != ("finish", run)]
        row = self.runs[run]
        cost = self.cost(row["candidates"])
        row["status"], row["total"] = ("failed", 0) if cost is None else ("completed", cost)
        if cost is not None:
            self.move("debit", -cost, run)

    def look(self, run: str) -> None:
        row = self.runs[run]
        stages = {"queued": "running", "running": "evaluating"}
        if row["status"] in stages:
            row["status"] = stages[row["status"]]
        elif row["status"] == "evaluating":
            self.complete(run)

    def advance(self, seconds: int) -> None:
        until = self.now + seconds
        while self.due and min(at for at, _, _ in self.due) <= until:
            first = min(self.due, key=lambda row: row[0])
            self.due.remove(first)
            if first[1] == "live":
                self.is_live[STOPPED] = "live"
            else:
                self.complete(first[2])
        self.now = until


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """One simulator for all examples; each has a world of its own."""
    simulator = Simulator(Settings(beginning=Beginning(seed=7, clock_mode="frozen", clock_at=NOON * SECOND)))
    yield simulator
    simulator.close()


@pytest.fixture(scope="module")
def prices(shared: Simulator) -> dict[str, int]:
    """What each text costs with `auto`, from the tokens of its answer."""
    org = Org(shared, "prices")
    found = {}
    for text in TEXTS:
        content = org.chat("auto", text).json()["choices"][0]["message"]["content"]
        tokens_in, tokens_out = -(-len(text) // 4) + 4, -(-len(content) // 4)
        found[text] = (5 * tokens_in + 20 * tokens_out) // 18
    return found


names = (f"example-{n}" for n in itertools.count())


class Player:
    """Does to the simulator what the oracle is told."""

    def __init__(self, simulator: Simulator, prices: dict[str, int], balance: int) -> None:
        self.org = Org(simulator, next(names))
        self.org.flip(timed_runs=True)
        self.kept = self.org.new_set(ROWS)
        self.org.set_balance(balance)
        self.begin = len(self.org.ledger)
        self.oracle = Oracle(prices, balance)
        self.streams: list[httpx.Response] = []

    def play(self, name: str, *arguments: Any) -> None:
        getattr(self, name)(*arguments)
        assert self.org.balance == self.oracle.balance

    def grant(self, amount: int) -> None:
        self.org.grant(amount)
        self.oracle.move("grant", amount, "test")

    def chat(self, model: str, n: int) -> None:
        text = TEXTS[n % len(TEXTS)]
        expected = self.oracle.admits(model)

        response = self.org.chat(model, text)

        assert response.status_code == expected
        if expected == 200:
            price = self.oracle.price(model, text)
            assert response.headers["x-pareta-billed"] == str(price)
            self.oracle.pay(model, price)

    def open(self, model: str, n: int) -> None:
        text = TEXTS[n % len(TEXTS)]
        expected = self.oracle.admits(model)

        response = self.org.open_stream(model, text)

        assert response.status_code == expected
        if expected == 200:
            self.oracle.streams.append((model, self.oracle.price(model, text)))
            self.streams.append(response)

    def finish(self, n: int) -> None:
        if self.streams:
            n %= len(self.streams)
            assert self.streams.pop(n).read().endswith(b"data: [DONE]\n\n")
            self.oracle.pay(*self.oracle.streams.pop(n))

    def leave(self, n: int, pieces: int) -> None:
        if self.streams:
            n %= len(self.streams)
            response = self.streams.pop(n)
            stream = response.iter_raw()
            with suppress(StopIteration):
                for _ in range(pieces % 2):  # no answer is over after one piece
                    next(stream)
            response.close()
            self.oracle.streams.pop(n)

    def malformed(self) -> None:
        assert self.org.http.post("/v1/chat/completions", content=b"{").status_code == 400

    def run(self, candidates: list[str]) -> None:
        cost = self.oracle.cost(candidates)
        affordable = cost is not None and 0 < self.oracle.left >= cost

        response = self.org.post_run(self.kept, *candidates)

        assert response.status_code == (400 if cost is None else 202 if affordable else 402)
        if affordable:
            run = response.json()["run_id"]
            self.oracle.runs[run] = {"status": "queued", "total": 0, "candidates": candidates, "estimate": cost}
            self.oracle.due.append((self.oracle.now + 60, "finish", run))

    def look(self, n: int) -> None:
        if self.oracle.runs:
            run = list(self.oracle.runs)[n % len(self.oracle.runs)]
            self.oracle.look(run)
            found = self.org.get(f"/v1/eval-runs/{run}")["run"]
            row = self.oracle.runs[run]
            assert (found["status"], found["total_cost_micro_usd"]) == (row["status"], row["total"])

    def start(self) -> None:
        self.org.http.post(f"/v1/endpoints/{STOPPED}/start")
        if self.oracle.is_live[STOPPED] == "stopped":
            self.oracle.is_live[STOPPED] = "starting"
            self.oracle.due.append((self.oracle.now + 5, "live", STOPPED))

    def stop(self) -> None:
        self.org.http.post(f"/v1/endpoints/{STOPPED}/stop")
        self.oracle.is_live[STOPPED] = "stopped"
        self.oracle.due = [row for row in self.oracle.due if row[1] != "live"]

    def advance(self, seconds: int) -> None:
        self.org.advance(seconds * SECOND)
        self.oracle.advance(seconds)

    def check(self) -> None:
        """Everything that can be seen is what the oracle says."""
        while self.streams:
            self.leave(0, 0)
        for _ in range(3):
            for n in range(len(self.oracle.runs)):
                self.look(n)
        entries = self.org.ledger[self.begin :]
        assert [
            (entry.kind, entry.amount_micro_usd, entry.balance_micro_usd, entry.subject) for entry in entries
        ] == self.oracle.rows
        for name in (ENDPOINT, STOPPED, SEED):
            rate, frontier = RATES.get(name, (0, 0))
            served, failed = self.oracle.served[name], self.oracle.failed[name]
            cost, activity = self.org.metric("cost", name), self.org.metric("activity", name)
            assert (cost["requests"], cost["total_micro_usd"], cost["frontier_baseline_micro_usd"]) == (
                served, served * rate, served * frontier,
            )  # fmt: skip
            assert (activity["succeeded"], activity["failed"]) == (served, failed)
        self.org.check()


@settings(max_examples=150)
@given(balance=st.sampled_from([1, 100, 1500, 20_000]), operations=st.lists(operation, max_size=40))
def test_after_whatever_happened_the_books_are_the_oracles(
    shared: Simulator, prices: dict[str, int], balance: int, operations: list[tuple[Any, ...]]
) -> None:
    player = Player(shared, prices, balance)

    for step in operations:
        player.play(*step)

    player.check()
