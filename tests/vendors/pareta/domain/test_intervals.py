from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.comparing import field_tally, fields_of, label_tally
from mockserver.vendors.pareta.domain.intervals import Estimate, Tally, macro_f1_estimate, wilson
from mockserver.vendors.pareta.domain.predictions import predict
from mockserver.vendors.pareta.domain.scoring import field_f1
from tests.vendors.pareta.domain.samples import draws_of

# Means of scores


@pytest.mark.parametrize(
    ("mean", "count", "low", "high"),
    [
        # The Wilson interval as tabulated in textbooks, to four places.
        (0.5, 10, 0.2366, 0.7634),
        (0.0, 10, 0.0, 0.2775),
        (1.0, 10, 0.7225, 1.0),
        (0.9, 100, 0.8256, 0.9448),
    ],
)
def test_wilson_vectors(mean: float, count: int, low: float, high: float) -> None:
    estimate = wilson(mean, count)

    assert estimate.mean == mean
    assert estimate.low == pytest.approx(low, abs=5e-5)
    assert estimate.high == pytest.approx(high, abs=5e-5)


@given(st.floats(0.001, 0.999), st.integers(1, 10**5))
def test_the_bounds_are_where_the_mean_is_just_plausible(mean: float, count: int) -> None:
    """By Wilson's definition: a true share lies 1.96 of its own standard errors away from the mean."""
    estimate = wilson(mean, count)

    for share in (estimate.low, estimate.high):
        assert abs(mean - share) == pytest.approx(1.95996398454 * math.sqrt(share * (1 - share) / count), abs=1e-9)


def test_without_scores_nothing_is_known() -> None:
    assert wilson(0.7, 0) == Estimate(0.0, 0.0, 1.0)


@given(st.floats(0, 1), st.integers(1, 10**6))
def test_an_interval_holds_its_mean_and_stays_in_the_unit_interval(mean: float, count: int) -> None:
    estimate = wilson(mean, count)

    assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1
    assert estimate.low < estimate.high


@given(st.floats(0, 1), st.integers(1, 10**5))
def test_more_scores_make_the_interval_narrower(mean: float, count: int) -> None:
    few, many = wilson(mean, count), wilson(mean, 4 * count)

    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize("quality", [0.5, 0.88, 0.93])
@pytest.mark.parametrize("count", [20, 87, 200])
def test_the_interval_covers_the_true_quality_of_right_or_wrong_answers(quality: float, count: int) -> None:
    rng = random.Random(f"{quality}/{count}")
    runs = 4000
    covered = 0
    for _ in range(runs):
        estimate = wilson(sum(rng.random() < quality for _ in range(count)) / count, count)
        covered += estimate.low <= quality <= estimate.high

    # The binomial is discrete, so that the coverage swings around its nominal 95%; these are the known bounds
    # for these counts, and 4000 runs blur them by at most one point.
    assert 0.92 <= covered / runs <= 0.98


@pytest.mark.parametrize("quality", [0.7, 0.9])
@pytest.mark.parametrize("count", [20, 87])
def test_the_interval_covers_the_true_quality_of_partly_right_answers(quality: float, count: int) -> None:
    expected = {
        "effective_date": "2026-01-31",
        "party_a": "Acme GmbH",
        "party_b": "Orchard LLC",
        "governing_law": "Ohio",
    }
    pool = [field_f1(predict(expected, quality, draws_of(seed)), expected) for seed in range(10_000)]
    truth = sum(pool) / len(pool)
    rng = random.Random(f"{quality}/{count}")
    runs = 2000
    covered = 0
    for _ in range(runs):
        estimate = wilson(sum(rng.choices(pool, k=count)) / count, count)
        covered += estimate.low <= truth <= estimate.high

    assert covered / runs >= 0.95


# Macro means


def macro_f1_by_hand(given: Sequence[str], wanted: Sequence[str]) -> float:
    """Precision and recall per label, counted one answer at a time."""
    scores = []
    for label in set(given) | set(wanted):
        right = wrong = missed = 0
        for g, w in zip(given, wanted, strict=True):
            right += g == label and w == label
            wrong += g == label and w != label
            missed += g != label and w == label
        precision = right / (right + wrong) if right + wrong else 0.0
        recall = right / (right + missed) if right + missed else 0.0
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return sum(scores) / len(scores) if scores else 0.0


def of_labels(answers: Sequence[tuple[str, str]]) -> Estimate:
    return macro_f1_estimate(Counter(label_tally(g, w) for g, w in answers), len(answers))


pairs = st.lists(st.tuples(*[st.sampled_from(["a", "b", "c", "d"])] * 2), min_size=1, max_size=30)


@given(pairs)
def test_the_macro_mean_of_labels_is_the_mean_of_their_f1(answers: list[tuple[str, str]]) -> None:
    given, wanted = [g for g, _ in answers], [w for _, w in answers]

    estimate = of_labels(answers)

    assert estimate.mean == pytest.approx(macro_f1_by_hand(given, wanted))
    assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1
    assert of_labels([(w, w) for w in wanted]).mean == 1


@pytest.mark.parametrize(
    ("given", "wanted", "mean"),
    [
        # Worked out on paper, as fractions.
        ("aabb", "aabb", Fraction(1)),
        ("aabb", "abab", Fraction(1, 2)),
        ("aaaaaaaaaa", "aaaaaaaaab", Fraction(18, 19) / 2),
        ("abbb", "aabb", (Fraction(2, 3) + Fraction(4, 5)) / 2),
        ("abc", "bca", Fraction(0)),
        ("ax", "ab", Fraction(1, 3)),
    ],
)
def test_macro_vectors(given: str, wanted: str, mean: Fraction) -> None:
    assert of_labels(list(zip(given, wanted, strict=True))).mean == pytest.approx(float(mean))


@pytest.mark.parametrize(
    ("rows", "mean"),
    [
        # (given, expected) by row; each field's F1 over the set, then their mean.
        ([({"a": "1"}, {"a": "1"}), ({"a": "2"}, {"a": "1"})], Fraction(1, 2)),
        ([({"a": "1"}, {"a": "1", "b": "2"}), ({"b": "2"}, {"b": "2"})], (1 + Fraction(2, 3)) / 2),
        ([({"a": "1", "z": "9"}, {"a": "1"})], Fraction(1, 2)),
        ([({}, {"a": "1"}), ({"a": "1"}, {"a": "1"})], Fraction(2, 3)),
        ([({}, {}), ({"a": "1"}, {"a": "1"})], Fraction(1)),
    ],
)
def test_the_macro_mean_of_fields_needs_name_and_value(
    rows: list[tuple[dict[str, str], dict[str, str]]], mean: Fraction
) -> None:
    tallies = Counter(field_tally(fields_of(given), fields_of(wanted)) for given, wanted in rows)

    assert macro_f1_estimate(tallies, len(rows)).mean == pytest.approx(float(mean))


def test_where_nothing_is_named_nothing_was_missed() -> None:
    assert macro_f1_estimate({}, 5) == wilson(1.0, 5)
    assert macro_f1_estimate({(): 5}, 5) == wilson(1.0, 5)


def test_a_single_row_says_next_to_nothing() -> None:
    estimate = of_labels([("a", "a")])

    assert estimate == wilson(1.0, 1)


def test_rows_that_name_nothing_count_as_rows() -> None:
    some = {label_tally("a", "a"): 8, label_tally("b", "a"): 2}

    assert macro_f1_estimate(some, 100).mean == macro_f1_estimate(some, 10).mean
    assert macro_f1_estimate(some, 10) == macro_f1_estimate({**some, (): 0}, 10)


@given(pairs)
def test_the_spread_is_that_of_leaving_out_each_row(answers: list[tuple[str, str]]) -> None:
    """The jackknife by its definition: every row left out in turn, and everything counted anew."""
    rows = len(answers)
    given, wanted = [g for g, _ in answers], [w for _, w in answers]
    without = [
        macro_f1_by_hand([*given[:n], *given[n + 1 :]], [*wanted[:n], *wanted[n + 1 :]]) for n in range(rows)
    ]  # fmt: skip
    middle = sum(without) / rows
    variance = (rows - 1) / rows * sum((value - middle) ** 2 for value in without)
    mean = macro_f1_by_hand(given, wanted)
    touched = Counter(name for answer in answers for name in set(answer))
    worth = min(rows, len(touched) ** 2 / sum(1 / count for count in touched.values()))
    if variance > 1e-15:
        worth = min(worth, max(1.0, mean * (1 - mean) / variance))
    unbiased = min(1.0, max(0.0, rows * mean - (rows - 1) * middle))
    plain, other = wilson(mean, worth), wilson(unbiased, worth)

    estimate = of_labels(answers)

    assert estimate.low == pytest.approx(min(plain.low, other.low), abs=1e-6)
    assert estimate.high == pytest.approx(max(plain.high, other.high), abs=1e-6)


def truth_of_labels(quality: float, shares: Sequence[float]) -> float:
    """The macro F1 of endless rows, where wrong answers fall on the other labels alike."""
    others = len(shares) - 1
    total = 0.0
    for share in shares:
        given = share * quality + (1 - share) * (1 - quality) / others
        total += 2 * share * quality / (given + share)
    return total / len(shares)


def labelled(rng: random.Random, rows: int, quality: float, shares: Sequence[float]) -> Counter[Tally]:
    count = len(shares)
    tallies: Counter[Tally] = Counter()
    for wanted in rng.choices(range(count), shares, k=rows):
        given = wanted if rng.random() < quality else (wanted + rng.randrange(1, count)) % count
        tallies[label_tally(str(given), str(wanted))] += 1
    return tallies


@pytest.mark.parametrize("skew", [0, 1], ids=["even", "skewed"])
@pytest.mark.parametrize("labels", [2, 6, 12])
@pytest.mark.parametrize("rows", [20, 60, 200])
def test_the_interval_covers_the_true_macro_f1_of_labels(rows: int, labels: int, skew: int) -> None:
    shares = [1 / (n + 1) ** skew for n in range(labels)]
    shares = [share / sum(shares) for share in shares]
    rng = random.Random(f"{rows}/{labels}/{skew}")
    runs = 400
    for quality in (0.5, 0.8, 0.95):
        truth = truth_of_labels(quality, shares)
        estimates = [macro_f1_estimate(labelled(rng, rows, quality, shares), rows) for _ in range(runs)]
        covered = sum(estimate.low <= truth <= estimate.high for estimate in estimates) / runs

        # With fewer than two rows a label hardly anything can be said; 400 runs blur a share by one point.
        assert covered >= (0.93 if rows >= 4 * labels else 0.885), quality


def test_wilsons_interval_for_as_many_scores_would_not_cover() -> None:
    """What the test above would find, were the rows of a macro mean taken for its scores."""
    shares = [1 / (n + 1) for n in range(12)]
    shares = [share / sum(shares) for share in shares]
    rng = random.Random(3)
    truth = truth_of_labels(0.95, shares)
    covered = 0
    for _ in range(400):
        mean = macro_f1_estimate(labelled(rng, 60, 0.95, shares), 60).mean
        naive = wilson(mean, 60)
        covered += naive.low <= truth <= naive.high

    assert covered / 400 < 0.85


@pytest.mark.parametrize("present", [1.0, 0.7])
@pytest.mark.parametrize("fields", [1, 5])
@pytest.mark.parametrize("rows", [20, 100])
def test_the_interval_covers_the_true_macro_f1_of_fields(rows: int, fields: int, present: float) -> None:
    rng = random.Random(f"{rows}/{fields}/{present}")
    runs = 300
    for quality in (0.6, 0.9):
        # A quarter of the mistakes leave the field out.
        truth = 2 * quality / (1 + quality + 0.75 * (1 - quality))
        covered = 0
        for _ in range(runs):
            tallies: Counter[Tally] = Counter()
            for _ in range(rows):
                row = []
                for n in range(fields):
                    if rng.random() < present**n:
                        number = rng.random()
                        is_left_out = number >= quality and rng.random() < 0.25
                        row.append((str(n), int(number < quality), 1 if is_left_out else 2))
                tallies[tuple(row)] += 1
            estimate = macro_f1_estimate(tallies, rows)
            covered += estimate.low <= truth <= estimate.high

        assert covered / runs >= 0.93, quality
