from __future__ import annotations

import random
from statistics import mean

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.reranking import Judge, rank
from tests.vendors.pareta.domain.relevance import POOL, SET, gains, ndcg
from tests.vendors.pareta.domain.samples import valid

texts = st.text(valid, max_size=200) | st.lists(st.sampled_from("law laws agreement pay the , 30".split())).map(
    " ".join
)


@given(texts, st.lists(texts, min_size=1, max_size=6), st.none() | st.integers(1, 8))
@example("", [""], None)
@example("\x1c", ["\x1c", "law"], None)
@example("law", ["law"] * 6, None)
@example("law " * 2_000, ["law " * 2_000, ""], None)
@example("the of and", ["the of and", "and of the", "a"], 1)
@example(" ".join(f"{n:x}" for n in range(4096, 5000)), [" ".join(f"{n:x}" for n in range(4096, 5000))], None)
def test_scores_are_independent_probabilities_in_order(query: str, documents: list[str], top_n: int | None) -> None:
    ranked = rank(query, documents, top_n)

    assert len(ranked) == min(len(documents), top_n or len(documents))
    assert len({each.index for each in ranked}) == len(ranked)
    for each in ranked:
        assert 0 < each.score < 1
        assert rank(query, [documents[each.index]])[0].score == each.score
    assert ranked == sorted(rank(query, documents), key=lambda each: (-each.score, each.index))[:top_n]


@given(texts, st.lists(texts, min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_the_documents_changes_no_score(query: str, documents: list[str], draw: random.Random) -> None:
    shuffled = draw.sample(documents, len(documents))

    assert {documents[each.index]: each.score for each in rank(query, documents)} == {
        shuffled[each.index]: each.score for each in rank(query, shuffled)
    }


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("governing law", "the governing law", "the law"),
        ("governing law", "the law that governs", "the statute that governs"),
        ("governing law", "a statute", "a lawn"),
        ("governing law", "governing law", "law governing"),
        ("governing law", "The governing law is French.", "The governing law is long, old, dusty, written in verse."),
        ("conection", "the connection", "the collection"),
        ("what is this", "what is this", "that was that"),
        ("what is this", "this", "nothing"),
        ("the 30 days", "30", "31"),
        ("法律", "法律", "法国"),
    ],
)
def test_more_of_the_query_in_better_order_is_more_relevant(query: str, better: str, worse: str) -> None:
    judge = Judge(query)

    assert judge.score(better) > judge.score(worse)


@pytest.mark.parametrize("document", ["", "nothing of the kind", "???", "x" * 5_000])
def test_a_document_with_nothing_of_the_query_is_improbable(document: str) -> None:
    assert Judge("governing law").score(document) < 0.02


def test_only_the_first_512_tokens_of_a_document_count() -> None:
    judge = Judge("governing law")

    assert judge.score("x" * 2_047 + " governing law") == judge.score("x" * 2_047)
    assert judge.score("x " * 500 + " governing law") > judge.score("x " * 600 + " governing law")


def test_documents_alike_stay_in_the_order_they_came_in() -> None:
    assert [each.index for each in rank("law", ["a", "law", "b", "law", "c"])] == [1, 3, 0, 2, 4]


def test_what_answers_a_question_comes_first_and_half_is_a_fair_threshold() -> None:
    draw = random.Random(7)
    found, by_chance, right = [], [], []
    for judged in SET:
        ranked = rank(judged.query, POOL)
        found.append(ndcg(gains(judged, [POOL[each.index] for each in ranked])))
        by_chance.append(ndcg(gains(judged, draw.sample(POOL, len(POOL)))))
        right += [(each.score >= 0.5) is (POOL[each.index] in judged.relevant) for each in ranked]

    assert len(SET) >= 20
    assert mean(found) > 0.9
    assert mean(by_chance) < 0.5
    assert mean(right) > 0.95
