"""Deployed endpoints and the calls that reached them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.auto import LastRequest
from mockserver.vendors.pareta.domain.catalog import ServedEndpoint, Task
from mockserver.vendors.pareta.domain.metrics import DOWN_FROM, OK_BELOW, SCORE_UNIT, ServedCall, Tally, Window
from mockserver.vendors.pareta.tables.catalog import read_task

migrations = Migrations("pareta.endpoints")


@migrations()
def create_serving(db: Database) -> None:
    """Endpoints and the calls they served."""
    for statement in (
        "CREATE TABLE pareta_endpoints (world INTEGER, id TEXT, task TEXT, model TEXT, status TEXT, is_seed INTEGER,"
        " quality REAL, cost_micro_usd INTEGER, frontier_cost_micro_usd INTEGER, frontier_model TEXT,"
        " created_at INTEGER, live_at INTEGER, system_prompt TEXT, scaffold TEXT, extra TEXT, first_call INTEGER,"
        " PRIMARY KEY (world, id)) WITHOUT ROWID",
        "CREATE TABLE pareta_calls (world INTEGER, endpoint TEXT, n INTEGER, at INTEGER, status INTEGER,"
        " latency_us INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, cost_micro_usd INTEGER,"
        " frontier_micro_usd INTEGER, score REAL, request_id TEXT,"
        " PRIMARY KEY (world, endpoint, n)) WITHOUT ROWID",
        # Everything that metrics add up, so that they need not visit the table.
        "CREATE INDEX pareta_calls_at ON pareta_calls (world, endpoint, at, status, latency_us, prompt_tokens,"
        " completion_tokens, cost_micro_usd, frontier_micro_usd, score)",
    ):
        db.execute(statement)


_ENDPOINT = (
    "id, task, model, status, quality, cost_micro_usd, frontier_cost_micro_usd, frontier_model, created_at, live_at,"
    " system_prompt, scaffold, is_seed, extra, first_call"
)


@lru_cache(maxsize=256)
def _endpoint(row: Row) -> ServedEndpoint:
    """Read an endpoint from its stored row; a pure function of it, like `read_task`."""
    *plain, is_seed, extra, first_call = row
    return ServedEndpoint(*[*plain, bool(is_seed), json.loads(extra), first_call])


def insert_endpoint(world: World, endpoint: ServedEndpoint) -> None:
    """Add an endpoint."""
    e = endpoint
    world.store.execute(
        f"INSERT INTO pareta_endpoints (world, {_ENDPOINT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world.id, e.id, e.task, e.model, e.status, e.quality, e.cost_micro_usd,
            e.frontier_cost_micro_usd, e.frontier_model, e.created_at, e.live_at, e.system_prompt, e.scaffold,
            e.is_seed, json.dumps(e.extra), e.first_call,
        ),
    )  # fmt: skip


def endpoints(world: World) -> list[ServedEndpoint]:
    """Return every endpoint, oldest first."""
    rows = world.store.all(
        f"SELECT {_ENDPOINT} FROM pareta_endpoints WHERE world = ? ORDER BY created_at, id", (world.id,)
    )
    return [_endpoint(row) for row in rows]


def find_endpoint(world: World, endpoint_id: str) -> ServedEndpoint | None:
    """Return one endpoint."""
    row = world.store.one(
        f"SELECT {_ENDPOINT} FROM pareta_endpoints WHERE world = ? AND id = ?", (world.id, endpoint_id)
    )
    return _endpoint(row) if row else None


_SERVED = (
    f"SELECT {', '.join(f'e.{column}' for column in _ENDPOINT.split(', '))}, t.body FROM pareta_endpoints e"
    " LEFT JOIN pareta_tasks t ON t.world = e.world AND t.id = e.task WHERE e.world = ? AND e.id = ?"
)


def find_served(world: World, endpoint_id: str) -> tuple[ServedEndpoint, Task | None] | tuple[None, None]:
    """Return one endpoint with its task: one look at two tables, because every chat takes it."""
    row = world.store.one(_SERVED, (world.id, endpoint_id))
    return _served(row) if row else (None, None)


@lru_cache(maxsize=256)
def _served(row: Row) -> tuple[ServedEndpoint, Task | None]:
    *plain, body = row
    return _endpoint(tuple(plain)), read_task(body) if body else None


def set_status(world: World, endpoint_id: str, status: str, live_at: int | None = None) -> None:
    """Move an endpoint to another state."""
    world.store.execute(
        "UPDATE pareta_endpoints SET status = ?, live_at = ? WHERE world = ? AND id = ?",
        (status, live_at, world.id, endpoint_id),
    )


def set_live_at(world: World, endpoint_id: str, live_at: int) -> None:
    """Say when an endpoint that is starting goes live."""
    world.store.execute(
        "UPDATE pareta_endpoints SET live_at = ? WHERE world = ? AND id = ? AND status = 'starting'",
        (live_at, world.id, endpoint_id),
    )


def delete_endpoint(world: World, endpoint_id: str) -> None:
    """Remove an endpoint; the calls it served stay, because they were paid for."""
    world.store.execute("DELETE FROM pareta_endpoints WHERE world = ? AND id = ?", (world.id, endpoint_id))


# Calls


LAST_CALL = "SELECT max(n) FROM pareta_calls WHERE world = ?1 AND endpoint = ?2"


def next_call(world: World, endpoint_id: str) -> int:
    """Return the ordinal of an endpoint's next call."""
    row = world.store.one(LAST_CALL, (world.id, endpoint_id))
    return ((row and row[0]) or 0) + 1


def insert_call(world: World, endpoint_id: str, n: int, call: ServedCall, request_id: str) -> None:
    """Add a call that reached an endpoint."""
    world.store.execute(
        "INSERT INTO pareta_calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world.id, endpoint_id, n, call.at, call.status, call.latency_us, call.prompt_tokens,
            call.completion_tokens, call.cost_micro_usd, call.frontier_micro_usd, call.score, request_id,
        ),
    )  # fmt: skip


CallRow = tuple[str, int, int, int, int, int, int, int, int, float | None, str]
"""A call that reached an endpoint: the endpoint, the call's ordinal, the fields of a `ServedCall`, the request's id."""


def insert_calls(world: World, rows: Sequence[CallRow]) -> None:
    """Add calls."""
    world.store.insert_rows("pareta_calls", f"({world.id:d}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


ExportedCall = tuple[str, int, int, int, int, int, int, int, float | None, str, int]
"""Endpoint, instant, status, latency, both kinds of tokens, cost, frontier cost, score, request id; and its ordinal."""


def calls_after(world: World, endpoint_id: str, n: int, limit: int) -> list[ExportedCall]:
    """Return calls in order of endpoint and ordinal, from after one on."""
    rows: list[ExportedCall] = world.store.conn.execute(
        "SELECT endpoint, at, status, latency_us, prompt_tokens, completion_tokens, cost_micro_usd, frontier_micro_usd,"
        " score, request_id, n FROM pareta_calls WHERE world = ? AND (endpoint, n) > (?, ?)"
        " ORDER BY endpoint, n LIMIT ?",
        (world.id, endpoint_id, n, limit),
    ).fetchall()
    return rows


class CallsOf(NamedTuple):
    """Whose calls metrics look at: those of one name from an ordinal on, which leaves out what bore the name before."""

    who: str
    first: int = 1


# The bucket is the floor below zero too, where SQLite's remainder is negative.
_BUCKET = "at - (at % :width + :width) % :width"
_THEIRS = "world = :world AND endpoint = :who AND at > :start AND at <= :end AND +n >= :first"


def tallies(world: World, calls: CallsOf, window: Window, width: int) -> dict[int, Tally]:
    """Return what the calls of a window add up to in each UTC bucket that has any, oldest first."""
    rows = world.store.all(
        f"""
        SELECT {_BUCKET}, count(*), count(*) FILTER (WHERE status < {OK_BELOW}),
            count(*) FILTER (WHERE status >= {DOWN_FROM}), sum(cost_micro_usd), sum(frontier_micro_usd),
            sum(prompt_tokens), sum(completion_tokens), count(score),
            coalesce(sum(CAST(score * {SCORE_UNIT} + 0.5 AS INTEGER)), 0), max(at)
        FROM pareta_calls WHERE {_THEIRS} GROUP BY 1 ORDER BY 1
        """,
        _parameters(world, calls, window, width),
    )
    return {start: Tally(*sums) for start, *sums in rows}


def latencies(world: World, calls: CallsOf, window: Window, width: int) -> dict[int, array[int]]:
    """Return how long the successful calls of a window took, in microseconds, by UTC bucket, in no order."""
    rows = world.store.conn.execute(
        f"SELECT {_BUCKET}, latency_us FROM pareta_calls WHERE {_THEIRS} AND status < {OK_BELOW}",
        _parameters(world, calls, window, width),
    )
    times: dict[int, array[int]] = {}
    for start, latency_us in rows:
        bucket = times.get(start)
        if bucket is None:
            bucket = times[start] = array("q")
        bucket.append(latency_us)
    return times


def last_request(world: World, who: str, now: int) -> LastRequest | None:
    """Return the newest of somebody's calls up to now."""
    row = world.store.one(
        "SELECT at, status, latency_us, cost_micro_usd FROM pareta_calls WHERE world = ? AND endpoint = ? AND at <= ?"
        " ORDER BY at DESC, n DESC LIMIT 1",
        (world.id, who, now),
    )
    return LastRequest(*row) if row else None


def fates(world: World, calls: CallsOf, window: Window) -> Iterator[tuple[int, bool]]:
    """Yield when each call of a window came and whether it failed on the vendor's side, oldest first."""
    rows: Iterator[tuple[int, bool]] = world.store.conn.execute(
        f"SELECT at, status >= {DOWN_FROM} FROM pareta_calls WHERE {_THEIRS} ORDER BY at, n",
        _parameters(world, calls, window, 1),
    )
    return rows


def _parameters(world: World, calls: CallsOf, window: Window, width: int) -> dict[str, str | int]:
    return {
        "world": world.id, "who": calls.who, "first": calls.first, "start": window.start, "end": window.end,
        "width": width,
    }  # fmt: skip
