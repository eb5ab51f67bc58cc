"""Eval runs: who takes part, whether the balance covers it, and the result once it is through.

A run moves one stage each time it is looked at, and to its end when its time is up, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.ids import Draws
from mockserver.kernel.windows import SECOND
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import (
    AUTO,
    RankedModel,
    Task,
    baseline,
    looks_like_alias,
    looks_like_frontier,
    ranked,
)
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.evaluation import (
    TERMINAL,
    CandidateResult,
    Contender,
    estimate,
    evaluate,
    next_stage,
)
from mockserver.vendors.pareta.domain.generation import prompt_tokens, rendered
from mockserver.vendors.pareta.domain.generations import ENDPOINTS, generation
from mockserver.vendors.pareta.domain.ledger import cover
from mockserver.vendors.pareta.domain.predictions import Roll
from mockserver.vendors.pareta.domain.pricing import auto_price, frontier_rate, open_rate
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.operations.credits import held
from mockserver.vendors.pareta.operations.eval_sets import eval_set_named
from mockserver.vendors.pareta.operations.tasks import task_named
from mockserver.vendors.pareta.tables.eval_runs import EvalRunRow

OPERATION = "evals.runs.create"
FINISH = "pareta.evals.runs.finish"
RUN_US = 60 * SECOND
"""How long a run takes for those who do not look. Source: pareta/evals "lifecycle" (assumed)."""

INSTANT = "pareta.instant_runs"
"""The switch that lets a run complete before it is looked at."""

_UNMEASURED_QUALITY = 0.9
_UNRANKED_LOSS = 0.08


@dataclass(frozen=True, slots=True)
class NewRun:
    """Which models to run on which set, in order."""

    eval_set_id: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run, its results once it is terminal, and whether the client expects `auto` to have a kind."""

    row: EvalRunRow
    results: tuple[CandidateResult, ...]
    is_first_generation: bool


def create(call: Call, new: NewRun) -> EvalRunRow:
    """Queue a run; nothing is computed and nothing debited yet.

    :raises NotFound: no such eval set.
    :raises Refused: a candidate that cannot take part.
    :raises InsufficientCredits: the balance does not cover the run.
    """
    world = call.world
    kept = eval_set_named(world, new.eval_set_id)
    items = tables.eval_sets.eval_items(world, new.eval_set_id)
    needed = cost_of(world, kept.task, new.candidates, items)
    cover(tables.ledger.balance(world), held(world), needed)
    run = EvalRunRow(world.new_id("run"), new.eval_set_id, kept.task.id, "queued", 0, None, call.now, new.candidates)
    tables.eval_runs.insert_eval_run(world, run, needed)
    if world.is_on(INSTANT):
        finish(world, run.id)
    else:
        world.schedule.add(call.now + RUN_US, FINISH, run.id)
    return run


def retrieve(call: Call, run_id: str) -> Run:
    """Return a run, one stage further than when it was last looked at.

    :raises NotFound: there is none of that id.
    """
    run = tables.eval_runs.find_eval_run(call.world, run_id)
    if run is None:
        raise NotFound("eval run", run_id)
    if run.status not in TERMINAL:
        stage = next_stage(run.status)
        if stage in TERMINAL:
            finish(call.world, run_id)
        else:
            tables.eval_runs.update_eval_run(call.world, run_id, stage)
        run = tables.eval_runs.find_eval_run(call.world, run_id)
        assert run is not None
    results = tables.eval_runs.results(call.world, run_id)
    return Run(run, tuple(results), generation(call.client, call.idempotency_key) == ENDPOINTS)


def finish(world: World, run_id: str) -> None:
    """Evaluate every candidate, keep the results and debit their exact sum; does nothing for a finished run.

    A run fails, and costs nothing, when a candidate cannot take part any more: its endpoint was stopped meanwhile.
    """
    run = tables.eval_runs.find_eval_run(world, run_id)
    if run is None or run.status in TERMINAL:
        return
    world.schedule.cancel(FINISH, run_id)
    task = task_named(world, run.task)
    items = tables.eval_sets.eval_items(world, run.eval_set)
    try:
        contenders = _contenders(world, task, run.candidates, items)
    except Refused as refused:
        tables.eval_runs.update_eval_run(world, run_id, "failed", error=str(refused))
        return
    results = [
        evaluate(contender, task, items, _rolls(world.draws, f"{run_id}/{contender.model_id}"))
        for contender in contenders
    ]
    total = sum(result.total_cost_micro_usd for result in results)
    tables.eval_runs.insert_results(world, run_id, results)
    tables.ledger.post(world, "debit", -total, at=world.clock.now(), operation=OPERATION, subject=run_id)
    tables.eval_runs.update_eval_run(world, run_id, "completed", total)


def _rolls(draws: Draws, subject: str) -> Callable[[int], Roll]:
    """Return the draws of one candidate in one run, by row."""
    return lambda idx: lambda name: draws.uniform(f"eval:{name}", subject, idx)


def cost_of(world: World, task: Task, candidates: Sequence[str], items: Sequence[EvalItem]) -> int:
    """Return what a run of these candidates over these rows costs, in micro-USD."""
    return estimate(_contenders(world, task, candidates, items))


def _contenders(world: World, task: Task, candidates: Sequence[str], items: Sequence[EvalItem]) -> list[Contender]:
    board = tables.catalog.board(world, task.id)
    roster = {model.id for model in tables.catalog.roster(world)}
    return [_contender(world, task, name, board, roster, items) for name in candidates]


def _contender(
    world: World, task: Task, name: str, board: Sequence[RankedModel], roster: set[str], items: Sequence[EvalItem]
) -> Contender:
    """Return who a candidate id stands for, how good it is at the task and what each row costs with it.

    :raises Refused: it stands for nobody.
    """
    sheet = tables.catalog.price_sheet(world)
    best = next((model for model in ranked(board)), None)
    if name == AUTO:
        prices = tuple(
            auto_price(sheet, prompt_tokens([str(item.input)]), len(_written(task, item)) // 4 + 1).billed_micro_usd
            for item in items
        )
        return Contender(name, None, _quality(best), prices)
    endpoint = tables.endpoints.find_endpoint(world, name)
    if endpoint is not None and endpoint.status == "live":
        return Contender(name, "open", endpoint.quality, (endpoint.cost_micro_usd,) * len(items))
    on_board = next((model for model in board if model.name == name), None)
    if name in roster or looks_like_frontier(name):
        quality = _quality(on_board) if on_board else _unranked(world, task, name, baseline(board))
        return Contender(name, "frontier", quality, (frontier_rate(sheet, board, name),) * len(items))
    if looks_like_alias(name):
        recommended = next((model for model in board if model.is_recommended), best)
        quality = _quality(on_board) if on_board else _unranked(world, task, name, recommended)
        return Contender(name, "open", quality, (open_rate(sheet, board, name),) * len(items))
    raise Refused(f"unknown candidate model '{name}'")


def _quality(model: RankedModel | None) -> float:
    return model.quality if model and model.quality is not None else _UNMEASURED_QUALITY


def _unranked(world: World, task: Task, name: str, like: RankedModel | None) -> float:
    """Return the quality of a model nobody measured: somewhat below a measured one, always the same for a world."""
    return _quality(like) - _UNRANKED_LOSS * world.draws.uniform("unranked quality", f"{task.id}/{name}")


def _written(task: Task, item: EvalItem) -> str:
    return rendered(task, item.expected) if isinstance(item.expected, dict) and item.expected else str(item.expected)
