"""A scenario derived from a recording has the traffic that was recorded, and says how sure it is of each number."""

from __future__ import annotations

import heapq
import json
import math
import random
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import vcr.serializers.yamlserializer as vcr_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver import cli
from mockserver.app import Simulator
from mockserver.cassettes.deriving import NoTraffic, scenario_of, written
from mockserver.cassettes.files import Library
from mockserver.cassettes.fitting import Sample, Week, merged, tail_of
from mockserver.cassettes.interaction import Answer, Interaction, Piece
from mockserver.cassettes.recorder import Recorder
from mockserver.cassettes.traffic import Traffic
from mockserver.http.messages import Request
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.ids import Draws
from mockserver.kernel.windows import DAY, HOUR, SECOND, Instant, format_instant, parse_instant
from mockserver.simulation.laws import LogNormal
from mockserver.simulation.script import Script, parse
from mockserver.simulation.usage import Usage
from mockserver.validation import Validator

MONDAY = parse_instant("2026-03-02T00:00:00Z")


# Recordings


def interaction(
    path: str, body: Any, status: int = 200, answer: Any = None, at: int | None = None, **more: Any
) -> Interaction:
    request = Request("POST", path, b"", {b"content-type": b"application/json"}, json.dumps(body).encode())
    content = json.dumps(answer if answer is not None else {}).encode()
    said = Answer(status, "", [(b"content-type", b"application/json")], content)
    return Interaction(request, said, None if at is None else Instant(at), **more)


def chat(
    model: str = "auto", prompt: int = 100, completion: int = 50, at: int | None = None, status: int = 200,
    messages: Sequence[dict[str, str]] = ({"role": "user", "content": "hello"},), wait_us: int | None = None,
    **body: Any,
) -> Interaction:  # fmt: skip
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    body = {"model": model, "messages": [*messages], **body}
    answer = {"id": "x", "usage": usage} if status == 200 else {"detail": "no"}
    return interaction("/v1/chat/completions", body, status, answer, at, wait_us=wait_us)


def event(data: Any, at: int | None = None, status: int = 202, **more: Any) -> Interaction:
    body = {"type": "cost.ai", "source": "https://a.example", "subject": "cus_1", "data": data, **more}
    return interaction("/v0/events", body, status, {"id": "evt_1"}, at)


def derived(interactions: Iterable[Interaction], name: str = "derived") -> tuple[str, Script]:
    traffic = Traffic()
    for each in interactions:
        traffic.see(each, "recorded.yaml")
    traffic.look()
    text = written(traffic, name)
    return text, parse(text, "derived.yaml")


# A recording of a scenario whose laws are known

HOURS = [0.2, 0.2, 0.2, 0.2, 0.2, 0.4, 0.8, 1.2, 1.6, 2, 2, 1.6, 1.2, 1.6, 2, 1.8, 1.6, 1.2, 1, 0.8, 0.8, 0.6, 0.5, 0.3]
WEEKDAYS = [1.4, 1.2, 1.2, 1.1, 1.1, 0.5, 0.5]
USES = (
    {"endpoint": "ep-contract-key-fields", "share": 5, "prompt_tokens": {"median": 900, "p99": 6000},
     "completion_tokens": {"median": 60, "p99": 200}, "latency_ms": {"median": 420, "p99": 1500}},
    {"endpoint": "ep-of-ours", "share": 3, "prompt_tokens": {"median": 180, "p99": 2000},
     "completion_tokens": {"median": 140, "p99": 900}, "latency_ms": {"median": 90, "p99": 4000}},
    {"endpoint": "auto", "share": 2, "latency_ms": {"median": 800, "p99": 1600}},
)  # fmt: skip
TRUTH = Script.model_validate(
    {
        "name": "truth", "purpose": "known", "clock": {"mode": "frozen", "at": "2026-03-02T00:00:00Z"}, "length": "28d",
        "customers": {"count": 12, "sizes": {"alpha": 1.5, "largest": 10}},
        "traffic": {
            "calls_per_day": 250, "hours": HOURS, "weekdays": WEEKDAYS, "uses": list(USES),
            "conversation": {"turns": 2.5, "think_time": {"median": "25s", "p99": "6m"}},
        },
    }
)  # fmt: skip
FAILURES = {503: 0.04, 429: 0.02}


def played(script: Script, seed: int) -> Iterator[Interaction]:
    """Yield what a client of each customer would record, played by the engine that scenarios are played by."""
    usage, chance = Usage(script, Draws(seed), ()), random.Random(seed)
    assert script.traffic is not None
    laws = [
        LogNormal.fitted(use.latency_ms.median, use.latency_ms.p99) for use in script.traffic.uses if use.latency_ms
    ]
    said: dict[int, list[dict[str, str]]] = {}
    waiting: list[Any] = []
    assert script.ends_at is not None
    for hour in range(script.started_at, script.ends_at, HOUR):
        for opening in usage.openings(hour):
            heapq.heappush(waiting, opening)
        while waiting and waiting[0].at < hour + HOUR:
            ask = heapq.heappop(waiting)
            use = script.traffic.uses[ask.use].endpoint
            messages = said.pop(ask.key, [])
            messages = [*messages, {"role": "user", "content": f"{ask.key} {ask.turn}"}]
            for status, share in FAILURES.items():
                while chance.random() < share:
                    yield chat(use, at=ask.at, status=status, messages=messages)
            wait_us = int(laws[ask.use].quantile(chance.random()) * 1000)
            user = f"customer-{ask.customer}"
            yield chat(
                use, ask.prompt_tokens, ask.completion_tokens, ask.at, messages=messages, wait_us=wait_us, user=user
            )
            following = usage.next_turn(ask, ask.at + wait_us)
            if following is not None:
                said[ask.key] = [*messages, {"role": "assistant", "content": "well"}]
                heapq.heappush(waiting, following)


def is_near(found: float, wanted: float, relative_error: float, z: float = 4.0) -> bool:
    return abs(math.log(found / wanted)) < z * relative_error


def test_derived_parameters_are_those_it_was_recorded_from() -> None:
    interactions = list(played(TRUTH, 1))
    _, script = derived(interactions)

    truth, found = TRUTH.traffic, script.traffic
    assert truth is not None
    assert found is not None
    calls = sum(each.answer.status == 200 for each in interactions)
    turns = truth.conversation.turns
    uneven = 2 * turns - 1  # calls of a geometric number a conversation
    assert calls > 5000
    assert is_near(found.calls_per_day, truth.calls_per_day, math.sqrt(uneven / calls))
    conversations = calls / turns
    assert is_near(found.conversation.turns, turns, math.sqrt((turns - 1) / turns / conversations))
    thinks = calls - conversations
    law = LogNormal.fitted(truth.conversation.think_time.median, truth.conversation.think_time.p99)
    assert is_near(found.conversation.think_time.median, law.median, law.sigma / math.sqrt(thinks))
    for shape, wanted in ((found.hours, truth.hours), (found.weekdays, truth.weekdays)):
        scores = []
        for weight, true in zip(shape, wanted, strict=True):
            error = math.sqrt(uneven / (calls * true / sum(wanted)))
            scores.append((weight / sum(shape) * sum(wanted) / true - 1) / error)
        assert max(map(abs, scores)) < 4.5
        assert sum(score * score for score in scores) / len(scores) < 2.2
    assert script.customers.count == 12
    assert script.length == TRUTH.length
    assert script.started_at == TRUTH.started_at

    shares = {use.endpoint: use.share / sum(each.share for each in found.uses) for use in found.uses}
    assert list(shares) == [use.endpoint for use in sorted(truth.uses, key=lambda use: -use.share)]
    for use in truth.uses:
        own = next(each for each in found.uses if each.endpoint == use.endpoint)
        share = use.share / 10
        assert abs(shares[use.endpoint] - share) < 4 * math.sqrt(share * (1 - share) / conversations)
        for name in ("prompt_tokens", "completion_tokens", "latency_ms"):
            known, fitted = getattr(use, name), getattr(own, name)
            sigma = LogNormal.fitted(known.median, known.p99).sigma
            n = calls * share
            # Latencies are recorded to the microsecond, and tokens are whole.
            slack = 0.0 if name == "latency_ms" else 0.004
            assert is_near(fitted.median, known.median, sigma / math.sqrt(n) + slack), (use.endpoint, name)
            spread = LogNormal.fitted(fitted.median, fitted.p99).sigma
            assert is_near(spread, sigma, 1 / math.sqrt(2 * n) + slack), (use.endpoint, name)

    rates = {
        fault.model_extra["status"]: float(fault.model_extra["rate"]) for fault in script.faults if fault.model_extra
    }
    attempts = len(interactions)
    counts = {status: sum(each.answer.status == status for each in interactions) for status in FAILURES}
    assert rates[429] == pytest.approx(counts[429] / attempts, rel=1e-3)
    assert rates[503] == pytest.approx(counts[503] / (attempts - counts[429]), rel=1e-3)


def test_what_is_derived_from_what_was_derived_is_the_same_traffic() -> None:
    """The derived scenario is played by the engine, recorded, and derived from again."""
    _, once = derived(played(TRUTH, 3))
    assert once.traffic is not None
    _, twice = derived(played(once, 4))
    assert twice.traffic is not None

    assert twice.traffic.calls_per_day == pytest.approx(once.traffic.calls_per_day, rel=0.12)
    assert twice.traffic.conversation.turns == pytest.approx(once.traffic.conversation.turns, rel=0.08)
    for before, after in zip(once.traffic.uses, twice.traffic.uses, strict=True):
        assert after.endpoint == before.endpoint
        assert after.prompt_tokens.median == pytest.approx(before.prompt_tokens.median, rel=0.12)
        assert after.completion_tokens.p99 == pytest.approx(before.completion_tokens.p99, rel=0.25)


def test_how_sure_a_law_is_said_to_be_is_how_often_it_is_right() -> None:
    """What is said to hold in 95 of 100 recordings does: of 150, between 131 and 149."""
    chance, right = random.Random(11), {"median": 0, "p99": 0}
    p99 = 300 * math.exp(0.8 * 2.3263478740408408)
    for _ in range(150):
        calls = [chat(prompt=max(1, round(300 * math.exp(0.8 * chance.gauss(0, 1)))), completion=9) for _ in range(40)]
        text, script = derived(calls)
        line = next(line for line in text.splitlines() if "prompt_tokens" in line)
        bounds = [float(each) / 100 for each in re.findall(r"([\d.]+)%", line)[1:]]
        assert script.traffic is not None
        law = script.traffic.uses[0].prompt_tokens
        right["median"] += abs(math.log(law.median / 300)) <= math.log1p(bounds[0])
        right["p99"] += abs(math.log(law.p99 / p99)) <= math.log1p(bounds[1])

    assert all(131 <= count <= 149 for count in right.values()), right


# What a recording is too short to tell


def test_a_short_recording_tells_what_was_called_and_what_is_assumed() -> None:
    text, script = derived(chat(at=MONDAY + n * SECOND) for n in range(5))

    assert script.traffic is not None
    assert script.traffic.calls_per_day == 5
    default = Script.model_validate(
        {"name": "x", "purpose": "y", "traffic": {"calls_per_day": 1, "uses": [{"endpoint": "auto"}]}}
    )
    assert default.traffic is not None
    assert script.traffic.uses == tuple(use.model_copy(update={"share": 5.0}) for use in default.traffic.uses)
    assert (script.traffic.hours, script.traffic.weekdays) == (default.traffic.hours, default.traffic.weekdays)
    assert script.customers == default.customers
    assert (
        "calls_per_day: 5 # assumed: all that was recorded in one day; 5 dated calls in 4 seconds tell no rate" in text
    )
    assert "# prompt_tokens: the default is assumed; 5 prompts tell no law" in text
    assert "# faults: none of 5 attempts" in text


def test_a_rate_is_that_of_the_hours_that_were_recorded() -> None:
    """Two hours at noon of a working day are no reason to expect as many calls at night."""
    noon = MONDAY + 11 * HOUR
    _, script = derived(chat(at=noon + n * 60 * SECOND) for n in range(120))

    assert script.traffic is not None
    weight = (script.traffic.hours[11] + script.traffic.hours[12]) / sum(script.traffic.hours)
    day = script.traffic.weekdays[0] / (sum(script.traffic.weekdays) / 7)
    assert script.traffic.calls_per_day * weight * day == pytest.approx(120, rel=0.02)


def test_times_in_which_nobody_recorded_do_not_count() -> None:
    traffic = Traffic()
    for file, start in (("a.yaml", MONDAY), ("b.yaml", MONDAY + 60 * DAY)):
        for n in range(2 * 24 * 20):
            traffic.see(chat(at=start + n * 3 * 60 * SECOND), file)
    traffic.look()

    script = parse(written(traffic, "x"), "x")

    assert script.traffic is not None
    # Monday and Tuesday, then Friday and Saturday, by the default week.
    days = [script.traffic.weekdays[day] for day in (0, 1, 4, 5)]
    expected = 480 * 4 / (sum(days) / (sum(script.traffic.weekdays) / 7))
    assert script.traffic.calls_per_day == pytest.approx(expected, rel=0.01)


def test_a_recording_without_dates_begins_on_a_monday() -> None:
    text, script = derived([chat(), chat()])

    assert format_instant(script.started_at) == "2026-01-05T00:00:00Z"
    assert "assumed: the recording has no dates" in text


def test_a_recording_older_than_worlds_begins_on_the_same_weekday() -> None:
    text, script = derived([chat(at=parse_instant("2025-10-02T09:00:00Z"))])

    assert format_instant(script.started_at) == "2026-01-08T00:00:00Z"  # a Thursday too
    assert "of the weekday on which the recording began" in text


def test_without_an_answered_chat_there_is_no_scenario() -> None:
    with pytest.raises(NoTraffic, match=r"1 interaction in recorded\.yaml and no chat; it takes"):
        derived([event({"amount": 1})])
    with pytest.raises(NoTraffic, match=r"no chat that was answered \(2 attempts\)"):
        derived([chat(status=402), chat(status=503)])


# What is called


def test_models_that_are_not_there_are_stood_for_by_their_kind() -> None:
    listed = Interaction(
        Request("GET", "/v1/endpoints", b"", {}, b""),
        Answer(200, "", [(b"content-type", b"application/json")], json.dumps(
            [{"id": "ep-sums", "taskName": "summarization", "model": "mistral-2", "status": "live"}]
        ).encode()),
    )  # fmt: skip
    models = ["auto", "ep-contract-key-fields", "ep-sums", "gpt-5.5", "ep-intent-classification", "ep-ours"]
    text, script = derived([listed, *(chat(model) for n, model in enumerate(models) for _ in range(9 - n))])

    made = [(each.body["task"], each.body["model"], each.body["name"]) for each in script.start.requests]
    assert made == [
        ("summarization", "mistral-2", "ep-sums"),
        ("general-chat", "qwen-1", "ep-recorded-1"),
        ("intent-classification", "qwen-1", "ep-recorded-2"),
        ("general-chat", "qwen-1", "ep-ours"),
    ]
    assert script.traffic is not None
    names = ["auto", "ep-contract-key-fields", "ep-sums", "ep-recorded-1", "ep-recorded-2", "ep-ours"]
    assert [use.endpoint for use in script.traffic.uses] == names
    assert "- endpoint: ep-recorded-1 # recorded: gpt-5.5; assumed: metered by the token" in text
    assert "- endpoint: ep-sums # recorded: ep-sums, of task summarization, paid by the request" in text


def test_an_endpoint_that_was_stopped_is_no_outage() -> None:
    said = {"detail": "endpoint 'ep-x' is stopped."}
    stopped = interaction("/v1/chat/completions", {"model": "ep-x", "messages": []}, 503, said)
    text, script = derived([chat(), stopped])

    assert script.faults == ()
    assert "# left out: 1 attempt refused for the caller's own fault" in text


def test_streams_are_as_long_as_their_last_piece_and_count_their_tokens() -> None:
    body = (
        b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":7}}\n\ndata: [DONE]\n\n'
    )
    request = Request(
        "POST", "/pareta/v1/chat/completions", b"", {}, b'{"model": "auto", "messages": [], "stream": true}'
    )
    answer = Answer(200, "", [(b"content-type", b"text/event-stream; charset=utf-8")], body)
    pieces = (Piece(0, 50), Piece(250_000, len(body) - 50))
    _, script = derived([Interaction(request, answer, None, 50_000, pieces)] * 20)

    assert script.traffic is not None
    (use,) = script.traffic.uses
    assert (use.prompt_tokens.median, use.completion_tokens.median) == (40, 7)
    assert use.latency_ms is not None
    assert use.latency_ms.median == pytest.approx(300)


# What is reported


def test_events_are_reported_as_they_were() -> None:
    cost = {
        "id": "cst_1", "object": "cost", "name": "AI", "eventType": "cost.ai", "aggregation": "SUM", "unitCost": "1.5",
        "valueProperty": "$.spent.usd", "currency": "EUR", "groupBy": {"model": "$.model"}, "productId": "prod_theirs",
    }  # fmt: skip
    sent = [
        event({"spent": {"usd": 1 + n}, "model": f"m{n}", "region": "eu", "weight": n + 1, "odd": "{x}"})
        for n in range(3)
    ]
    made = interaction("/v0/costs", {"name": "AI"}, 201, cost)
    text, script = derived([chat(), made, *sent])

    assert script.start.requests[0].body == {
        "type": "metered", "name": "AI", "eventType": "cost.ai", "aggregation": "SUM", "valueProperty": "$.spent.usd",
        "unitCost": 1.5, "currency": "EUR", "productId": "prod_YOUR_PRODUCT_ID", "groupBy": {"model": "$.model"},
    }  # fmt: skip
    (report,) = script.events
    assert report.data["spent"] == {"usd": "{cost_usd}"}
    assert report.data["model"] == "{model}"
    assert report.data["region"] == "eu"
    assert float(report.data["weight"]) == pytest.approx(6 ** (1 / 3), rel=1e-3)
    assert "odd" not in report.data
    assert script.integrator.key == "none"
    assert not script.integrator.is_stamped
    assert "# 3 events, 3 for each recorded call; here it is one each" in text


def test_events_that_were_not_taken_in_are_faults() -> None:
    _, script = derived([chat(), event({"amount": 1}), *[event({"amount": 1}, status=503)] * 3])

    (fault,) = script.faults
    assert fault.model_extra is not None
    assert (fault.model_extra["operation"], fault.model_extra["rate"]) == ("events.ingest", "0.75")


# Any recording

WORDS = st.one_of(
    st.sampled_from(
        ["auto", "ep-contract-key-fields", "ep-x", "gpt-4o", "~", "null", "{id}", "{", "# x", "a: b", "- "]
    ),
    st.text(max_size=40),
    st.text(st.characters(exclude_categories=()), max_size=10),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(["amount", "id", "model", "cost_usd", "tokens", "null", "true"]) | WORDS
INSTANTS = st.none() | st.integers(-10 * DAY, 200 * 366 * DAY)
CHATS = st.builds(
    chat, WORDS, st.integers(0, 10**10), st.integers(0, 10**10), INSTANTS,
    st.sampled_from([200, 200, 429, 503, 402, 422]),
    wait_us=st.none() | st.integers(0, DAY), user=JSON, metadata=JSON,
)  # fmt: skip
REPORTS = st.builds(
    event, st.dictionaries(KEYS, JSON, max_size=5) | JSON, INSTANTS, st.sampled_from([202, 503]), type=WORDS,
    source=JSON, idempotencyKey=JSON, timestamp=JSON, subject=JSON,
)  # fmt: skip
METRICS = st.builds(
    lambda body: interaction("/v0/costs", {}, 201, {"id": "cst_1", "object": "cost", **body}),
    st.fixed_dictionaries(
        {"eventType": WORDS},
        optional={
            "aggregation": st.sampled_from(["SUM", "COUNT", "AVG", "LAST"]) | JSON,
            "valueProperty": st.sampled_from(["$.a", "$.amount.usd", "$", "a"]) | JSON,
            "name": JSON,
            "unitCost": JSON,
            "currency": st.sampled_from(["USD", "eur"]) | JSON,
            "groupBy": JSON,
        },
    ),
)
LISTS = st.builds(
    lambda body: interaction("/v1/endpoints", {}, 200, body),
    st.lists(
        st.fixed_dictionaries(
            {"id": WORDS, "taskName": st.sampled_from(["summarization", "text-embedding", "x"]) | JSON}
        )
    ),
)


@pytest.fixture(scope="module")
def validator() -> Iterator[Validator]:
    with Validator() as validator:
        yield validator


@settings(max_examples=30)
@given(first=st.just(chat(at=MONDAY)), rest=st.lists(CHATS | REPORTS | METRICS | LISTS, max_size=25), name=WORDS)
def test_whatever_was_recorded_the_scenario_is_valid(
    validator: Validator,
    tmp_path_factory: pytest.TempPathFactory,
    first: Interaction,
    rest: list[Interaction],
    name: str,
) -> None:
    traffic = Traffic()
    for number, each in enumerate([first, *rest]):
        traffic.see(each, f"{number % 3} \u2603\n.yaml")
    traffic.look()
    text = written(traffic, name)

    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, "utf-8")
    validator.check(str(path))


def test_deep_and_long_values_are_passed_over() -> None:
    deep = json.loads("[" * 900 + "]" * 900)
    long = "x" * 100_000
    odd = [
        event({"amount": 1, "deep": deep, "long": long, long: 1}, source=long, subject=long),
        event({"amount": 1, "deep": deep, "long": long}),
        chat(long, messages=[{"role": "user", "content": deep}], user=long),
        chat("auto", messages=[{"role": "assistant", "content": deep}, {"role": "user", "content": deep}]),
    ]
    text, script = derived([chat(), *odd, *odd])

    assert set(script.events[0].data) == {"amount"}
    assert len(text) < 5_000


@settings(max_examples=50)
@given(st.lists(st.floats(1e-6, 1e12), min_size=2, max_size=50))
def test_a_law_is_fitted_as_by_the_book(values: list[float]) -> None:
    """The mean and standard deviation of the logarithms, computed from all of them at once."""
    sample = Sample()
    for value in values:
        sample.add(value)

    logs = [math.log(value) for value in values]
    law = sample.law()
    assert math.log(law.median) == pytest.approx(statistics.fmean(logs), abs=1e-9)
    assert law.sigma == pytest.approx(statistics.stdev(logs), abs=1e-6)


def test_zeroes_have_no_part_in_a_law() -> None:
    sample = Sample()
    for value in (0.0, -1.0, 5.0):
        sample.add(value)

    law = sample.law()
    assert law.median == pytest.approx(5.0)
    assert law.sigma == 0.0
    with pytest.raises(ValueError, match="no law fits no values"):
        Sample().law()


@given(st.integers(0, 10**18), st.integers(0, 40 * DAY))
def test_every_hour_of_a_span_is_seen_once_for_each_time_it_came(start: int, length: int) -> None:
    week = Week()
    week.look(start, start + length)

    assert sum(week.seen_us) == length
    assert max(week.seen_us) - min(week.seen_us) <= HOUR


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (min(pair), max(pair)))))
def test_merged_spans_cover_the_same_instants_once(spans: list[tuple[int, int]]) -> None:
    found = merged(spans)

    assert {at for start, end in found for at in range(start, end)} == {at for s, e in spans for at in range(s, e)}
    assert all(before[1] < after[0] for before, after in pairwise(found))


def test_a_tail_is_found_again() -> None:
    chance = random.Random(5)
    for alpha in (0.7, 1.2, 3.0):
        largest = 1000.0
        sizes = [round(1000 * (1 - chance.random() * (1 - largest**-alpha)) ** (-1 / alpha)) for _ in range(4000)]
        assert tail_of(sizes) == pytest.approx(alpha, rel=0.08)
    with pytest.raises(ValueError, match="sizes that differ"):
        tail_of([3, 3])


# Through the command line


def written_as_a_cassette(path: Path, interactions: Iterable[Interaction]) -> None:
    """Write interactions as VCR.py does, with the dates and times that are ours."""
    items = []
    for each in interactions:
        assert each.recorded_at is not None
        items.append(
            {
                "request": {
                    "method": each.request.method, "uri": f"https://api.pareta.ai{each.request.path}",
                    "headers": {"content-type": ["application/json"]}, "body": each.request.body.decode(),
                },
                "response": {
                    "status": {"code": each.answer.status, "message": "OK"},
                    "headers": {"content-type": ["application/json"]}, "body": {"string": each.answer.body.decode()},
                },
                "recorded_at": format_instant(each.recorded_at),
                "timing": {"first_byte_ms": (each.wait_us or 0) / 1000},
            }
        )  # fmt: skip
    path.write_text(vcr_yaml.serialize({"version": 1, "interactions": items}), "utf-8")


def run(*arguments: str) -> int:
    return cli._run(["scenario", *map(str, arguments)])


def test_a_derived_scenario_plays_in_a_world(
    tmp_path: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    cassette, scenario = tmp_path / "recorded.yaml", tmp_path / "mine.yaml"
    chance = random.Random(3)
    reports = [event({"amount": 0.1}, at=MONDAY + n * HOUR // 2) for n in range(40)]
    calls = [
        chat("ep-theirs", round(300 * math.exp(chance.gauss(0, 0.5))), 40, MONDAY + n * HOUR // 4, wait_us=90_000 + n)
        for n in range(120)
    ]
    written_as_a_cassette(cassette, [*calls, *reports])

    assert run("from-cassette", str(cassette), "-o", str(scenario), "--name", "mine") == 0
    assert run("validate", str(scenario)) == 0
    with simulator.store.committed():
        world = simulator.worlds.create("played")
        simulator.stage.start(world, str(scenario), scenario.read_text())
    for _ in simulator.stage.backfill(world):
        pass

    with simulator.store.work():
        (chats,) = simulator.store.one("SELECT count(*) FROM pareta_calls WHERE world = ?", (world.id,)) or (0,)
    assert 60 <= chats <= 300
    assert all(invariant.holds for vendor in simulator.vendors for invariant in vendor.invariants(world))
    capsys.readouterr()


def test_what_our_recorder_measured_is_a_law(simulator: Simulator, tmp_path: Path) -> None:
    """Plain and streamed calls through the proxy: their tokens and how long they took are there to be fitted."""
    cassette = tmp_path / "recorded.yaml"
    with BackgroundServer(simulator) as server:
        recorder = Recorder({"pareta": server.url}, cassette)
        with BackgroundServer(recorder) as proxy, httpx.Client(base_url=proxy.url) as client:
            client.headers["authorization"] = "Bearer pareta_sk_test_acme"
            for n in range(24):
                body = {
                    "model": "auto",
                    "messages": [{"role": "user", "content": "word " * (n + 1)}],
                    "stream": n % 2 > 0,
                }
                assert client.post("/v1/chat/completions", json=body).status_code == 200
        recorder.close()

    text = scenario_of(Library([cassette]), "mine")

    (use,) = parse(text, "mine.yaml").traffic.uses  # type: ignore[union-attr]
    assert use.latency_ms is not None
    assert 0.1 < use.latency_ms.median < 5_000
    assert 5 < use.prompt_tokens.median < 25
    assert "# 24 durations; 95% sure" in text


def test_a_file_is_not_written_over_and_bad_ones_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cassette = tmp_path / "recorded.yaml"
    written_as_a_cassette(cassette, [event({"amount": 1}, at=MONDAY)])
    assert run("from-cassette", str(cassette)) == 2
    assert "no traffic to make a scenario of: 1 interaction" in capsys.readouterr().err

    written_as_a_cassette(cassette, [chat(at=MONDAY)])
    target = tmp_path / "there.yaml"
    target.write_text("mine")
    assert run("from-cassette", str(cassette), "-o", str(target)) == 2
    assert "is there already" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert run("from-cassette", str(tmp_path / "none.yaml")) == 2
    assert "none.yaml" in capsys.readouterr().err
