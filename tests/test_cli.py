from __future__ import annotations

import gc
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mockserver import __version__, cli
from mockserver.app import Simulator
from mockserver.config import Settings, parse_clock
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning

MOCKSERVER = [sys.executable, "-m", "mockserver"]


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test runs in an empty project and with no setting of the machine's."""
    for name in list(os.environ):
        if name.startswith("MOCKSERVER_"):
            monkeypatch.delenv(name)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    yield
    assert gc.isenabled()


@pytest.fixture
def url() -> Iterator[str]:
    simulator = Simulator()
    with BackgroundServer(simulator) as server:
        yield server.url
    simulator.close()


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `mockserver serve` process and the URL it printed."""
    process = subprocess.Popen([*MOCKSERVER, "serve", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        banner = process.stdout.readline()
        found = re.search(r"http://\S+", banner)
        assert found, banner
        yield process, found[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def health(url: str) -> Any:
    with urllib.request.urlopen(f"{url}/_mock/health", timeout=10) as answer:
        return json.load(answer)


class Refused:
    """Runs a command line that must come to one line on standard error and status 2."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        assert cli._run(list(arguments)) == 2
        out, err = self._capsys.readouterr()
        assert out == ""
        assert re.fullmatch(r"mockserver: [^\n]+\n", err), err
        return err


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    return Refused(capsys)


# serve, as a process


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn", "granian"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_and_stops_clean(tmp_path: Path, server: str, number: signal.Signals) -> None:
    database = tmp_path / "mock.db"

    with serving("--server", server, "--db", str(database)) as (process, url):
        assert health(url) == {"status": "ok"}
        process.send_signal(number)
        assert process.wait(10) == 0

    assert sorted(path.name for path in tmp_path.iterdir()) == ["mock.db", "pyproject.toml"]


def test_the_banner_says_what_runs_where() -> None:
    with serving() as (process, url):
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)


def test_a_second_server_on_one_file_or_port_is_refused_in_one_line(tmp_path: Path) -> None:
    database = str(tmp_path / "mock.db")
    with serving("--db", database) as (_, url):
        port = url.rpartition(":")[2]
        for arguments, reason in (
            (["--port", "0", "--db", database], "is in use by another mockserver process"),
            (["--port", port], f"cannot listen on 127.0.0.1:{port}: Address already in use"),
        ):
            attempt = subprocess.run(
                [*MOCKSERVER, "serve", *arguments], capture_output=True, text=True, timeout=20, check=False
            )
            assert (attempt.returncode, attempt.stdout) == (2, "")
            assert re.fullmatch(rf"mockserver: .*{re.escape(reason)}\n", attempt.stderr)


def test_an_open_stream_of_signals_ends_it_at_once() -> None:
    with serving() as (process, url):
        host, _, port = url.removeprefix("http://").partition(":")
        # Half a request keeps the first signal waiting for its grace.
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            health(url)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(2) == -signal.SIGTERM


def test_log_json_writes_one_object_a_line(tmp_path: Path) -> None:
    errors = tmp_path / "log"
    with errors.open("w") as log:
        process = subprocess.Popen(
            [*MOCKSERVER, "serve", "--port", "0", "--log", "json"], stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        with process.stdout as out:
            found = re.search(r"http://\S+", out.readline())
            assert found
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{found[0]}/v1/chat/completion", timeout=10)
            process.terminate()
            process.wait(10)

    (line,) = [json.loads(line) for line in errors.read_text().splitlines()]
    assert line["level"] == "warning"
    assert line["logger"] == "mockserver"
    assert "nearest" in line["message"]
    assert parse_instant(line["at"])


# Options: command line, then environment, then project file


Served = list[tuple[Settings, str, tuple[str, int]]]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """What `serve` would have run, instead of running it."""
    calls: Served = []

    def note(app: Simulator, listener: socket.socket, *, server: str, on_ready: object) -> None:
        calls.append((app.settings, server, listener.getsockname()[:2]))

    monkeypatch.setattr("mockserver.http.serve.run", note)
    return calls


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_flags_shape_the_simulator(served: Served) -> None:
    arguments = [
        "serve", "--port", "0", "--server", "uvicorn", "--db", "x.db", "--seed", "5", "--clock", "x60",
        "--at", "2026-05-01T00:00:00Z", "--strict", "--known-worlds-only", "--admin-token", "t", "--log", "json",
    ]  # fmt: skip

    assert cli._run(arguments) == 0

    ((settings, server, _),) = served
    assert server == "uvicorn"
    at = parse_instant("2026-05-01T00:00:00Z")
    assert settings == Settings(Path("x.db"), Beginning(5, "scaled", 60.0, at), True, True, "t")


def test_the_environment_overrides_the_file_and_a_flag_overrides_both(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.mockserver]\nport = {port}\nseed = 1\nclock = 'frozen'\nknown-worlds-only = true\n"
    )
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    assert cli._run(["serve"]) == 0
    monkeypatch.setenv("MOCKSERVER_SEED", "2")
    assert cli._run(["serve"]) == 0
    assert cli._run(["serve", "--seed", "3"]) == 0

    assert [settings.beginning.seed for settings, _, _ in served] == [1, 2, 3]
    assert all(settings.beginning.clock_mode == "frozen" for settings, _, _ in served)
    assert all(settings.known_only for settings, _, _ in served)
    assert served[0][2] == ("127.0.0.1", port)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("[tool.mockserver]\nprot = 1", "has no key 'prot'; there are: admin-token, alerts, at, check"),
        ("[tool.mockserver]\nport = 'x'", "'x' is not a valid integer"),
        ("[tool.mockserver", "cannot read"),
        ("[tool]\nmockserver = 1", "tool.mockserver is not a table"),
        ("tool = 1", "cannot read"),
    ],
)
def test_a_faulty_project_file_is_one_clear_line(refused: Refused, tmp_path: Path, table: str, reason: str) -> None:
    (tmp_path / "pyproject.toml").write_text(table)

    assert reason in refused("serve", "--port", "0") if "port" not in table else reason in refused("serve")


def text_file(path: Path) -> None:
    path.write_text("dear diary\n" * 100)


def foreign_database(path: Path) -> None:
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE diary (day TEXT)")
    conn.commit()
    conn.close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--db", "missing/x.db"], "cannot use missing/x.db as a database"),
        (["--db", "."], "cannot use . as a database"),
        (["--db", "text.db"], "cannot use text.db as a database: file is not a database"),
        (["--db", "foreign.db"], "foreign.db is an SQLite database, but not one of mockserver's"),
        (["--scenario", "nowhere"], "unknown scenario 'nowhere'"),
        (["--scenario", "bad.yaml"], "bad.yaml:2: "),
        (["--at", "yesterday"], "'yesterday' is not an ISO 8601 date-time"),
        (["--clock", "fast"], "'fast' is not a clock"),
        (["--clock", "x0"], "'x0' is not a clock"),
        (["--seed", "x"], "'x' is not a valid integer"),
        (["--server", "apache"], "'apache' is not one of"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--host", "0.0.0.0"], "wants an --admin-token"),
        (["--no-such-flag"], "No such option"),
        (["surplus"], "unexpected extra argument"),
    ],
)
def test_what_cannot_be_had_is_one_clear_line(
    refused: Refused, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    text_file(tmp_path / "text.db")
    foreign_database(tmp_path / "foreign.db")
    (tmp_path / "bad.yaml").write_text("name: x\n  purpose: y\n")

    assert reason in refused("serve", *(["--port", "0"] if "--port" not in arguments else []), *arguments)


@pytest.mark.parametrize(
    ("text", "clock"),
    [("real", ("real", 1.0)), ("frozen", ("frozen", 0.0)), ("x60", ("scaled", 60.0)), ("x0.5", ("scaled", 0.5))],
)
def test_a_clock_is_read(text: str, clock: tuple[str, float]) -> None:
    assert parse_clock(text) == clock


# env, wait, exec


def test_env_prints_what_the_clients_read(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["env", "--url", f"{url}/", "--world", "acme"]) == 0

    printed = subprocess.run(
        ["sh", "-c", 'eval "$1"; env', "sh", capsys.readouterr().out],
        capture_output=True,
        text=True,
        check=True,
        env={},
    ).stdout.splitlines()
    assert {
        f"PARETA_BASE_URL={url}",
        "PARETA_API_KEY=pareta_sk_test_acme",
        f"OPENAI_BASE_URL={url}/v1",
        "OPENAI_API_KEY=pareta_sk_test_acme",
        f"PAYGENTIC_SERVER_URL={url}",
        "PAYGENTIC_BEARER_AUTH=sk_test_acme",
        f"MOCKSERVER_URL={url}",
        "MOCKSERVER_WORLD=acme",
    } <= set(printed)


def test_what_env_printed_leads_the_other_verbs_to_the_same_server_and_world(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._run(["env", "--url", url, "--world", "acme"]) == 0
    printed = capsys.readouterr().out
    for line in printed.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)

    assert cli._run(["wait"]) == 0
    assert cli._run(["env"]) == 0
    assert capsys.readouterr().out == printed


def test_env_finds_the_server_where_serve_would_listen(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = url.rpartition(":")[2]
    (tmp_path / "pyproject.toml").write_text(f"[tool.mockserver]\nport = {port}\n")
    assert cli._run(["env"]) == 0

    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setenv("MOCKSERVER_PORT", port)
    assert cli._run(["wait"]) == 0


def test_no_proxy_stands_between_us_and_the_server(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert cli._run(["wait", "--url", url, "--timeout", "1"]) == 0


@pytest.mark.parametrize("verb", [["env"], ["wait", "--timeout", "0.1"]])
def test_nobody_there_is_one_clear_line(refused: Refused, verb: list[str]) -> None:
    free = f"http://127.0.0.1:{free_port()}"

    assert f"no mockserver answers at {free}" in refused(*verb, "--url", free)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'["ok"]'])
def test_somebody_else_there_is_not_taken_for_a_mockserver(refused: Refused, body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        refused("env", "--url", f"http://127.0.0.1:{other.server_port}")
        thread.join()


@pytest.mark.parametrize("arguments", [["--url", "ftp://x"], ["--url", "127.0.0.1:1"]])
def test_what_is_no_url_is_refused(refused: Refused, arguments: list[str]) -> None:
    assert "is not an http URL" in refused("env", *arguments)


def test_a_world_no_key_can_name_is_refused(refused: Refused, url: str) -> None:
    assert "is not a world's name" in refused("env", "--url", url, "--world", "a b")


def test_wait_returns_when_the_server_comes_up() -> None:
    port = free_port()
    waiting = subprocess.Popen([*MOCKSERVER, "wait", "--url", f"http://127.0.0.1:{port}", "--timeout", "20"])
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.3)

    process = subprocess.Popen([*MOCKSERVER, "serve", "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        assert waiting.wait(20) == 0
    finally:
        process.terminate()
        process.wait(10)


PROBE = (
    "import os, sys, json, urllib.request as r;"
    "h = json.load(r.urlopen(os.environ['PARETA_BASE_URL'] + '/_mock/health'));"
    "sys.exit(7 if h == {'status': 'ok'} and os.environ['PARETA_API_KEY'] == 'pareta_sk_test_acme' else 8)"
)


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
def test_exec_returns_the_commands_status(server: str) -> None:
    assert cli._run(["exec", "--server", server, "--world", "acme", "--", sys.executable, "-c", PROBE]) == 7


def test_exec_needs_no_dashes_before_the_command() -> None:
    assert cli._run(["exec", sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_exec_reports_a_signal_as_a_shell_does() -> None:
    assert cli._run(["exec", "--", "sh", "-c", "kill -9 $$"]) == 128 + 9


def test_exec_of_what_does_not_exist_is_one_clear_line(refused: Refused) -> None:
    assert "cannot run no-such-program: No such file" in refused("exec", "--", "no-such-program")


def test_exec_without_a_command_is_one_clear_line(refused: Refused) -> None:
    assert "Missing argument" in refused("exec")


def test_exec_passes_a_termination_on_and_tears_down() -> None:
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(5)); print('up', flush=True); signal.pause()"
    process = subprocess.Popen(
        [*MOCKSERVER, "exec", "--", sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == "up\n"
        process.terminate()
        assert process.wait(10) == 5


# Tests in other languages, through exec


NODE = shutil.which("node")
VENDOR = """
const key = { Authorization: `Bearer ${process.env.PARETA_API_KEY}` };
const ask = () => fetch(`${process.env.PARETA_BASE_URL}/v1/chat/completions`, {
  method: "POST", headers: key,
  body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: "Hello!" }] }),
});
const world = `${process.env.MOCKSERVER_URL}/_mock/worlds/${process.env.MOCKSERVER_WORLD}`;
const arm = (fault) => fetch(`${world}/faults`, { method: "POST", body: JSON.stringify(fault) });
const expect = (got, wanted) => { if (got !== wanted) throw new Error(`got ${got}, wanted ${wanted}`); };
"""
RETRIES = f"""{VENDOR}
expect((await arm({{ operation: "chat.completions.create", first: 1, status: 503, retry_after: 0 }})).status, 201);
const first = await ask();
expect(first.status, 503);
expect(first.headers.get("retry-after"), "0");
const second = await ask();
expect(second.status, 200);
const left = await (await fetch(`${{world}}/credits`)).json();
expect(left.balance_micro_usd, 100000000 - Number(second.headers.get("x-pareta-billed")));
console.log("passed");
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], list[str]]:
    """Write a script, and return the command that runs it."""
    if NODE is None:
        pytest.skip("node is not installed")
    node = NODE

    def write(code: str) -> list[str]:
        (tmp_path / "test.mjs").write_text(code)
        return [node, "test.mjs"]

    return write


def test_a_test_in_javascript_arms_a_fault_and_sees_it(
    script: Callable[[str], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli._run(["exec", "--check", "--world", "acme", "--", *script(RETRIES)]) == 0

    assert capfd.readouterr() == ("passed\n", "")


def test_a_fault_that_never_struck_fails_a_command_that_succeeded(
    script: Callable[[str], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    code = f"{VENDOR} await arm({{ operation: 'chat.completions.create', nth: 2, status: 503 }}); await ask();"

    assert cli._run(["exec", "--", *script(code)]) == 0
    assert capfd.readouterr() == ("", "")
    assert cli._run(["exec", "--check", "--", *script(code)]) == 1

    out, err = capfd.readouterr()
    assert out == ""
    first, blank, message, columns, row = err.splitlines()
    assert first == "mockserver: the command succeeded, but not everything is as it must be"
    assert (blank, message) == ("", "one fault not used up")
    assert columns.split() == ["id", "what", "why", "nearest", "what", "differs"]
    assert row.startswith("fault-1  operation=chat.completions.create, nth=2, status=503  matched one request")
    assert row.endswith("number 1, not 2")


def test_an_unused_stub_and_an_unmatched_request_are_told_too(
    script: Callable[[str], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    code = f"""{VENDOR}
await fetch(`${{world}}/stubs`, {{ method: "POST", body: JSON.stringify({{ text: "Hello!" }}) }});
await fetch(`${{process.env.PARETA_BASE_URL}}/v1/chat/completion`, {{ method: "POST", headers: key }});
await fetch(`${{process.env.PARETA_BASE_URL}}/v1/model`);
"""

    assert cli._run(["exec", "--check", "--", *script(code)]) == 1

    err = capfd.readouterr().err
    assert "one request was for no operation there is\nseq  at" in err
    assert "/v1/chat/completion " in err
    assert "one stub not used up\nid" in err
    assert "with a key that names no world, one request was for no operation there is\nseq" in err


def test_a_command_that_failed_has_said_so_itself(
    script: Callable[[str], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    code = f"{VENDOR} await arm({{ status: 503 }}); process.exit(4);"

    assert cli._run(["exec", "--check", "--", *script(code)]) == 4

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", [[], ["--known-worlds-only"]])
def test_a_command_that_does_nothing_leaves_nothing_to_tell(
    options: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli._run(["exec", "--check", "--world", "nobody", *options, "--", "true"]) == 0

    assert capfd.readouterr() == ("", "")


# What is shipped


@pytest.mark.parametrize("api", ["pareta", "paygentic", "control"])
def test_documents_are_printed(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["openapi", api]) == 0

    assert json.loads(capsys.readouterr().out)["openapi"].startswith("3.")


def test_fidelity_prints_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["fidelity"]) == 0

    out = capsys.readouterr().out
    assert "| " in out
    assert "assumed" in out


# The command itself


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["--version"]) == 0
    assert capsys.readouterr().out == f"mockserver {__version__}\n"


def test_alone_it_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_help_names_the_variable_of_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["serve", "--help"]) == 0

    out = capsys.readouterr().out
    for option in re.findall(r"--([a-z-]+)", out):
        if option != "help":
            assert f"MOCKSERVER_{option.replace('-', '_').upper()}" in out


def test_an_interrupt_is_reported_as_a_shell_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(url: str) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_answers", interrupt)

    assert cli._run(["wait", "--url", "http://x"]) == 130


def test_main_exits_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mockserver", "scenario", "validate", "nowhere"])

    with pytest.raises(SystemExit) as exit_:
        cli.main()

    assert exit_.value.code == 2


def test_help_loads_nothing_that_serves() -> None:
    code = (
        "import sys; sys.argv = ['mockserver', '--help']; from mockserver import cli;"
        "cli._run(['--help']); print(sorted({'pydantic', 'sqlite_utils', 'starlette', 'hypercorn', 'yaml', 'asyncio'}"
        " & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"


def test_serving_loads_nothing_that_only_tests_and_scenarios_need() -> None:
    code = (
        "import sys; from mockserver.app import Simulator; Simulator().close();"
        "print(sorted({'faker', 'numpy', 'vcr', 'yaml', 'httpx', 'pytest', 'openai', 'pareta', 'starlette.routing'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
