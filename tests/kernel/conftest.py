"""A store with the kernel's own tables, and worlds on a machine clock the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mockserver.kernel import clock
from mockserver.kernel.store import Store
from mockserver.kernel.windows import SECOND
from mockserver.kernel.world import MIGRATIONS, Beginning, World, Worlds

NOON = 1_770_724_800 * SECOND  # 2026-02-10T12:00:00Z


@dataclass
class Machine:
    """A machine whose time stands still unless the test moves it."""

    at: int = 5_000_000 * SECOND

    def __call__(self) -> int:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(None)
    store.migrate(MIGRATIONS)
    yield store
    store.close()


@pytest.fixture
def ran() -> list[tuple[str, int]]:
    """What scheduled actions did, as (subject, instant), oldest first."""
    return []


@pytest.fixture
def worlds(store: Store, machine: Machine, ran: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> Worlds:
    monkeypatch.setattr(clock.Clock.__init__, "__defaults__", (None, machine))

    def note(world: World, subject: str) -> None:
        ran.append((subject, world.clock.now()))

    def chain(world: World, subject: str) -> None:
        note(world, subject)
        world.schedule.add(world.clock.now() + SECOND, "note", f"after {subject}")

    return Worlds(
        store,
        actions={"note": note, "chain": chain},
        switches={"toy.strict": False},
        beginning=Beginning(seed=7, clock_mode="frozen", clock_at=NOON),
    )
