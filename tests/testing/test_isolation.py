"""Worlds of workers, threads and runs do not meet, and one test writes one journal wherever and whenever it runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mockserver.testing import World
from mockserver.testing.keeper import Keeper, name_of
from mockserver.testing.marker import Options
from mockserver.testing.server import LocalServer
from tests.testing.conftest import chat, client_of

SUITE = """
import asyncio, os, pathlib
import httpx, pytest

pytestmark = pytest.mark.mockserver(at="2026-05-01T00:00:00Z", seed=11, balance_usd="1.00", allow=["unused_faults"])
FOLDER = pathlib.Path(os.environ["JOURNALS"])

@pytest.fixture(autouse=True)
def journal(mockserver):
    yield
    for what in ("requests", "ledger", "events"):
        (FOLDER / f"{mockserver.name}.{what}").write_text(mockserver.call("export.jsonl", what))

def bodies():
    return [{"model": "auto", "messages": [{"role": "user", "content": f"question {n}"}]} for n in range(5)]

@pytest.mark.parametrize("n", range(4))
def test_in_process(mockserver, n):
    mockserver.faults.add(operation="chat.completions.create", rate=0.5, status=503)
    headers = {"Authorization": f"Bearer {mockserver.pareta_key}"}
    with httpx.Client(transport=mockserver.transport, base_url="http://mock", headers=headers) as http:
        for body in bodies():
            http.post("/v1/chat/completions", json=body)
            mockserver.clock.advance("1m")
        http.post("/v1/chat/completions", json=bodies()[0] | {"stream": True})

@pytest.mark.parametrize("n", range(4))
def test_over_the_socket(mockserver, openai_client, pareta_client, n):
    mockserver.stubs.add("Stubbed.", then="simulate")
    for body in bodies():
        openai_client.chat.completions.create(**body)
        pareta_client.chat.completions.create(**body)
    mockserver.clock.advance("7d")

def test_events(mockserver):
    headers = {"Authorization": f"Bearer {mockserver.paygentic_key}"}
    with httpx.Client(transport=mockserver.transport, base_url="http://mock", headers=headers) as http:
        for n in range(3):
            http.get(f"/v0/customers/cus_abc123?n={n}")

def test_workers(mockserver):
    assert os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0") == os.environ["WORKERS"]
"""


QUICK = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "mockserver.pytest_plugin,xdist.plugin"}
"""Lets pytest load no plugin but ours and that of the workers; the others take longer than the tests."""


def journals(folder: Path, run: str, *arguments: str, workers: int = 0) -> dict[str, bytes]:
    """Run the suite in a process of its own and return what its worlds exported, by name."""
    written = folder / run
    written.mkdir()
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    if workers:
        command += ["-n", str(workers)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False,
        env={**_clean_environment(), **QUICK, "JOURNALS": str(written), "WORKERS": str(workers)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: path.read_bytes() for path in written.iterdir()}


def _clean_environment() -> dict[str, str]:
    import os

    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MOCKSERVER_", "COV_"))
    }


def test_one_suite_writes_the_same_bytes_again_in_any_order_and_with_workers(tmp_path: Path) -> None:
    once = journals(tmp_path, "once")

    assert len(once) == 3 * 10
    assert sum(map(len, once.values())) > 20_000
    assert journals(tmp_path, "workers", workers=2) == once
    order = ["test_workers", "test_events", "test_over_the_socket", "test_in_process"]
    assert journals(tmp_path, "backwards", *(f"test_suite.py::{name}" for name in order)) == once


def test_threads_that_share_a_server_do_not_meet() -> None:
    server = LocalServer()
    found: dict[str, list[int]] = {}
    failed: list[BaseException] = []

    def run(n: int) -> None:
        try:
            for turn in range(4):
                options = Options(balance_usd="1.00", at="2026-05-01T00:00:00Z")
                keeper = Keeper(server, f"test_threads.py::test_{n}[{turn}]", options)
                world = keeper.main()
                with client_of(world) as client:
                    statuses = [chat(client, f"{n} {turn}").status_code for _ in range(5)]
                assert statuses == [200] * 5
                texts = [r.json["messages"][0]["content"] for r in world.requests]
                assert texts == [f"{n} {turn}"] * 5
                found[world.name] = [r.cost_micro_usd for r in world.requests]
                assert keeper.violations() == ""
                keeper.remove()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.close()

    assert failed == []
    assert len(found) == 32


def test_a_test_that_runs_beside_itself_has_worlds_of_its_own() -> None:
    server = LocalServer()
    keepers = [Keeper(server, "test_a.py::test_it", Options()) for _ in range(3)]
    barrier = threading.Barrier(3)
    worlds: list[World] = []

    def run(keeper: Keeper) -> None:
        barrier.wait()
        worlds.append(keeper.main())

    threads = [threading.Thread(target=run, args=(keeper,)) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.close()

    assert len({world.name for world in worlds}) == 3


def test_names_tell_tests_apart_that_read_alike() -> None:
    nodes = [
        "a.py::test_x",
        "b.py::test_x",
        "a.py::TestA::test_x",
        "a.py::test_x[1]",
        "a.py::test_x[ä]",
        "a.py::test_x[ö]",
    ]

    names = [name_of(node) for node in nodes]

    assert len(set(names)) == len(nodes)
    assert names == [name_of(node) for node in nodes]
    assert len({name_of("a.py::test_x", label, run) for label in ("", "b") for run in ("", "c")}) == 4


def test_threads_of_one_test_make_different_worlds(make_world: Callable[..., World]) -> None:
    worlds: list[World] = []
    threads = [threading.Thread(target=lambda: worlds.append(make_world())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({world.name for world in worlds}) == 8
    with pytest.raises(pytest.fail.Exception, match="a world named '2' already"):
        make_world("2")
