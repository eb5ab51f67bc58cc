from __future__ import annotations

from typing import Any

import pytest

from mockserver.vendors.pareta.domain.comparing import bare, f1_of, field_tally, label_tally, normalised


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("  Acme   GmbH\n", "acme gmbh"),
        ("STRASSE", "stra\u00dfe"),
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        ({"b": 1, "a": " X"}, {"a": "x", "b": 1.0}),
        ([1, "A"], [1.0, "a"]),
        ((1,), [1]),
    ],
)
def test_form_does_not_matter(value: Any, other: Any) -> None:
    assert normalised(value) == normalised(other)


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("acme", "acme gmbh"),
        (1, 2),
        (True, 1),
        (None, ""),
        (False, 0),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"b": 1}),
        ([], {}),
    ],
)
def test_content_matters(value: Any, other: Any) -> None:
    assert normalised(value) != normalised(other)


@pytest.mark.parametrize(
    ("value", "inside"),
    [({"a": 1}, 1), ({"a": None}, None), ({"a": 1, "b": 2}, {"a": 1, "b": 2}), ("x", "x"), ({}, {})],
)
def test_an_object_of_one_field_is_what_it_holds(value: Any, inside: Any) -> None:
    assert bare(value) == inside


def test_what_an_answer_adds_to_each_fields_f1() -> None:
    tally = field_tally({"a": "1", "b": "2", "z": "9"}, {"a": "1", "b": "3", "c": "4"})

    assert sorted(tally) == [("a", 1, 2), ("b", 0, 2), ("c", 0, 1), ("z", 0, 1)]
    assert f1_of(tally) == pytest.approx(2 / 6)


def test_what_an_answer_adds_to_each_labels_f1() -> None:
    assert label_tally("a", "a") == (("a", 1, 2),)
    assert label_tally("b", "a") == (("b", 0, 1), ("a", 0, 1))
