"""Eval runs with their results."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database, Migrations

from mockserver.kernel.windows import Instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.evaluation import CandidateResult, ScoredItem

migrations = Migrations("pareta.eval_runs")

_UNFINISHED = "status IN ('queued', 'running', 'evaluating')"


@migrations()
def create_eval_runs(db: Database) -> None:
    """Eval runs with their results."""
    for statement in (
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
