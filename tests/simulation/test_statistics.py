"""What the books of played worlds look like to a statistician: nothing moves in steady worlds, and what drifts does.

The error level is `tails.ALPHA`, 1e-4 for a whole test, shared evenly among its checks, unless a test says otherwise;
seeds were fixed beforehand. Every test also looks at a world of another kind, which it has to refuse at that level.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from statistics import NormalDist, fmean
from typing import Any, NamedTuple

import pytest

from mockserver import resources
from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.kernel.ids import Draws
from mockserver.kernel.windows import DAY, HOUR
from mockserver.kernel.world import World
from mockserver.simulation.script import parse
from mockserver.simulation.usage import Usage
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.predictions import pick
from mockserver.vendors.pareta.domain.specimens import Specimen, slips, specimens_of
from mockserver.vendors.pareta.operations.chat import JUDGED_SHARE, PER_TOKEN_US
from mockserver.vendors.pareta.operations.till import further
from tests.simulation import tails
from tests.simulation.playing import COST, EVENTS, START, played
from tests.simulation.tails import ALPHA

CONTRACTS, CHAT, AUTO = "ep-contract-key-fields", "support-chat", "auto"


class Entry(NamedTuple):
    """One call as the books have it.

    :param conversation: its number, and `turn` its place in that; `None` for a call that failed, which nobody paid for.
    """

    endpoint: str
    at: int
    status: int
    latency_us: int
    prompt_tokens: int
    completion_tokens: int
    cost_micro_usd: int
    score: float | None
    conversation: int | None
    turn: int | None


def booked(world: World) -> list[Entry]:
    """Return the calls of a world that is played, in order of time; the debits say of which conversation each is."""
    calls = world.store.all(
        "SELECT request_id, endpoint, at, status, latency_us, prompt_tokens, completion_tokens, cost_micro_usd, score"
        " FROM pareta_calls WHERE world = ? AND at >= ? ORDER BY at, n",
        (world.id, START),
    )
    keys: dict[str, str | None] = dict(
        world.store.all("SELECT request_id, idempotency_key FROM pareta_ledger WHERE world = ?", (world.id,)),
    )
    entries = []
    for request_id, *facts in calls:
        key = keys.get(request_id)
        names = (None, None) if key is None else map(int, key.split("-")[1:3])
        entries.append(Entry(*facts, *names))
    return entries


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    simulator = Simulator(Settings())
    yield simulator
    simulator.close()


def of(entries: Sequence[Entry], endpoint: str, status: int = 200) -> list[Entry]:
    return [each for each in entries if (each.endpoint, each.status) == (endpoint, status)]


def between(entries: Sequence[Entry], start: float, end: float) -> list[Entry]:
    """Return those of a time, in days since the start."""
    return [each for each in entries if START + start * DAY <= each.at < START + end * DAY]


def scores(entries: Sequence[Entry]) -> list[float]:
    return [each.score for each in entries if each.score is not None]


def conversations(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return what belongs together, in order of their beginnings."""
    found: dict[int, list[Entry]] = {}
    for each in entries:
        if each.conversation is not None:
            found.setdefault(each.conversation, []).append(each)
    return sorted(found.values(), key=lambda each: each[0].at)


# Two samples of one law


def ranks(numbers: Sequence[float], draw: random.Random) -> list[int]:
    """Return the places of numbers in their order, from 0; chance decides between equals."""
    lots = [draw.random() for _ in numbers]
    order = sorted(range(len(numbers)), key=lambda n: (numbers[n], lots[n]))
    places = [0] * len(numbers)
    for place, n in enumerate(order):
        places[n] = place
    return places


def same_law(one: Sequence[float], other: Sequence[float], draw: random.Random) -> float:
    """Return the p-value of two samples of one law, whatever law: Wilcoxon's sum of ranks."""
    a, b = len(one), len(other)
    total = sum(ranks([*one, *other], draw)[:a])
    return tails.normal_tails((total - a * (a + b - 1) / 2) / math.sqrt(a * b * (a + b + 1) / 12))


def exact(found: int, chances: Mapping[int, float], draw: random.Random) -> float:
    """Return the p-value of a whole number whose law is given, spread evenly over its step: exactly uniform."""
    below = sum(chance for number, chance in chances.items() if number < found)
    return tails.both_sides(min(1.0, below + draw.random() * chances[found]))


def choose(n: int, k: int) -> float:
    """Return the logarithm of a binomial coefficient."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def binomial(n: int, share: float) -> dict[int, float]:
    return {k: math.exp(choose(n, k) + k * math.log(share) + (n - k) * math.log1p(-share)) for k in range(n + 1)}


def same_share(one: Sequence[bool], other: Sequence[bool], draw: random.Random) -> float:
    """Return the p-value of two samples with the same share of successes: Fisher's test."""
    a, b, successes = len(one), len(other), sum(one) + sum(other)
    chances = {
        k: math.exp(choose(a, k) + choose(b, successes - k) - choose(a + b, successes))
        for k in range(max(0, successes - b), min(a, successes) + 1)
    }
    return exact(sum(one), chances, draw)


# Steady worlds

STEADY_SEEDS = range(1, 201)
WRONG_SEEDS = range(1, 25)
NOMINAL = 0.01
"""How often a monitor that looks once raises a false alarm."""
WEEK = 7.0


def reduced(text: str) -> str:
    """Return two weeks of the shipped month with fewer calls, which nobody reports.

    One call of `auto` in five fails, all the time: of no errors at all there would be nothing to tell.
    """
    words = {"calls_per_day: 670": "calls_per_day: 50", "length: 30d": "length: 14d", "2026-06-01": "2026-03-02"}
    for shipped, own in words.items():
        assert text.count(shipped) == 1
        text = text.replace(shipped, own)
    calls, _, _ = text.partition("events:\n")
    return f"{calls}drifts:\n  - {{kind: error_rate, subject: auto, at: +0s, size: 0.2}}\n"


STEADY = reduced(resources.scenario("steady-month").read_text("utf-8"))

HIDDEN = """
  - {kind: quality, subject: ep-contract-key-fields, at: +7d, size: -0.3}
  - {kind: latency, subject: ep-contract-key-fields, at: +7d, size: 1.5}
  - {kind: error_rate, subject: auto, at: +7d, size: 0.25}
  - {kind: price, subject: support-chat, at: +7d, size: 2.5}
  - {kind: token_mix, subject: "ep-*", at: +7d, size: 1.5}
  - {kind: traffic, at: +7d, size: 1.8}
"""

Metric = Callable[[list[Entry], list[Entry], random.Random], float]
"""Returns the p-value of two weeks being alike, one of which is the first."""


def of_calls(endpoint: str, value: Callable[[Entry], float]) -> Metric:
    """Compare calls, which are independent of one another in this."""

    def by_calls(one: list[Entry], other: list[Entry], draw: random.Random) -> float:
        return same_law(
            [value(call) for call in of(one, endpoint)], [value(call) for call in of(other, endpoint)], draw
        )

    return by_calls


def by_score(one: list[Entry], other: list[Entry], draw: random.Random) -> float:
    return same_law(scores(of(one, CONTRACTS)), scores(of(other, CONTRACTS)), draw)


def by_cost(one: list[Entry], other: list[Entry], draw: random.Random) -> float:
    """Compare conversations: a prompt has in it what was said before, so their calls are not independent."""

    def means(week: list[Entry]) -> list[float]:
        return [fmean(call.cost_micro_usd for call in each) for each in conversations(of(week, CHAT))]

    return same_law(means(one), means(other), draw)


def by_prompt(one: list[Entry], other: list[Entry], draw: random.Random) -> float:
    """Compare what conversations begin with."""

    def tokens(week: list[Entry]) -> list[int]:
        return [call.prompt_tokens for call in of(week, CONTRACTS) if call.turn == 0]

    return same_law(tokens(one), tokens(other), draw)


def by_error(one: list[Entry], other: list[Entry], draw: random.Random) -> float:
    def is_failed(week: list[Entry]) -> list[bool]:
        return [call.status != 200 for call in week if call.endpoint == AUTO]

    return same_share(is_failed(one), is_failed(other), draw)


def by_conversations(one: list[Entry], other: list[Entry], draw: random.Random) -> float:
    """Compare Poisson counts: given their sum, each has half of it."""
    a, b = len(conversations(one)), len(conversations(other))
    return exact(a, binomial(a + b, 0.5), draw)


def by_calls(one: list[Entry], other: list[Entry], draw: random.Random) -> float:
    """Compare numbers of calls, which come in conversations and so vary more than Poisson numbers."""
    turns = [[len(each) for each in conversations(week)] for week in (one, other)]
    return tails.normal_tails((sum(turns[0]) - sum(turns[1])) / math.sqrt(sum(n * n for week in turns for n in week)))


METRICS: Mapping[str, Metric] = {
    "judged quality": by_score,
    "latency": of_calls(CONTRACTS, lambda call: call.latency_us),
    "latency by the token": of_calls(CHAT, lambda call: call.latency_us),
    "error rate": by_error,
    "cost per call": by_cost,
    "conversations": by_conversations,
    "calls": by_calls,
    "prompt tokens": by_prompt,
    "completion tokens": of_calls(CONTRACTS, lambda call: call.completion_tokens),
}
SHOWN = [name for name in METRICS if name != "latency by the token"]
"""Metrics in which something is hidden in the wrong worlds; the other is steady there too."""


def weeks(simulator: Simulator, seeds: Sequence[int], more: str = "") -> list[tuple[list[Entry], list[Entry]]]:
    found = []
    for seed in seeds:
        entries = booked(played(simulator, STEADY + more, f"steady-{bool(more)}-{seed}", seed=seed))
        found.append((between(entries, 0, WEEK), between(entries, WEEK, 2 * WEEK)))
    return found


@pytest.fixture(scope="module")
def steady(simulator: Simulator) -> list[tuple[list[Entry], list[Entry]]]:
    return weeks(simulator, STEADY_SEEDS)


@pytest.fixture(scope="module")
def drifting(simulator: Simulator) -> list[tuple[list[Entry], list[Entry]]]:
    return weeks(simulator, WRONG_SEEDS, HIDDEN)


def p_values(metric: str, worlds: Sequence[tuple[list[Entry], list[Entry]]]) -> list[float]:
    draw = random.Random(metric)
    return [METRICS[metric](one, other, draw) for one, other in worlds]


def alarms_p(p_values: Sequence[float]) -> float:
    """Return the p-value of the number of false alarms, on either side."""
    chances, found = binomial(len(p_values), NOMINAL), sum(p < NOMINAL for p in p_values)
    least, most = (sum(p for k, p in chances.items() if (k <= found, k >= found)[way]) for way in (0, 1))
    return min(1.0, 2 * min(least, most))


@pytest.mark.parametrize("metric", METRICS)
def test_steady_worlds_raise_false_alarms_at_the_nominal_rate(
    metric: str, steady: list[tuple[list[Entry], list[Entry]]]
) -> None:
    """Each of the 18 checks has 1e-4: the number of alarms at 0.01 among 200, and whether p-values are uniform.

    Both weeks have all weekdays, so that what is seasonal is in both. None of 200 would be no surprise, so uniformity
    is what tells a metric that does not move at all.
    """
    found = p_values(metric, steady)

    assert alarms_p(found) > ALPHA
    assert tails.uniform(found) > ALPHA


@pytest.mark.parametrize("metric", SHOWN)
def test_worlds_with_a_hidden_drift_do_not_pass_for_steady(
    metric: str, drifting: list[tuple[list[Entry], list[Entry]]]
) -> None:
    found = p_values(metric, drifting)

    assert alarms_p(found) < ALPHA
    assert tails.uniform(found) < ALPHA


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "judged quality"])
def test_worlds_that_repeat_themselves_do_not_pass_for_steady(
    metric: str, steady: list[tuple[list[Entry], list[Entry]]]
) -> None:
    """All but quality, where nearly all scores are equal and lots decide; see the next but one."""
    assert tails.uniform(p_values(metric, [(one, one) for one, _ in steady])) < ALPHA


def test_nobody_drifts_who_is_not_named(drifting: list[tuple[list[Entry], list[Entry]]]) -> None:
    assert tails.uniform(p_values("latency by the token", drifting)) > ALPHA


def test_steady_worlds_are_not_frozen(steady: list[tuple[list[Entry], list[Entry]]]) -> None:
    for week in (week for both in steady for week in both):
        assert 1.0 in scores(of(week, CONTRACTS))
        latencies = [call.latency_us for call in week if call.status == 200]
        assert len(set(latencies)) > 0.99 * len(latencies)
        assert len({call.completion_tokens for call in of(week, CONTRACTS)}) > 20
        assert {call.cost_micro_usd for call in of(week, CONTRACTS)} == {90}  # which is a price, and to be frozen
    imperfect = [score < 1 for one, other in steady for score in scores(of(one, CONTRACTS) + of(other, CONTRACTS))]
    assert tails.share(sum(imperfect), len(imperfect), 1 - (0.985 + 0.985**2) / 2) > ALPHA
    assert not [
        call for both in steady for week in both for call in week if call.status != 200 and call.endpoint != AUTO
    ]


# Quality


def law_of_scores(quality: float) -> dict[float, float]:
    """Return how probable each score of a contract's key fields is.

    One of the two examples has two fields and the other one. Each is right by itself with a probability; of those that
    are not, where there are two, a quarter is left out. F1 is 2/3 with one of two left out, 1/2 with one of two wrong.
    """
    q, wrong = quality, 1 - quality
    return {
        1.0: (q * q + q) / 2,
        2 / 3: q * wrong * 0.25,
        0.5: q * wrong * 0.75,
        0.0: (wrong * wrong + wrong) / 2,
    }


def implied(quality: float) -> tuple[float, float]:
    """Return mean and variance of the score that a quality implies."""
    law = law_of_scores(quality)
    mean = sum(score * chance for score, chance in law.items())
    return mean, sum((score - mean) ** 2 * chance for score, chance in law.items())


def quality_p(entries: Sequence[Entry], quality: Callable[[int], float]) -> float:
    """Return the p-value of judged scores whose quality at each instant is given."""
    judged = [(each.score, *implied(quality(each.at))) for each in entries if each.score is not None]
    assert len(judged) > 500
    off = sum(score - mean for score, mean, _ in judged)
    return tails.normal_tails(off / math.sqrt(sum(variance for _, _, variance in judged)))


def always(quality: float) -> Callable[[int], float]:
    return lambda at: quality


QUALITY = 0.985
STEPPING, RAMPING, STILL = CONTRACTS, "contracts-ramping", "contracts-still"
JUDGED = f"""
name: judged
purpose: one endpoint steps, one ramps, and one does neither
seed: 1
clock: {{mode: frozen, at: 2026-03-02T00:00:00Z}}
start:
  balance_usd: 50
  requests:
    - request: POST /v1/endpoints
      body: {{task: contract-key-fields, model: qwen-2, name: {RAMPING}}}
    - request: POST /v1/endpoints
      body: {{task: contract-key-fields, model: qwen-2, name: {STILL}}}
length: 8d
customers: {{count: 5}}
traffic:
  calls_per_day: 9600
  uses: [{{endpoint: {STEPPING}}}, {{endpoint: {RAMPING}}}, {{endpoint: {STILL}}}]
"""
JUDGED_DRIFTS = f"""
drifts:
  - {{kind: quality, subject: {STEPPING}, at: +4d, size: -0.15}}
  - {{kind: quality, subject: {RAMPING}, at: +2d, size: -0.4, shape: ramp, over: 4d}}
"""


@pytest.fixture(scope="module")
def judged(simulator: Simulator) -> tuple[World, list[Entry]]:
    world = played(simulator, JUDGED + JUDGED_DRIFTS, "judged")
    return world, booked(world)


def qualities(world: World) -> dict[str, float]:
    return {each.id: each.quality for each in tables.endpoints.endpoints(world)}


def test_judged_quality_before_and_after_a_step_is_what_its_size_implies(judged: tuple[World, list[Entry]]) -> None:
    """Each check has 1e-6, both ways: 4.9 standard deviations."""
    entries = of(judged[1], STEPPING)
    before, after = between(entries, 0, 4), between(entries, 4, 8)

    assert quality_p(before, always(QUALITY)) > 1e-6
    assert quality_p(after, always(QUALITY - 0.15)) > 1e-6
    for wrong in (QUALITY, QUALITY - 0.10, QUALITY - 0.20):
        assert quality_p(after, always(wrong)) < 1e-6
    assert quality_p(before, always(QUALITY - 0.03)) < 1e-6
    by_a_day = between(entries, 3.5, 4) + between(entries, 4.5, 8)
    assert quality_p(by_a_day, always(QUALITY - 0.15)) < 1e-6


def test_judged_quality_within_a_ramp_is_what_its_level_implies(judged: tuple[World, list[Entry]]) -> None:
    """Each check has 1e-6, both ways: 4.9 standard deviations."""
    entries, own = of(judged[1], RAMPING), qualities(judged[0])[RAMPING]

    def ramp(at: int, size: float = 0.4, over: float = 4.0) -> float:
        return own - size * min(1.0, max(0.0, (at - START - 2 * DAY) / (over * DAY)))

    assert quality_p(between(entries, 0, 2), ramp) > 1e-6
    for start in (2, 3, 4, 5):
        assert quality_p(between(entries, start, start + 1), ramp) > 1e-6
    middle, last = between(entries, 3.5, 4.5), between(entries, 6, 8)
    assert quality_p(middle, always(own - 0.2)) > 1e-6
    assert quality_p(last, always(own - 0.4)) > 1e-6

    assert quality_p(middle, always(own)) < 1e-6, "not yet"
    assert quality_p(middle, always(own - 0.4)) < 1e-6, "at once"
    assert quality_p(between(entries, 2, 6), lambda at: ramp(at, over=2)) < 1e-6, "twice as fast"


def test_judged_quality_is_still_where_nothing_drifts(judged: tuple[World, list[Entry]]) -> None:
    """Each check has 1e-6, both ways: 4.9 standard deviations."""
    entries, own = of(judged[1], STILL), qualities(judged[0])[STILL]

    for start, end in ((0, 2), (2, 4), (4, 6), (6, 8)):
        assert quality_p(between(entries, start, end), always(own)) > 1e-6
    assert quality_p(entries, always(own - 0.03)) < 1e-6


def test_scores_are_those_of_answers_with_fields_wrong_or_left_out(judged: tuple[World, list[Entry]]) -> None:
    found = Counter(round(score, 6) for score in scores(between(of(judged[1], STEPPING), 4, 8)))

    def p(quality: float) -> float:
        law = {round(score, 6): chance for score, chance in law_of_scores(quality).items()}
        assert set(found) <= set(law)
        return tails.shares([found[score] for score in law], list(law.values()))

    assert p(QUALITY - 0.15) > ALPHA
    assert p(QUALITY - 0.08) < ALPHA


def f1(answer: Mapping[str, Any], right: Mapping[str, Any]) -> float:
    """Return the F1 of an answer, by the book."""
    agreed = len([name for name, value in answer.items() if right.get(name) == value])
    return 2 * agreed / (len(answer) + len(right))


def test_every_score_follows_from_an_answer_made_then(judged: tuple[World, list[Entry]]) -> None:
    """Not statistical: answers are made again from the chances of each call, and scored here."""
    world, entries = judged
    script = parse(JUDGED + JUDGED_DRIFTS, "judged.yaml")
    usage = Usage(script, Draws(1), ())
    chances = {ask.key: ask.chances for hour in range(START, START + 8 * DAY, HOUR) for ask in usage.openings(hour)}
    _, task = tables.endpoints.find_served(world, STEPPING)
    assert task is not None
    rights = [example["expected_output"] for example in task.body["examples"]]
    specimens = specimens_of(task, lambda task, text: {})
    checked = Counter[bool]()

    for call in of(entries, STEPPING):
        assert call.conversation is not None
        drawn = chances[call.conversation]
        assert (call.score is not None) == (drawn.judge < JUDGED_SHARE)
        if call.score is None:
            continue
        is_after = call.at >= START + 4 * DAY
        right, number = pick(rights, drawn.answer)
        specimen: Specimen = specimens[rights.index(right)]
        answer = specimen.answer(slips(len(right), QUALITY - 0.15 * is_after, number, further))
        assert call.score == pytest.approx(f1(answer, right), abs=1e-6)
        checked[call.score < 1] += 1

    assert min(checked.values()) > 200


# Other drifts

SPLIT = 1.37
LATENCY = {"median": 900.0, "p99": 4000.0}
DRIFTING = f"""
name: drifting
purpose: one thing drifts after the other
seed: 1
clock: {{mode: frozen, at: 2026-03-02T00:00:00Z}}
start:
  balance_usd: 500
  requests: {COST}
    - request: POST /v1/endpoints
      body: {{task: general-chat, model: qwen-1, name: {CHAT}}}
length: 6d
customers: {{count: 20, sizes: {{largest: 5}}}}
traffic:
  calls_per_day: 4800
  hours: {[1] * 24}
  weekdays: {[1] * 7}
  uses:
    - {{endpoint: {CONTRACTS}}}
    - {{endpoint: {CHAT}}}
    - {{endpoint: {AUTO}, share: 2, latency_ms: {{median: 900, p99: 4000}}}}
{EVENTS}
"""
DRIFTS = f"""
drifts:
  - {{kind: price, subject: {CONTRACTS}, at: +2d, size: {SPLIT}}}
  - {{kind: price, subject: {CHAT}, at: +3d, size: {SPLIT}}}
  - {{kind: latency, subject: {AUTO}, at: +2d, size: 4, from_quantile: 0.99}}
  - {{kind: token_mix, subject: {CHAT}, at: +2d, size: 1.8}}
  - {{kind: customer_mix, subject: customer-001, at: +3d, end: +4d, size: 6}}
  - {{kind: error_rate, subject: {AUTO}, at: +4d, end: +102h, size: 0.3}}
  - {{kind: traffic, at: +5d, end: +132h, size: 2.5}}
"""


@pytest.fixture(scope="module")
def worlds(simulator: Simulator) -> tuple[World, World]:
    """Two worlds of one seed: one that is steady, and one in which everything drifts."""
    return played(simulator, DRIFTING, "still"), played(simulator, DRIFTING + DRIFTS, "drifting")


@pytest.fixture(scope="module")
def still(worlds: tuple[World, World]) -> list[Entry]:
    return booked(worlds[0])


@pytest.fixture(scope="module")
def moving(worlds: tuple[World, World]) -> list[Entry]:
    return booked(worlds[1])


def slower_p(entries: Sequence[Entry], than_ms: float, share: float) -> float:
    """Return the p-value of a share of calls being slower than so many milliseconds."""
    return tails.share(sum(call.latency_us > than_ms * 1000 for call in entries), len(entries), share)


def test_a_regression_of_the_slowest_leaves_the_median_and_scales_the_99th_percentile(
    still: list[Entry], moving: list[Entry]
) -> None:
    """Each check has 1e-6."""
    before, after = between(of(moving, AUTO), 0, 2), between(of(moving, AUTO), 2, 6)
    median, p99 = LATENCY.values()

    for entries in (before, after):
        assert slower_p(entries, median, 0.5) > 1e-6
        assert slower_p(entries, p99, 0.01) > 1e-6
        assert slower_p(entries, 1.2 * median, 0.5) < 1e-6
    assert slower_p(after, 4 * p99 * 0.999, 0.01) > 1e-6, "all of the slowest hundredth takes four times as long"
    assert not [call for call in after if 1.001 * p99 < call.latency_us / 1000 < 3.999 * p99]
    assert slower_p(before, 4 * p99 * 0.999, 0.01) < 1e-6
    assert slower_p(between(of(still, AUTO), 2, 6), 4 * p99 * 0.999, 0.01) < 1e-6
    assert slower_p(after, 1.25 * 4 * p99, 0.01) < 1e-6, "by another factor"


def test_a_regression_of_the_slowest_is_nowhere_else(still: list[Entry], moving: list[Entry]) -> None:
    calls = [[(call.conversation, call.latency_us) for call in between(of(entries, CONTRACTS), 0, 3)]
             for entries in (still, moving)]  # fmt: skip

    assert calls[0] == calls[1]


def test_calls_fail_as_often_as_the_outage_says_and_only_then(still: list[Entry], moving: list[Entry]) -> None:
    """1e-6 each. Attempts are independent, whichever call they are of."""
    tried = [call for call in moving if call.endpoint == AUTO]
    failed = [call for call in moving if call.status != 200]
    during = between(tried, 4, 4.25)

    assert failed == [call for call in during if call.status != 200]
    assert {call.endpoint for call in failed} == {AUTO}
    assert tails.share(len(failed), len(during), 0.3) > 1e-6
    for wrong in (0.18, 0.42):
        assert tails.share(len(failed), len(during), wrong) < 1e-6
    assert not [call for call in still if call.status != 200]


def drifted(listed: int) -> int:
    return int((listed * Decimal(str(SPLIT))).quantize(Decimal(1), ROUND_HALF_UP))


def test_every_debit_has_the_price_factor_exactly(worlds: tuple[World, World], moving: list[Entry]) -> None:
    """Not statistical. A call of contracts costs 90 micro-dollars, one of chats a micro-dollar for each token."""
    listed: Mapping[str, Callable[[Entry], int]] = {
        CONTRACTS: lambda call: 90, CHAT: lambda call: call.prompt_tokens + call.completion_tokens,
    }  # fmt: skip
    for endpoint, onset in ((CONTRACTS, 2), (CHAT, 3)):
        calls = of(moving, endpoint)
        before, after = between(calls, 0, onset), between(calls, onset, 6)
        assert len(before) > 1000 < len(after)
        assert [call.cost_micro_usd for call in before] == list(map(listed[endpoint], before))
        assert [call.cost_micro_usd for call in after] == [drifted(listed[endpoint](call)) for call in after]
    debits = worlds[1].store.all(
        "SELECT -amount_micro_usd FROM pareta_ledger WHERE world = ? AND kind = 'debit' AND at >= ? ORDER BY 1",
        (worlds[1].id, START),
    )
    assert [debit for (debit,) in debits] == sorted(call.cost_micro_usd for call in moving if call.status == 200)


TOKENS = {"prompt_tokens": (400.0, 4000.0), "completion_tokens": (120.0, 900.0)}
"""Median and 99th percentile, which scenarios have where they do not say."""


def tokens_p(entries: Sequence[Entry], name: str, factor: float) -> float:
    """Return the p-value of the mean logarithm of tokens, which are log-normal."""
    median, p99 = TOKENS[name]
    sigma = math.log(p99 / median) / NormalDist().inv_cdf(0.99)
    mean = fmean(math.log(getattr(call, name) + 0.5) for call in entries)
    return tails.normal_tails((mean - math.log(factor * median)) / sigma * math.sqrt(len(entries)))


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_mix_has_its_factor_and_as_many_calls(name: str, still: list[Entry], moving: list[Entry]) -> None:
    """Each check has 1e-6."""
    before, after = between(of(moving, CHAT), 0, 2), between(of(moving, CHAT), 2, 5)

    assert tokens_p(before, name, 1) > 1e-6
    assert tokens_p(after, name, 1.8) > 1e-6
    assert tokens_p(between(of(moving, CONTRACTS), 2, 5), name, 1) > 1e-6
    for wrong in (1.0, 1.5, 2.15):
        assert tokens_p(after, name, wrong) < 1e-6
    # One by one, until customers are mixed in another way.
    pairs = list(zip(between(of(still, CHAT), 2, 3), between(of(moving, CHAT), 2, 3), strict=True))
    assert all((one.at, one.conversation) == (other.at, other.conversation) for one, other in pairs)
    assert all(getattr(other, name) == pytest.approx(1.8 * getattr(one, name), abs=1.5) for one, other in pairs)


def test_a_spike_of_traffic_has_its_factor_and_its_time(moving: list[Entry]) -> None:
    """Each check has 1e-6; numbers of conversations, which a failed call does not change."""
    talks = [each[0] for each in conversations(moving)]

    for start, end, factor in ((0, 3, 1), (3, 4, 1), (5, 5.5, 2.5), (5.5, 6, 1)):
        found, expected = len(between(talks, start, end)), (end - start) * 4800
        assert tails.count(found, expected * factor) > 1e-6
        for wrong in (0.85, 1.15):
            assert tails.count(found, expected * factor * wrong) < 1e-6


def test_a_customers_share_is_what_the_mix_says(worlds: tuple[World, World], moving: list[Entry]) -> None:
    """1e-6 each; who called is what was reported to Paygentic, for calls that were answered."""
    world = worlds[1]
    (largest,) = world.store.one(
        "SELECT id FROM paygentic_customers WHERE world = ? AND external_id = 'customer-001'", (world.id,)
    ) or (None,)
    reported = world.store.all("SELECT at, subject FROM paygentic_events WHERE world = ?", (world.id,))
    weights = [customer.weight for customer in Usage(parse(DRIFTING, "drifting.yaml"), Draws(1), ()).customers]

    def p(start: float, end: float, factor: float) -> float:
        calls = [subject for at, subject in reported if START + start * DAY <= at < START + end * DAY]
        share = factor * weights[0] / (factor * weights[0] + sum(weights[1:]))
        return tails.share(calls.count(largest), len(calls), share)

    assert len(reported) == sum(call.status == 200 for call in moving)
    assert p(0, 3, 1) > 1e-6
    assert p(3, 4, 6) > 1e-6
    assert p(5, 6, 1) > 1e-6
    for wrong in (1, 4.5, 8):
        assert p(3, 4, wrong) < 1e-6


# Customers and conversations

CROWD = 400
SHAPE, LARGEST = 1.1, 1000.0
CROWDED = f"""
name: crowded
purpose: many customers, of very different sizes
seed: 1
clock: {{mode: frozen, at: 2026-03-02T00:00:00Z}}
start:
  balance_usd: 50
  requests: {COST}
length: 4d
customers: {{count: {CROWD}, sizes: {{alpha: {SHAPE}, largest: {LARGEST}}}}}
traffic:
  calls_per_day: 6000
  hours: {[1] * 24}
  weekdays: {[1] * 7}
  conversation: {{turns: 2.5, think_time: {{median: 10s, p99: 2m}}}}
  uses: [{{endpoint: {CONTRACTS}}}]
{EVENTS}
"""
TALKS = 4 * 6000 / 2.5


@pytest.fixture(scope="module")
def crowd(simulator: Simulator) -> World:
    return played(simulator, CROWDED, "crowded")


@pytest.fixture(scope="module")
def crowded(crowd: World) -> list[Entry]:
    return booked(crowd)


def tail_index(spend: Sequence[float]) -> float:
    """Return Hill's estimate of the tail index, from the largest quarter."""
    largest = sorted(spend)[-(len(spend) // 4) :]
    return 1 / fmean(math.log(each / largest[0]) for each in largest[1:])


def made_up(alpha: float, seed: int) -> list[int]:
    """Return how many calls customers would make, simulated another way: their sizes of Pareto's law, cut off."""
    draw = random.Random(f"{alpha} {seed}")
    sizes = [(1 - draw.random() * (1 - LARGEST**-alpha)) ** (-1 / alpha) for _ in range(CROWD)]
    found = []
    for size in sizes:
        mean = TALKS * size / sum(sizes)
        calls, at = 0, draw.expovariate(mean)
        while at < 1:
            calls += 1 + int(math.log(1 - draw.random()) / math.log(1 - 1 / 2.5))
            at += draw.expovariate(mean)
        found.append(calls)
    return found


def test_what_customers_spend_has_the_tail_of_paretos_law(crowd: World) -> None:
    """1e-6, against 60 worlds made up another way, whose tail indices are close to normal."""
    data = crowd.store.all(
        "SELECT subject, SUM(json_extract(data, '$.cost_usd')) FROM paygentic_events WHERE world = ? GROUP BY 1",
        (crowd.id,),
    )
    found = tail_index([spend for _, spend in data])

    def p(alpha: float) -> float:
        indices = [tail_index(made_up(alpha, seed)) for seed in range(60)]
        mean = fmean(indices)
        deviation = math.sqrt(fmean((each - mean) ** 2 for each in indices))
        return tails.normal_tails((found - mean) / deviation)

    assert p(SHAPE) > 1e-6
    for wrong in (0.5, 3.0):
        assert p(wrong) < 1e-6


def test_conversations_come_independently_of_one_another(crowded: list[Entry]) -> None:
    """ALPHA for three checks: neither in bursts nor too regularly."""
    opened = [each[0].at - START for each in conversations(crowded)]
    called = [call.at - START for call in crowded]

    def p_values(instants: Sequence[int]) -> tuple[float, float, float]:
        per_hour = Counter(at // HOUR for at in instants)
        gaps = [(b - a) / HOUR for a, b in zip([0, *instants], instants, strict=False)]
        rate = len(instants) / 96
        return (
            tails.counts([per_hour[n] for n in range(96)], [len(instants) / 96] * 96),
            tails.uniform(at / (96 * HOUR) for at in instants),
            tails.of_law(gaps, lambda gap: -math.expm1(-rate * gap)),
        )

    assert min(p_values(opened)) > ALPHA / 3
    assert min(p_values(called)) < ALPHA / 3, "calls come in conversations"
    assert min(p_values([round((n + 0.5) * 96 * HOUR / len(opened)) for n in range(len(opened))])) < ALPHA / 3


def test_conversations_that_were_held_are_as_long_as_geometry_says(crowded: list[Entry]) -> None:
    """Those that were over before the traffic was; ALPHA."""
    lengths = [len(each) for each in conversations(crowded) if each[0].at < START + 3 * DAY]

    def p(mean: float) -> float:
        chances = [(1 - 1 / mean) ** n / mean for n in range(12)]
        found = [lengths.count(n) for n in range(1, 13)]
        return tails.shares([*found, len(lengths) - sum(found)], [*chances, 1 - sum(chances)])

    assert all([call.turn for call in each] == list(range(len(each))) for each in conversations(crowded))
    assert p(2.5) > ALPHA
    assert p(2.7) < ALPHA


# Judges


def test_the_judge_looks_at_its_share_of_answers(crowded: list[Entry]) -> None:
    judged = len(scores(crowded))

    assert tails.share(judged, len(crowded), JUDGED_SHARE) > ALPHA
    assert tails.share(judged, len(crowded), 0.9 * JUDGED_SHARE) < ALPHA


def related(entries: Sequence[Entry], one: Callable[[Entry], float], other: Callable[[Entry], float]) -> float:
    """Return the p-value of no rank correlation."""
    draw = random.Random(1)
    columns = [[(place + 0.5) / len(entries) for place in ranks([of_call(call) for call in entries], draw)]
               for of_call in (one, other)]  # fmt: skip
    return tails.uncorrelated(*columns)


def alike(entries: Sequence[Entry], value: Callable[[Entry], float]) -> float:
    """Return the p-value of scores being alike in each twentieth of calls by a value; also of what a rank misses."""
    ordered = sorted(entries, key=value)
    groups = [[score_of(call) for call in ordered[n * len(ordered) // 20 : (n + 1) * len(ordered) // 20]]
              for n in range(20)]  # fmt: skip
    mean = fmean(map(score_of, entries))
    variance = fmean((score_of(call) - mean) ** 2 for call in entries)
    return tails.chi_square_tail(sum((fmean(each) - mean) ** 2 * len(each) for each in groups) / variance, 19)


def test_scores_have_nothing_to_do_with_how_long_calls_take_or_are(judged: tuple[World, list[Entry]]) -> None:
    """ALPHA for eleven checks, among scores that vary."""
    entries = [call for call in between(of(judged[1], STEPPING), 4, 8) if call.score is not None]
    values: list[Callable[[Entry], float]] = [
        lambda call: call.latency_us, lambda call: call.prompt_tokens, lambda call: call.completion_tokens,
        lambda call: call.latency_us - PER_TOKEN_US * call.completion_tokens, lambda call: call.at,
    ]  # fmt: skip

    for value in values:
        assert related(entries, score_of, value) > ALPHA / 11
        assert alike(entries, value) > ALPHA / 11
        highest = sorted(map(value, entries))[-len(entries) // 5]
        unfair = [call._replace(score=0.0) if value(call) >= highest else call for call in entries]
        assert related(unfair, score_of, value) < ALPHA / 11
        middle = sorted(map(value, entries))[len(entries) // 2]
        unfair = [call._replace(score=0.0) if middle <= value(call) <= 1.1 * middle else call for call in entries]
        if value(entries[0]) < START:  # an instant has no ratio
            assert alike(unfair, value) < ALPHA / 11
    unjudged = [call._replace(score=float(call.score is not None)) for call in of(judged[1], STEPPING)]
    assert related(unjudged, score_of, lambda call: call.latency_us) > ALPHA / 11


def score_of(call: Entry) -> float:
    assert call.score is not None
    return call.score
