"""The simulators that tests are given are copies, and as good as new."""

from __future__ import annotations

import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from tests.conftest import Templates


def rows(simulator: Simulator) -> list[str]:
    """Return the whole database as statements, without the machine's time: it says nothing where clocks are frozen."""
    simulator.store.execute("UPDATE worlds SET clock_machine = 0")
    found = [line for line in simulator.store.conn.iterdump() if "_sqlite_migrations" not in line]
    simulator.close()
    return found


@pytest.mark.parametrize("is_strict", [False, True])
def test_a_copied_database_is_one_as_a_simulator_makes_it(
    settings: Settings, templates: Templates, is_strict: bool
) -> None:
    settings = Settings(beginning=settings.beginning, is_strict=is_strict)
    first, copied, again = (templates.new_simulator(settings) for _ in range(3))
    copied.store.execute("UPDATE worlds SET seed = 8")

    new = rows(Simulator(settings))

    assert len(new) > 200
    assert rows(first) == rows(again) == new
    assert rows(copied) != new, "nobody else sees what is done to one"
    assert (again.store.worldly_tables, again.worlds.nobody.draws.seed) == (first.store.worldly_tables, 7)
