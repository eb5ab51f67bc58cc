"""What the marker takes, what each option does, and what a wrong one is answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from mockserver.resources import scenario_names
from mockserver.testing import World
from mockserver.testing.marker import Options, WrongOption, read
from tests.testing.conftest import Inner, chat, client_of

pytest_plugins = ("pytester",)

NAMES = (
    "scenario, seed, balance_usd, at, clock, faults, strict, allow, switches, env, block_network, cassette,"
    " record_mode, on_miss, order, repeats, match_on"
)
SCENARIOS = ", ".join(scenario_names())
RULES = "invariants, unmatched_requests, unused_faults, unused_stubs, unplayed_interactions"
PATH = "give the path of a file or folder, a shipped name, True for the test's own, or False for none"


# What it does


@pytest.mark.mockserver(scenario="empty-wallet")
def test_a_scenario_gives_the_start_state(mockserver: World) -> None:
    assert mockserver.credits.balance_micro_usd == 0
    assert mockserver.call("scenario.get")["name"] == "empty-wallet"


@pytest.mark.mockserver(scenario="empty-wallet", seed=12, balance_usd="0.50")
def test_options_beside_a_scenario_override_it(mockserver: World) -> None:
    assert mockserver.call("worlds.get")["seed"] == 12
    assert mockserver.credits.balance_usd == Decimal("0.50")


@pytest.mark.mockserver(seed=5, balance_usd=Decimal("2"))
def test_seed_and_balance_are_given(mockserver: World) -> None:
    assert mockserver.call("worlds.get")["seed"] == 5
    assert mockserver.credits.balance_usd == 2


@pytest.mark.mockserver(at="2026-05-01T00:00:00Z")
def test_an_instant_freezes_the_clock_there(mockserver: World) -> None:
    assert (mockserver.clock.mode, mockserver.clock.now) == ("frozen", datetime(2026, 5, 1, tzinfo=UTC))


@pytest.mark.mockserver(at=datetime(2026, 5, 1, tzinfo=UTC), clock="x60")
def test_a_clock_runs_from_an_instant(mockserver: World) -> None:
    clock = mockserver.call("clock.get")

    assert (clock["mode"], clock["rate"]) == ("scaled", 60)
    assert clock["now"].startswith("2026-05-01T00:")


@pytest.mark.mockserver(clock="frozen")
def test_a_clock_stands_still_where_the_machine_is(mockserver: World) -> None:
    assert mockserver.clock.mode == "frozen"
    assert abs((mockserver.clock.now - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.mockserver(
    faults=[{"operation": "chat.*", "first": 1, "status": 503}, {"operation": "models.*", "status": 500}]
)
def test_faults_lie_in_wait_from_the_start(mockserver: World, calling: httpx.Client) -> None:
    assert [chat(calling).status_code for _ in range(2)] == [503, 200]
    assert calling.get("/v1/models").status_code == 500


@pytest.mark.mockserver(switches={"pareta.strict": True})
def test_switches_are_set(mockserver: World) -> None:
    assert mockserver.switches["pareta.strict"] is True


@pytest.mark.mockserver(env=True)
def test_the_environment_points_at_the_world(mockserver: World) -> None:
    import os

    assert mockserver.env.items() <= os.environ.items()


def test_inner_markers_override_outer_ones_name_by_name(inner: Inner) -> None:
    inner(
        """
        import pytest

        pytestmark = pytest.mark.mockserver(balance_usd="1", seed=1, at="2026-05-01T00:00:00Z")

        @pytest.mark.mockserver(balance_usd="2", seed=2)
        class TestInside:
            @pytest.mark.mockserver(balance_usd="3")
            def test_inmost(self, mockserver):
                assert mockserver.credits.balance_usd == 3
                assert mockserver.call("worlds.get")["seed"] == 2
                assert mockserver.clock.mode == "frozen"

        def test_outside(mockserver):
            assert mockserver.credits.balance_usd == 1
        """,
        passed=2,
    )


def test_a_test_whose_environment_is_set_needs_no_fixture(inner: Inner) -> None:
    inner(
        """
        import os, pytest

        @pytest.fixture
        def key():
            return os.environ["PARETA_API_KEY"]

        @pytest.mark.mockserver(env=True)
        def test_with_the_variables(key):
            assert key.startswith("pareta_sk_test_test_with_the_variables-")

        @pytest.mark.mockserver(balance_usd="1")
        def test_without_them():
            assert "PARETA_API_KEY" not in os.environ
        """,
        passed=2,
    )


def test_worlds_of_one_start_are_alike_and_apart(make_world: Callable[..., World]) -> None:
    start: dict[str, Any] = {"at": "2026-05-01T00:00:00Z", "balance_usd": "1", "seed": 3}
    one, two = make_world(**start), make_world(**start)

    with client_of(one) as client:
        chat(client)

    assert two.credits.balance_usd == 1
    with client_of(two) as client:
        chat(client)
    assert one.call("export.jsonl", "requests") == two.call("export.jsonl", "requests")


# What is wrong with it


WRONG = [
    ("balanc_usd='1'", f"there is no option 'balanc_usd' (did you mean 'balance_usd'?); there are: {NAMES}"),
    ("tape='x'", f"there is no option 'tape'; there are: {NAMES}"),
    ("casette='x'", f"there is no option 'casette' (did you mean 'cassette'?); there are: {NAMES}"),
    (
        "'empty-wallet'",
        f"options have names, such as balance_usd='1.00'; 'empty-wallet' has none. There are: {NAMES}",
    ),
    (
        "scenario='nope'",
        f"scenario='nope': no such file, and no such scenario; there are: {SCENARIOS}",
    ),
    ("scenario=3", f"scenario=3: give a name or a path; there are: {SCENARIOS}"),
    ("seed='1'", "seed='1': give a whole number"),
    ("balance_usd=0.5", "balance_usd=0.5: give exact dollars as text or Decimal, such as '1.00'; 0 for none"),
    ("balance_usd='-1'", "balance_usd='-1': give exact dollars as text or Decimal, such as '1.00'; 0 for none"),
    ("at='May'", "at='May': give ISO 8601 text, such as '2026-05-01T00:00:00Z', or a datetime with its zone"),
    ("clock='fast'", "clock='fast': give 'real', 'frozen', or how many times as fast, such as 'x60'"),
    (
        "faults='503'",
        "faults='503': give a list of faults, each a dict such as {'operation': 'chat.*', 'status': 503}",
    ),
    ("strict='every'", f"strict='every': give True, False, 'all', or the names of the rules to keep: {RULES}"),
    ("allow=['unused']", f"allow=['unused']: give the names of the rules to waive: {RULES}"),
    ("switches=['a']", "switches=['a']: give a dict of switches by name, such as {'pareta.strict': True}"),
    ("env=1", "env=1: give True or False"),
    ("block_network='yes'", "block_network='yes': give True or False"),
    ("cassette=1", f"cassette=1: {PATH}"),
    ("cassette={'interactions': []}", f"cassette={{'interactions': []}}: {PATH}"),
    ("cassette=['a.yaml']", f"cassette=['a.yaml']: {PATH}"),
    ("cassette=''", f"cassette='': {PATH}"),
    (
        "cassette=True, record_mode='new_episode'",
        "record_mode='new_episode': give one of none, once, new_episodes, all",
    ),
    ("cassette=True, on_miss='fail'", "on_miss='fail': give one of error, simulate"),
    ("cassette=True, order='strict'", "order='strict': give one of any, recorded"),
    ("cassette=True, repeats=True", "repeats=True: give one of never, last, cycle"),
    (
        "cassette=True, match_on=['uri']",
        "match_on=['uri']: give parts of a request: method, path, query, body, host",
    ),
    ("cassette=True, match_on=[]", "match_on=[]: give at least one of method, path, query, body, host"),
    (
        "on_miss='simulate'",
        "on_miss='simulate' is about a cassette, and there is none: say cassette=True, or where it is",
    ),
    (
        "faults=[{'operation': 'chat.*', 'statuss': 1}]",
        "faults=[{'operation': 'chat.*', 'statuss': 1}]: faults.add: statuss: there is no such option (there are*",
    ),
    ("switches={'nope': True}", "worlds.create: switches.nope: no such switch; there are*"),
]


def test_each_wrong_option_is_one_readable_error(inner: Inner) -> None:
    tests = [
        f"@pytest.mark.mockserver({option})\ndef test_{number}(mockserver): pass"
        for number, (option, _) in enumerate(WRONG)
    ]
    result = inner("\n\n".join(["import pytest", *tests]), errors=len(WRONG))

    lines = [line for line in result.outlines if line.startswith("mockserver: ")]
    assert len(lines) == len(WRONG)
    for line, (_, message) in zip(lines, WRONG, strict=True):
        wanted, is_open, _ = f"mockserver: @pytest.mark.mockserver: {message}".partition("there are*")
        assert line.startswith(wanted) if is_open else line == wanted
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*mockserver/testing/*")
    result.stdout.no_fnmatch_line("*During handling*")


def test_a_wrong_option_of_a_made_world_is_one_readable_error(inner: Inner) -> None:
    result = inner(
        """
        def test_unknown(make_world):
            make_world(balanc=1)

        def test_of_the_whole_test(make_world):
            make_world(env=True)

        def test_twice(make_world):
            make_world("a")
            make_world("a")
        """,
        failed=3,
    )

    result.stdout.fnmatch_lines_random(
        [
            "mockserver: make_world: there is no option 'balanc' (did you mean 'balance_usd'[?]); there are: *",
            "mockserver: make_world: env is about the whole test: say so in @pytest.mark.mockserver(env=True)",
            "mockserver: make_world: this test has a world named 'a' already",
        ]
    )
    result.stdout.no_fnmatch_line("*During handling*")


def test_options_that_are_fine_are_read() -> None:
    first: dict[str, Any] = {"seed": 1, "strict": ["invariants"], "allow": ("unused_stubs",)}

    options = read([((), first), ((), {"seed": 2, "strict": True})])

    assert options == Options(seed=2, strict=True, allow=("unused_stubs",))
    assert options.rules == {"invariants", "unmatched_requests", "unused_faults"}
    assert read([((), {"strict": False})]).rules == frozenset()
    assert read([((), {"strict": "invariants"})]).rules == {"invariants"}
    assert "unplayed_interactions" not in read([((), {"strict": True})]).rules
    assert "unplayed_interactions" in read([((), {"strict": "all"})]).rules


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(WrongOption, match="say in which zone"):
        read([((), {"at": datetime(2026, 5, 1)})])  # noqa: DTZ001
