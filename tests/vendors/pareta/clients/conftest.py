"""One served simulator for all of a module's tests of clients: starting one for each would take longer than they do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning
from tests.conftest import START


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Simulator, str]]:
    """A simulator and the address of a server in front of it."""
    beginning = Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START))
    simulator = Simulator(Settings(beginning=beginning))
    with BackgroundServer(simulator) as server:
        yield simulator, server.url
    simulator.close()
