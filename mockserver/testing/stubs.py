"""Answers a test gives in place of generated ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mockserver.kernel.matching import Pattern
from mockserver.testing.planted import Planted
from mockserver.testing.values import plain, spec

if TYPE_CHECKING:
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours


class Stub(Planted):
    """A stub of a world."""

    route = "stubs"
    numbers = ("given", "left")

    @property
    def given(self) -> int:
        """How many answers it has given."""
        return self._now("given")

    @property
    def left(self) -> int:
        """How many of its answers were never given."""
        return self._now("left")


class Stubs:
    """Answers a test gives in place of generated ones; the newest that matches answers."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __iter__(self) -> Iterator[Stub]:
        return (Stub(self._world, each) for each in list(self._world.every("stubs.list")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Stubs({list(self)})"

    def add(self, *given: Pattern | str | Mapping[str, Any], **keys: Any) -> Stub:
        """Place a stub: which requests, and one answer or a sequence of them.

        `world.stubs.add(model("auto"), "First answer.", "Second answer.")`

        :param given: patterns of the requests, and answers in turn: texts, or objects as the operation's stubs take.
        :param keys: as the control API's `stubs` takes them.
        :raises Refused: a key is unknown, a value cannot be, or no request could ever match.
        """
        patterns = [each for each in given if isinstance(each, Pattern)]
        answers = [_answer(each) for each in given if not isinstance(each, Pattern)]
        if "answers" in keys:
            answers += [_answer(each) for each in keys["answers"]]
        body = spec(patterns, keys)
        if answers:
            body["answers"] = answers
        return Stub(self._world, self._world.change("stubs.add", body=body))

    def clear(self) -> None:
        """Take every stub away."""
        self._world.change("stubs.clear")


def _answer(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"text": given}
    if not isinstance(given, Mapping):
        raise TypeError(f"{given!r} is no answer: give a text, or an object such as {{'json': ...}}")
    answer: dict[str, Any] = plain(given)
    return answer
