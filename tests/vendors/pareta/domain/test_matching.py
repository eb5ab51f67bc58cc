from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.matching import (
    CONFIDENT,
    Candidate,
    Lane,
    TaskMatch,
    Unsupported,
    known_lanes,
    match_task,
    not_done,
)
from mockserver.vendors.pareta.domain.words import word
from tests.vendors.pareta.domain.samples import task

INVOICE = task(name="invoice-extraction", keywords=("bill", "supplier", "total"))
CONTRACT = task(name="contract-kie", keywords=("contract", "scan", "total"))
CHAT_TASK = task(name="general-chat", keywords=("chat", "answer"))
TASKS = (CONTRACT, INVOICE, CHAT_TASK)


def lane(name: str, *keywords: str, own: str | None = None, since: tuple[int, int] = (0, 2)) -> Lane:
    return Lane(name, name.title(), "Category", "category", "What it does.", own, since, keywords)


CHAT = lane("chat", "chat", "rewrite", "song", own="general-chat")
PICTURES = lane("image-gen", "generate", "draw", "picture", since=(1, 2))
NO_PICTURES = Unsupported("making pictures", (1, 2), ("generate", "draw", "picture"))
NO_SONGS = Unsupported("making music", None, ("compose", "song", "music"))
LANES, AREAS = (CHAT, PICTURES), (NO_SONGS, NO_PICTURES)


def weight(*words: str) -> float:
    return sum(word(each).weight for each in words)


@pytest.mark.parametrize(
    ("query", "kind", "names"),
    [
        ("Totals from our supplier BILLS", "task", ["invoice-extraction", "contract-kie"]),
        ("invoices", "task", ["invoice-extraction"]),
        ("scanned contracts", "task", ["contract-kie"]),
        ("the bill of my dreams", "task", ["invoice-extraction"]),
        ("a bill, some granite, basalt, marble and slate", "none", ["invoice-extraction"]),
        ("knit a sweater", "none", []),
        ("the of and", "none", []),
        ("?!", "none", []),
        ("", "none", []),
        ("total", "task", ["contract-kie", "invoice-extraction"]),
        ("rewrite this", "capability", []),
        ("chat about the scan", "task", ["contract-kie"]),
        ("chat about a song about the scan", "capability", ["contract-kie"]),
        ("compose a song", "unsupported", []),
        ("compose music about a supplier", "unsupported", ["invoice-extraction"]),
        ("a song about the scan", "task", ["contract-kie"]),
        ("a song", "capability", []),
        ("general", "none", []),
    ],
)
def test_what_fits_best_is_a_task_a_lane_or_a_refusal(query: str, kind: str, names: list[str]) -> None:
    match = match_task(query, TASKS, AREAS[:1], 5, LANES)

    assert (match.kind, match.query) == (kind, query)
    assert [candidate.task.id for candidate in match.candidates] == names
    assert match.chosen == (match.candidates[0] if kind == "task" else None)
    assert match.lane == (CHAT if kind == "capability" else None)


def test_tasks_score_by_the_weight_of_the_words_that_describe_them() -> None:
    match = match_task("scan the supplier bill", TASKS, (), 5)

    whole = weight("scan", "supplier", "bill")
    assert [(each.task.id, each.score) for each in match.candidates] == [
        ("invoice-extraction", round(weight("supplier", "bill") / whole, 4)),
        ("contract-kie", round(weight("scan") / whole, 4)),
    ]


def test_words_that_describe_nothing_count_a_third() -> None:
    (found,) = match_task("a bill made of granite", (INVOICE,), (), 5).candidates

    assert found.score == round(weight("bill") / (weight("bill") + weight("made", "granite") / 3), 4)


def test_a_lanes_own_task_is_a_candidate_to_those_only_who_know_no_lanes() -> None:
    without, with_lanes = match_task("chat", TASKS, (), 5), match_task("chat", TASKS, (), 5, LANES)

    assert (without.kind, without.chosen) == ("task", Candidate(CHAT_TASK, 1.0))
    assert (with_lanes.kind, with_lanes.lane, with_lanes.candidates) == ("capability", CHAT, ())


def test_no_more_candidates_than_asked_for() -> None:
    assert [c.task.id for c in match_task("total", TASKS, (), 1).candidates] == ["contract-kie"]


@pytest.mark.parametrize(
    ("release", "lanes", "areas"),
    [
        ((0, 1), [], AREAS),
        ((0, 2), [CHAT], AREAS),
        ((1, 1), [CHAT], AREAS),
        ((1, 2), [CHAT, PICTURES], (NO_SONGS,)),
        ((3, 0), [CHAT, PICTURES], (NO_SONGS,)),
        (None, [CHAT, PICTURES], (NO_SONGS,)),
    ],
)
def test_what_was_refused_becomes_a_lane(release: Any, lanes: list[Lane], areas: tuple[Unsupported, ...]) -> None:
    assert known_lanes(LANES, release) == lanes
    assert not_done(AREAS, release) == list(areas)
    match = match_task("draw a picture", TASKS, not_done(AREAS, release), 5, known_lanes(LANES, release))
    assert match.kind == ("capability" if PICTURES in lanes else "unsupported")


vocabulary = st.sampled_from("bill supplier total contract scan chat rewrite draw song compose granite the 7 ?".split())


@given(st.lists(vocabulary, max_size=12), st.integers(1, 4))
def test_scores_are_shares_in_order_and_decide(query: list[str], top_k: int) -> None:
    match = match_task(" ".join(query), TASKS, AREAS, top_k, LANES)

    scores = [candidate.score for candidate in match.candidates]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert len(scores) <= top_k
    assert (match.chosen is not None) == (match.kind == "task")
    assert (match.lane is not None) == (match.kind == "capability")
    if match.chosen:
        assert match.chosen.score >= CONFIDENT
    if match.kind == "none":
        assert all(score < CONFIDENT for score in scores)


@pytest.mark.parametrize(
    ("score", "word"), [(1.0, "high"), (0.75, "high"), (0.7499, "medium"), (0.5, "medium"), (0.4999, "low")]
)
def test_confidence_in_words(score: float, word: str) -> None:
    assert Candidate(INVOICE, score).confidence == word


@pytest.mark.parametrize(
    ("kind", "scores", "expected"),
    [
        ("task", [], False),
        ("task", [0.9], False),
        ("task", [0.9, 0.9], True),
        ("task", [0.9, 0.86], True),
        ("task", [0.9, 0.8], False),
        ("none", [0.3, 0.3], True),
        ("capability", [0.3, 0.3], False),
        ("unsupported", [0.3, 0.3], False),
    ],
)
def test_close_candidates_are_ambiguous(kind: Any, scores: list[float], expected: bool) -> None:
    match = TaskMatch("q", kind, tuple(Candidate(INVOICE, score) for score in scores))

    assert match.is_ambiguous is expected
