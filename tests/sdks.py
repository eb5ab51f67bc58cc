"""Several versions of one client library in one process: each lies in a folder of its own beside the environment."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning
from tests.conftest import START

_loaded: dict[tuple[str, str], dict[str, ModuleType]] = {}


def folder_of(name: str, version: str) -> Path:
    """Return where a version lies, skipping the test where it does not."""
    folder = Path(sys.prefix) / "sdks" / f"{name}-{version}"
    if not folder.is_dir():
        pytest.skip(f"{name} {version} is not installed; `make test` puts it at {folder.name} beside the environment")
    return folder


def between(versions: tuple[str, ...], since: str, until: str) -> list[str]:
    """Return the versions of a span, both ends included."""

    def key(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    return [version for version in versions if key(since) <= key(version) <= key(until)]


@contextmanager
def installed(package: str, folder: Path) -> Iterator[ModuleType]:
    """Make the package of a folder the importable one of its name for the length of a block."""

    def modules() -> dict[str, ModuleType]:
        return {name: module for name, module in sys.modules.items() if f"{name}.".startswith(f"{package}.")}

    before = modules()
    for name in before:
        del sys.modules[name]
    sys.modules.update(_loaded.get((package, folder.name), {}))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(package)
        assert Path(str(module.__file__)).is_relative_to(folder)
        yield module
    finally:
        sys.path.remove(str(folder))
        _loaded[package, folder.name] = modules()
        for name in modules():
            del sys.modules[name]
        sys.modules.update(before)


@dataclass
class Sdk:
    """One version of a client, a server in front of a simulator, and what was used of the client."""

    version: str
    module: ModuleType
    simulator: Simulator
    url: str
    used: set[tuple[str, str]]
    runner: asyncio.Runner
    sync_http: httpx.Client
    async_http: httpx.AsyncClient
    finished: set[tuple[str, bool]] = field(default_factory=set)

    @property
    def major(self) -> int:
        """The first number of the version."""
        return int(self.version.partition(".")[0])


@contextmanager
def served(
    version: str,
    installed: Callable[[str], AbstractContextManager[ModuleType]],
    recorded: Callable[[ModuleType], AbstractContextManager[set[tuple[str, str]]]],
) -> Iterator[Sdk]:
    """Serve a simulator to one version of a client for the length of a block.

    :param installed: makes a version the importable one; `recorded` notes what is used of it.
    """
    settings = Settings(beginning=Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START)))
    simulator = Simulator(settings)
    with (
        installed(version) as module,
        recorded(module) as used,
        BackgroundServer(simulator) as server,
        asyncio.Runner() as runner,
        httpx.Client(timeout=20) as sync_http,
    ):
        async_http = httpx.AsyncClient(timeout=20)
        yield Sdk(version, module, simulator, server.url, used, runner, sync_http, async_http)
        runner.run(async_http.aclose())
    simulator.close()
