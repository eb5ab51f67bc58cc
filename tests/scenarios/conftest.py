"""One server for all shipped scenarios; each is played once and then only looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from tests.scenarios.performance import Performance

Perform = Callable[[str], Performance]


@pytest.fixture(scope="session")
def begin() -> Iterator[Perform]:
    """Returns a scenario that is yet to be played, in a new world."""
    simulator = Simulator(Settings())
    with BackgroundServer(simulator) as server, httpx.Client(base_url=server.url, timeout=120) as http:
        taken: set[str] = set()

        def new(name: str) -> Performance:
            world = f"{name}.{len(taken)}"
            taken.add(world)
            assert http.post("/_mock/worlds", json={"name": world}).is_success
            return Performance(http, server.url, name, world)

        yield new
    simulator.close()


@pytest.fixture(scope="session")
def perform(begin: Perform) -> Perform:
    """Returns a scenario that was played to its end, at its own seed."""

    @cache
    def performed(name: str) -> Performance:
        performance = begin(name)
        performance.play()
        return performance

    return performed
