"""Fixtures every room's tests share: a simulator in memory with a frozen clock and a fixed seed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import settings as hypothesis_settings

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning, World
from tests.conformance import judged

# A busy machine is no failure: how long an example may take is for the benchmarks to say.
hypothesis_settings.register_profile("mockserver", deadline=None)
hypothesis_settings.load_profile("mockserver")

START = "2026-02-10T12:00:00Z"

collect_ignore = ["downstream"]  # somebody else's project, whose tests run in an environment of its own


@pytest.fixture(scope="session", autouse=True)
def undocumented() -> Iterator[list[str]]:
    """What any vendor of any simulator in this process answered without its document saying so."""
    with judged() as faults:
        yield faults


@pytest.fixture(autouse=True)
def _every_answer_is_documented(undocumented: list[str]) -> Iterator[None]:
    """After every test, whatever it called and however, its vendors have answered as documented."""
    yield
    faults, undocumented[:] = [*undocumented], []
    assert faults == []


@pytest.fixture
def settings() -> Settings:
    """Memory, frozen at START, seed 7; override for another start."""
    return Settings(beginning=Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START)))


@pytest.fixture
def simulator(settings: Settings) -> Iterator[Simulator]:
    """A whole simulator, in this process."""
    simulator = Simulator(settings)
    yield simulator
    simulator.close()


@pytest.fixture
def world(simulator: Simulator) -> World:
    """The world that keys ending in `acme` name."""
    with simulator.store.committed():
        return simulator.worlds.admit("acme")


@pytest.fixture
def transport(simulator: Simulator) -> InProcessTransport:
    """An httpx transport into the simulator, without a socket."""
    return InProcessTransport(simulator.gateway)


@pytest.fixture
def pareta(transport: InProcessTransport) -> Iterator[httpx.Client]:
    """A plain HTTP client with a Pareta key of world `acme`."""
    headers = {"Authorization": "Bearer pareta_sk_test_acme"}
    with httpx.Client(transport=transport, base_url="http://mock", headers=headers) as client:
        yield client


@pytest.fixture
def paygentic(transport: InProcessTransport) -> Iterator[httpx.Client]:
    """A plain HTTP client with a Paygentic key of world `acme`."""
    headers = {"Authorization": "Bearer sk_test_acme"}
    with httpx.Client(transport=transport, base_url="http://mock", headers=headers) as client:
        yield client
