"""Drifts change what the simulator does, for whom they are about, from their onset on, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import mean
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as Settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.control.control import Control
from mockserver.control.drifts import DriftRequest
from mockserver.control.operations.drifts import add_drift
from mockserver.kernel.journal import Entry
from mockserver.kernel.windows import DAY, HOUR, format_instant
from tests.vendors.pareta.org import ENDPOINT, PRICE, STOPPED, TEXT, Org, body
from tests.vendors.pareta.sdk import installed

KEY = "pareta_sk_test_acme"
ROWS = [{"input": f"text {n}", "expected": {"effective_date": "2026-01-01", "party_a": f"A {n}"}} for n in range(150)]


def drift(org: Org, kind: str, size: float | None = None, subject: str = ENDPOINT, **more: Any) -> None:
    said = {"kind": kind, "subject": subject, **({} if size is None else {"size": size}), **more}
    request = DriftRequest.model_validate_json(json.dumps(said))
    add_drift(Control(org.simulator.worlds, org.simulator.vendors, {}), org.name, request)


@contextmanager
def twin_of(org: Org, name: str = "twin") -> Iterator[Org]:
    """An exact copy of a world, in which nothing drifts yet; its books must add up too."""
    with org.house():
        org.simulator.worlds.fork(org.world, name)
    twin = Org(org.simulator, name)
    yield twin
    twin.check()
    with org.house():
        org.simulator.worlds.delete(twin.world)


def served(org: Org, count: int, **more: Any) -> list[Entry]:
    """The journal of so many chats."""
    for n in range(count):
        org.chat(text=f"This Agreement between Acme {n} GmbH and Orchard LLC is effective as of March 3, 2026.", **more)
    return org.journal[-count:]


def contents(entries: list[Entry]) -> list[str]:
    return [json.loads(entry.response_body)["choices"][0]["message"]["content"] for entry in entries]


# Quality


def test_worse_answers_score_worse_and_nothing_sets_a_score(org: Org) -> None:
    with twin_of(org) as twin:
        drift(twin, "quality", -0.4)
        as_ever, worse = served(org, 200), served(twin, 200)

        fields = [[json.loads(content) for content in contents(entries)] for entries in (as_ever, worse)]
        right = [mean(each == max(fields[0], key=len) or each.get("effective_date") == "2026-03-03" for each in told)
                 for told in fields]  # fmt: skip
        qualities = [each.metric("quality")["quality_mean"] for each in (org, twin)]

    assert right[0] > 0.95
    assert right[1] == pytest.approx(0.585, abs=0.1)
    assert qualities[0] > 0.95
    assert qualities[1] == pytest.approx(0.585, abs=0.12)
    assert [entry.cost_micro_usd for entry in worse] == [entry.cost_micro_usd for entry in as_ever]


def test_an_answer_that_is_right_either_way_is_the_same_answer(org: Org) -> None:
    with twin_of(org) as twin:
        drift(twin, "quality", -0.2)
        pairs = list(zip(contents(served(org, 80)), contents(served(twin, 80)), strict=True))

    same = mean(one == other for one, other in pairs)
    assert 0.2 < same < 0.9, "one number decides about a field, whatever the quality"


def test_eval_runs_see_what_has_become_of_their_candidates(org: Org) -> None:
    rows = org.new_set(ROWS)
    candidates = (ENDPOINT, "qwen-2", "gpt-5.5", "auto")

    def qualities(run: str) -> dict[str, float]:
        results = org.finished_run(run)["results"]
        return {each["model_id"]: each["quality_mean"] for each in results}

    with twin_of(org) as twin:
        before = qualities(org.new_run(rows, *candidates))
        drift(twin, "quality", -0.5, subject="qwen-*")
        drift(twin, "quality", -0.3)
        run = twin.new_run(rows, *candidates)
        results = twin.finished_run(run)["results"]
        after = {each["model_id"]: each["quality_mean"] for each in results}

    assert after[ENDPOINT] == pytest.approx(before[ENDPOINT] - 0.3, abs=0.06)
    assert after["qwen-2"] == pytest.approx(before["qwen-2"] - 0.5, abs=0.08)
    assert (after["gpt-5.5"], after["auto"]) == (before["gpt-5.5"], before["auto"])


def test_several_drifts_add_up_and_no_quality_is_below_nothing(org: Org) -> None:
    drift(org, "quality", -0.3)
    drift(org, "quality", -0.3, subject="ep-*")
    served(org, 150)
    assert org.metric("quality")["quality_mean"] == pytest.approx(0.385, abs=0.12)

    drift(org, "quality", -1)
    org.advance(HOUR)
    served(org, 40)

    assert org.metric("quality", window="30m")["quality_mean"] == 0


# Latency


def test_a_factor_of_latency_is_the_factor_of_every_call(org: Org) -> None:
    with twin_of(org) as twin:
        drift(twin, "latency", 2.5)
        drift(twin, "latency", 2, subject="*")
        pairs = list(zip(served(org, 30), served(twin, 30), strict=True))

        assert all(slow.duration_us == 5 * fast.duration_us for fast, slow in pairs)
        assert twin.metric("performance")["p50_ms"] == pytest.approx(5 * org.metric("performance")["p50_ms"])
    assert contents([slow for _, slow in pairs]) == contents([fast for fast, _ in pairs])


def test_only_the_tail_may_get_slower(org: Org) -> None:
    with twin_of(org) as twin:
        drift(twin, "latency", 3, from_quantile=0.9)
        pairs = list(zip(served(org, 300), served(twin, 300), strict=True))
        fast, slow = (each.metric("performance") for each in (org, twin))

    factors = Counter(round(slow.duration_us / fast.duration_us, 3) for fast, slow in pairs)
    assert set(factors) == {1, 3}
    assert 15 <= factors[3] <= 45
    assert slow["p50_ms"] == fast["p50_ms"]
    assert slow["p99_ms"] > 2 * fast["p99_ms"]


def test_a_gradual_mix_shows_its_whole_effect_to_more_and_more_calls(org: Org) -> None:
    with twin_of(org) as twin:
        drift(twin, "latency", 4, shape="gradual_mix", over="4d")
        shares = []
        for _ in range(5):
            pairs = list(zip(served(org, 80), served(twin, 80), strict=True))
            factors = Counter(round(slow.duration_us / fast.duration_us, 3) for fast, slow in pairs)
            assert set(factors) <= {1, 4}
            shares.append(factors[4] / 80)
            for each in (org, twin):
                each.advance(DAY)

    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.12)
    assert (shares[0], shares[-1]) == (0, 1)


def test_a_season_comes_and_goes_both_ways(org: Org) -> None:
    with twin_of(org) as twin:
        drift(twin, "latency", 2, shape="seasonal", over="24h")
        factors = []
        for _ in range(5):
            fast, slow = served(org, 1)[0], served(twin, 1)[0]
            factors.append(slow.duration_us / fast.duration_us)
            for each in (org, twin):
                each.advance(6 * HOUR)

    assert factors == pytest.approx([1, 2, 1, 0.5, 1], rel=1e-4)


# Failures


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_share_of_calls_fails_is_counted_and_costs_nothing(org: Org, status: int) -> None:
    balance = org.balance
    drift(org, "error_rate", 0.25, status=status)

    entries = served(org, 200)

    failed = [entry for entry in entries if entry.status == status]
    assert {entry.status for entry in entries} == {200, status}
    assert 30 <= len(failed) <= 70
    assert all(entry.cost_micro_usd == 0 and "a drift of its error rate" in (entry.reason or "") for entry in failed)
    assert balance - org.balance == PRICE * (200 - len(failed))
    activity, uptime = org.metric("activity"), org.metric("uptime")
    assert (activity["requests"], activity["failed"]) == (200, len(failed))
    assert uptime["availability"] == pytest.approx(1 - len(failed) / 200)
    assert uptime["incidents"]


def test_failures_of_several_kinds_add_up(org: Org) -> None:
    drift(org, "error_rate", 0.2, status=502)
    drift(org, "error_rate", 0.3, status=503, subject="*")

    found = Counter(entry.status for entry in served(org, 200))

    assert found[502] == pytest.approx(40, abs=20)
    assert found[503] == pytest.approx(60, abs=22)
    drift(org, "error_rate", 1.0)
    assert 200 not in {entry.status for entry in served(org, 20)}


def test_auto_and_agents_fail_in_their_own_ways(org: Org) -> None:
    drift(org, "error_rate", 1, subject="*")

    assert org.chat("auto").status_code == 500
    assert org.chat("auto", stream=True).status_code == 500
    turn = org.http.post("/agent/v1/chat/completions", json=body("auto"))
    assert (turn.status_code, turn.json()) == (502, {"detail": "the turn could not be completed"})
    assert org.get("/v1/auto/metrics")["requests_30d"] == 2
    assert org.debits == []


# Prices


@pytest.mark.parametrize(
    ("factor", "billed"), [(1.5, 135), (1.05, 95), (1.005, 90), (0.5, 45), (0.01, 1), (1000, 90_000)]
)
def test_bills_ledger_and_metrics_agree_on_a_new_price(org: Org, factor: float, billed: int) -> None:
    drift(org, "price", factor)

    answer, stream = org.chat(), org.stream()

    assert int(answer.headers["x-pareta-billed"]) == stream.receipt("pareta-billed-micro-usd ") == billed
    assert [-entry.amount_micro_usd for entry in org.debits] == [billed, billed]
    cost = org.metric("cost")
    assert cost["total_micro_usd"] == 2 * billed
    assert cost["frontier_baseline_micro_usd"] == 2 * 700, "what others would have charged is not ours to change"
    assert cost["cost_per_request_micro_usd"] == PRICE, "what is listed stays"


def test_eval_runs_are_billed_at_the_new_price_too(org: Org) -> None:
    rows = org.new_set(ROWS)

    def billed(model: str) -> int:
        run = org.finished_run(org.new_run(rows, model))["run"]
        assert run["total_cost_micro_usd"] == -org.ledger[-1].amount_micro_usd
        total: int = run["total_cost_micro_usd"]
        return total

    flat, metered = billed(ENDPOINT), billed("auto")
    drift(org, "price", 1.1, subject="*")
    drift(org, "price", 2, shape="gradual_mix", over="2d")
    org.advance(DAY)

    assert flat == PRICE * len(ROWS)
    doubled, left = divmod(billed(ENDPOINT) - 99 * len(ROWS), 99)
    assert left == 0, "each row costs 99 or twice that"
    assert doubled == pytest.approx(75, abs=25)
    assert billed("auto") == pytest.approx(1.1 * metered, rel=0.02)


# Judges


def test_a_judge_who_is_off_leaves_the_answers_as_good_as_they_are(org: Org) -> None:
    with twin_of(org) as twin:
        drift(twin, "judge_noise", 0.3)
        exact, noisy = served(org, 150), served(twin, 150)
        means = [each.metric("quality")["quality_mean"] for each in (org, twin)]
        judged = [each.metric("quality")["n_judged"] for each in (org, twin)]

    assert [entry.response_body for entry in noisy] == [entry.response_body for entry in exact]
    assert judged[0] == judged[1]
    assert 0.05 < means[0] - means[1] < 0.3, "a perfect score can only be marked down"


def test_judges_of_eval_runs_are_off_too_and_scorers_that_count_are_not(org: Org) -> None:
    told = [
        {"input": f"Question {n}?", "expected": {"answer": f"The answer is {n}. It follows from the premise."}}
        for n in range(60)
    ]
    judged, counted = org.new_set(told, "general-chat"), org.new_set(ROWS)

    def items(of: Org, rows: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = of.finished_run(of.new_run(rows, "auto"))["results"][0]["per_item"]
        return found

    with twin_of(org) as twin:
        drift(twin, "judge_noise", 0.2, subject="auto")
        (plain, noisy), (exact, as_exact) = [[items(each, rows) for each in (org, twin)] for rows in (judged, counted)]

    assert [item["prediction"] for item in noisy] == [item["prediction"] for item in plain]
    assert sum(one["score"] != other["score"] for one, other in zip(plain, noisy, strict=True)) > 20
    assert all(0 <= item["score"] <= 1 for item in noisy)
    assert as_exact == exact


# Nothing else

_sizes = {"quality": -0.5, "latency": 3.0, "error_rate": 0.5, "price": 2.0, "judge_noise": 0.4}
_shapes = st.sampled_from(
    [{}, *({"shape": shape, "over": "5h"} for shape in ("ramp", "pulse", "seasonal", "gradual_mix"))]
)
_drifts = st.lists(st.tuples(st.sampled_from(sorted(_sizes)), _shapes, st.integers(0, 6)), min_size=1, max_size=4)


def told(entries: list[Entry], org: Org) -> list[tuple[Any, ...]]:
    """Everything a world kept of some requests."""
    return [
        (e.seq, e.at, e.operation, e.status, e.cost_micro_usd, e.duration_us, e.reason, e.request_id, e.request_body,
         e.response_body)
        for e in entries
    ]  # fmt: skip


@Settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drifts=_drifts)
def test_a_drift_changes_nothing_elsewhere_and_nothing_before_its_onset(
    simulator: Simulator, drifts: list[tuple[str, dict[str, str], int]]
) -> None:
    org = Org(simulator)
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.get(f"/v1/endpoints/{STOPPED}")
    first = min(hours for _, _, hours in drifts)
    start = int(org.world.clock.now())

    def script(of: Org) -> tuple[list[Any], list[Any], Any]:
        """What became of others, of the one that drifts while it does not, and of the other's metrics."""
        number = len(of.journal)
        with of.house():
            of.simulator.worlds.set_clock(of.world, "frozen", start, 1)
        for _ in range(7):
            for model in (ENDPOINT, STOPPED, "auto"):
                of.chat(model)
                of.stream(model) if model != ENDPOINT else of.chat(model, stream=True)
            of.advance(HOUR)
        entries = of.journal[number:]
        ours = [e for e in entries if json.loads(e.request_body)["model"] == ENDPOINT]
        others = [e for e in entries if e not in ours]
        metrics = [of.metric(name, STOPPED) for name in ("cost", "quality", "performance", "uptime", "activity")]
        return told(others, of), told([e for e in ours if e.at < start + first * HOUR], of), metrics

    with twin_of(org, "twin") as plain, twin_of(org, "drifting") as drifting:
        for kind, shape, hours in drifts:
            drift(drifting, kind, _sizes[kind], at=format_instant(start + hours * HOUR), **shape)
        assert script(drifting) == script(plain)


def test_a_new_drift_moves_no_draw_of_an_older_one(org: Org) -> None:
    drift(org, "latency", 4, shape="gradual_mix", over="2d")
    org.advance(DAY)
    with twin_of(org) as twin:
        drift(twin, "latency", 2, subject="other", shape="gradual_mix", over="2d")
        drift(twin, "error_rate", 0.5, subject=STOPPED)

        assert [e.duration_us for e in served(twin, 40)] == [e.duration_us for e in served(org, 40)]


# A contract


def test_a_field_that_goes_goes_from_streams_too_and_stays_gone_when_replayed(
    org: Org, undocumented: list[str]
) -> None:
    drift(org, "contract", subject="chat.completions.*", drop="usage", rename={"choices.*.finish_reason": "reason"})
    key = {"Idempotency-Key": "k"}

    first, again = org.chat(headers=key), org.chat(headers=key)
    stream = org.stream(stream_options={"include_usage": True})

    assert first.json().keys() == {"id", "object", "created", "model", "choices"}
    assert first.json()["choices"][0]["reason"] == "stop"
    assert again.json() == first.json()
    assert ['"usage" is a required property' in fault for fault in undocumented] == [True]  # what is replayed
    undocumented.clear()
    assert all("usage" not in chunk for chunk in stream.chunks)
    assert [choice["reason"] for chunk in stream.chunks for choice in chunk["choices"]][-1] == "stop"
    assert stream.order[-1] == "done"
    assert org.metric("cost")["total_micro_usd"] == 2 * PRICE


# All of it, with a real client and a monitor


def watched(pa: Any, control: httpx.Client, hours: int) -> None:
    """Ask once an hour, and raise an alert whenever the last day's quality is low."""
    for _ in range(hours):
        pa.chat.completions.create(model=ENDPOINT, messages=[{"role": "user", "content": TEXT}])
        control.post("clock/advance", json={"by": "1h"})
        quality = pa.endpoints.metrics(ENDPOINT).quality(window="24h")
        if quality["n_judged"] >= 6 and quality["quality_mean"] < 0.75:
            control.post("alerts", json={"kind": "quality", "subject": ENDPOINT, "note": str(quality["quality_mean"])})


@pytest.fixture
def control(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/_mock/worlds/acme/") as client:
        yield client


@pytest.fixture
def pa(url: str) -> Iterator[Any]:
    with installed("0.3.1") as module, module.Pareta(api_key=KEY, base_url=url, max_retries=0) as client:
        yield client


@pytest.mark.sdk
def test_a_monitor_notices_worse_answers_within_a_day(pa: Any, control: httpx.Client) -> None:
    said = {"kind": "quality", "subject": ENDPOINT, "at": "2026-02-13T12:00:00Z", "size": -0.5, "cause": "quantised"}
    assert control.post("drifts", json=said).status_code == 201

    watched(pa, control, 5 * 24)

    score = control.get("alerts").json()
    assert [score[name] for name in ("hits", "misses", "pending")] == [1, 0, 0]
    assert score["false_alarms"] == []
    assert 0 < score["data"][0]["delay_s"] <= 86_400
    assert score["repeats"] > 0
    truth = control.get("truth").json()["data"]
    assert [(each["cause"], each["onset"]) for each in truth] == [("quantised", "2026-02-13T12:00:00Z")]


@pytest.mark.sdk
def test_a_monitor_has_nothing_to_say_where_nothing_drifts(pa: Any, control: httpx.Client) -> None:
    watched(pa, control, 5 * 24)

    score = control.get("alerts").json()
    assert (score["data"], score["false_alarms"]) == ([], [])


@pytest.mark.sdk
def test_a_real_client_sees_failures_slowness_and_prices(pa: Any, control: httpx.Client) -> None:
    from importlib import import_module

    errors = import_module("pareta")

    def ask() -> Any:
        return pa.chat.completions.create(model=ENDPOINT, messages=[{"role": "user", "content": TEXT}])

    def spent() -> Any:
        return pa.endpoints.metrics(ENDPOINT).cost()["total_micro_usd"]

    ask()
    assert spent() == PRICE
    before = pa.endpoints.metrics(ENDPOINT).performance()["p50_ms"]
    for said in ({"kind": "price", "size": 2}, {"kind": "latency", "size": 10}):
        assert control.post("drifts", json=said).status_code == 201
    control.post("clock/advance", json={"by": "2h"})
    ask()
    assert spent() == 3 * PRICE
    assert pa.endpoints.metrics(ENDPOINT).performance(window="1h")["p50_ms"] > 3 * before

    control.post("drifts", json={"kind": "error_rate", "size": 1, "status": 503})
    with pytest.raises(errors.APIStatusError) as refused:
        ask()

    assert refused.value.status_code == 503
    assert pa.endpoints.metrics(ENDPOINT).activity()["failed"] == 1
    assert spent() == 3 * PRICE
    assert control.get("invariants").json()["holds"]
