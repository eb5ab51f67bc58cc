"""A served simulator for the tests that go through a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mockserver.app import Simulator
from mockserver.http.serve import BackgroundServer
from tests.vendors.pareta.org import Org


@pytest.fixture
def url(simulator: Simulator) -> Iterator[str]:
    """The address of a server in front of the simulator."""
    with BackgroundServer(simulator) as server:
        yield server.url


@pytest.fixture
def org(simulator: Simulator) -> Iterator[Org]:
    """The organisation `acme`; whatever a test did to it, its books must add up."""
    org = Org(simulator)
    yield org
    org.check()
