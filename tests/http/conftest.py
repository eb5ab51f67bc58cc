"""A toy vendor that does one of everything, and the gateway in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from mockserver.http.endpoint import Api, Endpoint, WireModel
from mockserver.http.forms import Upload
from mockserver.http.gateway import Gateway
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.messages import Reply, Stream
from mockserver.kernel import errors, world
from mockserver.kernel.call import Call
from mockserver.kernel.journal import Entry
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Store
from mockserver.kernel.windows import SECOND, parse_instant
from mockserver.kernel.world import Beginning, World, Worlds

MAX_BODY_BYTES = 4096
START = parse_instant("2026-02-10T12:00:00Z")
STATUS: dict[type[errors.MockError], int] = {
    errors.Unauthenticated: 401,
    errors.UnknownRoute: 404,
    errors.MethodNotAllowed: 405,
    errors.MalformedBody: 400,
    errors.BodyTooLarge: 413,
    errors.InvalidRequest: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.IdempotencyMismatch: 409,
}

migrations = Migrations("toy")


@migrations()
def create_things(db: Database) -> None:
    db.execute("CREATE TABLE toy_things (world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL)")


def insert(world: World, name: str) -> str:
    identifier = world.new_id("thing")
    world.store.execute("INSERT INTO toy_things VALUES (?, ?, ?)", (world.id, identifier, name))
    return identifier


def names(world: World) -> list[str]:
    return [
        row[0] for row in world.store.all("SELECT name FROM toy_things WHERE world = ? ORDER BY rowid", (world.id,))
    ]


class ThingRequest(WireModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=10)
    count: int = Field(default=1, ge=1)
    kind: Literal["a", "b"] = "a"

    def to_domain(self) -> str:
        if self.name == "wrong":
            raise errors.InvalidRequest(errors.Problem(("body", "name"), "is wrong", "invalid_format"))
        return self.name


class ListQuery(WireModel):
    limit: int = Field(default=10, strict=False, le=100)
    tag: list[str] = Field(default_factory=list)

    def to_domain(self) -> tuple[int, list[str]]:
        return self.limit, self.tag


class SessionHeaders(WireModel):
    session: Literal["one", "two"] | None = Field(default=None, alias="x-toy-session")

    def to_domain(self) -> str | None:
        return self.session


class FileRequest(WireModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    title: str
    file: Upload

    def to_domain(self) -> tuple[str, Upload]:
        return self.title, self.file


class ThingResponse(BaseModel):
    id: str
    name: str


@dataclass
class Toy:
    """What the toy's streams did."""

    done: list[str] = field(default_factory=list)
    breaks: bool = False

    def create(self, call: Call, name: str) -> dict[str, Any]:
        identifier = insert(call.world, name)
        call.cost_micro_usd = 5
        if name == "clash":
            raise errors.Conflict("it clashes")
        if name == "bug":
            raise ZeroDivisionError
        return {"id": identifier, "name": name}

    def show(self, call: Call, identifier: str, part: str) -> Reply:
        return Reply(200, f"{identifier}/{part}".encode(), [(b"content-type", b"text/plain")])

    def list(self, call: Call, query: tuple[int, list[str]]) -> dict[str, Any]:
        return {"limit": query[0], "tags": query[1], "names": names(call.world)}

    def greet(self, call: Call, session: str | None) -> dict[str, Any]:
        return {"session": session}

    def upload(self, call: Call, form: tuple[str, Upload]) -> dict[str, Any]:
        title, file = form
        return {"title": title, "filename": file.filename, "mime": file.mime, "size": len(file.data)}

    def delete(self, call: Call) -> None:
        call.world.store.execute("DELETE FROM toy_things WHERE world = ?", (call.world.id,))

    def later(self, call: Call, name: str) -> dict[str, Any]:
        call.world.schedule.add(call.now + SECOND, "toy.insert", name)
        return {}

    def talk(self, call: Call, name: str) -> Reply:
        def settle() -> bytes:
            if self.breaks:
                raise ZeroDivisionError
            insert(call.world, name)
            call.cost_micro_usd = 9
            self.done.append("settled")
            return b"end"

        def head() -> Iterator[bytes]:
            yield b"one "
            yield b"two "

        return Reply(200, headers=[(b"content-type", b"text/event-stream")], stream=Stream(
            head(), settle, lambda: self.done.append("abandoned")
        ))  # fmt: skip

    def act(self, world: World, subject: str) -> None:
        insert(world, f"{subject}@{(world.clock.now() - START) // SECOND}")


def render(error: errors.MockError) -> Reply:
    fields = [problem.field for problem in error.problems] if isinstance(error, errors.InvalidRequest) else []
    codes = [problem.code for problem in error.problems] if isinstance(error, errors.InvalidRequest) else []
    return Reply.json({"error": str(error), "fields": fields, "codes": codes}, STATUS[type(error)])


def parse_json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError as error:
        raise errors.MalformedBody(str(error)) from None


def replayed(reply: Reply) -> Reply:
    reply.headers.append((b"x-replayed", b"yes"))
    return reply


def toy_api(toy: Toy) -> Api:
    def row(method: str, path: str, operation: str, run: Callable[..., Any], **facts: Any) -> Endpoint:
        return Endpoint(method, path, operation, run, "toy/tests", **facts)

    return Api(
        "toy", "Toy", "1", ("/t",),
        [
            row("POST", "/t/things", "things.create", toy.create, body=ThingRequest, response=ThingResponse, status=201,
                replayable=True),
            row("GET", "/t/things", "things.list", toy.list, query=ListQuery),
            row("DELETE", "/t/things", "things.delete", toy.delete, status=204),
            row("GET", "/t/things/{id}/parts/{part}", "things.show", toy.show),
            row("POST", "/t/files", "files.create", toy.upload, body=FileRequest, form=True, replayable=True),
            row("GET", "/t/greeting", "greetings.show", toy.greet, headers=SessionHeaders),
            row("POST", "/t/later", "things.later", toy.later, body=ThingRequest),
            row("POST", "/t/talk", "talk.create", toy.talk, body=ThingRequest, replayable=True, streams=True),
        ],
        "toy_", False, render, lambda: Reply.json({"error": "ours"}, 500), parse_json, {}, MAX_BODY_BYTES, replayed,
    )  # fmt: skip


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def store() -> Iterator[Store]:
    """In memory; a test that wants a file overrides it."""
    store = Store(None)
    yield store
    store.close()


@pytest.fixture
def gateway(toy: Toy, store: Store) -> Gateway:
    return toy_gateway(toy, store)


def toy_gateway(toy: Toy, store: Store) -> Gateway:
    store.migrate([*world.MIGRATIONS, migrations])
    worlds = Worlds(
        store, actions={"toy.insert": toy.act}, beginning=Beginning(seed=7, clock_mode="frozen", clock_at=START)
    )
    return Gateway(worlds, [toy_api(toy)])


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer toy_test_acme"}
    with httpx.Client(transport=InProcessTransport(gateway), base_url="http://mock", headers=headers) as client:
        yield client


@pytest.fixture
def acme(gateway: Gateway) -> World:
    with gateway.store.committed():
        return gateway.worlds.admit("acme")


def last_entry(world: World) -> Entry:
    return world.journal.read()[-1]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "mock.db"
