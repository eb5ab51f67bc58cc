"""Tables, and the way rows become domain values and back. Rules live elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlite_utils import Database, Migrations

from mockserver.kernel.money import MicroUsd
from mockserver.kernel.store import Row
from mockserver.kernel.windows import Instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.catalog import FrontierModel, PriceSheet, RankedModel, ServedEndpoint, Task
from mockserver.vendors.pareta.domain.evaluation import CandidateResult, ScoredItem
from mockserver.vendors.pareta.domain.ledger import Kind, LedgerEntry
from mockserver.vendors.pareta.domain.metrics import ServedCall, Window
from mockserver.vendors.pareta.domain.rows import EvalItem

migrations = Migrations("pareta")

_UNFINISHED = "status IN ('queued', 'running', 'evaluating')"


@migrations()
def create_catalog(db: Database) -> None:
    """Tasks, leaderboards, the frontier roster and prices: a world may have its own."""
    for statement in (
        "CREATE TABLE pareta_tasks (world INTEGER, position INTEGER, id TEXT, body TEXT,"
        " PRIMARY KEY (world, id)) WITHOUT ROWID",
        "CREATE TABLE pareta_models (world INTEGER, task TEXT, position INTEGER, name TEXT, kind TEXT, quality REAL,"
        " cost_micro_usd INTEGER, context_k INTEGER, run_mode TEXT, is_recommended INTEGER,"
        " PRIMARY KEY (world, task, position)) WITHOUT ROWID",
        "CREATE TABLE pareta_roster (world INTEGER, position INTEGER, id TEXT, vendor TEXT, has_vision INTEGER,"
        " PRIMARY KEY (world, position)) WITHOUT ROWID",
        "CREATE TABLE pareta_settings (world INTEGER, name TEXT, value TEXT, PRIMARY KEY (world, name)) WITHOUT ROWID",
    ):
        db.execute(statement)


@migrations()
def create_serving(db: Database) -> None:
    """Endpoints, the calls they served, and the ledger."""
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
        "CREATE TABLE pareta_ledger (world INTEGER, seq INTEGER, at INTEGER, kind TEXT, amount_micro_usd INTEGER,"
        " balance_micro_usd INTEGER, operation TEXT, subject TEXT, request_id TEXT,"
        " PRIMARY KEY (world, seq)) WITHOUT ROWID",
    ):
        db.execute(statement)


@migrations()
def create_evals(db: Database) -> None:
    """Eval sets with their rows, runs with their results."""
    for statement in (
        "CREATE TABLE pareta_eval_sets (world INTEGER, id TEXT, task TEXT, name TEXT, prompt TEXT, item_count INTEGER,"
        " created_at INTEGER, PRIMARY KEY (world, id)) WITHOUT ROWID",
        "CREATE TABLE pareta_eval_items (world INTEGER, eval_set TEXT, idx INTEGER, input TEXT, expected TEXT,"
        " PRIMARY KEY (world, eval_set, idx)) WITHOUT ROWID",
        "CREATE TABLE pareta_eval_runs (world INTEGER, id TEXT, eval_set TEXT, task TEXT, status TEXT, candidates TEXT,"
        " total_cost_micro_usd INTEGER, error_detail TEXT, created_at INTEGER, estimate_micro_usd INTEGER,"
        " PRIMARY KEY (world, id)) WITHOUT ROWID",
        f"CREATE INDEX pareta_eval_runs_unfinished ON pareta_eval_runs (world, estimate_micro_usd) WHERE {_UNFINISHED}",
        "CREATE TABLE pareta_eval_results (world INTEGER, run TEXT, position INTEGER, model_id TEXT, kind TEXT,"
        " quality_mean REAL, quality_ci_low REAL, quality_ci_high REAL, mean_cost_micro_usd INTEGER,"
        " total_cost_micro_usd INTEGER, n_succeeded INTEGER, error_count INTEGER, exact_match REAL, items TEXT,"
        " PRIMARY KEY (world, run, position)) WITHOUT ROWID",
    ):
        db.execute(statement)


# Catalog


@lru_cache(maxsize=256)
def _task(body: str) -> Task:
    """Read a task from its stored text; a pure function of it, so that a rollback cannot make it stale."""
    value = json.loads(body)
    return Task(value["id"], value["default_scorer"], value["scoring_strategy"], value["has_blob_input"], value)


def insert_tasks(world: World, bodies: Sequence[dict[str, Any]]) -> None:
    """Add tasks in order."""
    world.store.conn.executemany(
        "INSERT INTO pareta_tasks VALUES (?, ?, ?, ?)",
        [(world.id, n, body["id"], json.dumps(body)) for n, body in enumerate(bodies)],
    )


def tasks(world: World) -> list[Task]:
    """Return every task in catalog order."""
    rows = world.store.all("SELECT body FROM pareta_tasks WHERE world = ? ORDER BY position", (world.id,))
    return [_task(row[0]) for row in rows]


def find_task(world: World, task_id: str) -> Task | None:
    """Return one task."""
    row = world.store.one("SELECT body FROM pareta_tasks WHERE world = ? AND id = ?", (world.id, task_id))
    return _task(row[0]) if row else None


def insert_board(world: World, models: Sequence[RankedModel]) -> None:
    """Add a task's leaderboard."""
    world.store.conn.executemany(
        "INSERT INTO pareta_models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                world.id,
                m.task,
                n,
                m.name,
                m.kind,
                m.quality,
                m.cost_micro_usd,
                m.context_k,
                m.run_mode,
                m.is_recommended,
            )
            for n, m in enumerate(models)
        ],
    )


def board(world: World, task_id: str) -> list[RankedModel]:
    """Return a task's leaderboard in stored order."""
    rows = world.store.all(
        "SELECT task, name, kind, quality, cost_micro_usd, context_k, run_mode, is_recommended FROM pareta_models"
        " WHERE world = ? AND task = ? ORDER BY position",
        (world.id, task_id),
    )
    return [RankedModel(*[*row[:-1], bool(row[-1])]) for row in rows]


def insert_roster(world: World, models: Sequence[FrontierModel]) -> None:
    """Add the vendors' models in order."""
    world.store.conn.executemany(
        "INSERT INTO pareta_roster VALUES (?, ?, ?, ?, ?)",
        [(world.id, n, m.id, m.vendor, m.has_vision) for n, m in enumerate(models)],
    )


def roster(world: World) -> list[FrontierModel]:
    """Return the vendors' models in order."""
    rows = world.store.all(
        "SELECT id, vendor, has_vision FROM pareta_roster WHERE world = ? ORDER BY position", (world.id,)
    )
    return [FrontierModel(identity, vendor, bool(vision)) for identity, vendor, vision in rows]


def put_setting(world: World, name: str, value: Any) -> None:
    """Keep a JSON value under a name."""
    world.store.execute("INSERT OR REPLACE INTO pareta_settings VALUES (?, ?, ?)", (world.id, name, json.dumps(value)))


def setting(world: World, name: str) -> Any:
    """Return the JSON value kept under a name."""
    row = world.store.one("SELECT value FROM pareta_settings WHERE world = ? AND name = ?", (world.id, name))
    assert row is not None, name
    return json.loads(row[0])


def price_sheet(world: World) -> PriceSheet:
    """Return the world's prices."""
    return PriceSheet(**setting(world, "prices"))


# Endpoints

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


# Ledger


def balance(world: World) -> MicroUsd:
    """Return what is left of the organisation's credit."""
    return last_entry(world).balance_micro_usd


class LastEntry(NamedTuple):
    """Where the ledger stands."""

    seq: int
    balance_micro_usd: MicroUsd


def last_entry(world: World) -> LastEntry:
    """Return the ledger's last number and balance; zeros when it is empty."""
    row = world.store.one(
        "SELECT seq, balance_micro_usd FROM pareta_ledger WHERE world = ? ORDER BY seq DESC LIMIT 1", (world.id,)
    )
    return LastEntry(*row) if row else LastEntry(0, MicroUsd(0))


def post(
    world: World,
    kind: Kind,
    amount: int,
    *,
    at: int,
    operation: str,
    subject: str,
    request_id: str = "",
    after: LastEntry | None = None,
) -> None:
    """Append a movement of the balance.

    :param after: the ledger's last entry, if it was read within this unit of work.
    """
    last = after or last_entry(world)
    world.store.execute(
        "INSERT INTO pareta_ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world.id, last.seq + 1, at, kind, amount, last.balance_micro_usd + amount, operation, subject,
            request_id,
        ),
    )  # fmt: skip


def ledger(world: World, after: int = 0, limit: int = -1) -> Iterator[LedgerEntry]:
    """Yield movements newer than `after`, oldest first."""
    rows = world.store.execute(
        "SELECT seq, at, kind, amount_micro_usd, balance_micro_usd, operation, subject, request_id FROM pareta_ledger"
        " WHERE world = ? AND seq > ? ORDER BY seq LIMIT ?",
        (world.id, after, limit),
    )
    return (LedgerEntry(*row) for row in rows)


# Evals


@dataclass(frozen=True, slots=True)
class EvalSetRow:
    """An eval set without its rows."""

    id: str
    task: str
    name: str
    prompt: str | None
    item_count: int
    created_at: Instant


@dataclass(frozen=True, slots=True)
class EvalRunRow:
    """An eval run without its results."""

    id: str
    eval_set: str
    task: str
    status: str
    total_cost_micro_usd: int
    error_detail: str | None
    created_at: Instant
    candidates: tuple[str, ...]


def insert_eval_set(world: World, row: EvalSetRow, items: Sequence[EvalItem]) -> None:
    """Add an eval set with its rows."""
    world.store.execute(
        "INSERT INTO pareta_eval_sets VALUES (?, ?, ?, ?, ?, ?, ?)",
        (world.id, row.id, row.task, row.name, row.prompt, row.item_count, row.created_at),
    )
    world.store.conn.executemany(
        "INSERT INTO pareta_eval_items VALUES (?, ?, ?, ?, ?)",
        [(world.id, row.id, item.idx, json.dumps(item.input), json.dumps(item.expected)) for item in items],
    )


def eval_sets(world: World) -> list[EvalSetRow]:
    """Return every eval set, oldest first."""
    rows = world.store.all(
        "SELECT id, task, name, prompt, item_count, created_at FROM pareta_eval_sets WHERE world = ?"
        " ORDER BY created_at, id",
        (world.id,),
    )
    return [EvalSetRow(*row) for row in rows]


def find_eval_set(world: World, set_id: str) -> EvalSetRow | None:
    """Return one eval set."""
    row = world.store.one(
        "SELECT id, task, name, prompt, item_count, created_at FROM pareta_eval_sets WHERE world = ? AND id = ?",
        (world.id, set_id),
    )
    return EvalSetRow(*row) if row else None


def delete_eval_set(world: World, set_id: str) -> None:
    """Remove an eval set from view; its rows stay for the runs that still need them."""
    world.store.execute("DELETE FROM pareta_eval_sets WHERE world = ? AND id = ?", (world.id, set_id))


def eval_items(world: World, set_id: str) -> list[EvalItem]:
    """Return an eval set's rows in order."""
    rows = world.store.all(
        "SELECT idx, input, expected FROM pareta_eval_items WHERE world = ? AND eval_set = ? ORDER BY idx",
        (world.id, set_id),
    )
    return [EvalItem(idx, json.loads(given), json.loads(expected)) for idx, given, expected in rows]


def insert_eval_run(world: World, run: EvalRunRow, estimate_micro_usd: int) -> None:
    """Add an eval run; what it may cost is set aside until it is terminal."""
    world.store.execute(
        "INSERT INTO pareta_eval_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world.id, run.id, run.eval_set, run.task, run.status, json.dumps(run.candidates),
            run.total_cost_micro_usd, run.error_detail, run.created_at, estimate_micro_usd,
        ),
    )  # fmt: skip


def set_aside(world: World) -> int:
    """Return what unfinished eval runs may still cost."""
    row = world.store.one(
        f"SELECT sum(estimate_micro_usd) FROM pareta_eval_runs WHERE world = ? AND {_UNFINISHED}", (world.id,)
    )
    return (row and row[0]) or 0


def find_eval_run(world: World, run_id: str) -> EvalRunRow | None:
    """Return one eval run."""
    row = world.store.one(
        "SELECT id, eval_set, task, status, total_cost_micro_usd, error_detail, created_at, candidates"
        " FROM pareta_eval_runs WHERE world = ? AND id = ?",
        (world.id, run_id),
    )
    return EvalRunRow(*[*row[:-1], tuple(json.loads(row[-1]))]) if row else None


def update_eval_run(world: World, run_id: str, status: str, total: int = 0, error: str | None = None) -> None:
    """Move an eval run to another stage."""
    world.store.execute(
        "UPDATE pareta_eval_runs SET status = ?, total_cost_micro_usd = ?, error_detail = ? WHERE world = ? AND id = ?",
        (status, total, error, world.id, run_id),
    )


_RESULT = (
    "model_id, kind, quality_mean, quality_ci_low, quality_ci_high, mean_cost_micro_usd, total_cost_micro_usd,"
    " n_succeeded, error_count, exact_match, items"
)


def insert_results(world: World, run_id: str, results: Iterable[CandidateResult]) -> None:
    """Add what the candidates of a run achieved."""
    world.store.conn.executemany(
        f"INSERT INTO pareta_eval_results (world, run, position, {_RESULT})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                world.id, run_id, n, r.model_id, r.kind, r.quality_mean, r.quality_ci_low, r.quality_ci_high,
                r.mean_cost_micro_usd, r.total_cost_micro_usd, r.n_succeeded, r.error_count, r.exact_match,
                json.dumps([(i.idx, i.score, i.prediction, i.cost_micro_usd) for i in r.items]),
            )
            for n, r in enumerate(results)
        ],
    )  # fmt: skip


def results(world: World, run_id: str) -> list[CandidateResult]:
    """Return what the candidates of a run achieved, in their given order."""
    rows = world.store.all(
        f"SELECT {_RESULT} FROM pareta_eval_results WHERE world = ? AND run = ? ORDER BY position", (world.id, run_id)
    )
    return [CandidateResult(*[*row[:-1], tuple(ScoredItem(*item) for item in json.loads(row[-1]))]) for row in rows]


# What must add up


def unpaid_calls(world: World) -> list[dict[str, Any]]:
    """Return priced calls and call debits that do not match one to one, by request, endpoint and amount."""
    rows = world.store.all(
        """
        SELECT request_id, endpoint, sum(called), sum(debited) FROM (
            SELECT request_id, endpoint, cost_micro_usd AS called, 0 AS debited FROM pareta_calls
            WHERE world = ?1 AND cost_micro_usd > 0
            UNION ALL
            SELECT request_id, subject, 0, -amount_micro_usd FROM pareta_ledger
            WHERE world = ?1 AND kind = 'debit' AND operation = 'chat.completions.create'
        ) GROUP BY request_id, endpoint HAVING sum(called) <> sum(debited)
        """,
        (world.id,),
    )
    return [dict(zip(("request_id", "endpoint", "called", "debited"), row, strict=True)) for row in rows]


def unbalanced_endpoints(world: World) -> list[dict[str, Any]]:
    """Return endpoints whose calls do not add up to their ledger rows."""
    rows = world.store.all(
        """
        SELECT name, sum(metric), sum(ledger) FROM (
            SELECT endpoint AS name, cost_micro_usd AS metric, 0 AS ledger FROM pareta_calls WHERE world = ?1
            UNION ALL
            SELECT subject, 0, -amount_micro_usd FROM pareta_ledger
            WHERE world = ?1 AND kind = 'debit' AND operation = 'chat.completions.create'
        ) GROUP BY name HAVING sum(metric) <> sum(ledger)
        """,
        (world.id,),
    )
    return [dict(zip(("endpoint", "metric_micro_usd", "ledger_micro_usd"), row, strict=True)) for row in rows]


def unbalanced_runs(world: World) -> list[dict[str, Any]]:
    """Return eval runs whose total is not the sum of their items, or not what the ledger debited."""
    found = []
    for run_id, status, total in world.store.all(
        "SELECT id, status, total_cost_micro_usd FROM pareta_eval_runs WHERE world = ?", (world.id,)
    ):
        items = sum(item.cost_micro_usd for result in results(world, run_id) for item in result.items)
        row = world.store.one(
            "SELECT -coalesce(sum(amount_micro_usd), 0) FROM pareta_ledger"
            " WHERE world = ? AND operation = 'evals.runs.create' AND subject = ?",
            (world.id, run_id),
        )
        debited = row[0] if row else 0
        due = total if status == "completed" else 0
        if not items == due == debited:
            found.append({"run": run_id, "status": status, "total": total, "items": items, "debited": debited})
    return found
