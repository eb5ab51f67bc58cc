"""The shipped cassettes are what they say they are, what is made today, and good for what they are for."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
import vcr

from mockserver import cli, resources
from mockserver.cassettes.checking import check
from mockserver.cassettes.files import Library
from mockserver.cassettes.player import Player
from mockserver.cassettes.replaying import Playback, ReplayApp
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import BackgroundServer
from mockserver.resources import Fixtures
from tests.cassettes import making_samples
from tests.cassettes.making_samples import ADDRESSES, NOTICE, WALKS, client_of
from tests.cassettes.programs import Seen

pytestmark = [pytest.mark.sdk, pytest.mark.parametrize("vendor", WALKS)]


def path_of(vendor: str) -> Path:
    return resources.cassette(Path(f"{vendor}-walkthrough"))


def walked(vendor: str, url: str, transport: httpx.BaseTransport | None = None) -> Seen:
    with client_of(vendor, url, transport) as client:
        return WALKS[vendor](client, lambda: None)


def played(vendor: str, player: Player) -> Seen:
    return walked(vendor, "http://anywhere", InProcessTransport(Playback(player)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return {vendor: making_samples.made(vendor) for vendor in WALKS}


def test_a_sample_says_that_it_is_simulated(vendor: str) -> None:
    first = path_of(vendor).read_text("utf-8").splitlines()[0]
    (file,) = Library([path_of(vendor)]).files

    assert first == f"# {NOTICE}"
    assert "Recorded from mockserver" in NOTICE
    assert "not from the vendor" in NOTICE
    said = file.metadata["mockserver"]
    assert (said["simulated"], said["recorded_from"], said["notice"]) == (True, ["mockserver"], NOTICE)


def test_a_sample_is_what_the_simulator_answers_today(vendor: str, made: dict[str, bytes]) -> None:
    """Where this fails, `python -m tests.cassettes.making_samples` makes them anew."""
    assert made[vendor] == path_of(vendor).read_bytes()


def test_nothing_of_the_run_that_made_it_is_in_a_sample(vendor: str) -> None:
    text = path_of(vendor).read_text("utf-8")

    for trace in ("127.0.0.1", "localhost", "sk_test", "Bearer", "/tmp"):
        assert trace not in text


def test_the_vendors_client_walks_through_a_sample_as_through_the_world(vendor: str) -> None:
    with making_samples.world() as (url, drain), client_of(vendor, url) as client:
        live = WALKS[vendor](client, drain)
    library = Library([path_of(vendor)])
    in_process, over_socket = Player(library), Player(library)

    seen = played(vendor, in_process)
    with BackgroundServer(ReplayApp(over_socket)) as server:
        seen_over_socket = walked(vendor, server.url)

    assert repr(seen) == repr(live).replace(url, ADDRESSES[vendor])
    assert seen_over_socket == seen
    assert in_process.unplayed == over_socket.unplayed == []
    assert in_process.missed == over_socket.missed == 0


def test_vcr_alone_plays_a_sample(vendor: str) -> None:
    recorder = vcr.VCR(record_mode=vcr.mode.NONE, match_on=["method", "uri"])
    with recorder.use_cassette(str(path_of(vendor))) as cassette:
        seen = walked(vendor, ADDRESSES[vendor])

    assert cassette.all_played
    assert seen == played(vendor, Player(Library([path_of(vendor)])))


def test_check_finds_nothing_in_a_sample(vendor: str) -> None:
    judged = list(check(Library([path_of(vendor)])))

    assert [each for each in judged if each.differences or each.reason] == []
    assert len(judged) > 15


def test_a_sample_is_known_by_name(
    vendor: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{vendor}-walkthrough"
    status = cli._run(["scenario", "from-cassette", name])
    out, err = capsys.readouterr()
    told = (status, "Traffic as in 3 recorded calls" in out, "no traffic to make a scenario of" in err)
    assert told == ((0, True, False) if vendor == "pareta" else (2, False, True))

    monkeypatch.chdir(tmp_path)
    assert name in resources.cassette_names()
    Path(name).mkdir()
    assert resources.cassette(Path(name)) == Path(name), "what is there is meant"


def test_samples_are_no_starting_data(vendor: str, tmp_path: Path) -> None:
    """Who copies all of the shipped fixtures, to change some, may keep them."""
    shutil.copytree(resources.folder("fixtures"), tmp_path / "own")

    Fixtures(tmp_path / "own").check()
    assert (tmp_path / "own" / "cassettes" / f"{vendor}-walkthrough.yaml").is_file()
