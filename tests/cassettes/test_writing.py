from __future__ import annotations

import json
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import vcr
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.cassettes import writing
from mockserver.cassettes.files import Library
from mockserver.cassettes.interaction import Answer, BadCassette, Interaction, Piece
from mockserver.cassettes.writing import CannotWrite, CassetteWriter
from mockserver.http.messages import Request
from mockserver.kernel.windows import Instant

FORMS = ("c.yaml", "c.json")


def interaction(n: int = 0, body: bytes = b'{"a": 1}', sent: bytes = b"") -> Interaction:
    kind = [(b"content-type", b"text/event-stream")]
    request = Request("POST", f"/v1/x/{n}", b"q=1", {b"accept": b"*/*"}, sent, "https://api.example")
    return Interaction(request, Answer(200, "OK", kind, body), Instant(1_000_000), 1500, (Piece(250, len(body)),))


def paths(file: Path) -> list[str]:
    library = Library([file])
    return [library.read(n).request.path for n in range(len(library))]


@pytest.mark.parametrize("name", FORMS)
def test_a_file_appears_with_its_first_interaction_and_is_whole_after_each(tmp_path: Path, name: str) -> None:
    file = tmp_path / "deep" / name
    writer = CassetteWriter(file, recorded_from=["https://api.example"], metadata={"redacted_fields": ["ssn"]})
    assert not file.parent.exists()
    for n in range(3):
        writer.add(interaction(n))
        assert paths(file) == [f"/v1/x/{k}" for k in range(n + 1)]
        assert len(yaml.safe_load(file.read_text())["interactions"]) == n + 1
    writer.close()
    ours = Library([file]).files[0].metadata["mockserver"]
    assert (ours["format"], ours["recorded_from"], ours["redacted_fields"]) == (1, ["https://api.example"], ["ssn"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [name]
    if name.endswith("json"):
        assert list(json.loads(file.read_text())) == ["version", "metadata", "interactions"]


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80), sent=st.text(max_size=30))
def test_what_is_written_is_read_again(tmp_path: Path, name: str, text: str, sent: str) -> None:
    file = tmp_path / name
    writer = CassetteWriter(file, mode="all")
    given_ = [interaction(0, text.encode(), sent.encode()), interaction(1)]
    for each in given_:
        writer.add(each)
    writer.close()
    library = Library([file])
    assert [library.read(n) for n in range(2)] == given_


def test_bytes_that_are_no_text_go_into_yaml_and_not_into_json(tmp_path: Path) -> None:
    picture = interaction(body=b"\x89PNG\xff")
    writer = CassetteWriter(tmp_path / "c.yaml")
    writer.add(picture)
    writer.close()
    assert Library([tmp_path / "c.yaml"]).read(0) == picture
    other = CassetteWriter(tmp_path / "c.json")
    with pytest.raises(CannotWrite, match=r"\.yaml file could"):
        other.add(picture)
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize("name", FORMS)
def test_modes_are_those_of_vcrpy(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    for n, mode in enumerate(("once", "new_episodes", "all")):
        writer = CassetteWriter(file, mode=mode)  # type: ignore[arg-type]
        before = file.exists() and paths(file)
        assert before == (paths(file) if file.exists() else False)
        writer.add(interaction(n))
        writer.close()
        assert paths(file) == {0: ["/v1/x/0"], 1: ["/v1/x/0", "/v1/x/1"], 2: ["/v1/x/2"]}[n]
    with pytest.raises(BadCassette, match="new_episodes appends, all replaces"):
        CassetteWriter(file)


def test_placeholders_of_a_file_that_is_appended_to_are_known(tmp_path: Path) -> None:
    writer = CassetteWriter(tmp_path / "c.yaml")
    writer.add(interaction(body=b"redacted-key-3 redacted-12@example.com"))
    writer.close()
    again = CassetteWriter(tmp_path / "c.yaml", mode="new_episodes")
    assert again.placeholders == {b"redacted-key-3", b"redacted-12@example.com"}
    again.close()


@pytest.mark.parametrize("name", FORMS)
def test_two_cannot_record_into_one_file(tmp_path: Path, name: str) -> None:
    writer = CassetteWriter(tmp_path / name)
    writer.add(interaction())
    with pytest.raises(BadCassette, match="by another process"):
        CassetteWriter(tmp_path / name, mode="new_episodes")
    writer.close()


def test_where_there_are_no_advisory_locks_it_is_written_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "fcntl", None)
    for n, mode in enumerate(("once", "new_episodes")):
        writer = CassetteWriter(tmp_path / "c.yaml", mode=mode)  # type: ignore[arg-type]
        writer.add(interaction(n))
        writer.close()
    assert paths(tmp_path / "c.yaml") == ["/v1/x/0", "/v1/x/1"]


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_vcrpy_is_appended_to_and_keeps_its_interactions(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    serializer = name.rpartition(".")[2]
    request: dict[str, object] = {"method": "GET", "uri": "https://api.example/old", "headers": {}, "body": None}
    response = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": "old"}}
    old: dict[str, object] = {"version": 1, "interactions": [{"request": request, "response": response}] * 2}
    from vcr.serializers import jsonserializer, yamlserializer

    made = yamlserializer if serializer == "yaml" else jsonserializer
    file.write_text(made.serialize(json.loads(json.dumps(old))))
    file.chmod(0o644)
    for n in range(2):
        writer = CassetteWriter(file, mode="new_episodes", recorded_from=["https://api.example"])
        writer.add(interaction(n))
        writer.close()
    assert paths(file) == ["/old", "/old", "/v1/x/0", "/v1/x/1"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    with vcr.VCR(serializer=serializer).use_cassette(str(file), record_mode="none") as cassette:
        assert len(cassette.requests) == 4


@pytest.mark.parametrize("name", FORMS)
def test_wherever_a_write_was_cut_short_what_was_whole_is_found_again(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    writer = CassetteWriter(file)
    writer.add(interaction(0))
    writer.add(interaction(1))
    two = file.read_bytes()
    writer.add(interaction(2, b"first line\n\nlast line " * 3))
    writer.close()
    three = file.read_bytes()
    common = next((n for n in range(len(two)) if two[n] != three[n]), len(two))
    for cut in sorted(
        {*range(common, common + 20), *range(common, len(three), 7), *range(len(three) - 40, len(three))}
    ):
        file.write_bytes(three[:cut])
        again = CassetteWriter(file, mode="new_episodes")
        again.add(interaction(9))
        again.close()
        assert paths(file) in (
            ["/v1/x/0", "/v1/x/1", "/v1/x/9"], ["/v1/x/0", "/v1/x/1", "/v1/x/2", "/v1/x/9"]
        ), cut  # fmt: skip


KILLED = """
import sys
from pathlib import Path
from mockserver.cassettes.interaction import Answer, Interaction
from mockserver.cassettes.writing import CassetteWriter
from mockserver.http.messages import Request
writer = CassetteWriter(Path(sys.argv[1]))
n = 0
while True:
    request = Request("GET", f"/v1/x/{n}", b"", {}, b"", "https://api.example")
    writer.add(Interaction(request, Answer(200, "OK", [], b"x" * 100_000)))
    n += 1
    print(n, flush=True)
"""


@pytest.mark.parametrize("name", FORMS)
def test_a_recorder_that_is_killed_loses_nothing_that_was_whole(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    root = Path(__file__).parents[2]
    for wait_s in (0.03, 0.05):
        file.unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, cwd=root)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
        told = 1 + len(child.stdout.read().splitlines())
        child.wait()
        child.stdout.close()
        writer = CassetteWriter(file, mode="new_episodes")
        writer.add(interaction(9_999))
        writer.close()
        found = paths(file)
        assert found[-1] == "/v1/x/9999"
        assert found[:-1] == [f"/v1/x/{n}" for n in range(len(found) - 1)]
        assert told <= len(found) - 1 <= told + 1


@pytest.mark.parametrize("name", FORMS)
def test_where_there_is_no_room_the_file_stays_as_it_was(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    writer = CassetteWriter(file)
    writer.add(interaction(0))
    before = file.read_bytes()
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 4000, limits[1]))
    try:
        with pytest.raises(CannotWrite, match="File too large"):
            writer.add(interaction(1, b"y" * 100_000))
        other = CassetteWriter(tmp_path / f"other-{name}")
        with pytest.raises(CannotWrite, match="File too large"):
            other.add(interaction(1, b"y" * 100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert file.read_bytes() == before
    writer.add(interaction(2))
    writer.close()
    assert paths(file) == ["/v1/x/0", "/v1/x/2"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LARGEST_INTERACTION", 1000)
    writer = CassetteWriter(tmp_path / "c.yaml")
    with pytest.raises(CannotWrite, match="too large"):
        writer.add(interaction(body=b"z" * 1000))
    assert not (tmp_path / "c.yaml").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.yaml", "- just\n- a list\n", "list"),
        ("c.yaml", "version: 7\ninteractions: []\n", "version"),
        ("c.json", '{"version": 1', "c.json"),
        ("c.yaml", "version: 1\nmetadata:\n  mockserver: {format: 99}\ninteractions: []\n", "newer"),
    ],
)
def test_a_file_that_is_no_cassette_is_left_alone(tmp_path: Path, name: str, content: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(BadCassette, match=message):
        CassetteWriter(file, mode="new_episodes")
    assert file.read_text() == content
    with pytest.raises(BadCassette, match="ends in one of"):
        CassetteWriter(tmp_path / "c.txt")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(BadCassette, match="no file"):
        CassetteWriter(tmp_path / "folder.yaml")
