from __future__ import annotations

import pytest

from mockserver.vendors.pareta.domain.matching import Candidate, TaskMatch, match_task
from tests.vendors.pareta.domain.samples import task

INVOICE = task(name="invoice-extraction", keywords=("bill", "supplier", "total"))
CONTRACT = task(name="contract-kie", keywords=("contract", "scan", "total"))
TASKS = (CONTRACT, INVOICE)


@pytest.mark.parametrize(
    ("query", "kind", "names", "scores"),
    [
        ("Totals from our supplier BILLS", "task", ["invoice-extraction", "contract-kie"], [1.0, 0.3333]),
        ("invoices", "task", ["invoice-extraction"], [1.0]),
        ("the bill of my dreams", "task", ["invoice-extraction"], [0.5]),
        ("the bill of wild dreams", "none", ["invoice-extraction"], [0.3333]),
        ("play a video", "unsupported", [], []),
        ("video of a bill", "task", ["invoice-extraction"], [0.5]),
        ("knit a sweater", "none", [], []),
        ("the of and", "none", [], []),
        ("?!", "none", [], []),
        ("total", "task", ["contract-kie", "invoice-extraction"], [1.0, 1.0]),
    ],
)
def test_tasks_rank_by_the_share_of_words_that_describe_them(
    query: str, kind: str, names: list[str], scores: list[float]
) -> None:
    match = match_task(query, TASKS, frozenset({"video"}), 5)

    assert match.kind == kind
    assert match.query == query
    assert [candidate.task.id for candidate in match.candidates] == names
    assert [candidate.score for candidate in match.candidates] == scores
    assert match.chosen == (match.candidates[0] if kind == "task" else None)


def test_no_more_candidates_than_asked_for() -> None:
    assert [c.task.id for c in match_task("total", TASKS, frozenset(), 1).candidates] == ["contract-kie"]


@pytest.mark.parametrize(
    ("score", "word"), [(1.0, "high"), (0.75, "high"), (0.7499, "medium"), (0.5, "medium"), (0.4999, "low")]
)
def test_confidence_in_words(score: float, word: str) -> None:
    assert Candidate(INVOICE, score).confidence == word


@pytest.mark.parametrize(
    ("scores", "expected"), [([], False), ([0.9], False), ([0.9, 0.9], True), ([0.9, 0.86], True), ([0.9, 0.8], False)]
)
def test_close_candidates_are_ambiguous(scores: list[float], expected: bool) -> None:
    match = TaskMatch("q", "task", tuple(Candidate(INVOICE, score) for score in scores))

    assert match.is_ambiguous is expected
