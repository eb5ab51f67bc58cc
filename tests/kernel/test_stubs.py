from __future__ import annotations

from typing import Any

import pytest

from mockserver.kernel.matching import Facts
from mockserver.kernel.store import Store
from mockserver.kernel.stubs import Stub, Stubs
from mockserver.kernel.world import MIGRATIONS

NAMES = ("model", "operation")


@pytest.fixture
def store() -> Store:
    store = Store(None)
    store.migrate(list(MIGRATIONS))
    return store


@pytest.fixture
def stubs(store: Store) -> Stubs:
    return Stubs(store, 1)


def _stub(*answers: Any, operation: str = "v.say", match: Any = None, **more: Any) -> Stub:
    return Stub(operation, match or {}, NAMES, tuple({"text": answer} for answer in answers), **more)


def _said(stubs: Stubs, count: int = 1, operation: str = "v.say", **facts: Any) -> list[str | None]:
    found = [stubs.find(operation, Facts(facts)) for _ in range(count)]
    return [None if each is None else each[1]["text"] for each in found]


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("last", ["a", "b", "b", "b", "b"]),
        ("cycle", ["a", "b", "a", "b", "a"]),
        ("simulate", ["a", "b", None, None, None]),
    ],
)
def test_a_sequence_is_given_in_turn_and_then_as_it_says(stubs: Stubs, then: Any, said: list[str | None]) -> None:
    stubs.add(1, _stub("a", "b", then=then))

    assert _said(stubs, 5) == said


def test_what_was_given_is_counted(stubs: Stubs) -> None:
    stubs.add(1, _stub("a", "b", then="simulate"))
    stubs.add(2, _stub("c", match={"model": "other"}))

    _said(stubs, 3)

    assert [(placed.id, placed.given) for placed in stubs.placed()] == [("stub-1", 2), ("stub-2", 0)]


def test_the_newest_stub_that_matches_answers(stubs: Stubs) -> None:
    stubs.add(1, _stub("any"))
    stubs.add(2, _stub("auto", match={"model": "auto"}))

    assert stubs.find("v.say", Facts({"model": "auto"})) == ("stub-2", {"text": "auto"})
    assert stubs.find("v.say", Facts({"model": "else"})) == ("stub-1", {"text": "any"})


def test_a_stub_that_is_used_up_leaves_the_request_to_an_older_one(stubs: Stubs) -> None:
    stubs.add(1, _stub("old"))
    stubs.add(2, _stub("new", then="simulate"))

    assert _said(stubs, 3) == ["new", "old", "old"]


@pytest.mark.parametrize(
    ("asked", "is_meant"),
    [("v.say", True), ("say", True), ("v.*", True), ("*", True), ("v", False), ("w.say", False), ("v.sa", False)],
)
def test_an_operation_may_be_named_without_its_vendor_or_by_a_pattern(stubs: Stubs, asked: str, is_meant: bool) -> None:
    stubs.add(1, _stub("a", operation=asked))

    assert _said(stubs) == ["a" if is_meant else None]


def test_a_stub_is_taken_away_once_and_all_of_them_at_once(stubs: Stubs) -> None:
    for seq in (1, 2, 3):
        stubs.add(seq, _stub(str(seq)))

    assert [stubs.remove(3), stubs.remove(3)] == [True, False]
    assert _said(stubs) == ["2"]

    stubs.clear()

    assert _said(stubs) == [None]
    assert stubs.placed() == []


def test_a_stub_belongs_to_its_world(store: Store, stubs: Stubs) -> None:
    other = Stubs(store, 2)
    stubs.add(1, _stub("a"))
    other.add(1, _stub("b"))

    assert other.remove(1)

    assert (_said(stubs), _said(other)) == (["a"], [None])


def test_a_stub_is_read_back_as_it_was_placed(store: Store, stubs: Stubs) -> None:
    placed = _stub("a", "b", match={"model": {"one_of": ["x"]}}, then="cycle", note="n", is_optional=True)

    stubs.add(1, placed)

    assert [each.stub for each in Stubs(store, 1).placed()] == [placed]


def test_a_refused_request_uses_up_no_answer(store: Store, stubs: Stubs) -> None:
    stubs.add(1, _stub("a", "b"))

    def refused() -> None:
        with store.work(), store.atomic():
            assert _said(stubs) == ["a"]
            raise LookupError

    with pytest.raises(LookupError):
        refused()

    assert _said(stubs, 2) == ["a", "b"]
