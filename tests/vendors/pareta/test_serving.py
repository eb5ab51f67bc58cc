"""A scenario's chats are served by the rules of requests, however they are spread over tills."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import exp, sqrt
from statistics import mean
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as Settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.config import Settings as Options
from mockserver.kernel.drifts import Drift
from mockserver.kernel.windows import HOUR, MINUTE, SECOND
from mockserver.kernel.world import Beginning
from mockserver.vendors.pareta import tables, vendor
from mockserver.vendors.pareta.domain.ledger import IDS
from mockserver.vendors.pareta.domain.specimens import WAYS, Slips, Specimen, specimens_of
from mockserver.vendors.pareta.operations import till as tills
from mockserver.vendors.pareta.operations.chat import JUDGED_SHARE
from mockserver.vendors.serving import Chances, Order, Pace, Served
from tests.vendors.pareta.org import ENDPOINT, FRONTIER, PRICE, SEED, START_MICRO_USD, STOPPED, TEXT, Org
from tests.vendors.pareta.test_chat import deploy

NOON = 1_770_724_800 * SECOND
NEVER_JUDGED = Chances(0.5, 0.999999, 0.999999, 0.5)
LIVE = (ENDPOINT, "auto")


class Asked(NamedTuple):
    """An order, and what becomes of it on the way."""

    order: Order
    is_kept: bool = True
    delay_us: int = 0


def order(at: int = NOON, who: str = ENDPOINT, tokens: tuple[int, int] = (100, 40), **more: Any) -> Order:
    return Order(at, who, *tokens, **{"chances": NEVER_JUDGED, **more})


def by_chance(org: Org, count: int, who: str = ENDPOINT, step: int = SECOND, tokens: Any = (100, 40)) -> list[Order]:
    """So many orders, whose chances nothing but their number decides."""
    draw = org.world.draws.stream("test orders", who)
    return [order(NOON + n * step, who, tokens, chances=Chances(draw(), draw(), draw(), draw())) for n in range(count)]


def serve(org: Org, orders: Sequence[Order | Asked], cuts: Sequence[bool] = ()) -> list[Served]:
    """Serve in order of time; a new till is opened wherever there is a cut, and before anything else falls due."""
    counter = vendor.serving
    assert counter is not None
    served = []
    with org.house():
        till = counter.open(org.world)
        for n, each in enumerate(orders):
            asked = each if isinstance(each, Asked) else Asked(each)
            at = asked.order.at
            if org.world.schedule.is_due(at) or (n < len(cuts) and cuts[n]):
                till.close()
                org.world.schedule.run(org.world, at, org.simulator.worlds.actions)
                till = counter.open(org.world)
            served.append(till.serve(asked.order, is_kept=asked.is_kept, delay_us=asked.delay_us))
        before = till.balance_micro_usd
        till.close()
        assert org.balance == before
    return served


def drift(org: Org, kind: str, size: float, subject: str = ENDPOINT, onset: int = 0, **more: Any) -> None:
    with org.house():
        org.world.drifts.add(org.world.count("test drifts"), Drift(kind, subject, onset, size, **more))


def rows(org: Org, table: str = "pareta_calls") -> list[tuple[Any, ...]]:
    return org.world.store.all(f"SELECT * FROM {table} WHERE world = ? ORDER BY 1, 2, 3", (org.world.id,))


def calls(org: Org, who: str = ENDPOINT) -> list[dict[str, Any]]:
    cursor = org.world.store.execute(
        "SELECT * FROM pareta_calls WHERE world = ? AND endpoint = ? ORDER BY n", (org.world.id, who)
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def scores(org: Org, who: str = ENDPOINT) -> list[float]:
    return [call["score"] for call in calls(org, who) if call["score"] is not None]


def is_near(count: int, trials: int, share: float) -> bool:
    """Whether it is within five standard deviations: chance alone leaves that once in two million."""
    return abs(count - trials * share) <= 5 * sqrt(trials * share * (1 - share))


# The rules of requests


@pytest.fixture
def twin(org: Org) -> Iterator[Org]:
    """An exact copy of the world at its beginning."""
    with org.house():
        org.simulator.worlds.fork(org.world, "twin")
    twin = Org(org.simulator, "twin")
    yield twin
    twin.check()


@pytest.mark.parametrize("who", [ENDPOINT, "auto"])
def test_an_order_costs_and_counts_what_a_request_does(org: Org, twin: Org, who: str) -> None:
    texts = [f"{TEXT} {'It may be renewed. ' * n}" for n in range(6)]
    asked = [twin.chat(who, text) for text in texts]
    usage = [response.json()["usage"] for response in asked]

    served = serve(
        org,
        [
            order(who=who, tokens=(-(-len(text) // 4) + 4, said["completion_tokens"]))
            for text, said in zip(texts, usage, strict=True)
        ],
    )

    assert [each.status for each in served] == [200] * 6
    assert [each.cost_micro_usd for each in served] == [int(r.headers["x-pareta-billed"]) for r in asked]
    assert [each.prompt_tokens for each in served] == [said["prompt_tokens"] for said in usage]
    assert [each.model for each in served] == [response.json()["model"] for response in asked]
    for name in ("amount_micro_usd", "balance_micro_usd", "operation", "subject", "model", "at", "seq"):
        assert [getattr(e, name) for e in org.debits] == [getattr(e, name) for e in twin.debits], name
    for name in ("n", "at", "status", "prompt_tokens", "completion_tokens", "cost_micro_usd", "frontier_micro_usd"):
        assert [c[name] for c in calls(org, who)] == [c[name] for c in calls(twin, who)], name
    assert [c["prompt_tokens"] for c in calls(org, who)] == [said["prompt_tokens"] for said in usage]
    if who == ENDPOINT:
        assert org.metric("cost") == twin.metric("cost")
        assert org.metric("activity") == twin.metric("activity")


def test_the_402_comes_at_the_same_call_and_counts_alike(org: Org, twin: Org) -> None:
    for each in (org, twin):
        each.set_balance(4 * PRICE + 1)

    asked = [twin.chat(who).status_code for who in (ENDPOINT,) * 6 + ("auto",)]
    served = serve(org, [order(who=who) for who in (ENDPOINT,) * 6 + ("auto",)])

    assert [each.status for each in served] == asked == [200] * 5 + [402] * 2
    assert [each.id for each in served[5:]] == [None, None]
    assert org.balance == twin.balance == 1 - PRICE
    for name in ("requests", "succeeded", "failed"):
        assert org.metric("activity")[name] == twin.metric("activity")[name]
    assert rows(org)[-1][3:11] == rows(twin)[-1][3:11] == (NOON, 402, 0, 0, 0, 0, 0, None)
    assert calls(org, "auto") == calls(twin, "auto") == []


@pytest.mark.parametrize("who", [STOPPED, SEED, "ep-nope", "gpt-5.5"])
def test_who_does_not_serve_requests_serves_no_orders(org: Org, twin: Org, who: str) -> None:
    refused = twin.chat(who)

    served = serve(org, [order(who=who)] * 2)

    assert [(each.status, each.id, each.cost_micro_usd) for each in served] == [(refused.status_code, None, 0)] * 2
    assert [c["status"] for c in calls(org, who)] == [c["status"] for c in calls(twin, who)] * 2
    assert org.debits == []


def test_a_vendors_model_is_served_at_its_price_where_the_switch_allows_it(org: Org, twin: Org) -> None:
    for each in (org, twin):
        each.flip(direct_models=True)
    said = twin.chat("gpt-5.5").json()["usage"]

    (served,) = serve(org, [order(who="gpt-5.5", tokens=(said["prompt_tokens"], said["completion_tokens"]))])

    (ours,), (theirs,) = org.debits, twin.debits
    assert (served.status, served.model) == (200, "gpt-5.5")
    assert (ours.amount_micro_usd, ours.subject, ours.model) == (theirs.amount_micro_usd, theirs.subject, theirs.model)


def test_an_endpoint_by_the_token_counts_its_recommended_prompt_too(org: Org, twin: Org) -> None:
    for each in (org, twin):
        assert deploy(each, "general-chat", name="ep-talk") == "ep-talk"
    said = twin.chat("ep-talk", "Tell me about copper.").json()["usage"]

    (served,) = serve(org, [order(who="ep-talk", tokens=(-(-21 // 4) + 4, said["completion_tokens"]))])

    (debit,) = twin.debits
    assert served.cost_micro_usd == said["prompt_tokens"] + said["completion_tokens"] == -debit.amount_micro_usd
    assert calls(org, "ep-talk")[0]["frontier_micro_usd"] == calls(twin, "ep-talk")[0]["frontier_micro_usd"]
    assert "ep-talk" in vendor.serving.callable(org.world)  # type: ignore[union-attr]


def test_what_streams_and_runs_have_claimed_is_not_spent(org: Org) -> None:
    org.set_balance(PRICE)
    stream = org.open_stream()

    assert [each.status for each in serve(org, [order()])] == [402]

    stream.close()
    assert [each.status for each in serve(org, [order(), order()])] == [200, 402]


def test_live_endpoints_and_auto_may_be_named(org: Org) -> None:
    assert vendor.serving is not None
    assert list(vendor.serving.callable(org.world)) == [ENDPOINT, "auto"]
    assert vendor.serving.operation == "chat.completions.create"

    org.http.post(f"/v1/endpoints/{ENDPOINT}/stop").raise_for_status()
    assert list(vendor.serving.callable(org.world)) == ["auto"]
    assert serve(org, [order()])[0].status == 503, "each till looks anew"


def test_the_last_movement_of_money_is_known(org: Org) -> None:
    assert vendor.serving is not None
    serve(org, [order(NOON + 5)])
    assert vendor.serving.latest(org.world) == NOON + 5


def test_without_any_ledger_there_is_no_last_movement_and_no_credit(org: Org) -> None:
    assert vendor.serving is not None
    with org.house():
        org.simulator.worlds.fork(org.world, "bare")
        bare = org.simulator.worlds.get("bare")
        bare.store.execute("DELETE FROM pareta_ledger WHERE world = ?", (bare.id,))

        assert vendor.serving.latest(bare) is None
        assert vendor.serving.open(bare).serve(order()).status == 402


# The books


orders = st.lists(
    st.builds(
        lambda gap, who, tokens, chances, key, kept, late: (gap, who, tokens, Chances(*chances), key, kept, late),
        st.sampled_from([0, 0, 1, 10 * MINUTE, 10 * MINUTE, HOUR]),
        st.sampled_from([ENDPOINT, ENDPOINT, "auto", "auto", STOPPED, "ep-nope"]),
        st.tuples(st.integers(0, 3000), st.integers(0, 900)),
        st.tuples(*[st.floats(0, 1, exclude_max=True)] * 4),
        st.none() | st.sampled_from(["k1", "k2"]),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([0, 0, 0, 1, 10 * MINUTE, 20 * MINUTE, 3 * HOUR]),
    ),
    max_size=30,
)


def asked_of(drawn: Sequence[Any]) -> list[Asked]:
    at, asked = NOON, []
    for gap, who, tokens, chances, key, is_kept, delay_us in drawn:
        at += gap
        asked.append(Asked(order(at, who, tokens, chances=chances, idempotency_key=key), is_kept, delay_us))
    return asked


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """One simulator for all examples; each has worlds of its own."""
    simulator = Simulator(Options(beginning=Beginning(seed=7, clock_mode="frozen", clock_at=NOON)))
    yield simulator
    simulator.close()


def fresh(simulator: Simulator, name: str) -> Org:
    """A world of that name at its beginning."""
    with simulator.store.committed():
        simulator.worlds.reset(simulator.worlds.admit(name))
    return Org(simulator, name)


def settle(org: Org) -> None:
    """Let everything fall due that is still to come."""
    with org.house():
        org.world.schedule.run(org.world, NOON + 1000 * HOUR, org.simulator.worlds.actions)


@Settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders, st.integers(-200, 3000))
def test_the_books_are_what_a_plain_loop_makes_of_them(shared: Simulator, drawn: list[Any], start: int) -> None:
    org = fresh(shared, "books")
    org.set_balance(start)
    asked = asked_of(drawn)
    ledger: list[tuple[int, str, int, int]] = []
    counted: list[tuple[str, int, int]] = []
    waiting: list[tuple[int, int, str, int, int]] = []
    balance, expected = start, []

    def pay(at: int, who: str, price: int, came: int) -> None:
        nonlocal balance
        balance -= price
        ledger.append((at, who, -price, balance))
        counted.append((who, came, 200))

    for n, ((at, who, prompt, completion, *_), is_kept, delay_us) in enumerate(asked):
        for row in sorted(waiting):
            if row[0] <= at:
                pay(row[0], *row[2:])
                waiting.remove(row)
        status = {STOPPED: 503, "ep-nope": 404}.get(who, 200 if balance > 0 else 402)
        expected.append(status)
        price = PRICE if who == ENDPOINT else max(1, (5 * prompt + 20 * completion) // 18)
        if status == 200 and is_kept:
            if delay_us:
                waiting.append((at + delay_us, n, who, price, at))
            else:
                pay(at, who, price, at)
        elif status != 200 and is_kept and who in (ENDPOINT, STOPPED):
            counted.append((who, at, status))
    for due, _, who, price, came in sorted(waiting):
        pay(due, who, price, came)

    served = serve(org, asked)
    settle(org)

    assert [each.status for each in served] == expected
    assert [(e.at, e.subject, e.amount_micro_usd, e.balance_micro_usd) for e in org.debits] == ledger
    assert sorted((r[1], r[3], r[4]) for r in rows(org)) == sorted(counted)
    assert org.balance == balance
    org.check()


EVERY_DRIFT = (
    Drift("quality", "*", NOON + MINUTE, -0.4, "ramp", None, HOUR),
    Drift("quality", ENDPOINT, NOON, -0.3, "gradual_mix", None, 4 * HOUR),
    Drift("latency", "ep-*", NOON, 4.0, "step", None, 0, "", {"from_quantile": 0.7}),
    Drift("latency", "auto", NOON, 2.0, "gradual_mix", None, HOUR),
    Drift("error_rate", "*", NOON + HOUR, 0.3, "pulse", None, 3 * HOUR, "", {"status": 502}),
    Drift("error_rate", ENDPOINT, NOON, 0.5, "gradual_mix", NOON + 9 * HOUR, 5 * HOUR),
    Drift("price", "*", NOON, 1.37, "seasonal", None, 2 * HOUR),
    Drift("price", ENDPOINT, NOON, 3.0, "gradual_mix", None, HOUR),
    Drift("judge_noise", "*", NOON, 0.2),
    Drift("contract", "chat.*", NOON, 1.0),
)


@Settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders, st.lists(st.booleans(), max_size=30), st.integers(1, 4000), st.sampled_from([1, 3, 10_000]))
def test_however_orders_are_spread_over_tills_the_rows_are_the_same(
    shared: Simulator, drawn: list[Any], cuts: list[bool], start: int, full: int
) -> None:
    asked = asked_of(drawn)
    found = []
    for name, where in (("whole", ()), ("cut", cuts), ("single", [True] * len(asked))):
        org = fresh(shared, name)
        org.set_balance(start)
        with org.house():
            for n, each in enumerate(EVERY_DRIFT, 1):
                org.world.drifts.add(n, each)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tills, "_FULL", full if where is cuts else 10_000)
            served = serve(org, asked, where)
        settle(org)
        org.check()
        counters = [row[1:] for row in rows(org, "counters")]
        found.append((served, [r[1:] for r in rows(org)], [r[1:] for r in rows(org, "pareta_ledger")], counters))

    assert found[0] == found[1] == found[2]


def test_ids_are_those_of_their_place_whoever_serves_between(org: Org, twin: Org) -> None:
    asked = by_chance(org, 200)

    whole = serve(twin, asked)
    parts = serve(org, asked[:70])
    requests = [org.chat().headers["x-request-id"]]
    parts += serve(org, asked[70:71])
    requests += [org.chat("auto").headers["x-request-id"], org.chat().headers["x-request-id"]]
    parts += serve(org, asked[71:])

    assert [each.request_id for each in parts] == [each.request_id for each in whole]
    ids = [*requests, *(each.request_id for each in parts)]
    assert len(set(ids)) == 203
    assert all(re.fullmatch(IDS, each) for each in ids)
    assert {each.id for each in parts} == {each.request_id.replace("req_", "chatcmpl-") for each in parts}
    assert [each.seq for each in org.ledger] == list(range(1, len(org.ledger) + 1))
    assert sorted(each.request_id for each in org.debits) == sorted(ids)
    assert [call["n"] for call in calls(org)] == list(range(1, 203))


def test_a_key_is_kept_and_left_to_whoever_calls_to_heed(org: Org) -> None:
    one, other = serve(org, [order(idempotency_key="mine"), order(NOON + 1, idempotency_key="mine")])

    assert one.id != other.id
    assert [(e.idempotency_key, e.amount_micro_usd) for e in org.debits] == [("mine", -PRICE)] * 2


def test_what_is_not_kept_leaves_nothing_but_its_id(org: Org) -> None:
    before = org.state()

    lost, kept = serve(org, [Asked(order(), is_kept=False), Asked(order(chances=Chances(0.5, 0.5, 0, 0)))])

    assert (lost.status, lost.cost_micro_usd, lost.latency_us) == (200, PRICE, kept.latency_us)
    assert lost.request_id != kept.request_id
    assert [(e.request_id, e.balance_micro_usd) for e in org.debits] == [(kept.request_id, START_MICRO_USD - PRICE)]
    assert [call["n"] for call in calls(org)] == [1]
    (row,) = rows(org)
    assert row[-1] == kept.request_id
    assert before["pareta_eval_runs"] == org.state()["pareta_eval_runs"]


def test_a_till_that_served_nothing_changes_nothing(org: Org) -> None:
    before = org.state()

    assert serve(org, []) == []

    assert org.state() == before


def test_a_delayed_call_shows_and_is_paid_when_its_delay_is_over(org: Org) -> None:
    with org.house():
        assert vendor.serving is not None
        till = vendor.serving.open(org.world)
        till.serve(order(NOON, idempotency_key="mine"), delay_us=10 * MINUTE)
        till.serve(order(NOON + MINUTE), delay_us=2 * MINUTE)
        till.serve(order(NOON + 5 * MINUTE))
        assert till.balance_micro_usd == START_MICRO_USD - 2 * PRICE
        till.close()
    assert [(e.at, e.idempotency_key) for e in org.debits] == [(NOON + 3 * MINUTE, None), (NOON + 5 * MINUTE, None)]
    assert [(call["n"], call["at"]) for call in calls(org)] == [(1, NOON + MINUTE), (2, NOON + 5 * MINUTE)]

    org.advance(10 * MINUTE - 1)
    assert len(org.debits) == 2
    org.advance(1)

    assert (org.debits[2].at, org.debits[2].idempotency_key) == (NOON + 10 * MINUTE, "mine")
    assert calls(org)[2]["at"] == NOON


@pytest.mark.parametrize("is_followed", [True, False])
def test_what_shows_at_one_instant_shows_in_order_and_before_what_comes_then(
    org: Org, twin: Org, is_followed: bool
) -> None:
    due = NOON + 5 * MINUTE
    late = [Asked(order(NOON + n * MINUTE, LIVE[n % 2]), delay_us=(5 - n) * MINUTE) for n in range(5)]
    asked = [*late, *([Asked(order(due, idempotency_key="last"))] if is_followed else [])]

    serve(org, asked)
    serve(twin, asked, [True] * len(asked))

    for each in (org, twin):
        settle(each)
        found = [(e.at, e.subject, e.idempotency_key) for e in each.debits]
        assert found == [*((due, LIVE[n % 2], None) for n in range(5)), *([(due, ENDPOINT, "last")] * is_followed)]


# Chance


def test_how_long_a_call_takes_is_log_normal(org: Org) -> None:
    normals = {0.5: 0.0, 0.841344746068543: 1.0, 0.022750131948179: -2.0, 0.998650101968370: 3.0}

    ours = serve(org, [order(chances=Chances(q, 0.9, 0.9, 0.5)) for q in normals])
    said = serve(org, [order(chances=Chances(q, 0.9, 0.9, 0.5), pace=Pace(50_000, 0.8)) for q in normals])
    least = serve(org, [order(chances=Chances(0.0, 0.9, 0.9, 0.5))])

    for normal, vendors, own in zip(normals.values(), ours, said, strict=True):
        assert vendors.latency_us == pytest.approx(320_000 * exp(0.35 * normal) + 40 * 9_000, rel=1e-5)
        assert own.latency_us == pytest.approx(50_000 * exp(0.8 * normal), rel=1e-4)
    assert least[0].latency_us > 40 * 9_000
    assert [call["latency_us"] for call in calls(org)] == [each.latency_us for each in (*ours, *said, *least)]


def test_orders_take_as_long_as_requests_do(org: Org, twin: Org) -> None:
    tokens = twin.chat().json()["usage"]["completion_tokens"]
    theirs = [call["latency_us"] for _ in range(400) if twin.chat() for call in calls(twin)[-1:]]

    ours = [each.latency_us for each in serve(org, by_chance(org, 4000, tokens=(25, tokens)))]

    for share in (0.1, 0.5, 0.9):
        one, other = sorted(theirs)[int(share * 400)], sorted(ours)[int(share * 4000)]
        assert one == pytest.approx(other, rel=0.1), share


@pytest.mark.parametrize("kind", ["latency", "price", "quality", "error_rate", "judge_noise"])
def test_before_its_onset_after_its_end_and_for_others_a_drift_does_nothing(org: Org, twin: Org, kind: str) -> None:
    drift(org, kind, 0.9, onset=NOON + 50 * SECOND, end=NOON + 100 * SECOND)
    drift(org, kind, 0.9, subject=STOPPED)
    asked = by_chance(org, 150)

    serve(org, asked)
    serve(twin, asked)

    ours, theirs = ([row[1:] for row in rows(each)] for each in (org, twin))
    assert ours[:50] == theirs[:50]
    assert ours[50:100] != theirs[50:100]
    assert [row[3:10] for row in ours[100:]] == [row[3:10] for row in theirs[100:]]


def test_a_drift_begins_at_its_onset_and_is_over_at_its_end(org: Org) -> None:
    drift(org, "price", 2.0, onset=NOON + 5, end=NOON + 7)

    served = serve(org, [order(NOON + n) for n in (4, 5, 6, 7)])

    assert [each.cost_micro_usd for each in served] == [PRICE, 2 * PRICE, 2 * PRICE, PRICE]


def test_only_the_slowest_calls_get_slower(org: Org, twin: Org) -> None:
    drift(org, "latency", 5.0, options={"from_quantile": 0.9})
    asked = by_chance(org, 2000)

    ours = [each.latency_us for each in serve(org, asked)]
    theirs = [each.latency_us for each in serve(twin, asked)]

    for chance, one, other in zip([each.chances.latency for each in asked], ours, theirs, strict=True):
        assert one == (5 * other if chance >= 0.9 else other)


def test_calls_fail_as_often_as_drifts_say_and_cost_nothing(org: Org) -> None:
    drift(org, "error_rate", 0.2, options={"status": 503})
    drift(org, "error_rate", 0.1, subject="*")

    served = serve(org, [*by_chance(org, 3000), *by_chance(org, 1000, "auto")])

    statuses = [each.status for each in served]
    assert is_near(statuses[:3000].count(503), 3000, 0.2)
    assert is_near(statuses[:3000].count(500), 3000, 0.1)
    assert is_near(statuses[3000:].count(500), 1000, 0.1)
    assert [call["status"] for call in calls(org)] == statuses[:3000]
    assert [call["status"] for call in calls(org, "auto")] == statuses[3000:], "as a request's failure is"
    assert {(c["cost_micro_usd"], c["prompt_tokens"], c["score"]) for c in calls(org) if c["status"] != 200} == {
        (0, 0, None)
    }
    assert len(org.debits) == statuses.count(200)


def test_a_failure_is_kept_as_a_requests_is(org: Org, twin: Org) -> None:
    for each in (org, twin):
        drift(each, "error_rate", 1.0, subject="*", options={"status": 502})

    for who in LIVE:
        assert serve(org, [order(who=who)])[0].status == twin.chat(who).status_code == 502
        ours, theirs = calls(org, who), calls(twin, who)
        assert [{**c, "request_id": "", "world": 0} for c in ours] == [
            {**c, "request_id": "", "world": 0} for c in theirs
        ]


def test_a_price_that_drifts_is_billed_and_the_counterfactual_stays(org: Org) -> None:
    drift(org, "price", 1.25)
    drift(org, "price", 3.0, shape="gradual_mix", onset=NOON, span_us=4000 * SECOND, end=NOON + 2000 * SECOND)

    serve(org, by_chance(org, 3000))

    costs = [call["cost_micro_usd"] for call in calls(org)]
    assert set(costs) == {113, 338}, "1.25 and 3.75 times 90, halves up"
    for start in range(0, 2000, 500):
        assert is_near(costs[start : start + 500].count(338), 500, (start + 250) / 4000)
    assert set(costs[2000:]) == {113}
    assert {call["frontier_micro_usd"] for call in calls(org)} == {FRONTIER}
    org.advance(HOUR)
    assert org.metric("cost")["total_micro_usd"] == sum(costs) == START_MICRO_USD - org.balance


def test_what_chance_decides_about_one_thing_says_nothing_about_another(org: Org) -> None:
    half: dict[str, Any] = {"shape": "gradual_mix", "onset": NOON - 1000 * HOUR, "span_us": 2000 * HOUR}
    for kind, size in (("error_rate", 0.4), ("price", 2.0), ("latency", 100.0), ("quality", -1.0)):
        drift(org, kind, size, **half)
    asked = [each._replace(chances=each.chances._replace(judge=0.1)) for each in by_chance(org, 4000)]

    serve(org, asked)

    good = [call for call in calls(org) if call["status"] == 200]
    assert is_near(len(good), 4000, 0.8)
    found = [(c["cost_micro_usd"] == 180, c["latency_us"] > 10_000_000, c["score"] < 0.4) for c in good]
    for pattern in {(a, b, c) for a in (True, False) for b in (True, False) for c in (True, False)}:
        assert is_near(found.count(pattern), len(good), 1 / 8) or abs(found.count(pattern) / len(good) - 1 / 8) < 0.03


# The judge


class Watched(Specimen):
    """Notes which answers were scored."""

    def __init__(self, seen: list[tuple[Mapping[str, Any], Slips]], specimen: Specimen, task: Any) -> None:
        super().__init__(task, specimen.answer(()))
        self._seen = seen

    def score(self, wrong: Slips) -> float:
        self._seen.append((self.answer(()), wrong))
        return super().score(wrong)


def f1_by_hand(right: Mapping[str, Any], wrong: Slips) -> float:
    """The F1 of an answer's fields, from which are wrong: a quarter of all mistakes leave one of several out."""
    gone = sum(way < WAYS / 4 for _, way in wrong) if len(right) > 1 else 0
    return 2 * (len(right) - len(wrong)) / (2 * len(right) - gone)


def test_quality_falls_because_answers_get_worse(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Mapping[str, Any], Slips]] = []
    monkeypatch.setattr(
        tills,
        "_specimens",
        lambda task: tuple(Watched(seen, each, task) for each in specimens_of(task, lambda task, text: {})),
    )
    drift(org, "quality", -0.385, onset=NOON + 6 * HOUR)

    serve(org, by_chance(org, 8640, step=5 * SECOND))

    earned = [f1_by_hand(*answer) for answer in seen]
    assert scores(org) == pytest.approx(earned), "every score was earned by an answer"
    fields = [[place in dict(wrong) for right, wrong in part for place in range(len(right))]
              for part in (seen[: len(seen) // 2 - 60], seen[len(seen) // 2 + 60 :])]  # fmt: skip
    for wrong, quality in zip(fields, (0.985, 0.6), strict=True):
        assert is_near(sum(wrong), len(wrong), 1 - quality), "as many fields are wrong as the quality says"
    judged = [call for call in calls(org) if call["score"] is not None]
    assert is_near(len(judged), 8640, JUDGED_SHARE)
    before, after = ([c["score"] for c in judged if (c["at"] >= NOON + 6 * HOUR) is late] for late in (False, True))
    # Scores lie in [0, 1], so their mean of n is off by more than 2.5/sqrt(n) in less than one case in 100,000.
    assert mean(before) == pytest.approx(0.985, abs=2.5 / sqrt(len(before)))
    assert mean(after) == pytest.approx(0.6, abs=2.5 / sqrt(len(after)) + 0.02)
    org.advance(24 * HOUR)
    assert org.metric("quality")["quality_mean"] == pytest.approx(mean(earned), abs=1e-6)


def test_an_answer_that_is_right_either_way_is_scored_alike(org: Org, twin: Org) -> None:
    drift(org, "quality", -0.3)
    asked = by_chance(org, 2000)

    serve(org, asked)
    serve(twin, asked)

    ours, theirs = scores(org), scores(twin)
    assert len(ours) == len(theirs)
    assert all(one <= other for one, other in zip(ours, theirs, strict=True) if other == 1)
    assert 0.4 < mean(one == other for one, other in zip(ours, theirs, strict=True)) < 0.9


def test_a_judge_who_is_off_changes_scores_and_nothing_else(org: Org, twin: Org) -> None:
    drift(org, "judge_noise", 0.1)
    asked = by_chance(org, 3000)

    serve(org, asked)
    serve(twin, asked)

    ours, theirs = calls(org), calls(twin)
    assert [{**c, "score": 0, "world": 0} for c in ours] == [{**c, "score": 0, "world": 0} for c in theirs]
    off = [a["score"] - b["score"] for a, b in zip(ours, theirs, strict=True) if a["score"] is not None]
    inner = [d for d, b in zip(off, scores(twin), strict=True) if 0.3 < b < 0.7]
    assert is_near(sum(d == 0 for d in off), len(off), 0.49), "half of those at the top would be above it"
    assert min(off) < -0.25
    assert inner
    assert mean(inner) == pytest.approx(0, abs=0.5 / sqrt(len(inner)))


@pytest.mark.parametrize("who", ["auto", "gpt-5.5"])
def test_nobody_judges_what_no_task_is_known_of(org: Org, who: str) -> None:
    org.flip(direct_models=True)

    serve(org, [order(who=who, chances=Chances(0.5, 0.5, 0.0, 0.0))])

    assert rows(org)[-1][10] is None


def test_every_task_can_be_served_and_judged(org: Org) -> None:
    ids = [task.id for task in tables.catalog.tasks(org.world)]
    with org.house():
        store = org.world.store
        for task in ids:
            store.execute(
                "INSERT INTO pareta_endpoints SELECT world, ?, ?, model, 'live', 0, 0.7, cost_micro_usd,"
                " frontier_cost_micro_usd, frontier_model, created_at, live_at, system_prompt, scaffold, extra,"
                " first_call FROM pareta_endpoints WHERE world = ? AND id = ?",
                (f"ep-{task}-x", task, org.world.id, ENDPOINT),
            )

    for task in ids:
        asked = [
            each._replace(chances=each.chances._replace(judge=0.1)) for each in by_chance(org, 300, f"ep-{task}-x")
        ]
        assert {each.status for each in serve(org, asked)} == {200}
        assert len(scores(org, f"ep-{task}-x")) == 300, task
        assert 0.45 < mean(scores(org, f"ep-{task}-x")) <= 1, task


def test_an_instant_may_hold_many_calls_and_the_ledger_is_in_order_of_time(org: Org) -> None:
    serve(org, [order(NOON + n // 5, LIVE[n % 2]) for n in range(50)])

    assert all(one.at <= other.at for one, other in pairwise(org.debits))
    assert json.dumps([e.subject for e in org.debits]) == json.dumps([LIVE[n % 2] for n in range(50)])
