"""What a flawed answer is worth is what its mistakes make of it, and mistakes come as often as a quality says."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import sqrt
from statistics import mean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.comparing import normalised
from mockserver.vendors.pareta.domain.predictions import reword
from mockserver.vendors.pareta.domain.scoring import SCORERS, field_f1
from mockserver.vendors.pareta.domain.specimens import WAYS, Slips, Specimen, slips, specimens_of
from tests.vendors.pareta.domain.samples import DRAWS, TEXT, classifier, draws_of, task

FIELDS = {"effective_date": "2026-01-31", "governing_law": "Delaware", "party_a": "Acme GmbH", "party_b": None}
PROSE = "Copper is used in wiring. It conducts well, bends easily, and costs 9 dollars. Little else does all of that."
CODE = "def double(n):\n    return n + n\n\nprint(double(4) == 8)\n"
STREAM = DRAWS.stream("specimens")
NUMBERS = [STREAM() for _ in range(40_000)]
CHAT = task({"response": TEXT}, name="general-chat", scorer="judge_panel", strategy="judge")
SQL = task({"sql": TEXT}, name="text-to-sql", scorer="execution_accuracy", strategy="execution")

numbers = st.floats(0, 1, exclude_max=True)
qualities = st.floats(0, 1)


def further(number: float, n: int) -> float:
    return DRAWS.uniform("further", repr(number), n)


def never(number: float, n: int) -> float:
    raise AssertionError("one number is enough")


# How often what goes wrong


def is_near(count: int, trials: int, share: float) -> bool:
    """Whether it is within five standard deviations: chance alone leaves that once in two million."""
    return abs(count - trials * share) <= 5 * sqrt(trials * share * (1 - share))


@pytest.mark.parametrize(("parts", "quality"), [(1, 0.9), (3, 0.8), (5, 0.985), (5, 0.4), (2, 0.0), (4, 1.0), (0, 0.5)])
def test_parts_go_wrong_one_by_one_each_as_often_as_the_next(parts: int, quality: float) -> None:
    found = Counter(tuple(place for place, _ in slips(parts, quality, number, further)) for number in NUMBERS)

    for count in range(parts + 1):
        for wrong in combinations(range(parts), count):
            share = (1 - quality) ** count * quality ** (parts - count)
            assert is_near(found[wrong], len(NUMBERS), share), wrong


def test_each_way_of_going_wrong_is_as_likely_as_the_next_and_says_nothing_of_the_next_part() -> None:
    pairs = Counter(
        tuple(way for _, way in found) for number in NUMBERS if len(found := slips(2, 0.4, number, never)) == 2
    )

    assert len(pairs) == WAYS * WAYS
    assert all(is_near(count, pairs.total(), 1 / WAYS**2) for count in pairs.values())


@pytest.mark.parametrize("quality", [0.2, 0.5, 0.9])
def test_a_long_answer_goes_wrong_to_its_end(quality: float) -> None:
    parts, trials = 200, 400

    wrong = Counter(place for number in NUMBERS[:trials] for place, _ in slips(parts, quality, number, further))

    assert all(is_near(wrong[place], trials, 1 - quality) for place in range(parts))


@given(st.integers(0, 30), qualities, numbers)
def test_slips_are_in_order_and_a_pure_function(parts: int, quality: float, number: float) -> None:
    found = slips(parts, quality, number, further)

    assert [place for place, _ in found] == sorted({place for place, _ in found})
    assert all(0 <= place < parts and 0 <= way < WAYS for place, way in found)
    assert found == slips(parts, quality, number, further)


# What that is worth


def by_hand(right: dict[str, Any], wrong: Slips) -> float:
    """The F1 of the fields, from nothing but which are wrong: a quarter of the ways leaves one out."""
    wanted = [name for name, value in right.items() if value is not None]
    bad = dict(wrong)
    gone = [
        place for place, way in wrong if list(right.values())[place] is not None and len(right) > 1 and way < WAYS / 4
    ]
    hits = sum(place not in bad for place, value in enumerate(right.values()) if value is not None)
    invented = sum(place in bad for place, value in enumerate(right.values()) if value is None)
    size = len(wanted) + (len(wanted) - len(gone)) + invented
    return 2 * hits / size


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["x y", "2026-01-02", 3, None, "INV-7"]), min_size=1),
    qualities,
    numbers,
)
def test_fields_are_worth_what_is_right_about_them(right: dict[str, Any], quality: float, number: float) -> None:
    specimen = Specimen(task(), right)
    wrong = slips(len(right), quality, number, further)

    worth = specimen.worth(quality, number, further)

    if any(value is not None for value in right.values()):
        assert worth == pytest.approx(by_hand(right, wrong))
    assert worth == field_f1(specimen.answer(wrong), right)
    assert worth == specimen.worth(quality, number, further), "the second time it is remembered"
    assert (specimen.answer(wrong) is right) == (not wrong)


def test_a_label_is_right_or_taken_for_another() -> None:
    specimen = Specimen(classifier("invoice", "contract", "letter"), {"label": "letter"})

    assert specimen.score(()) == 1
    assert {specimen.score(((0, way),)) for way in range(WAYS)} == {0}
    assert {specimen.answer(((0, way),))["label"] for way in range(WAYS)} == {"invoice", "contract"}


def test_a_statement_with_a_mistake_is_another_statement() -> None:
    for sql in ("SELECT name FROM products WHERE price > 100", "SELECT a FROM b;", "SELECT a FROM b LIMIT 3"):
        specimen = Specimen(SQL, {"sql": sql})

        assert specimen.parts == 1
        assert specimen.score(()) == 1
        assert {specimen.score(((0, way),)) for way in range(WAYS)} == {0}


@pytest.mark.parametrize(("text", "name", "kind"), [(PROSE, "response", CHAT), (CODE, "response", CHAT)])
@pytest.mark.parametrize("quality", [0.6, 0.85, 0.97])
def test_a_text_is_worth_what_requests_would_earn_with_it(text: str, name: str, kind: Any, quality: float) -> None:
    specimen = Specimen(kind, {name: text})
    trials = 3000

    ours = [specimen.worth(quality, number, further) for number in NUMBERS[:trials]]
    theirs = [
        SCORERS[kind.default_scorer]({name: reword(text, quality, draws_of(n))}, {name: text}) for n in range(trials)
    ]

    assert mean(ours) == pytest.approx(mean(theirs), abs=0.02)
    assert len(set(ours)) > 5


def test_a_text_with_a_mistake_is_never_the_text() -> None:
    specimen = Specimen(CHAT, {"response": PROSE})

    for place in range(specimen.parts):
        for way in range(WAYS):
            assert normalised(specimen.answer(((place, way),))["response"]) != normalised(PROSE)


@given(qualities, numbers)
def test_nothing_asked_for_is_nothing_wrong(quality: float, number: float) -> None:
    assert Specimen(task(), {}).worth(quality, number, further) == 1


def test_what_is_remembered_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.vendors.pareta.domain.specimens._REMEMBERED", 3)
    specimen = Specimen(task(), FIELDS)

    scores = [specimen.score(((0, way),)) for way in range(WAYS)]

    assert scores == [specimen.score(((0, way),)) for way in range(WAYS)]
    assert len(specimen._worth) == 3


# Which answers are known


def test_the_examples_of_a_task_are_its_right_answers() -> None:
    known = task()
    examples = [{"input": {}, "expected_output": FIELDS}, {"input": {}, "expected_output": "plain"}, {"input": {}}]
    known.body["examples"] = examples  # type: ignore[index]

    (only,) = specimens_of(known, lambda task, text: {"never": "read"})

    assert only.answer(()) is FIELDS


def test_a_task_without_examples_is_read_off_its_description() -> None:
    silent = task()
    silent.body.update(examples=[], description="As of March 3, 2026.")  # type: ignore[attr-defined]

    (only,) = specimens_of(silent, lambda task, text: {"text": text})

    assert only.answer(()) == {"text": "As of March 3, 2026."}
