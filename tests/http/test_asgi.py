from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from mockserver.http.asgi import Batch, VendorApp
from mockserver.http.gateway import Gateway
from mockserver.http.messages import Reply, Request
from mockserver.kernel.store import Store
from mockserver.kernel.world import World
from tests.http.conftest import MAX_BODY_BYTES, Toy, names

Message = MutableMapping[str, Any]


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    store = Store(database)
    yield store
    store.close()


class Connection:
    """One request as a server hands it over: chunks in, messages out, perhaps a client that leaves."""

    def __init__(self, *chunks: bytes, path: str = "/t/things", leaves_after: int | None = None) -> None:
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(b"authorization", b"Bearer toy_test_acme"), (b"host", b"mock:1")],
        }
        self.sent: list[Message] = []
        self._chunks = list(chunks)
        self._leaves_after = leaves_after
        self._left = asyncio.Event()

    async def receive(self) -> Message:
        if self._chunks:
            body = self._chunks.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self._chunks)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if len(self.sent) == self._leaves_after:
            self._left.set()
            await asyncio.sleep(0)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def talk(app: VendorApp, connection: Connection) -> Connection:
    asyncio.run(app(connection.scope, connection.receive, connection.send))
    return connection


def visible(database: Path) -> list[str]:
    """What another program would find in the file now."""
    conn = sqlite3.connect(database)
    try:
        return [row[0] for row in conn.execute("SELECT name FROM toy_things ORDER BY rowid")]
    finally:
        conn.close()


@pytest.fixture
def app(gateway: Gateway) -> VendorApp:
    return VendorApp(gateway)


def test_an_answer_says_how_long_it_is(app: VendorApp) -> None:
    connection = talk(app, Connection(b'{"name": ', b'"a"}'))

    start, body = connection.sent
    assert start["status"] == 201
    assert (b"content-length", b"%d" % len(body["body"])) in start["headers"]


def test_an_answer_leaves_only_when_its_work_is_in_the_file(app: VendorApp, database: Path) -> None:
    class Watching(Connection):
        async def send(self, message: Message) -> None:
            await super().send(message)
            assert visible(database) == ["a"]

    talk(app, Watching(b'{"name": "a"}'))


def test_requests_that_arrive_together_share_one_commit(app: VendorApp, store: Store, database: Path) -> None:
    commits: list[str] = []
    store.conn.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)

    async def together() -> None:
        connections = [Connection(b'{"name": "%d"}' % n) for n in range(8)]
        await asyncio.gather(*(app(each.scope, each.receive, each.send) for each in connections))
        assert all(each.sent[0]["status"] == 201 for each in connections)

    asyncio.run(together())

    assert sorted(visible(database)) == [str(n) for n in range(8)]
    assert commits == ["COMMIT"]


def test_a_refused_request_among_others_undoes_only_itself(app: VendorApp, database: Path) -> None:
    async def together() -> list[int]:
        connections = [Connection(b'{"name": "%s"}' % name) for name in (b"a", b"clash", b"b")]
        await asyncio.gather(*(app(each.scope, each.receive, each.send) for each in connections))
        return [each.sent[0]["status"] for each in connections]

    assert asyncio.run(together()) == [201, 409, 201]
    assert visible(database) == ["a", "b"]


def test_a_commit_that_fails_reaches_everybody_who_waited() -> None:
    class Full:
        @property
        def store(self) -> Full:
            return self

        def commit(self) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    async def wait() -> list[BaseException | None]:
        batch = Batch(Full())  # type: ignore[arg-type]
        return [*await asyncio.gather(batch.committed(), batch.committed(), return_exceptions=True)]

    assert [str(error) for error in asyncio.run(wait())] == ["database or disk is full"] * 2


def test_a_request_whose_client_left_before_its_turn_is_not_served(
    app: VendorApp, gateway: Gateway, store: Store
) -> None:
    async def leave() -> None:
        connection = Connection(b'{"name": "a"}')
        leaving = asyncio.ensure_future(app(connection.scope, connection.receive, connection.send))
        await asyncio.sleep(0)  # it has been read and waits for the end of this turn
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving

    asyncio.run(leave())

    assert gateway.worlds.names() == []
    assert not store.is_pending


def test_a_request_that_breaks_the_gateway_breaks_alone(app: VendorApp, gateway: Gateway, database: Path) -> None:
    handle, broken = gateway.handle, Connection(b'{"name": "a"}')

    def breaking(request: Request, world: World | None = None) -> Reply:
        if b'"a"' in request.body:
            raise sqlite3.OperationalError("disk I/O error")
        return handle(request, world)

    async def together() -> list[BaseException | None]:
        connections = [broken, Connection(b'{"name": "b"}')]
        calls = (app(each.scope, each.receive, each.send) for each in connections)
        return [*await asyncio.gather(*calls, return_exceptions=True)]

    gateway.handle = breaking  # type: ignore[method-assign]
    outcomes = asyncio.run(together())

    assert [type(each) for each in outcomes] == [sqlite3.OperationalError, type(None)]
    assert visible(database) == ["b"]


def test_a_body_over_the_limit_is_read_to_its_end_but_not_kept(app: VendorApp, gateway: Gateway) -> None:
    connection = talk(app, Connection(*[b"x" * 1000] * 50))

    assert connection.sent[0]["status"] == 413
    (entry,) = gateway.worlds.get("acme").journal.read()
    assert len(entry.request_body) == MAX_BODY_BYTES + 1


@pytest.mark.parametrize("chunks", [(), (b"{",)])
def test_a_client_that_leaves_while_sending_did_nothing(app: VendorApp, gateway: Gateway, chunks: tuple[bytes]) -> None:
    class Leaving(Connection):
        async def receive(self) -> Message:
            if self._chunks:
                return {"type": "http.request", "body": self._chunks.pop(0), "more_body": True}
            return {"type": "http.disconnect"}

    assert talk(app, Leaving(*chunks)).sent == []
    assert gateway.worlds.names() == []


def test_a_stream_is_sent_piece_by_piece_and_settled_in_the_file_before_its_end(
    app: VendorApp, database: Path, toy: Toy
) -> None:
    class Watching(Connection):
        async def send(self, message: Message) -> None:
            await super().send(message)
            assert visible(database) == (["a"] if b"end" in self.body else [])

    connection = talk(app, Watching(b'{"name": "a"}', path="/t/talk"))

    bodies = [(message["body"], message.get("more_body", False)) for message in connection.sent[1:]]
    assert bodies == [(b"one ", True), (b"two ", True), (b"end", False)]
    assert not any(name == b"content-length" for name, _ in connection.sent[0]["headers"])
    assert toy.done == ["settled"]


@pytest.mark.parametrize("leaves_after", [1, 2, 3])
def test_a_stream_the_client_leaves_is_abandoned(app: VendorApp, gateway: Gateway, toy: Toy, leaves_after: int) -> None:
    talk(app, Connection(b'{"name": "a"}', path="/t/talk", leaves_after=leaves_after))

    world: World = gateway.worlds.get("acme")
    assert (names(world), toy.done) == ([], ["abandoned"])


def test_a_stream_whose_world_is_deleted_meanwhile_just_ends(app: VendorApp, gateway: Gateway, toy: Toy) -> None:
    class Deleting(Connection):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if message.get("body") == b"one ":
                with gateway.store.committed():
                    gateway.worlds.delete(gateway.worlds.get("acme"))

    connection = talk(app, Deleting(b'{"name": "a"}', path="/t/talk"))

    bodies = [(message["body"], message.get("more_body", False)) for message in connection.sent[1:]]
    assert bodies == [(b"one ", True), (b"two ", True), (b"", False)]
    assert toy.done == ["abandoned"]


def test_a_connection_that_breaks_under_a_stream_abandons_it(app: VendorApp, toy: Toy) -> None:
    class Broken(Connection):
        async def send(self, message: Message) -> None:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        talk(app, Broken(b'{"name": "a"}', path="/t/talk"))

    assert toy.done == ["abandoned"]
