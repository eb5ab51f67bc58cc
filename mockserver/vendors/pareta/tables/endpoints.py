"""Deployed endpoints and the calls that reached them."""

from __future__ import annotations

from functools import lru_cache

from sqlite_utils import Database, Migrations

from mockserver.kernel.store import Row
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.catalog import ServedEndpoint
from mockserver.vendors.pareta.domain.metrics import ServedCall, Window

migrations = Migrations("pareta.endpoints")


@migrations()
def create_serving(db: Database) -> None:
    """Endpoints and the calls they served."""
    for statement in (
        "CREATE TABLE pareta_endpoints (world INTEGER, id TEXT, task TEXT, model TEXT, status TEXT, is_seed INTEGER,"
        " quality REAL, cost_micro_usd INTEGER, frontier_cost_micro_usd INTEGER, frontier_model TEXT,"
        " created_at INTEGER, live_at INTEGER, system_prompt TEXT, scaffold TEXT,"
        " PRIMARY KEY (world, id)) WITHOUT ROWID",
        "CREATE TABLE pareta_calls (world INTEGER, endpoint TEXT, n INTEGER, at INTEGER, status INTEGER,"
        " latency_us INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, cost_micro_usd INTEGER,"
        " frontier_micro_usd INTEGER, score REAL, request_id TEXT,"
        " PRIMARY KEY (world, endpoint, n)) WITHOUT ROWID",
        "CREATE INDEX pareta_calls_at ON pareta_calls (world, endpoint, at)",
    ):
        db.execute(statement)


_ENDPOINT = (
    "id, task, model, status, quality, cost_micro_usd, frontier_cost_micro_usd, frontier_model, created_at, live_at,"
    " system_prompt, scaffold, is_seed"
)


@lru_cache(maxsize=256)
def _endpoint(row: Row) -> ServedEndpoint:
    """Read an endpoint from its stored row; a pure function of it, like `_task`."""
    return ServedEndpoint(*[*row[:-1], bool(row[-1])])


def insert_endpoint(world: World, endpoint: ServedEndpoint) -> None:
    """Add an endpoint."""
    e = endpoint
    world.store.execute(
        f"INSERT INTO pareta_endpoints (world, {_ENDPOINT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world.id, e.id, e.task, e.model, e.status, e.quality, e.cost_micro_usd,
            e.frontier_cost_micro_usd, e.frontier_model, e.created_at, e.live_at, e.system_prompt, e.scaffold,
            e.is_seed,
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


def set_status(world: World, endpoint_id: str, status: str, live_at: int | None = None) -> None:
    """Move an endpoint to another state."""
    world.store.execute(
        "UPDATE pareta_endpoints SET status = ?, live_at = ? WHERE world = ? AND id = ?",
        (status, live_at, world.id, endpoint_id),
    )


# Calls


def next_call(world: World, endpoint_id: str) -> int:
    """Return the ordinal of an endpoint's next call."""
    row = world.store.one("SELECT max(n) FROM pareta_calls WHERE world = ? AND endpoint = ?", (world.id, endpoint_id))
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


def calls(world: World, endpoint_id: str, window: Window) -> list[ServedCall]:
    """Return an endpoint's calls in a window, oldest first."""
    rows = world.store.all(
        "SELECT at, status, latency_us, prompt_tokens, completion_tokens, cost_micro_usd, frontier_micro_usd, score"
        " FROM pareta_calls WHERE world = ? AND endpoint = ? AND at > ? AND at <= ? ORDER BY at, n",
        (world.id, endpoint_id, window.start, window.end),
    )
    return [ServedCall(*row) for row in rows]
