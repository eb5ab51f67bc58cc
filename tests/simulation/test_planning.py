from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.drifts import Drift
from mockserver.kernel.faults import When
from mockserver.kernel.windows import DAY, HOUR, WEEK, parse_instant
from mockserver.simulation import planning
from mockserver.simulation.parts import MAX_HISTORY_CALLS
from mockserver.simulation.planning import Plan, expected_calls
from mockserver.simulation.script import FaultyScript, parse
from mockserver.vendors.registry import vendors

START = parse_instant("2026-03-02T00:00:00Z")  # a Monday
HEAD = "name: x\npurpose: y\nclock: {mode: frozen, at: 2026-03-02T00:00:00Z}\n"
TRAFFIC = "length: 7d\ntraffic: {calls_per_day: 100, uses: [{endpoint: auto}, {endpoint: ep-1}]}\n"


def planned(rest: str, head: str = HEAD + TRAFFIC) -> Plan:
    return planning.plan(parse(head + rest, "s.yaml"), vendors())


def faults(rest: str, head: str = HEAD + TRAFFIC) -> Sequence[str]:
    with pytest.raises(FaultyScript) as caught:
        planned(rest, head)
    return [line.removeprefix("s.yaml:") for line in caught.value.lines]


# What a plan is


def test_relative_instants_count_from_the_start() -> None:
    plan = planned(
        "drifts:\n"
        "  - {kind: quality, subject: ep-1, at: +36h, size: -0.08, shape: ramp, over: 2d, end: +6d, cause: why}\n"
        "  - {kind: latency, at: 2026-03-03T00:00:00Z, size: 3, from_quantile: 0.97}\n"
    )

    assert plan.drifts == (
        Drift("quality", "ep-1", START + 36 * HOUR, -0.08, "ramp", START + 6 * DAY, 2 * DAY, "why"),
        Drift("latency", "*", START + DAY, 3.0, options={"from_quantile": 0.97}),
    )


def test_faults_strike_in_their_window_of_the_timeline() -> None:
    plan = planned(
        "faults:\n  - {operation: events.ingest, between: [+1d, null], rate: 0.25, lost_ack: true}\n"
        "  - {vendor: pareta, between: [null, 2026-03-04T00:00:00Z], status: 503, retry_after: 0.5}\n"
    )

    assert [fault.when for fault in plan.faults] == [When(start=START + DAY, rate=0.25), When(end=START + 2 * DAY)]
    assert plan.faults[0].effect.lost_ack
    assert plan.faults[1].effect.retry_after_s == 0.5


def test_amounts_of_faults_are_exact_with_and_without_quotes() -> None:
    head = "faults:\n  - {operation: events.ingest, double: same_key, after_spend_usd: "

    for written, micro in (("0.1", 100_000), ('"0.1"', 100_000), ("5", 5_000_000)):
        assert planned(f"{head}{written}}}\n").faults[0].when.after_spend_micro_usd == micro


def test_top_ups_and_steps_come_in_order_of_time() -> None:
    plan = planned(
        "wallet: {top_ups: [{at: +3d, usd: 5}, {at: +1d, usd: 0.25}]}\n"
        "steps:\n  - {request: GET /b, at: +2d, every: 1d}\n  - {request: GET /a, at: +1d}\n"
        "  - {request: GET /c, at: +2d}\n"
    )

    assert plan.top_ups == ((START + DAY, 250_000), (START + 3 * DAY, 5_000_000))
    assert [(step.at - START, step.number, step.every_us) for step in plan.steps] == [
        (DAY, 1, None),
        (2 * DAY, 0, DAY),
        (2 * DAY, 2, None),
    ]


@pytest.mark.parametrize(
    ("length", "history", "until", "ends"),
    [
        ("length: 7d\n", "", 7 * DAY, 7 * DAY),
        ("length: 7d\n", "history: 2d\n", 2 * DAY, 7 * DAY),
        ("length: 7d\n", "history: 0d\n", 0, 7 * DAY),
        ("", "", 0, None),
        ("", "history: 30d\n", 30 * DAY, None),
    ],
)
def test_history_is_all_there_is_unless_said_otherwise(
    length: str, history: str, until: int, ends: int | None
) -> None:  # fmt: skip
    traffic = "traffic: {calls_per_day: 1, uses: [{endpoint: auto}]}\n"

    plan = planned(f"{length}{history}{traffic}", HEAD)

    assert plan.starts_at == START
    assert plan.history_until == START + until
    assert plan.ends_at == (None if ends is None else START + ends)


def test_how_much_is_history_can_be_said_when_it_is_played() -> None:
    script = parse(HEAD + TRAFFIC, "s.yaml")

    assert planning.plan(script, vendors(), 2 * DAY).history_until == START + 2 * DAY
    with pytest.raises(FaultyScript, match="history: 8d are more than the whole, which lasts 7d"):
        planning.plan(script, vendors(), 8 * DAY)


def test_a_scenario_without_a_timeline_begins_whenever_it_is_played() -> None:
    plan = planned("faults: [{operation: events.ingest, lost_ack: true}]\n", "name: x\npurpose: y\n")

    assert (plan.starts_at, plan.history_until, plan.ends_at) == (None, None, None)
    assert len(plan.faults) == 1


def test_a_contract_drift_may_be_about_what_is_sent() -> None:
    plan = planned(
        "events: [{type: cost.x, data: {}}]\n"
        "drifts: [{kind: contract, subject: 'sent:cost.*', at: +1d, rename: {a: b}, add: {rate: 0.5}}]\n"
    )

    assert plan.drifts[0].options == {"rename": {"a": "b"}, "add": {"rate": 0.5}}


def test_events_may_name_what_answers_get_later() -> None:
    planned(
        "events: [{type: t, data: {a: '{tier}', b: '{usage.output_tokens}', c: '{usage}', d: '{customer}: {id}'}}]\n"
        "drifts:\n  - {kind: contract, subject: chat.completions.create, at: +1d, add: {tier: x}}\n"
        "faults:\n  - {vendor: pareta, rename_field: {usage.completion_tokens: output_tokens}}\n"
    )


# What cannot be


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        ("history: 8d\n", "6: history: 8d are more than the whole, which lasts 7d"),
        ("drifts: [{kind: quality, at: +7d, size: -0.1}]\n", "6: drifts.0.at: +7d is not within it"),
        (
            "drifts: [{kind: quality, at: 2026-03-01T23:59:59Z, size: -0.1}]\n",
            "6: drifts.0.at: 2026-03-01T23:59:59Z is",
        ),
        ("drifts: [{kind: quality, at: +1d, end: +8d, size: -0.1}]\n", "6: drifts.0.end: +8d is not within it"),
        ("drifts: [{kind: quality, at: +2d, end: +1d, size: -0.1}]\n", "6: drifts.0.end: must be after the onset"),
        ("drifts: [{kind: quality, at: +1d}]\n", "6: drifts.0.size: wanted: change of the probability"),
        ("drifts: [{kind: quality, at: +1d, size: 1.5}]\n", "6: drifts.0.size: change of the probability"),
        ("drifts: [{kind: quality, at: +1d, size: -0.1, shape: ramp}]\n", "6: drifts.0.over: a ramp takes time"),
        ("drifts: [{kind: quality, at: +1d, size: -0.1, over: 1d}]\n", "6: drifts.0.over: a step takes no time"),
        (
            "drifts: [{kind: qualty, at: +1d, size: -0.1}]\n",
            "6: drifts.0.kind: 'qualty' is no kind; there are: contract",
        ),
        (
            "drifts:\n  - kind: latency\n    at: +1d\n    size: 2\n    from_quantil: 0.9\n",
            "10: drifts.0.from_quantil: no such key; did you mean from_quantile?",
        ),
        ("drifts: [{kind: latency, at: +1d, size: 2, from_quantile: 1.5}]\n", "6: drifts.0.from_quantile: only calls"),
        (
            "drifts: [{kind: traffic, at: +1d, size: 2, subject: customer-021}]\n",
            "6: drifts.0.subject: customer-021 is no customer; there are: customer-001 to customer-020",
        ),
        (
            "drifts: [{kind: token_mix, at: +1d, size: 2, subject: ep-2}]\n",
            "6: drifts.0.subject: ep-2 is none of traffic.uses; there are: auto, ep-1",
        ),
        (
            "drifts: [{kind: contract, at: +1d, subject: 'sent:cost.y', drop: a}]\n",
            "6: drifts.0.subject: no event of type cost.y is sent; there are: none",
        ),
        (
            "drifts: [{kind: contract, at: +1d, subject: no.such, drop: a}]\n",
            "6: drifts.0.subject: 'no.such' is a glob",
        ),
        ("drifts: [{kind: contract, at: +1d, subject: '*'}]\n", "6: drifts.0.kind: a contract drift says what changes"),
        ("faults: [{operation: nonsense, status: 500}]\n", '6: faults.0.operation: no operation is "nonsense"'),
        ("faults: [{operation: events.ingest}]\n", "6: faults.0: say what goes wrong"),
        (
            "faults: [{operation: events.ingest, stauts: 500}]\n",
            "6: faults.0.stauts: no such key; did you mean status?",
        ),
        ("faults: [{status: 500, between: [+2d, +1d]}]\n", "6: faults.0.between: ends before it starts"),
        ("faults: [{status: 500, between: [+1d, +1d]}]\n", "6: faults.0.between: ends when it starts"),
        ("faults: [{status: 500, between: [+1d, +8d]}]\n", "6: faults.0.between: +8d is not within it"),
        ("faults: [{status: 500, rate: 0}]\n", "6: faults.0.rate: must be above 0"),
        ("faults: [{operation: chat.completions.create, truncate_stream_after: 2}]\n", "6: faults.0.truncate_stream_"),
        ("faults: [{operation: chat.completions.create, status: 402}]\n", "6: faults.0.status: a 402 comes when"),
        ("wallet: {top_ups: [{at: +8d, usd: 5}]}\n", "6: wallet.top_ups.0.at: +8d is not within it"),
        ("steps: [{request: GET /v1/models}]\n", "6: steps.0: say when it is sent, such as at: +1d"),
        ("steps: [{request: GET /v1/models, at: +9d}]\n", "6: steps.0.at: +9d is not within it"),
        ("steps: [{request: GET /x, at: +1d, every: 1s}]\n", "6: steps.0.every: would be sent 518400 times"),
        (
            "steps: [{request: GET /x, at: +1d, then: [{request: GET /y, at: +2d}]}]\n",
            "6: steps.0.then.0.at: it is sent",
        ),
        ("start: {requests: [{request: GET /x, at: +1d}]}\n", "6: start.requests.0.at: what is in start comes before"),
        ("events: [{type: t, of: [ep-2], data: {}}]\n", "6: events.0.of.0: ep-2 is none of traffic.uses"),
        (
            "events: [{type: t, data: {a: [{b: 'call {cost}'}]}}]\n",
            "6: events.0.data: {cost} names nothing of a call or its answer; there are: cost_usd, ",
        ),
        ("revenue: {fees_usd: {acme: 5}}\n", "6: revenue.fees_usd.acme: acme is no customer"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(rest: str, fault: str) -> None:
    (told,) = faults(rest)

    assert told.startswith(fault)


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("traffic: {calls_per_day: 1, uses: [{endpoint: auto}]}\n", "3: traffic: a timeline begins at an instant"),
        ("drifts: [{kind: quality, at: +1d, size: -0.1}]\n", "3: drifts: a timeline begins at an instant"),
        ("faults: [{status: 500, between: [+1d, +2d]}]\n", "3: faults.0.between: a timeline begins at an instant"),
        ("wallet: {top_ups: [{at: +8d, usd: 5}]}\n", "3: wallet.top_ups: a timeline begins at an instant"),
        ("events: [{type: t, data: {}}]\n", "3: events: there are no calls to report without traffic"),
        ("revenue: {fee_usd: 5}\n", "3: revenue: there are no calls to invoice without traffic"),
        ("clock: {at: 9999-12-01T00:00:00Z}\nlength: 60d\n", "4: length: there are no years past 9999"),
        (
            "clock: {at: 2026-03-02T00:00:00Z}\nlength: 0d\ntraffic: {calls_per_day: 1, uses: [{endpoint: auto}]}\n",
            "4: length: must be above 0",
        ),
        (
            "clock: {at: 2026-03-02T00:00:00Z}\ndrifts: [{kind: traffic, at: +1d, size: 2}]\n",
            "4: drifts.0.kind: there is no traffic that could change",
        ),
    ],
)
def test_what_needs_something_else_says_so(head: str, fault: str) -> None:
    (told,) = faults("", f"name: x\npurpose: y\n{head}")

    assert told.startswith(fault)


@pytest.mark.parametrize(
    ("holidays", "fault"),
    [
        ("[{date: 2026-02-28}]", "traffic.holidays.0.date: 2026-02-28 is outside of the scenario"),
        ("[{date: 2026-03-10}]", "traffic.holidays.0.date: 2026-03-10 is outside of the scenario"),
        (
            "[{date: 2026-03-04, utc_offsets: ['+09:00']}]",
            "traffic.holidays.0.utc_offsets: no customer lives at +09:00",
        ),
        (
            "[{date: 2026-03-04}, {date: 2026-03-04, factor: 2}]",
            "traffic.holidays.1.date: 2026-03-04 is a holiday already",
        ),
    ],
)
def test_a_holiday_is_within_and_kept_once(holidays: str, fault: str) -> None:
    (told,) = faults(
        f"traffic: {{calls_per_day: 1, uses: [{{endpoint: auto}}], holidays: {holidays}}}\n", f"{HEAD}length: 7d\n"
    )

    assert fault in told


def test_a_holiday_counts_by_the_clocks_of_those_who_keep_it() -> None:
    # At +14:00 the day of March 2 has begun before the start, and at -12:00 March 8 goes on after the end.
    holidays = "[{date: 2026-03-01, utc_offsets: ['-12:00']}, {date: 2026-03-09, utc_offsets: ['+14:00']}]"
    traffic = f"traffic: {{calls_per_day: 1, uses: [{{endpoint: auto}}], holidays: {holidays}}}\n"

    planned(f"{traffic}customers: {{utc_offsets: {{'-12:00': 1, '+14:00': 1}}}}\n", f"{HEAD}length: 7d\n")


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("kind: price, at: +1d, size: 1.5", "kind: price, at: +3d, size: 2", "two of this price cannot hold at once"),
        ("kind: latency, at: +1d, size: 2", "kind: latency, at: +1d, size: 3", "begins at the same instant"),
        ("kind: quality, at: +1d, size: -0.6", "kind: quality, at: +2d, size: -0.6", "it comes to -1.2, and -1 to 1"),
        (
            "kind: error_rate, at: +1d, size: 0.7, shape: ramp, over: 2d",
            "kind: error_rate, at: +2d, size: 0.7, shape: ramp, over: 1d",
            "it comes to 1.4, and 0 to 1 is possible",
        ),
        (
            "kind: contract, subject: chat.completions.create, at: +1d, drop: usage",
            "kind: contract, subject: chat.completions.create, at: +2d, retype: {usage: string}",
            "another drift edits usage at the same time",
        ),
    ],
)
def test_drifts_that_cannot_both_be_are_told_with_the_line_of_the_other(one: str, other: str, reason: str) -> None:
    (told,) = faults(f"drifts:\n  - {{{one}}}\n  - {{{other}}}\n")

    assert told.startswith("8: drifts.1: ")
    assert reason in told
    assert told.endswith("(drifts.0, line 7)")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kind: price, at: +1d, size: 1.5, end: +3d", "kind: price, at: +3d, size: 2"),
        ("kind: price, at: +1d, size: 1.5, subject: auto", "kind: price, at: +3d, size: 2, subject: ep-1"),
        ("kind: quality, at: +1d, size: -0.6, end: +2d", "kind: quality, at: +2d, size: -0.6"),
        ("kind: quality, at: +1d, size: -0.06", "kind: quality, at: +2d, size: -0.06"),
        ("kind: latency, at: +1d, size: 2", "kind: latency, at: +1d, size: 3, from_quantile: 0.9"),
        ("kind: latency, at: +1d, size: 2", "kind: error_rate, at: +1d, size: 0.5"),
        (
            "kind: contract, subject: chat.completions.create, at: +1d, drop: usage",
            "kind: contract, subject: chat.completions.create, at: +1d, drop: choices",
        ),
    ],
)
def test_drifts_may_overlap_where_both_can_be(one: str, other: str) -> None:
    assert len(planned(f"drifts:\n  - {{{one}}}\n  - {{{other}}}\n").drifts) == 2


def test_a_fault_behind_one_that_takes_everything_never_strikes() -> None:
    first, second = "{operation: events.ingest, status: 500}", "{operation: events.ingest, rate: 0.5, status: 503}"

    (told,) = faults(f"faults:\n  - {first}\n  - {second}\n")

    assert told == "8: faults.1: it never strikes: another fault takes every such request before it (faults.0, line 7)"
    assert len(planned(f"faults:\n  - {second}\n  - {first}\n").faults) == 2


def test_the_same_fault_twice_is_a_slip() -> None:
    (told,) = faults("faults:\n" + 2 * "  - {operation: events.ingest, rate: 0.5, lost_ack: true}\n")

    assert told.startswith("8: faults.1: it says the same as another fault")


def test_every_fault_is_told_at_once_in_order_of_lines() -> None:
    told = faults(
        "steps: [{request: GET /x}]\nwallet: {top_ups: [{at: +8d, usd: 5}]}\n"
        "drifts: [{kind: quality, at: +8d}, {kind: nothing, at: +1d}]\nhistory: 9d\n"
    )

    assert [line.split(": ")[1] for line in told] == [
        "steps.0", "wallet.top_ups.0.at", "drifts.0.at", "drifts.0.size", "drifts.1.kind", "history",
    ]  # fmt: skip


def test_faults_of_form_and_of_meaning_are_told_at_once() -> None:
    text = HEAD + TRAFFIC + (
        "sed: 1\n"
        "drifts:\n"
        "  - {kind: quality, at: +1x, size: -0.1}\n"
        "  - {kind: price, at: +1d, size: 1.5}\n"
        "  - {kind: quality, at: +9d, size: -0.1}\n"
        "  - {kind: price, at: +2d, size: 2}\n"
        "history: 9d\n"
    )  # fmt: skip

    with pytest.raises(FaultyScript) as caught:
        planning.read(text, "s.yaml", vendors())

    assert caught.value.lines == [
        "s.yaml:6: sed: no such key; did you mean seed?",
        "s.yaml:8: drifts.0.at: '1x' is not a duration such as 90s, 15m, 36h, 7d, 2w or PT36H",
        "s.yaml:10: drifts.2.at: +9d is not within it: the scenario lasts 7d, until 2026-03-09T00:00:00Z",
        "s.yaml:11: drifts.3: two of this price cannot hold at once: end the earlier at 2026-03-04T00:00:00Z"
        " (drifts.1, line 9)",
        "s.yaml:12: history: 9d are more than the whole, which lasts 7d",
    ]


@pytest.mark.parametrize("rest", ["customers: {count: x}\n", "length: x\n"])
def test_what_would_only_follow_from_a_fault_is_not_told(rest: str) -> None:
    text = f"{HEAD}traffic: {{calls_per_day: 1, uses: [{{endpoint: auto}}]}}\nhistory: 0d\n{rest}"
    text += "drifts: [{kind: traffic, subject: customer-040, at: +40d, size: 2}]\n"

    with pytest.raises(FaultyScript) as caught:
        planning.read(text, "s.yaml", vendors())

    assert len(caught.value.lines) == 1


# How many calls there will be


def test_so_many_calls_that_nobody_can_mean_them_are_refused_unless_they_come_live() -> None:
    traffic = "traffic: {calls_per_day: 1000000, uses: [{endpoint: auto}]}\nlength: 30d\n"

    (told,) = faults(traffic, HEAD)

    assert told.startswith(f"4: traffic.calls_per_day: come to 3e+07 calls of history, and {MAX_HISTORY_CALLS} are")
    assert planned(f"{traffic}history: 1d\n", HEAD).history_until == START + DAY


@given(
    per_day=st.floats(0.1, 1e5),
    growth=st.floats(-0.9, 5),
    begin=st.integers(0, 5 * WEEK),
    span=st.integers(1, 5 * WEEK),
)
def test_expected_calls_are_the_integral_of_the_rate(per_day: float, growth: float, begin: int, span: int) -> None:
    script = parse(
        f"{HEAD}traffic: {{calls_per_day: {per_day:.6f}, growth_per_week: {growth:.6f}, uses: [{{endpoint: auto}}]}}\n",
        "s.yaml",
    )
    assert script.traffic is not None
    pieces = 2000
    # Trapezoids: the oracle knows nothing of the closed form.
    rates = [
        script.traffic.calls_per_day * (1 + script.traffic.growth_per_week) ** ((begin + span * n / pieces) / WEEK)
        for n in range(pieces + 1)
    ]
    oracle = (sum(rates) - (rates[0] + rates[-1]) / 2) * span / pieces / DAY

    assert math.isclose(expected_calls(script, START + begin, START + begin + span), oracle, rel_tol=1e-4)


def test_endless_growth_expects_more_than_can_be_counted() -> None:
    script = parse(f"{HEAD}traffic: {{calls_per_day: 1, growth_per_week: 9, uses: [{{endpoint: auto}}]}}\n", "s.yaml")

    assert expected_calls(script, START, START + 1000 * 52 * WEEK) == math.inf
    assert expected_calls(script, START, START) == 0
