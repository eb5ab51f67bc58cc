from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.cassettes.files import Library
from mockserver.cli import _run
from mockserver.http.serve import BackgroundServer
from tests.cassettes.test_recorder import answers, scripted

PARETA = ["--upstream", "https://api.pareta.ai", "--port", "0"]
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "I am ada@corp.io, card 1234-5678"}], "user": "u-77"}


@contextmanager
def recording(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the verb until the block ends; yield it with the URL it listens on."""
    child = subprocess.Popen(
        [sys.executable, "-m", "mockserver", "record", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("MOCKSERVER_")},
    )
    try:
        assert child.stdout is not None
        banner = child.stdout.readline()
        assert " recording into " in banner
        yield child, banner.split()[-2]
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def test_it_records_until_it_is_interrupted_and_says_what(
    tmp_path: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    with BackgroundServer(simulator) as up:
        upstreams = ["--upstream", f"pareta={up.url}", "--upstream", f"paygentic={up.url}"]
        how = ["--redact", "user", "--only", "POST /v1/*", "--only", "GET /v0/*", "--keep-header", "x-run"]
        with recording(str(tmp_path / "walk"), *upstreams, *how) as (child, url):
            headers = {"authorization": "Bearer pareta_sk_test_verb77"}
            with httpx.Client(base_url=url, headers=headers) as client:
                client.post("/v1/chat/completions", json=CHAT, headers={"x-run": "7"})
                client.get("/v1/models")
                client.get("/v0/costs", headers={"authorization": "Bearer sk_test_verb77"})
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=10)
        assert child.returncode == 0, err
    pareta, paygentic = (tmp_path / "walk" / f"{name}.yaml" for name in ("pareta", "paygentic"))
    assert f"1 interaction written to {pareta}" in out
    assert f"1 interaction written to {paygentic}" in out
    assert "1 passed on only; redacted: 1 e-mail, 2 keys, 1 value" in out
    assert Library([pareta]).read(0).request.headers[b"x-run"] == b"7"
    for file in (pareta, paygentic):
        text = file.read_text()
        assert not [secret for secret in ("verb77", "ada@corp.io", "u-77") if secret in text]
    assert _run(["record", str(tmp_path / "walk"), "--upstream", "pareta=http://127.0.0.1:1", "--port", "0"]) == 2
    assert "new_episodes appends, all replaces it" in capsys.readouterr().err


def test_what_was_to_be_written_and_is_lost_is_counted_and_the_status_is_1(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\nconnection: close\r\n\r\n" + b"x" * 2000
    with scripted(answers(answer)) as url, recording(str(file), "--upstream", f"pareta={url}") as (child, at):
        assert len(httpx.get(f"{at}/v1/kept").content) == 2000
        while not file.exists():
            time.sleep(0.01)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (4_500, 4_500))
        for _ in range(3):
            assert len(httpx.get(f"{at}/v1/lost").content) == 2000
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=10)
    assert child.returncode == 1
    assert f"1 interaction written to {file}; 3 passed on only, of which 3 are lost; redacted: nothing" in out
    assert err.count("File too large; not recorded") == 3
    assert len(Library([file])) == 1


@pytest.mark.parametrize("target", ["", " ", "-"])
def test_no_name_and_standard_output_are_no_places_to_record_into(
    tmp_path: Path, target: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run(["record", target, *PARETA]) == 2
    assert capsys.readouterr().err.count("is no place to record into: name a file that ends in .yaml or .json") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["c.yaml"], "--upstream pareta=https://... --upstream paygentic=https://..."),
        (["c.yaml", "--upstream", "https://example.com"], "not clear which vendor"),
        (["c.yaml", "--upstream", "petrol=https://x"], "not clear which vendor"),
        (["c.yaml", "--upstream", "pareta=x"], "no http or https URL"),
        (["c.yaml", "--upstream", "pareta=https://a", "--upstream", "pareta=https://b"], "two for pareta"),
        (["c.yaml", "--upstream", "https://api.pareta.ai", "--only", "x"], "no method and path"),
        (["c.yaml", *PARETA, "--only", "FETCH /v1/*"], "'FETCH' is no method; there are: DELETE, GET, "),
        (["c.yaml", *PARETA, "--redact", ""], "--redact: a field has a name"),
        (["c.yaml", *PARETA, "--keep-header", "x-run: 7"], "'x-run: 7' is no name of a header"),
        (["c.yaml", *PARETA, "--keep-header", ""], "'' is no name of a header"),
        (["c.yaml", *PARETA, "--keep-header", "x-größe"], "'x-größe' is no name of a header"),
        (["c.yaml", *PARETA, "--upstream-timeout", "nan"], "nan is no number of seconds"),
        (["c.yaml", *PARETA, "--upstream-timeout", "inf"], "inf is no number of seconds"),
        (["c.yaml", *PARETA, "--upstream-timeout", "0"], "0.0 is not in the range"),
        ([".yaml", *PARETA], ".yaml is an ending without a name: a file's name ends in one of .yaml, .yml, .json"),
        (["walk/.JSON", *PARETA], "is an ending without a name"),
        (["c.txt", *PARETA], "c.txt is: a file's name ends in one of .yaml, .yml, .json, and a folder's has no ending"),
        (["c.yaml", "--upstream", "https://api.pareta.ai", "--record-mode", "none"], "'once', 'new_episodes', 'all'"),
    ],
)
def test_what_it_cannot_do_is_one_line_and_no_file(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target, *rest = arguments
    assert _run(["record", str(tmp_path / target), *rest]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
