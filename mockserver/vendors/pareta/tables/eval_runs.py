"""Eval runs: what is settled about them, what their candidates answered, and what that adds up to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from pydantic_core import from_json

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.windows import Instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.evaluation import CandidateResult, Contender, Plan, Sheet, Sum
from mockserver.vendors.pareta.domain.intervals import Estimate, Tally

migrations = Migrations("pareta.eval_runs")

_UNFINISHED = "status IN ('queued', 'running', 'evaluating')"


@migrations()
def create_eval_runs(db: Database) -> None:
    """Eval runs with their plan, one sheet of answers for each candidate and slice of rows, and the results."""
    for statement in (
        "CREATE TABLE pareta_eval_runs (world INTEGER, id TEXT, eval_set TEXT, task TEXT, status TEXT, candidates TEXT,"
        " total_cost_micro_usd INTEGER, error_detail TEXT, created_at INTEGER, estimate_micro_usd INTEGER,"
        " slices_done INTEGER, plan TEXT, PRIMARY KEY (world, id)) WITHOUT ROWID",
        # With the status, or SQLite would look at every run of the world instead.
        "CREATE INDEX pareta_eval_runs_unfinished ON pareta_eval_runs (world, estimate_micro_usd, status)"
        f" WHERE {_UNFINISHED}",
        "CREATE TABLE pareta_eval_sheets (world INTEGER, run TEXT, position INTEGER, start INTEGER, count INTEGER,"
        " score REAL, errors INTEGER, cost_micro_usd INTEGER, latency_ms INTEGER, tallies TEXT, costs TEXT,"
        " error_texts TEXT, scores TEXT, predictions TEXT, PRIMARY KEY (world, run, position, start))",
        "CREATE TABLE pareta_eval_results (world INTEGER, run TEXT, position INTEGER, model_id TEXT, kind TEXT,"
        " quality_mean REAL, quality_ci_low REAL, quality_ci_high REAL, mean_cost_micro_usd INTEGER,"
        " total_cost_micro_usd INTEGER, n_succeeded INTEGER, error_count INTEGER, exact_match REAL,"
        " mean_latency_ms INTEGER, PRIMARY KEY (world, run, position)) WITHOUT ROWID",
    ):
        db.execute(statement)


@dataclass(frozen=True, slots=True)
class EvalRunRow:
    """An eval run without its results.

    :param slices_done: how many slices of its rows are answered.
    """

    id: str
    eval_set: str
    task: str
    status: str
    total_cost_micro_usd: int
    error_detail: str | None
    created_at: Instant
    candidates: tuple[str, ...]
    slices_done: int = 0


def insert_eval_run(world: World, run: EvalRunRow, plan: Plan, estimate_micro_usd: int) -> None:
    """Add an eval run; what it may cost is set aside until it is terminal."""
    world.store.execute(
        "INSERT INTO pareta_eval_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world.id, run.id, run.eval_set, run.task, run.status, json.dumps(run.candidates),
            run.total_cost_micro_usd, run.error_detail, run.created_at, estimate_micro_usd, run.slices_done,
            json.dumps(asdict(plan)),
        ),
    )  # fmt: skip


def plan_of(world: World, run_id: str) -> Plan:
    """Return what was settled about a run when it was created."""
    row = world.store.one("SELECT plan FROM pareta_eval_runs WHERE world = ? AND id = ?", (world.id, run_id))
    assert row is not None
    plan = from_json(row[0])
    contenders = (_contender(**each) for each in plan["contenders"])
    return Plan(tuple(contenders), tuple(plan["labels"]), plan["rival_quality"], tuple(plan["ends"]))


def _contender(**stored: Any) -> Contender:
    fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in stored.items()}
    return Contender(**fields)


SET_ASIDE = f"SELECT sum(estimate_micro_usd) FROM pareta_eval_runs WHERE world = ?1 AND {_UNFINISHED}"


def set_aside(world: World) -> int:
    """Return what unfinished eval runs may still cost."""
    row = world.store.one(SET_ASIDE, (world.id,))
    return (row and row[0]) or 0


def find_eval_run(world: World, run_id: str) -> EvalRunRow | None:
    """Return one eval run."""
    row = world.store.one(
        "SELECT id, eval_set, task, status, total_cost_micro_usd, error_detail, created_at, candidates, slices_done"
        " FROM pareta_eval_runs WHERE world = ? AND id = ?",
        (world.id, run_id),
    )
    return EvalRunRow(*[*row[:-2], tuple(json.loads(row[-2])), row[-1]]) if row else None


def set_status(world: World, run_id: str, status: str) -> None:
    """Move an eval run to another stage."""
    world.store.execute("UPDATE pareta_eval_runs SET status = ? WHERE world = ? AND id = ?", (status, world.id, run_id))


def complete(world: World, run_id: str, total_cost_micro_usd: int) -> None:
    """End an eval run that is through."""
    world.store.execute(
        "UPDATE pareta_eval_runs SET status = 'completed', total_cost_micro_usd = ? WHERE world = ? AND id = ?",
        (total_cost_micro_usd, world.id, run_id),
    )


def fail(world: World, run_id: str, why: str) -> None:
    """End an eval run that cannot go on; nothing is left of what it did."""
    world.store.execute("DELETE FROM pareta_eval_sheets WHERE world = ? AND run = ?", (world.id, run_id))
    world.store.execute(
        "UPDATE pareta_eval_runs SET status = 'failed', error_detail = ? WHERE world = ? AND id = ?",
        (why, world.id, run_id),
    )


# What candidates answered


def insert_sheets(world: World, run_id: str, sheets: Sequence[Sheet], *, with_answers: bool) -> None:
    """Add what each candidate, in order, made of a slice of rows.

    :param with_answers: whether to keep the answers one by one, and not only what they add up to.
    """
    world.store.conn.executemany(
        "INSERT INTO pareta_eval_sheets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                world.id, run_id, position, sheet.start, len(sheet.scores), sum(score or 0.0 for score in sheet.scores),
                len(sheet.errors), sum(sheet.costs_micro_usd), sheet.latency_ms,
                json.dumps(list(sheet.tallies.items())) if sheet.tallies else None,
                json.dumps([(cost, len(list(same))) for cost, same in groupby(sheet.costs_micro_usd)]),
                json.dumps(sheet.errors) if with_answers and sheet.errors else None,
                json.dumps(sheet.scores) if with_answers else None,
                json.dumps(sheet.predictions) if with_answers else None,
            )
            for position, sheet in enumerate(sheets)
        ],
    )  # fmt: skip
    world.store.execute(
        "UPDATE pareta_eval_runs SET slices_done = slices_done + 1 WHERE world = ? AND id = ?", (world.id, run_id)
    )


def sums(world: World, run_id: str, position: int) -> list[Sum]:
    """Return what a candidate's sheets add up to, in order of the rows."""
    rows = world.store.all(
        "SELECT count, score, errors, cost_micro_usd, tallies, latency_ms FROM pareta_eval_sheets"
        " WHERE world = ? AND run = ? AND position = ? ORDER BY start",
        (world.id, run_id, position),
    )
    return [
        Sum(count, score, errors, cost, _tallies(tallies), latency)
        for count, score, errors, cost, tallies, latency in rows
    ]


def _tallies(stored: str | None) -> Counter[Tally]:
    found = from_json(stored) if stored else []
    return Counter({tuple((name, hit, size) for name, hit, size in tally): count for tally, count in found})


Scored = tuple[int, float | None, str | None, str | None]
"""One answer: the row's index, its score, the raw output, and the error instead of it."""


def answers(world: World, run_id: str, position: int) -> Iterator[Scored]:
    """Return a candidate's answers one by one, in order of the rows; none where they were not kept."""
    for start, scores, predictions, error_texts in world.store.all(
        "SELECT start, scores, predictions, error_texts FROM pareta_eval_sheets"
        " WHERE world = ? AND run = ? AND position = ? AND scores IS NOT NULL ORDER BY start",
        (world.id, run_id, position),
    ):
        errors = {int(idx): text for idx, text in json.loads(error_texts).items()} if error_texts else {}
        for idx, (score, prediction) in enumerate(zip(from_json(scores), from_json(predictions), strict=True), start):
            yield idx, score, prediction, errors.get(idx)


# What it adds up to


_RESULT = (
    "model_id, kind, quality_mean, quality_ci_low, quality_ci_high, mean_cost_micro_usd, total_cost_micro_usd,"
    " n_succeeded, error_count, exact_match, mean_latency_ms"
)


def insert_results(world: World, run_id: str, results: Iterable[CandidateResult]) -> None:
    """Add how the candidates of a run did."""
    world.store.conn.executemany(
        f"INSERT INTO pareta_eval_results (world, run, position, {_RESULT})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                world.id, run_id, n, r.model_id, r.kind, r.quality and r.quality.mean, r.quality and r.quality.low,
                r.quality and r.quality.high, r.mean_cost_micro_usd, r.total_cost_micro_usd, r.n_succeeded,
                r.error_count, r.exact_match, r.mean_latency_ms,
            )
            for n, r in enumerate(results)
        ],
    )  # fmt: skip


def results(world: World, run_id: str) -> list[CandidateResult]:
    """Return how the candidates of a run did, in their given order."""
    rows = world.store.all(
        f"SELECT {_RESULT} FROM pareta_eval_results WHERE world = ? AND run = ? ORDER BY position", (world.id, run_id)
    )
    return [
        CandidateResult(model, kind, None if mean is None else Estimate(mean, low, high), *rest)
        for model, kind, mean, low, high, *rest in rows
    ]


# What must add up


def unbalanced_runs(world: World) -> list[dict[str, Any]]:
    """Return eval runs whose total is not the sum of their items, or not what the ledger debited."""
    found = []
    for run_id, status, total, items, debited in world.store.all(
        "SELECT id, status, total_cost_micro_usd,"
        " (SELECT coalesce(sum(json_extract(value, '$[0]') * json_extract(value, '$[1]')), 0)"
        " FROM pareta_eval_sheets s, json_each(s.costs) WHERE s.world = r.world AND s.run = r.id),"
        " (SELECT -coalesce(sum(amount_micro_usd), 0) FROM pareta_ledger l"
        " WHERE l.world = r.world AND l.operation = 'evals.runs.create' AND l.subject = r.id)"
        " FROM pareta_eval_runs r WHERE world = ?",
        (world.id,),
    ):
        due = total if status == "completed" else 0
        if due != debited or (items != due and status in ("completed", "failed")):
            found.append({"run": run_id, "status": status, "total": total, "items": items, "debited": debited})
    return found
