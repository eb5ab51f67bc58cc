"""The five dimensions of a live endpoint, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.kernel.windows import DAY, HOUR, MINUTE, SECOND, parse_instant
from tests.vendors.pareta.org import ENDPOINT, FRONTIER, PRICE, STOPPED, Org

DIMENSIONS = ("cost", "quality", "performance", "uptime", "activity")


def serve(org: Org, *ages: int) -> None:
    """Serve one call at each age, oldest first, and stand at age 0."""
    for age, following in zip(ages, (*ages[1:], 0), strict=True):
        assert org.chat().status_code == 200
        org.advance(age - following)


def test_no_traffic_reads_zero_and_unknown(org: Org) -> None:
    for dimension in DIMENSIONS:
        answer = org.metric(dimension)
        assert (answer["dimension"], answer["endpoint_id"], answer["window"]) == (dimension, ENDPOINT, "30d")

    cost = org.metric("cost")
    names = ("requests", "total_micro_usd", "frontier_baseline_micro_usd", "savings_micro_usd")
    assert [cost[name] for name in names] == [0, 0, 0, 0]
    assert cost["savings_multiple"] is None
    quality = org.metric("quality")
    assert quality["quality_mean"] is quality["quality_ci_low"] is quality["quality_ci_high"] is None
    assert (quality["n_judged"], quality["windows"]) == (0, [])
    performance = org.metric("performance")
    assert performance["p50_ms"] is performance["p95_ms"] is performance["p99_ms"] is None
    assert (org.metric("uptime")["availability"], org.metric("uptime")["uptime_pct"]) == (1, 100)
    assert org.metric("activity")["last_request_at"] is None


def test_cost_is_the_receipts_and_savings_the_difference(org: Org) -> None:
    responses = [org.chat() for _ in range(7)]
    billed = sum(int(response.headers["x-pareta-billed"]) for response in responses)
    frontier = sum(int(response.headers["x-pareta-frontier-would-have-cost"]) for response in responses)

    cost = org.metric("cost")

    assert (cost["requests"], cost["total_micro_usd"], cost["frontier_baseline_micro_usd"]) == (7, billed, frontier)
    assert (billed, frontier) == (7 * PRICE, 7 * FRONTIER)
    assert cost["savings_micro_usd"] == frontier - billed
    assert cost["savings_multiple"] == 7.8
    assert cost["cost_per_request_micro_usd"] == PRICE
    assert cost["frontier_model"] == "gpt-5.5"
    assert "buckets" not in cost


def test_what_a_request_costs_where_tokens_are_metered_is_the_mean_of_the_window(org: Org) -> None:
    for more in ({}, {"cost_per_request_micro_usd": 9}):
        body = {"task": "general-chat", "name": f"chat{len(more)}", **more}
        assert "event: complete" in org.http.post("/v1/endpoints", json=body).text
    assert org.metric("cost", "chat0")["cost_per_request_micro_usd"] is None

    answers = [org.chat("chat0", text) for text in ("Why rain?", "Why does granite differ from basalt?")]
    billed = [int(answer.headers["x-pareta-billed"]) for answer in answers]

    assert billed == [answer.json()["usage"]["total_tokens"] for answer in answers]
    cost = org.metric("cost", "chat0")
    assert (cost["total_micro_usd"], cost["cost_per_request_micro_usd"]) == (sum(billed), (sum(billed) + 1) // 2)
    assert org.metric("cost", "chat1")["cost_per_request_micro_usd"] == 9


def test_auto_traffic_is_nobodys_metric(org: Org) -> None:
    org.chat("auto")

    assert org.metric("activity")["requests"] == 0


@pytest.mark.parametrize(
    ("params", "requests", "label"),
    [
        ({}, 5, "30d"),
        ({"window": "30m"}, 1, "30m"),
        ({"window": "24h"}, 2, "24h"),
        ({"window": "2d"}, 2, "2d"),
        ({"window": "7d"}, 4, "7d"),
        ({"window": "2w"}, 4, "2w"),
        ({"window": "52w"}, 6, "52w"),
        ({"since": "7d"}, 4, "7d"),
        ({"since_hours": "24"}, 2, "24h"),
        ({"since": "2026-03-20T12:00:00Z"}, 3, "2026-03-20T12:00:00Z"),
        ({"since": "2026-03-20T12:00:00.000001Z", "window": "junk"}, 2, "2026-03-20T12:00:00.000001Z"),
        ({"since": "2027-01-01T00:00:00Z"}, 0, "2027-01-01T00:00:00Z"),
        ({"window": "junk"}, 5, "30d"),
        ({"window": ""}, 5, "30d"),
        ({"since_hours": "x"}, 5, "30d"),
        ({"colour": "blue", "window": "24h"}, 2, "24h"),
    ],
)
def test_windows_end_now_and_reach_back(org: Org, params: dict[str, str], requests: int, label: str) -> None:
    serve(org, 40 * DAY, 20 * DAY, 2 * DAY + HOUR, 2 * DAY, 2 * HOUR, 0)  # now is 2026-03-22T12:00:00Z

    answers = {name: org.metric(name, **params) for name in DIMENSIONS}

    assert {answer["window"] for answer in answers.values()} == {label}
    counts = {name: answers[name]["requests"] for name in DIMENSIONS if name != "quality"}
    assert counts == dict.fromkeys(counts, requests)
    assert answers["cost"]["total_micro_usd"] == requests * PRICE


def test_a_repeated_parameter_counts_once_more_and_strange_bytes_do_no_harm(org: Org) -> None:
    serve(org, 2 * HOUR, 0)

    response = org.http.get(f"/v1/endpoints/{ENDPOINT}/cost?window=%ff&window=1h&&=&group_by=%00")

    assert response.status_code == 200
    assert response.json()["requests"] == 1


@pytest.mark.parametrize(("group_by", "width"), [("hour", HOUR), ("day", DAY)])
def test_groups_add_up_to_the_whole(org: Org, group_by: str, width: int) -> None:
    serve(org, 30 * HOUR, 29 * HOUR + 1, 29 * HOUR, 5 * HOUR, MINUTE, 0)

    cost = org.metric("cost", group_by=group_by)
    activity = org.metric("activity", group_by=group_by)
    performance = org.metric("performance", group_by=group_by)
    uptime = org.metric("uptime", group_by=group_by)

    for name in ("requests", "total_micro_usd", "frontier_baseline_micro_usd", "savings_micro_usd"):
        assert sum(bucket[name] for bucket in cost["buckets"]) == cost[name]
    starts = [bucket["start"] for bucket in cost["buckets"]]
    assert starts == sorted(set(starts))
    assert all(start.endswith(":00:00Z" if width == HOUR else "T00:00:00Z") for start in starts)
    assert [point["start"] for point in activity["points"]] == starts
    assert [point["start"] for point in performance["points"]] == starts
    assert [point["start"] for point in uptime["points"]] == starts
    assert sum(point["requests"] for point in uptime["points"]) == uptime["requests"]
    assert sum(point["total_tokens"] for point in activity["points"]) == activity["total_tokens"]
    # 2026-02-10T12:00 + 30 h: the calls are at 12:00, 12:59:59.999999, 13:00 of the 10th, 13:00, 17:59 and 18:00 of
    # the 11th.
    assert len(starts) == (5 if width == HOUR else 2)


def test_buckets_before_1970_are_floors_too(org: Org, simulator: Simulator) -> None:
    with org.house():
        simulator.worlds.set_clock(org.world, "frozen", parse_instant("1969-12-31T22:59:59Z"), 1)
    org.chat()
    org.advance(SECOND)
    org.chat()
    org.advance(HOUR)
    org.chat()

    assert [bucket["start"] for bucket in org.metric("cost", group_by="hour")["buckets"]] == [
        "1969-12-31T22:00:00Z", "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z",
    ]  # fmt: skip
    assert [point["start"] for point in org.metric("activity")["points"]] == [
        "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z",
    ]  # fmt: skip


def test_failed_calls_count_in_uptime_and_activity_but_not_in_cost(org: Org) -> None:
    org.chat()
    org.http.post(f"/v1/endpoints/{ENDPOINT}/stop")
    assert [org.chat().status_code for _ in range(2)] == [503, 503]
    org.advance(MINUTE)
    assert org.chat().status_code == 503

    uptime, activity, cost = (org.metric(name) for name in ("uptime", "activity", "cost"))

    assert (uptime["requests"], uptime["availability"], uptime["uptime_pct"]) == (4, 0.25, 25)
    assert uptime["incidents"] == [
        {"start": "2026-02-10T12:00:00Z", "end": "2026-02-10T12:01:00Z", "failed_requests": 3}
    ]
    assert (activity["requests"], activity["succeeded"], activity["failed"]) == (4, 1, 3)
    assert (cost["requests"], cost["total_micro_usd"]) == (1, PRICE)
    performance = org.metric("performance")
    assert (performance["requests"], performance["error_rate"]) == (1, 0.75)
    assert org.metric("activity")["last_request_at"] == "2026-02-10T12:01:00Z"


def test_a_client_out_of_credit_does_not_make_the_vendor_look_down(org: Org) -> None:
    org.chat()
    org.set_balance(0)
    assert org.chat().status_code == 402

    assert org.metric("uptime")["availability"] == 1
    activity = org.metric("activity")
    assert (activity["succeeded"], activity["failed"]) == (1, 1)


def test_activity_adds_up_the_usage_of_the_answers(org: Org) -> None:
    usages = [org.chat(text="effective " * n).json()["usage"] for n in (1, 5, 9)] + [org.stream().usage[0]]

    activity = org.metric("activity")

    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert activity[name] == sum(usage[name] for usage in usages)


def test_quality_is_the_share_of_fields_judged_right(org: Org) -> None:
    for _ in range(60):
        org.chat()

    quality = org.metric("quality")

    assert 15 <= quality["n_judged"] <= 45, "the judge scores about half of the answers"
    assert 0.9 <= quality["quality_mean"] <= 1
    assert quality["quality_ci_low"] <= quality["quality_mean"] <= quality["quality_ci_high"]
    assert sum(window["n_judged"] for window in quality["windows"]) == quality["n_judged"]


@pytest.mark.parametrize(
    ("params", "width"), [({"window": "2d"}, HOUR), ({"window": "3d"}, DAY), ({"window": "2d", "group_by": "day"}, DAY)]
)
def test_judge_windows_are_hours_near_and_days_far(org: Org, params: dict[str, str], width: int) -> None:
    serve(org, *(n * HOUR for n in range(47, -1, -1)))

    windows: list[dict[str, Any]] = org.metric("quality", **params)["windows"]

    tail = ":00:00Z" if width == HOUR else "T00:00:00Z"
    assert windows
    assert all(w["start"].endswith(tail) and w["end"].endswith(tail) for w in windows)
    assert len(windows) > 10 if width == HOUR else len(windows) == 3


def test_latency_is_drawn_and_its_percentiles_are_in_order(org: Org) -> None:
    for _ in range(40):
        org.chat()

    performance = org.metric("performance")

    assert performance["p50_ms"] < performance["p95_ms"] <= performance["p99_ms"]
    for name in ("p50", "p95", "p99"):
        assert performance[name] == performance[f"{name}_ms"]
    times = sorted(entry.duration_us for entry in org.journal if entry.operation == "pareta.chat.completions.create")
    assert performance["p50_ms"] == times[19] / 1000
    assert performance["p95_ms"] == times[37] / 1000
    assert performance["points"] == [
        {
            "start": "2026-02-10T12:00:00Z",
            "requests": 40,
            "p50_ms": performance["p50_ms"],
            "p95_ms": performance["p95_ms"],
            "p99_ms": performance["p99_ms"],
        }
    ]


def test_each_endpoint_has_its_own_metrics(org: Org) -> None:
    org.http.post(f"/v1/endpoints/{STOPPED}/start")
    org.advance(HOUR)
    org.chat(STOPPED)
    org.chat()

    assert org.metric("cost", STOPPED)["total_micro_usd"] == 3800
    assert org.metric("cost")["total_micro_usd"] == PRICE
