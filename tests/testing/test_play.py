"""A test plays a scenario: its history is there, its truth is known, and what it does by itself is no finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from mockserver.http.serve import BackgroundServer
from mockserver.testing import World
from mockserver.testing.keeper import Keeper
from mockserver.testing.marker import Options
from mockserver.testing.remote import RemoteServer
from mockserver.testing.server import LocalServer
from mockserver.testing.wire import Refused
from tests.scenes import SCENE
from tests.testing.conftest import Inner, chat, client_of

pytest_plugins = ("pytester",)

ENDPOINT = "ep-contract-key-fields"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "scene.yaml"
    path.write_text(SCENE)
    return path


@pytest.fixture(scope="module")
def local() -> Iterator[LocalServer]:
    server = LocalServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def remote(local: LocalServer) -> Iterator[RemoteServer]:
    with BackgroundServer(local.simulator) as background:
        server = RemoteServer(background.url)
        yield server
        server.close()


@pytest.fixture(params=["local", "remote"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., World]]:
    """Makes worlds in this process and over HTTP, as `make_world` does."""
    keeper = Keeper(request.getfixturevalue(request.param), request.node.nodeid, Options())
    yield keeper.make
    found = keeper.violations()
    keeper.remove()
    assert found == ""


def test_a_play_tells_what_came_of_it(make: Callable[..., World], path: Path) -> None:
    world = make()
    played = world.play(path, history="1d")

    assert (played.name, played.seed, played.is_filled) == ("bad-release", 11, True)
    assert world.clock.now == datetime.fromisoformat("2026-03-03T00:00:00Z")
    assert 100 < played.tallies.calls < 350
    assert played.planted.missing > 0
    assert [(drift.kind, drift.cause) for drift in played.truth] == [("quality", "release 2")]
    assert world.scenario == played
    assert [drift.kind for drift in world.truth] == ["quality"]


def test_a_marker_plays_it_too_and_both_wires_alike(local: LocalServer, remote: RemoteServer, path: Path) -> None:
    plays = []
    for server in (local, remote):
        keeper = Keeper(server, "test_it", Options(scenario=path, seed=3))
        plays.append(dict(keeper.main().scenario))
        keeper.remove()

    assert plays[0] == plays[1]
    assert (plays[0]["seed"], plays[0]["position"]) == (3, "2026-03-04T00:00:00Z")


def test_it_goes_on_with_the_clock_by_hand_and_step_by_step(make: Callable[..., World], path: Path) -> None:
    world = make()
    played = world.play(path)

    world.clock.advance("6h")
    later = world.scenario
    assert later.tallies.calls > played.tallies.calls

    paused = later.pause()
    assert paused.is_paused
    assert paused.step(timedelta(hours=1)).position == "2026-03-04T07:00:00Z"
    assert paused.step().tallies.calls >= later.tallies.calls
    assert not paused.resume().is_paused


def test_what_cannot_be_played_is_told_with_its_lines(make: Callable[..., World], tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\npurpose: x\nsed: 1\ncustomers: {count: 0}\n")

    with pytest.raises(Refused, match=r"bad\.yaml:3: sed: .*bad\.yaml:4: customers\.count: ") as refused:
        make().play(path)

    assert refused.value.status == 422


def test_clients_live_in_the_world_that_plays(path: Path, local: LocalServer) -> None:
    """The scenario's faults are for them too: one chat in fifty meets one."""
    keeper = Keeper(local, "test_clients", Options(scenario=path))
    world = keeper.main()
    before = world.credits.balance_micro_usd
    with client_of(world) as client:
        statuses = [chat(client).status_code for _ in range(100)]

    assert set(statuses) == {200, 503}
    assert world.credits.balance_micro_usd < before
    assert keeper.violations() == ""
    keeper.remove()


def quality_by_hour(client: httpx.Client, now: datetime) -> dict[datetime, float]:
    """Return what a monitor would read: the mean of each whole hour."""
    query = {"since": "2026-03-02T00:00:00Z", "group_by": "hour"}
    read = client.get(f"/v1/endpoints/{ENDPOINT}/quality", params=query)
    assert read.status_code == 200, read.text
    windows = {datetime.fromisoformat(row["start"]): row for row in read.json()["windows"]}
    hour = timedelta(hours=1)
    return {at: row["quality_mean"] for at, row in windows.items() if row["n_judged"] and at + hour <= now}


def test_a_monitor_is_held_to_the_truth(path: Path, local: LocalServer) -> None:
    keeper = Keeper(local, "test_monitor", Options())
    world = keeper.make()
    world.play(path, history="0s")
    with client_of(world) as client:
        for _ in range(72):
            now = world.clock.advance("1h")
            # Three bad hours in a row are no accident.
            latest = [mean for _, mean in sorted(quality_by_hour(client, now).items())][-3:]
            if len(latest) == 3 and max(latest) < 0.9:
                world.alert("quality", ENDPOINT)
                break

    world.assert_detected(within="12h", max_false_alarms=0)
    with pytest.raises(AssertionError):
        world.assert_detected(within="1s")
    assert keeper.violations() == ""
    keeper.remove()


# The end of a test

LATE = SCENE.replace(
    "note: overloaded}",
    "note: overloaded}\n  - {operation: chat.completions.create, between: [+71h, null], status: 503}",
)
"""The last fault strikes in the last hour, which is no history."""

HEAD = f"""
import pathlib, pytest

SCENE = pathlib.Path(__file__).with_name("scene.yaml")
SCENE.write_text({LATE!r})
"""


def test_faults_of_the_scenario_that_nothing_struck_are_no_finding(inner: Inner) -> None:
    inner(
        HEAD
        + """
@pytest.mark.mockserver(scenario=SCENE)
def test_it(mockserver):
    assert len(mockserver.faults) == 2
    assert mockserver.scenario.tallies.calls > 0
""",
        passed=1,
    )


def test_ones_own_fault_that_nothing_struck_is_one_still(inner: Inner) -> None:
    result = inner(
        HEAD
        + """
def test_it(mockserver):
    mockserver.play(SCENE)
    mockserver.faults.add(operation="embeddings", status=503)
""",
        passed=1,
        errors=1,
    )

    result.stdout.fnmatch_lines(["one fault not used up", "fault-3 *"])


def test_a_broken_invariant_is_one_still(inner: Inner) -> None:
    result = inner(
        HEAD
        + """
def test_it(mockserver, mockserver_server):
    mockserver.play(SCENE)
    store = mockserver_server.simulator.store
    with store.committed():
        store.execute("DELETE FROM pareta_ledger WHERE amount_micro_usd < 0")
""",
        passed=1,
        errors=1,
    )

    result.stdout.fnmatch_lines(["*invariants do not hold*"])
