from __future__ import annotations

import random
import struct
import subprocess
import sys
from itertools import combinations
from statistics import mean

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.embedding import DIMENSIONS, cosine, embed, packed
from tests.vendors.pareta.domain.relevance import POOL, SET, gains, ndcg
from tests.vendors.pareta.domain.samples import valid

texts = st.text(valid, max_size=200) | st.lists(st.sampled_from("law laws agreement pay the , 30".split())).map(
    " ".join
)


@given(texts, st.booleans())
@example("", True)
@example("", False)
@example(" ", False)
@example("7 " * 1024, False)
@example("法" * 4096, False)
@example(" ".join(f"{n:03}" for n in range(600)), False)
@example("".join(map(chr, range(0x4E00, 0x5600))), True)
@example("".join(map(chr, range(0xAC00, 0xB400))), True)
@example("confidentiality " * 200, False)
def test_any_text_has_a_direction_of_unit_length(text: str, is_query: bool) -> None:
    vector = embed(text, is_query=is_query)

    assert len(vector) == DIMENSIONS
    assert sum(number * number for number in vector) == pytest.approx(1, abs=1e-6)
    assert all(round(number, 8) == number for number in vector)


@given(st.lists(texts, min_size=1, max_size=5))
def test_a_text_as_a_query_is_nearest_to_itself_as_a_document(several: list[str]) -> None:
    for text in several:
        query, own = embed(text, is_query=True), embed(text)
        assert query != own
        assert cosine(query, own) == pytest.approx((1 - 0.25**2) ** 0.5, abs=1e-6)
        assert cosine(query, own) >= max(cosine(query, embed(other)) for other in several) - 1e-6


@given(st.lists(texts, min_size=2, max_size=4))
def test_a_query_ranks_documents_as_its_own_document_would(several: list[str]) -> None:
    query, as_document = embed(several[0], is_query=True), embed(several[0])
    for one, other in combinations(several, 2):
        difference = cosine(as_document, embed(one)) - cosine(as_document, embed(other))
        if abs(difference) > 1e-6:
            assert (cosine(query, embed(one)) > cosine(query, embed(other))) is (difference > 0)


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("The tenant pays rent monthly.", "Rent is paid by the tenant each month.", "The tenor sings monthly."),
        ("governing law", "the laws that govern", "growing lawns"),
        ("a refund for an annual plan", "reimbursement of a yearly subscription", "a refined manual planet"),
        ("the dog bites the man", "the dog bites a man", "the man bites the dog"),
        ("encrypted connection", "encryptd conection", "decorated collection"),
        ("Größe ändern", "die GRÖSSE ändern", "große Enden"),
        ("合同适用法律", "适用法律的合同", "今天天气很好"),
    ],
)
def test_like_texts_are_nearer_than_unlike_ones(text: str, near: str, far: str) -> None:
    assert cosine(embed(text), embed(near)) > cosine(embed(text), embed(far)) + 0.05


def test_letter_case_does_not_matter_and_signs_hardly_do() -> None:
    assert embed("Governing Law") == embed("governing law")
    assert 0.95 < cosine(embed("Governing law"), embed("Governing law!")) < 1


def test_texts_with_nothing_in_common_are_nearly_at_right_angles() -> None:
    draw = random.Random(7)
    made = [" ".join("".join(draw.choices("bcdfgklmnprstvw", k=7)) for _ in range(6)) for _ in range(60)]
    cosines = [cosine(embed(one), embed(other)) for one, other in combinations(made, 2)]

    assert abs(mean(cosines)) < 0.02
    assert max(map(abs, cosines)) < 0.25


def test_repeating_a_word_hardly_moves_a_text() -> None:
    once = embed("laws of Delaware")
    assert cosine(once, embed("laws laws laws laws of Delaware")) > 0.8


def test_nearness_finds_what_answers_a_question() -> None:
    vectors = {passage: embed(passage) for passage in POOL}
    found = []
    for judged in SET:
        query = embed(judged.query, is_query=True)
        ranked = sorted(POOL, key=lambda passage: -cosine(query, vectors[passage]))
        found.append(ndcg(gains(judged, ranked)))

    assert len(SET) >= 20
    assert mean(found) > 0.9


@given(texts)
def test_packed_floats_are_the_numbers_to_32_bits(text: str) -> None:
    vector = embed(text)

    assert len(packed(vector)) == 4 * DIMENSIONS
    assert struct.unpack("<1024f", packed(vector)) == pytest.approx(vector, rel=6e-8)


def test_another_process_embeds_alike() -> None:
    code = (
        "from mockserver.vendors.pareta.domain.embedding import embed, packed;"
        "print(packed(embed('Laws of the State of Delaware, 30 days', is_query=True)).hex())"
    )
    others = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert others == {packed(embed("Laws of the State of Delaware, 30 days", is_query=True)).hex()}
