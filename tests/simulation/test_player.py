"""What a play does in one world: in which order, with whose money, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.http.messages import Request
from mockserver.kernel.errors import Conflict, InvalidRequest
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.windows import DAY, HOUR
from mockserver.kernel.world import World
from mockserver.simulation import player
from tests.simulation.playing import COST, EVENTS, PLAIN, START, broken, differences, exported, moved, played


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    simulator = Simulator()
    yield simulator
    simulator.close()


def rows(simulator: Simulator, what: str, world: str = "acme") -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported(simulator, world)[what].splitlines()]


def told(simulator: Simulator, world: World) -> dict[str, Any]:
    with simulator.store.committed():
        return simulator.stage.playing(world)


def play(simulator: Simulator, text: str, world: str = "acme") -> World:
    """Begin a play, without its history."""
    with simulator.store.committed():
        held = simulator.worlds.admit(world)
    with simulator.store.committed():
        simulator.stage.play(held, "test.yaml", text, None)
    return held


def own_ledger(simulator: Simulator) -> list[dict[str, Any]]:
    """Return the movements of money that a play has caused."""
    return [row for row in rows(simulator, "ledger") if row["at"] >= "2026-03-02"]


# History


def test_each_call_of_a_history_is_debited_and_reported_once_in_order_of_time(simulator: Simulator) -> None:
    world = played(simulator, PLAIN)

    state = told(simulator, world)
    debits = [row for row in own_ledger(simulator) if row["kind"] == "debit"]
    events = rows(simulator, "events")
    calls = state["tallies"]["calls"]
    assert 200 < calls < 400
    assert state["tallies"] == {
        "calls": calls, "answered": calls, "sent": calls, "recorded": calls,
        "debited_micro_usd": -sum(row["amount_micro_usd"] for row in debits),
    }  # fmt: skip
    assert len(debits) == len(events) == calls
    assert [row["at"] for row in debits] == sorted(row["at"] for row in debits)
    assert {row["data"]["call"] for row in events} == {
        f"chatcmpl-{row['request_id'].removeprefix('req_')}" for row in debits
    }
    assert broken(simulator, world) == []
    assert differences(simulator, "acme") == {"missing": 0, "doubled": 0, "wrong_amount": 0, "unknown": 0}


def test_a_history_ends_when_its_last_report_has_come_and_the_clock_goes_on_from_there(simulator: Simulator) -> None:
    world = played(simulator, PLAIN.replace("mode: frozen", "mode: x60"))

    state = told(simulator, world)
    assert (state["is_filled"], state["is_over"]) == (True, True)
    assert START + DAY <= world.clock.now() < START + DAY + 2 * HOUR
    assert world.clock.state.mode == "scaled"


def test_of_a_history_in_part_the_rest_comes_as_the_clock_moves(simulator: Simulator) -> None:
    world = played(simulator, PLAIN, history_us=12 * HOUR)
    before = told(simulator, world)["tallies"]["calls"]
    assert world.clock.now() == START + 12 * HOUR

    moved(simulator, world, START + 13 * HOUR)
    assert before < told(simulator, world)["tallies"]["calls"] < 2 * before

    moved(simulator, world, START + 2 * DAY)
    assert told(simulator, world)["is_over"]
    assert not world.schedule.is_due(START + 1000 * DAY)


def test_of_what_is_too_much_for_a_history_a_part_can_be_played(simulator: Simulator) -> None:
    text = PLAIN.replace("length: 1d", "length: 3650d").replace("calls_per_day: 300", "calls_per_day: 9000")
    with pytest.raises(InvalidRequest, match="calls of history"):
        play(simulator, text)

    world = played(simulator, text, history_us=HOUR)

    assert told(simulator, world)["is_filled"]
    assert world.clock.now() == START + HOUR


def test_pieces_of_a_history_are_committed_one_by_one_and_other_worlds_live_meanwhile(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "PIECE_CALLS", 40)
    world = play(simulator, PLAIN)
    calls = []

    for state in simulator.stage.backfill(world):
        calls.append(state["tallies"].get("calls", 0))
        assert not simulator.store.is_pending
        headers = {b"authorization": b"Bearer sk_test_other"}
        assert simulator.gateway.handle(Request("GET", "/v0/costs", b"", headers, b"")).status == 200
        simulator.store.commit()

    assert len(calls) > 4
    assert all(0 <= later - earlier <= 41 for earlier, later in pairwise(calls))


def test_a_request_waits_for_no_more_than_a_small_piece(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "AWAITED_CALLS", 20)
    text = PLAIN.replace("calls_per_day: 300", "calls_per_day: 24000")
    world = played(simulator, text, history_us=HOUR)
    before = told(simulator, world)["tallies"]["calls"]

    calls = []
    for _ in range(3):
        with simulator.store.committed():
            simulator.worlds.settle(world, START + 2 * HOUR)
        calls.append(told(simulator, world)["tallies"]["calls"] - before)

    assert calls == [20, 40, 60]


@pytest.mark.parametrize("end", ["delete", "reset"])
def test_a_world_that_is_gone_ends_its_history(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(player, "PIECE_CALLS", 40)
    world = play(simulator, PLAIN)
    pieces = simulator.stage.backfill(world)
    next(pieces)

    with simulator.store.committed():
        getattr(simulator.worlds, end)(world)

    with pytest.raises(Conflict, match="deleted, reset or restored while its history was played"):
        next(pieces)
    for table in ("plays", "cues", "due"):
        assert simulator.store.one(f"SELECT count(*) FROM {table}") == (0,)


# Refusals


def test_a_world_that_has_seen_later_than_the_start_is_refused_and_stays_as_it_is(simulator: Simulator) -> None:
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
        account = next(vendor.account for vendor in simulator.vendors if vendor.account is not None)
        simulator.worlds.set_clock(world, "frozen", START + HOUR, 1.0)
        account.grant(world, MicroUsd(1), "a gift")
    before = exported(simulator, "acme")

    with pytest.raises(
        Conflict, match="has seen 2026-03-02T01:00:00Z, and the scenario begins at 2026-03-02T00:00:00Z"
    ):
        play(simulator, PLAIN)

    assert exported(simulator, "acme") == before
    assert world.clock.now() == START + HOUR


def test_a_second_scenario_is_refused_and_the_same_one_again_is_not(simulator: Simulator) -> None:
    world = played(simulator, PLAIN)
    before = exported(simulator, "acme")

    played(simulator, PLAIN)
    assert exported(simulator, "acme") == before

    with pytest.raises(Conflict, match="was played in world 'acme' already"):
        play(simulator, PLAIN.replace("seed: 3", "seed: 4"))
    assert exported(simulator, "acme") == before
    assert world.draws.seed == 3


def test_when_a_request_of_the_start_fails_nothing_of_the_scenario_stays(simulator: Simulator) -> None:
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
    before, clock, seed = exported(simulator, "acme"), world.clock.state, world.draws.seed
    faulty = PLAIN.replace("length: 1d", "    - request: DELETE /v1/endpoints/ep-nowhere\nlength: 1d")

    with pytest.raises(InvalidRequest, match=r"start\.requests\.1: DELETE /v1/endpoints/ep-nowhere .*404"):
        play(simulator, faulty)

    assert exported(simulator, "acme") == before
    assert (world.clock.state, world.draws.seed, world.journal.newest) == (clock, seed, 0)
    assert world.drifts.all == ()
    assert not world.faults.armed
    play(simulator, PLAIN)
    assert [entry.seq for entry in world.journal.read()] == [1]


# Requests


def test_what_an_answer_says_is_used_in_the_requests_that_follow(simulator: Simulator) -> None:
    steps = """
steps:
  - request: POST /v0/costs
    at: +3h
    body: {type: metered, name: Other, eventType: other, aggregation: COUNT, unitCost: 1, currency: USD,
           productId: prod_YOUR_PRODUCT_ID}
    then:
      - request: GET /v0/costs/{id}
        then: [{request: "DELETE /v0/costs/{id}"}]
"""
    played(simulator, PLAIN + steps)

    own = [row for row in rows(simulator, "requests") if row["at"] == "2026-03-02T03:00:00Z"]
    assert [(row["method"], row["status"] < 300) for row in own] == [("POST", True), ("GET", True), ("DELETE", True)]
    made = json.loads(own[0]["response_body"])["id"]
    assert [row["path"] for row in own[1:]] == [f"/v0/costs/{made}"] * 2


def test_a_step_sees_everything_up_to_its_instant_and_nothing_later(simulator: Simulator) -> None:
    body = "{model: ep-contract-key-fields, messages: [{role: user, content: hello}]}"
    steps = f"steps: [{{request: POST /v1/chat/completions, at: +6h, every: 6h, body: {body}}}]\n"
    played(simulator, PLAIN + steps)

    debits = own_ledger(simulator)
    own = [row["at"] for row in rows(simulator, "requests") if row["operation"] == "pareta.chat.completions.create"]
    assert own == [f"2026-03-02T{hour:02}:00:00Z" for hour in (6, 12, 18)]
    assert [row["at"] for row in debits] == sorted(row["at"] for row in debits)
    assert set(own) <= {row["at"] for row in debits}


# Money

POOR = f"""
name: poor
purpose: credit runs out
seed: 3
clock: {{mode: frozen, at: 2026-03-02T00:00:00Z}}
start:
  balance_usd: "0.003"
  requests: {COST}
length: 1d
customers: {{count: 1}}
traffic:
  calls_per_day: 480
  hours: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
  uses: [{{endpoint: ep-contract-key-fields}}]
{EVENTS}
"""


def refusals(simulator: Simulator, client: str) -> dict[str, int]:
    world = played(simulator, POOR + f"client: {client}\n")
    tallies: dict[str, int] = told(simulator, world)["tallies"]
    assert tallies["answered"] == 34, "each costs 90 micro-dollars, and the last may be paid in part"
    assert broken(simulator, world) == []
    return tallies


def test_who_stops_without_credit_asks_again_after_a_while_and_no_more_often(simulator: Simulator) -> None:
    tallies = refusals(simulator, "{on_no_credit: stop, probe_after: 4h}")

    assert 4 <= tallies["refused"] <= 6
    assert tallies["held_back"] > 300


def test_who_goes_on_without_credit_is_refused_each_time(simulator: Simulator) -> None:
    tallies = refusals(simulator, "{on_no_credit: continue}")

    assert "held_back" not in tallies
    assert "retried" not in tallies
    assert tallies["refused"] == tallies["calls"] - 34


def test_who_takes_a_refusal_for_a_failure_makes_it_worse(simulator: Simulator) -> None:
    tallies = refusals(simulator, "{on_no_credit: retry, retries: 3}")

    assert tallies["refused"] == tallies["calls"] - 34
    assert tallies["retried"] * 4 == tallies["refused"] * 3


def test_credit_is_bought_once_each_time_it_runs_low(simulator: Simulator) -> None:
    wallet = 'wallet: {auto: {below_usd: "0.001", usd: "0.01", after: 30m}, top_ups: [{at: +20h, usd: "1"}]}\n'
    world = played(simulator, POOR + wallet)

    ledger = own_ledger(simulator)
    granted = [(row["at"], row["amount_micro_usd"]) for row in ledger if row["subject"] == "scenario poor: top-up"]
    assert ("2026-03-02T20:00:00Z", 1_000_000) in granted
    bought = [at for at, amount in granted if amount == 10_000]
    low = [
        row["at"] for before, row in pairwise(ledger)
        if row["balance_micro_usd"] < 1000 <= before["balance_micro_usd"]
    ]  # fmt: skip
    assert len(bought) == len(low) > 1
    assert told(simulator, world)["tallies"]["top_ups"] == len(granted)


# By hand


def test_a_paused_world_stands_still_until_it_is_resumed_or_stepped(simulator: Simulator) -> None:
    world = played(simulator, PLAIN.replace("mode: frozen", "mode: x60"), history_us=HOUR)

    with simulator.store.committed():
        paused = simulator.stage.pause(world)
        at = world.clock.now()
    assert paused["is_paused"]
    assert (world.clock.state.mode, world.clock.now()) == ("frozen", at)

    with simulator.store.committed():
        simulator.stage.step(world, 3 * HOUR)
    assert world.clock.now() == at + 3 * HOUR

    with simulator.store.committed():
        before = simulator.stage.playing(world)["tallies"]
        after = simulator.stage.step(world, None)["tallies"]
    moved_on = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert moved_on.get("calls", 0) + moved_on.get("sent", 0) == 1
    assert world.clock.now() > at + 3 * HOUR

    with simulator.store.committed():
        resumed = simulator.stage.resume(world)
    assert not resumed["is_paused"]
    assert (world.clock.state.mode, world.clock.state.rate) == ("scaled", 60.0)


def test_no_step_leads_out_of_the_calendar(simulator: Simulator) -> None:
    world = played(simulator, PLAIN, history_us=HOUR)
    with simulator.store.committed():
        simulator.stage.pause(world)
        with pytest.raises(InvalidRequest, match="by: leads past the year 9999"):
            simulator.stage.step(world, 4_000_000 * DAY)
        assert world.clock.now() == START + HOUR


def test_hands_are_kept_off_what_does_not_play(simulator: Simulator) -> None:
    stage = simulator.stage
    with simulator.store.committed():
        world = simulator.worlds.admit("acme")
        for act in (stage.pause, stage.resume, lambda world: stage.step(world, None)):
            with pytest.raises(Conflict, match="no scenario that goes on is played in world 'acme'"):
                act(world)
    play(simulator, PLAIN)
    with simulator.store.committed(), pytest.raises(Conflict, match="is still being played"):
        stage.pause(world)
    played(simulator, PLAIN)
    with simulator.store.committed():
        for act in (stage.resume, lambda world: stage.step(world, None)):
            with pytest.raises(Conflict, match="is not paused"):
                act(world)
        stage.pause(world)
        with pytest.raises(Conflict, match="is paused already"):
            stage.pause(world)
        with pytest.raises(Conflict, match="nothing is to happen in world 'acme' any more"):
            stage.step(world, None)


# Without traffic

TIMED = """
name: timed
purpose: steps and credit, and nobody who calls
clock: {mode: frozen, at: 2026-03-02T00:00:00Z}
length: 1d
wallet: {top_ups: [{at: +2h, usd: "5"}]}
steps: [{request: GET /v0/costs, at: +1h, every: 10h}]
"""


def test_a_timeline_needs_no_traffic(simulator: Simulator) -> None:
    world = played(simulator, TIMED)

    assert told(simulator, world)["tallies"] == {"steps": 3, "top_ups": 1}
    assert [row["at"] for row in rows(simulator, "requests")] == [
        f"2026-03-02T{hour:02}:00:00Z" for hour in (1, 11, 21)
    ]


def test_memory_of_what_is_to_come_does_not_grow_with_the_length(simulator: Simulator) -> None:
    text = PLAIN.replace("length: 1d\n", "history: 0s\n").replace("count: 5", "count: 5, joining: 0.5")
    world = played(simulator, text)
    sizes = []
    for days in (5, 40):
        moved(simulator, world, START + days * DAY)
        row = simulator.store.one("SELECT (SELECT count(*) FROM cues), length(state) FROM plays")
        assert row is not None
        sizes.append(row)

    assert sizes[1][0] <= sizes[0][0] + 10
    assert sizes[1][1] <= sizes[0][1] + 10
    assert not told(simulator, world)["is_over"]


# Answers that get lost


def losing(client: str) -> str:
    """Return a scenario in which three answers in ten get lost."""
    fault = "faults: [{operation: chat.completions.create, rate: 0.3, lost_ack: true}]"
    return f"{PLAIN}client: {{retries: 12, backoff: 100ms{client}}}\n{fault}\n"


def test_an_answer_that_got_lost_is_given_again_and_paid_once(simulator: Simulator) -> None:
    world = played(simulator, losing(""))

    tallies = told(simulator, world)["tallies"]
    debits = [row for row in own_ledger(simulator) if row["kind"] == "debit"]
    assert tallies["replayed"] == tallies["retried"] == tallies["failed"] > 50
    assert len(debits) == tallies["answered"] == tallies["calls"] - tallies["retried"]
    assert tallies["debited_micro_usd"] == -sum(row["amount_micro_usd"] for row in debits)
    assert not any(told(simulator, world)["planted"].values())
    assert not any(differences(simulator, "acme").values())
    assert broken(simulator, world) == []


def test_who_asks_again_under_another_key_pays_again(simulator: Simulator) -> None:
    world = played(simulator, losing(", reuses_key: false"))

    state = told(simulator, world)
    debits = [row for row in own_ledger(simulator) if row["kind"] == "debit"]
    assert "replayed" not in state["tallies"]
    assert len(debits) == state["tallies"]["calls"] > state["tallies"]["answered"]
    assert state["planted"]["missing"] == differences(simulator, "acme")["missing"] == state["tallies"]["failed"]


def test_after_a_day_an_answer_is_not_given_again(simulator: Simulator) -> None:
    text = PLAIN + (
        "client: {retries: 1, backoff: 25h}\n"
        "faults: [{operation: chat.completions.create, first: 3, lost_ack: true}]\n"
    )  # fmt: skip

    world = played(simulator, text)

    state = told(simulator, world)
    assert state["tallies"]["failed"] == state["tallies"]["retried"] == state["planted"]["missing"] == 3
    assert "replayed" not in state["tallies"]
    assert differences(simulator, "acme")["missing"] == 3
