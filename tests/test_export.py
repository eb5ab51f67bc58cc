from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from mockserver import cli
from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning
from tests.conftest import START

Run = Callable[..., str]
LEDGER_HEAD = (
    "seq,at,kind,amount_micro_usd,amount_usd,balance_micro_usd,balance_usd,operation,subject,request_id\n"
)  # fmt: skip


# Whose, when, and what: exact to the last digit, and with text that is hard to write down.
EVENTS = (
    ('"subject":"cus_b"', "2026-02-01T23:59:59.999999Z", '{"amount":0.100000000000000000000001,"note":"a, \\"b\\""}'),
    ('"subject":"cus_b"', "2026-02-01T00:00:00Z", '{"amount":1e-7}'),
    ('"subject":"cus_b"', "2026-02-02T00:00:00Z", '{"amount":2}'),
    ('"subject":"cus_a"', "2026-02-02T00:00:00Z", '{"amount":"12.50"}'),
    ('"externalSubject":"nobody"', "2026-02-02T00:00:00Z", '{"amount":3}'),
    ('"externalSubject":"example-customer"', "2025-02-02T00:00:00Z", '{"amount":4}'),
    ('"subject":"cus_a"', "2026-02-03T00:00:00Z", '{"nothing":true}'),
)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty project and with no setting of the machine's."""
    for name in list(os.environ):
        if name.startswith("MOCKSERVER_"):
            monkeypatch.delenv(name)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A database whose world `acme` has chatted once and has costs, whose default world has neither."""
    path = tmp_path / "mock.db"
    simulator = Simulator(Settings(path, Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START))))
    with httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://mock") as client:
        for key, prompt in (("pareta_sk_test_acme", 'hi, "you"\n'), ("pareta_sk_test_default", "")):
            headers = {"authorization": f"Bearer {key}"}
            body = {"model": "auto", "messages": [{"role": "user", "content": prompt}] if prompt else []}
            client.post("/v1/chat/completions", json=body, headers=headers)
        client.headers["authorization"] = "Bearer sk_test_acme"
        for aggregation in ("SUM", "MAX"):
            cost = {
                "type": "metered", "name": f"AI, {aggregation}", "eventType": "cost.ai", "aggregation": aggregation,
                "valueProperty": "$.amount", "unitCost": 0.1, "currency": "USD", "productId": "prod_YOUR_PRODUCT_ID",
            }  # fmt: skip
            client.post("/v0/costs", json=cost).raise_for_status()
        for number, (subject, at, data) in enumerate(EVENTS):
            event = (
                f'{{"type":"cost.ai","source":"s",{subject},"timestamp":"{at}","idempotencyKey":"k{number}",'
                f'"data":{data}}}'
            )
            client.post("/v0/events", content=event).raise_for_status()
    simulator.close()
    return path


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs a command line that must work, and returns what it printed."""

    def run(*arguments: str) -> str:
        assert cli._run(list(arguments)) == 0
        out, err = capfdbinary.readouterr()
        assert err == b""
        return out.decode()

    return run


@pytest.fixture
def refused(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs a command line that must come to status 2 and one line on standard error, which is returned."""

    def refused(*arguments: str) -> str:
        assert cli._run(list(arguments)) == 2
        out, err = capfdbinary.readouterr()
        assert out == b""
        line = err.decode()
        assert line.startswith("mockserver: ")
        assert line.count("\n") == 1
        return line.removeprefix("mockserver: ").removesuffix("\n")

    return refused


@pytest.fixture
def served(db: Path) -> Iterator[str]:
    simulator = Simulator(Settings(db, admin_token="secret"))
    with BackgroundServer(simulator) as server:
        yield server.url
    simulator.close()


def test_a_ledger_comes_out_of_a_file(run: Run, db: Path) -> None:
    text = run("export", "ledger", "--world", "acme", "--db", str(db))

    lines = text.splitlines(keepends=True)
    assert lines[0] == LEDGER_HEAD
    assert re.fullmatch(r"1,2026-01-02T00:00:00Z,grant,(\d+)(\d{6}),\1\.\2,\1\2,\1\.\2,grant,[^,]+,\"\"\n", lines[1])
    assert re.search(r",debit,-(\d\d),-0\.0000\1,\d+,[\d.]+,chat\.completions\.create,auto,req_\w+\n$", lines[-1])
    assert run("export", "ledger", "--world", "acme", "--db", str(db)) == text


def test_the_default_world_is_read_when_none_is_named(run: Run, db: Path) -> None:
    assert "chat.completions" in run("export", "ledger", "--world", "acme", "--db", str(db))
    assert "chat.completions" not in run("export", "ledger", "--db", str(db))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("what", ["calls", "ledger", "requests", "events", "costs", "invoices", "truth"])
def test_a_server_and_its_file_export_the_same_bytes(run: Run, db: Path, tmp_path: Path, what: str, form: str) -> None:
    options = ["export", what, "--world", "acme", "--format", form]
    from_file = run(*options, "--db", str(db))
    simulator = Simulator(Settings(db))
    with BackgroundServer(simulator) as server:
        from_server = run(*options, "--url", server.url)
        run(*options, "--url", f"{server.url}/", "--output", str(tmp_path / "out"))
    simulator.close()

    assert from_server == from_file
    assert (tmp_path / "out").read_bytes().decode() == from_file


def test_a_guarded_server_wants_its_token(run: Run, refused: Run, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("export", "ledger", "--url", served).startswith(f"{served}: ")
    assert refused("export", "ledger", "--url", served, "--admin-token", "x").endswith("is not the admin token")
    monkeypatch.setenv("MOCKSERVER_ADMIN_TOKEN", "secret")
    assert run("export", "ledger", "--url", served).startswith(LEDGER_HEAD)


def test_the_command_line_outdoes_the_environment_and_that_the_project(
    run: Run, refused: Run, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.mockserver]\ndb = "{db}"\n')
    assert run("export", "ledger").startswith(LEDGER_HEAD)

    monkeypatch.setenv("MOCKSERVER_URL", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9" in refused("export", "ledger")
    assert run("export", "ledger", "--db", str(db)).startswith(LEDGER_HEAD)


# Paygentic's rows


def test_events_come_out_as_they_were_sent_in_order_of_arrival(run: Run, db: Path) -> None:
    lines = run("export", "events", "--world", "acme", "--format", "jsonl", "--db", str(db)).splitlines()
    rows = [json.loads(line, parse_float=Decimal) for line in lines]

    assert [row["timestamp"] for row in rows] == [at for _, at, _ in EVENTS]
    assert [row["data"] for row in rows] == [json.loads(data, parse_float=Decimal) for _, _, data in EVENTS]
    assert [(row["seq"], row["idempotency_key"]) for row in rows] == [(n + 1, f"k{n}") for n in range(len(EVENTS))]
    assert {row["received_at"] for row in rows} == {START}
    assert (rows[4]["subject"], rows[4]["external_subject"]) == (None, "nobody")
    csv_lines = run("export", "events", "--world", "acme", "--db", str(db)).splitlines()
    assert csv_lines[1].endswith(',k0,"{""amount"":0.100000000000000000000001,""note"":""a, \\""b\\""""}"')


def test_costs_come_out_by_metric_day_and_subject(run: Run, db: Path) -> None:
    text = run("export", "costs", "--world", "acme", "--db", str(db))

    rows = list(csv.DictReader(text.splitlines()))
    total = "0.100000100000000000000001"
    assert [(row["cost_name"], row["day"], row["subject"], row["external_subject"], row["quantity"], row["cost"])
            for row in rows if row["cost_name"] == "AI, SUM"] == [
        ("AI, SUM", "2025-02-02", "cus_abc123", "", "4", "0.4"),
        ("AI, SUM", "2026-02-01", "cus_b", "", total, "0.0100000100000000000000001"),
        ("AI, SUM", "2026-02-02", "", "nobody", "3", "0.3"),
        ("AI, SUM", "2026-02-02", "cus_a", "", "12.5", "1.25"),
        ("AI, SUM", "2026-02-02", "cus_b", "", "2", "0.2"),
    ]  # fmt: skip
    assert [row["quantity"] for row in rows if row["cost_name"] == "AI, MAX"][1] == "0.100000000000000000000001"
    assert {(row["event_type"], row["unit_cost"], row["currency"]) for row in rows} == {("cost.ai", "0.1", "USD")}


def test_a_row_of_costs_is_a_bucket_of_that_subjects_summary(run: Run, db: Path) -> None:
    lines = run("export", "costs", "--world", "acme", "--format", "jsonl", "--db", str(db)).splitlines()
    rows = [json.loads(line) for line in lines]
    simulator = Simulator(Settings(db))
    with httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://mock") as client:
        client.headers["authorization"] = "Bearer sk_test_acme"
        window = {"from": "2025-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "window": "DAY"}
        for cost in {row["cost_id"] for row in rows}:
            for subject in ("cus_a", "cus_b", "cus_abc123"):
                summary = client.get(f"/v0/costs/{cost}/summary", params={**window, "subject": subject}).json()
                told = [(each["windowStart"][:10], each["quantity"], each["cost"]) for each in summary["timeSeries"]]
                mine = [row for row in rows if (row["cost_id"], row["subject"]) == (cost, subject)]
                assert told == [(row["day"], float(row["quantity"]), float(row["cost"])) for row in mine] != []
    simulator.close()


def test_deleted_costs_and_those_that_cannot_be_computed_are_left_out(run: Run, db: Path) -> None:
    simulator = Simulator(Settings(db))
    with httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://mock") as client:
        client.headers["authorization"] = "Bearer sk_test_acme"
        first, second = client.get("/v0/costs", params={"limit": 10, "offset": 0}).json()["data"]
        client.delete(f"/v0/costs/{first['id']}").raise_for_status()
        client.patch(f"/v0/costs/{second['id']}", json={"aggregation": None}).raise_for_status()
    simulator.close()

    assert len(run("export", "costs", "--world", "acme", "--db", str(db)).splitlines()) == 1


def test_invoices_come_out_with_their_payments_and_refunds(run: Run) -> None:
    invoice = {
        "customer_id": "cus_abc123", "currency": "USD", "amount": "120.00", "tax": "24.000000000001",
        "issued_at": "2026-02-01T00:00:00Z", "plan_id": "p1", "plan_name": "Pro, yearly",
        "payments": [{"amount": "1", "at": "2026-02-02T00:00:00Z", "status": "expired"},
                     {"amount": "100", "at": "2026-02-03T00:00:00Z"}],
        "refunds": [{"amount": "0.1", "at": "2026-02-04T00:00:00Z"}, {"amount": "0.2", "at": "2026-02-05T00:00:00Z"}],
    }  # fmt: skip
    simulator = Simulator()
    with BackgroundServer(simulator) as server:
        httpx.post(f"{server.url}/_mock/worlds/acme/invoices", json=invoice).raise_for_status()
        text = run("export", "invoices", "--world", "acme", "--url", server.url)
        (line,) = run("export", "invoices", "--world", "acme", "--format", "jsonl", "--url", server.url).splitlines()
    simulator.close()

    (row,) = csv.DictReader(text.splitlines())
    assert row["id"].startswith("inv_")
    assert [row[name] for name in ("seq", "amount", "tax", "paid", "refunded", "plan_name", "period_start")] == [
        "1", "120", "24.000000000001", "100", "0.3", "Pro, yearly", "",
    ]  # fmt: skip
    refunds = json.loads(line)["refunds"]
    assert [(refund["at"], refund["amount"]) for refund in refunds] == [
        ("2026-02-04T00:00:00Z", "0.1"), ("2026-02-05T00:00:00Z", "0.2"),
    ]  # fmt: skip


# What cannot be


def test_an_export_wants_one_place_to_come_from(refused: Run, db: Path) -> None:
    message = "an export is from --db FILE or from --url URL: give one of them"
    assert refused("export", "ledger") == message
    assert refused("export", "ledger", "--db", str(db), "--url", "http://127.0.0.1:9") == message


def test_what_is_not_exported_is_refused_with_what_is(refused: Run, db: Path) -> None:
    there_are = "calls, costs, events, invoices, ledger, requests, truth"

    message = refused("export", "a/b?", "--world", "acme", "--db", str(db))

    assert message == f"{db}: export (there are: {there_are}) 'a/b?' not found"
    simulator = Simulator(Settings(db))
    with BackgroundServer(simulator) as server:
        message = refused("export", "lies", "--world", "acme", "--url", server.url)
        assert message == f"{server.url}: export (there are: {there_are}) 'lies' not found"
    simulator.close()


def test_an_unknown_world_is_refused_and_not_made(refused: Run, db: Path) -> None:
    assert refused("export", "ledger", "--world", "nowhere", "--db", str(db)) == f"{db}: world 'nowhere' does not exist"
    simulator = Simulator(Settings(db))
    with BackgroundServer(simulator) as server:
        arguments = ("export", "ledger", "--url", server.url, "--world")
        assert refused(*arguments, "nowhere") == f"{server.url}: world 'nowhere' does not exist"
        assert refused(*arguments, "a/b?c") != ""
        assert "nowhere" not in simulator.worlds.names()
    simulator.close()


def test_a_file_that_is_not_there_is_not_made(refused: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"

    assert refused("export", "ledger", "--db", str(missing)) == f"cannot read {missing}: No such file or directory"
    assert not missing.exists()
    assert refused("export", "ledger", "--db", str(tmp_path)) == f"cannot read {tmp_path}: Is a directory"


@pytest.mark.parametrize("content", [b"", b"seq,at\n1,2\n" * 20])
def test_a_file_of_something_else_is_left_alone(refused: Run, tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes(content)

    assert refused("export", "ledger", "--db", str(other)) == f"{other} is not one of mockserver's databases"
    assert other.read_bytes() == content


def test_somebody_elses_database_is_left_alone(refused: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    connection.close()
    before = other.read_bytes()

    assert refused("export", "ledger", "--db", str(other)) == f"{other} is not one of mockserver's databases"
    assert other.read_bytes() == before


def test_a_database_of_which_little_is_left_is_refused(refused: Run, db: Path) -> None:
    db.write_bytes(db.read_bytes()[:5000])

    assert refused("export", "ledger", "--db", str(db)).startswith(f"cannot use {db} as a database: ")


@pytest.mark.usefixtures("served")
def test_a_file_that_a_server_holds_is_left_to_it(refused: Run, db: Path) -> None:
    assert refused("export", "ledger", "--db", str(db)) == f"{db} is in use by another mockserver process"


def test_a_server_that_is_not_there_is_one_line(refused: Run) -> None:
    assert refused("export", "ledger", "--url", "http://127.0.0.1:9").startswith("no export from http://127.0.0.1:9: ")
    assert refused("export", "ledger", "--url", "ftp://x") == "'ftp://x' is not an http URL"


class Liar(BaseHTTPRequestHandler):
    """Answers a page, or hangs up within a body."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        is_cut = "/requests." in self.path
        self.send_response(200 if is_cut else 404)
        self.send_header("connection", "close")
        if is_cut:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"6\r\nseq,at\r\n" if is_cut else b"<html>")

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def liar() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Liar)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_somebody_elses_server_is_told_from_ours(refused: Run, liar: str) -> None:
    assert refused("export", "ledger", "--url", liar) == f"{liar}: no mockserver answers there"


def test_an_export_that_breaks_off_is_an_error(liar: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["export", "requests", "--url", liar]) == 2
    err = capfd.readouterr().err
    assert err.startswith(f"mockserver: no export from {liar}: IncompleteRead")


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn", "granian"])
def test_an_export_that_a_server_cannot_finish_does_not_look_whole(
    db: Path, server: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = Simulator(Settings(db))
    calls = iter([False, True])
    monkeypatch.setattr(
        type(simulator.worlds.get("acme")),
        "is_gone",
        property(lambda world: next(calls, True), lambda world, gone: None),
    )
    with BackgroundServer(simulator, server) as background:  # type: ignore[arg-type]  # a server's name
        assert cli._run(["export", "ledger", "--world", "acme", "--url", background.url]) == 2
    simulator.close()

    # Above it stands what the server's own log says, wherever an earlier test has sent that.
    assert capfd.readouterr().err.splitlines()[-1].startswith(f"mockserver: no export from {background.url}: ")


def test_a_file_that_cannot_be_written_is_one_line(refused: Run, db: Path, tmp_path: Path) -> None:
    output = tmp_path / "none" / "out.csv"

    message = refused("export", "ledger", "--db", str(db), "--output", str(output))

    assert message == f"cannot write {output}: No such file or directory"


def test_an_export_that_fails_leaves_an_older_one_alone(refused: Run, db: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("older")

    refused("export", "ledger", "--world", "nowhere", "--db", str(db), "--output", str(tmp_path / "out.csv"))

    assert (tmp_path / "out.csv").read_text() == "older"


def test_whoever_reads_may_stop_early(db: Path) -> None:
    simulator = Simulator(Settings(db))
    with simulator.store.committed():
        world = simulator.worlds.get("acme")
        account = next(vendor.account for vendor in simulator.vendors if vendor.account)
        for _ in range(5000):
            account.grant(world, 1, "many")  # type: ignore[arg-type]  # one micro-dollar
    simulator.close()

    done = subprocess.run(
        f"{sys.executable} -m mockserver export ledger --world acme --db {db} | head -n 1",
        shell=True, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (done.stdout, done.stderr) == (LEDGER_HEAD, "")
