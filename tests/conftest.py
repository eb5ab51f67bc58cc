"""Fixtures every room's tests share: a simulator in memory with a frozen clock and a fixed seed."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterable, Iterator

import httpx
import pytest
from hypothesis import settings as hypothesis_settings

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.sqlite import Migrations
from mockserver.kernel.store import Store
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning, World
from tests.conformance import judged

# A busy machine is no failure: how long an example may take is for the benchmarks to say.
hypothesis_settings.register_profile("mockserver", deadline=None)
hypothesis_settings.load_profile("mockserver")

START = "2026-02-10T12:00:00Z"

gc.disable()  # until the tests are collected: what that makes stays


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over thousands of tests, which stay to the end, each time it looks."""
    gc.collect()
    gc.freeze()
    gc.enable()


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


class Templates:
    """Databases as simulators begin with them. Each is made once, in the simulator's own way, and then copied.

    Only those of a frozen clock and of our own starting data are kept: they are the same whenever they are made.
    """

    def __init__(self) -> None:
        self._kept: dict[Settings, tuple[sqlite3.Connection, dict[str, str]]] = {}

    def new_simulator(self, settings: Settings) -> Simulator:
        """Return a simulator as `Simulator(settings)` does."""
        beginning = settings.beginning
        is_frozen = beginning.clock_mode == "frozen" and beginning.clock_at is not None
        if not is_frozen or (settings.db, settings.scenario, settings.fixtures) != (None, None, None):
            return Simulator(settings)
        if settings not in self._kept:
            simulator = Simulator(settings)
            copy = sqlite3.connect(":memory:", check_same_thread=False)
            simulator.store.conn.backup(copy)
            self._kept[settings] = (copy, simulator.store._worldly)
            return simulator
        made, worldly = self._kept[settings]

        def copied(store: Store, sets: Iterable[Migrations]) -> None:
            made.backup(store.conn)
            store._worldly = dict(worldly)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Store, "migrate", copied)
            return Simulator(settings)

    def close(self) -> None:
        for made, _ in self._kept.values():
            made.close()


@pytest.fixture(scope="session")
def templates() -> Iterator[Templates]:
    """Databases to begin with."""
    templates = Templates()
    yield templates
    templates.close()


@pytest.fixture
def simulator(settings: Settings, templates: Templates) -> Iterator[Simulator]:
    """A whole simulator, in this process."""
    simulator = templates.new_simulator(settings)
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
