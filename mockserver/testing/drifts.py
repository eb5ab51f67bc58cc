"""What changes in a world, with a labelled cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mockserver.testing.record import Record

if TYPE_CHECKING:
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours


class Drifts:
    """What changes in a world, with a labelled cause."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __iter__(self) -> Iterator[Record]:
        return (Record(each) for each in list(self._world.every("drifts.list")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Drifts({list(self)})"

    def add(self, kind: str, subject: str | None = None, *, endpoint: str | None = None, **keys: Any) -> Record:
        """Let something change from an instant on.

        :param subject: what it changes for, such as an endpoint's id, which may be named as `endpoint` too.
        :param keys: as the control API's `drifts` takes them.
        :raises Refused: a key is unknown, or a value cannot be.
        """
        if endpoint is not None:
            if subject is not None:
                raise TypeError("a drift has one subject: give subject or endpoint")
            subject = endpoint
        body = {"kind": kind, **({} if subject is None else {"subject": subject}), **keys}
        return Record(self._world.change("drifts.add", body=body))
