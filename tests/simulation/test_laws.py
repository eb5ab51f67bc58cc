from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.ids import Draws
from mockserver.simulation.laws import LogNormal, exponential, geometric, normal, pareto, poisson
from tests.simulation import tails
from tests.simulation.tails import ALPHA

SEEDS = (1, 2, 3)
MANY = 20_000
LEVEL = ALPHA / len(SEEDS)
"""Each test here asks once per seed."""

UNIFORM = st.integers(0, 2**53 - 1).map(lambda bits: bits / 2**53)

Law = Callable[[Callable[[], float]], float]
Below = Callable[[float], float]

# The statistics themselves


@pytest.mark.parametrize(
    ("statistic", "degrees", "tail"),
    [
        (3.8415, 1, 0.05),
        (10.8276, 1, 0.001),
        (18.307, 10, 0.05),
        (3.9403, 10, 0.95),
        (124.342, 100, 0.05),
        (1, 2, 0.6065307),
    ],
)
def test_chi_square_is_as_in_the_tables(statistic: float, degrees: int, tail: float) -> None:
    assert tails.chi_square_tail(statistic, degrees) == pytest.approx(tail, rel=2e-4)


@pytest.mark.parametrize(("scaled", "tail"), [(1.2238, 0.10), (1.3581, 0.05), (1.6276, 0.01), (1.9495, 0.001)])
def test_kolmogorov_is_as_in_the_tables(scaled: float, tail: float) -> None:
    n = 100_000
    distance = scaled / (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))
    pushed = [min(1.0, (i + 0.5) / n + distance - 0.5 / n) for i in range(n)]

    assert tails.uniform(pushed) == pytest.approx(tail, rel=1e-3)


# Laws


def drawn(law: Law, seed: int) -> list[float]:
    chance = Draws(seed).stream("a test")
    return [law(chance) for _ in range(MANY)]


def below_log_normal(median: float, p99: float) -> Below:
    sigma = math.log(p99 / median) / NormalDist().inv_cdf(0.99)
    return lambda x: NormalDist().cdf(math.log(x / median) / sigma)


def below_pareto(alpha: float, largest: float) -> Below:
    return lambda x: (1 - x**-alpha) / (1 - largest**-alpha)


RIGHT_AND_WRONG: dict[str, tuple[Law, Below, Below]] = {
    "normal": (lambda u: normal(u()), NormalDist().cdf, NormalDist(0, 1.1).cdf),
    "log-normal": (
        lambda u: LogNormal.fitted(400, 4000).quantile(u()),
        below_log_normal(400, 4000),
        below_log_normal(400, 5000),
    ),
    "pareto's end": (lambda u: pareto(u(), 1.2, 20), below_pareto(1.2, 20), below_pareto(1.2, 1e9)),
    "pareto's tail": (lambda u: pareto(u(), 1.2, 100), below_pareto(1.2, 100), below_pareto(1.3, 100)),
    "exponential": (lambda u: exponential(u(), 3), lambda x: 1 - math.exp(-x / 3), lambda x: 1 - math.exp(-x / 3.3)),
}


@pytest.mark.parametrize(("law", "right", "wrong"), RIGHT_AND_WRONG.values(), ids=RIGHT_AND_WRONG)
def test_numbers_are_of_their_law_and_would_be_found_out_if_not(law: Law, right: Below, wrong: Below) -> None:
    samples = [drawn(law, seed) for seed in SEEDS]

    assert all(tails.of_law(sample, right) > LEVEL for sample in samples)
    assert all(tails.of_law(sample, wrong) < LEVEL for sample in samples)


@pytest.mark.parametrize("mean", [1.2, 3.0, 12.0])
def test_turns_are_geometric(mean: float) -> None:
    def p_value(numbers: list[float], mean: float) -> float:
        most = 1 + int(math.log(0.01) / math.log(1 - 1 / mean))
        boxes = [(1 - 1 / mean) ** (n - 1) / mean for n in range(1, most)]
        found = [numbers.count(n) for n in range(1, most)]
        return tails.shares([*found, len(numbers) - sum(found)], [*boxes, 1 - sum(boxes)])

    for seed in SEEDS:
        numbers = drawn(lambda chance: geometric(chance(), mean), seed)

        assert p_value(numbers, mean) > LEVEL
        assert p_value(numbers, 1.1 * mean) < LEVEL


@pytest.mark.parametrize("mean", [0.7, 8.0, 499.0, 1300.0])
def test_counts_are_poisson(mean: float) -> None:
    """By their boxes where they are small, by mean and variance where they are large."""
    number = 2_000

    def p_values(numbers: list[int], mean: float) -> tuple[float, float]:
        squares = sum((n - mean) ** 2 for n in numbers) / mean
        # Chi-square but for the kurtosis of small counts, which makes squares vary by 1/mean more.
        spread = (squares - number) / math.sqrt(number * (2 + 1 / mean))
        return tails.normal_tails((sum(numbers) - number * mean) / math.sqrt(number * mean)), tails.normal_tails(spread)

    for seed in SEEDS:
        chance = Draws(seed).stream("counts")
        numbers = [poisson(chance, mean) for _ in range(number)]

        assert min(p_values(numbers, mean)) > LEVEL / 2
        assert p_values(numbers, mean * 1.25)[0] < LEVEL / 2
        assert p_values([2 * n for n in numbers[::2]] + [0] * (number // 2), mean)[1] < LEVEL / 2, "in pairs"


@pytest.mark.parametrize("mean", [0.0, -0.0, -1.0])
def test_nothing_is_counted_where_nothing_is_expected(mean: float) -> None:
    assert poisson(lambda: 0.999999, mean) == 0


@given(st.floats(0.001, 1e9), st.floats(1, 1e6))
def test_half_is_below_the_median_and_a_hundredth_above_the_99th_percentile(median: float, ratio: float) -> None:
    law = LogNormal.fitted(median, median * ratio)

    assert law.quantile(0.5) == pytest.approx(median)
    assert law.quantile(0.99) == pytest.approx(median * ratio)


def test_a_law_of_nothing_is_always_nothing() -> None:
    assert LogNormal.fitted(0, 0).quantile(0.999) == 0


@given(UNIFORM, st.floats(0.01, 20), st.floats(1, 1e6))
def test_sizes_have_bounds(uniform: float, alpha: float, largest: float) -> None:
    assert 1 <= pareto(uniform, alpha, largest) <= largest * (1 + 1e-9)


@given(UNIFORM)
def test_every_uniform_number_has_a_quantile(uniform: float) -> None:
    assert -9 < normal(uniform) < 9
    assert 0 <= exponential(uniform, 1) < 37
    assert 1 <= geometric(uniform, 50) < 1900
    assert geometric(uniform, 1) == 1
