"""Eval runs: who takes part, whether the balance covers it, and the result once it is through.

What a run will come to is settled when it is created. Most are over then; a large one is answered in slices, so that
nobody else waits for it: one each time it is looked at, or each second. Where runs take their time they move one stage
each time they are looked at, and to their end when their time is up, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mockserver.kernel.call import Call
from mockserver.kernel.errors import NotFound
from mockserver.kernel.ids import Draws
from mockserver.kernel.windows import SECOND
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.evaluation import (
    MAX_ANSWERS_KEPT,
    TERMINAL,
    CandidateResult,
    Plan,
    answered,
    estimate,
    next_stage,
    result_of,
    slices,
)
from mockserver.vendors.pareta.domain.exams import Rival, effort_us, examiner, labels_among
from mockserver.vendors.pareta.domain.generations import ENDPOINTS, generation
from mockserver.vendors.pareta.domain.ledger import cover
from mockserver.vendors.pareta.domain.panel import RIVAL
from mockserver.vendors.pareta.domain.predictions import Draw
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.operations.contenders import Field, drifted
from mockserver.vendors.pareta.operations.credits import held
from mockserver.vendors.pareta.operations.eval_sets import eval_set_named
from mockserver.vendors.pareta.operations.statements import Sandbox
from mockserver.vendors.pareta.operations.tasks import task_named
from mockserver.vendors.pareta.tables.eval_runs import EvalRunRow, Scored

OPERATION = "evals.runs.create"
FINISH = "pareta.evals.runs.finish"
RUN_US = 60 * SECOND
"""How long a run takes for those who do not look, where runs take their time.

Source: pareta/evals "lifecycle" (assumed).
"""
SLICE_US = SECOND
"""How much longer for each further slice of a large one."""

TIMED = "pareta.timed_runs"
"""The switch that lets runs take their time: a stage for each look, or a minute of the clock."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """Which models to run on which set, in order."""

    eval_set_id: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run, its results with their answers once it is terminal, and whether it is told to the first generation."""

    row: EvalRunRow
    results: tuple[tuple[CandidateResult, Iterator[Scored]], ...]
    is_first_generation: bool


def create(call: Call, new: NewRun) -> EvalRunRow:
    """Queue a run, and carry it out unless runs take their time or it is a large one.

    :raises NotFound: no such eval set.
    :raises Refused: a candidate that cannot take part.
    :raises InsufficientCredits: the balance does not cover the run.
    """
    world = call.world
    kept = eval_set_named(world, new.eval_set_id)
    items = tables.eval_sets.eval_items(world, new.eval_set_id)
    run_id = world.new_id("run")
    plan = planned(world, kept.task, new.eval_set_id, new.candidates, items, run_id, call.now)
    needed = estimate(plan.contenders, len(items))
    cover(tables.ledger.balance(world), held(world), needed)
    run = EvalRunRow(run_id, new.eval_set_id, kept.task.id, "queued", 0, None, call.now, new.candidates)
    tables.eval_runs.insert_eval_run(world, run, plan, needed)
    if world.is_on(TIMED):
        world.schedule.add(call.now + RUN_US, FINISH, run.id)
    else:
        finish(world, run.id)
    return run


def planned(
    world: World,
    task: Task,
    eval_set_id: str,
    candidates: Sequence[str],
    items: Sequence[EvalItem],
    run_id: str,
    at: int,
) -> Plan:
    """Return what is settled about a run before it starts: also what has become of its candidates by then.

    :raises Refused: a candidate that cannot take part.
    """
    field = Field(world, task, eval_set_id, items)
    contenders = (field.contender(name) for name in candidates)
    if world.drifts.all:
        contenders = (drifted(world, each, task, items, run_id, at) for each in contenders)
    return Plan(
        tuple(contenders),
        labels_among(task, items),
        field.quality_of_frontier(RIVAL),
        slices((effort_us(task.default_scorer, item) for item in items), len(candidates)),
    )


def retrieve(call: Call, run_id: str) -> Run:
    """Return a run, further than when it was last looked at: a slice of a large one, or else a stage.

    :raises NotFound: there is none of that id.
    """
    world = call.world
    run = _run_named(world, run_id)
    if run.status not in TERMINAL:
        _look(world, run)
        run = _run_named(world, run_id)
    results = tables.eval_runs.results(world, run_id)
    told = tuple((result, tables.eval_runs.answers(world, run_id, n)) for n, result in enumerate(results))
    return Run(run, told, generation(call.client, call.idempotency_key) == ENDPOINTS)


def _run_named(world: World, run_id: str) -> EvalRunRow:
    run = tables.eval_runs.find_eval_run(world, run_id)
    if run is None:
        raise NotFound("eval run", run_id)
    return run


def _look(world: World, run: EvalRunRow) -> None:
    plan = tables.eval_runs.plan_of(world, run.id)
    if run.slices_done < len(plan.ends) - 1:
        if _answer_slice(world, run, plan):
            tables.eval_runs.set_status(world, run.id, "running")
    elif not world.is_on(TIMED) or (stage := next_stage(run.status)) in TERMINAL:
        carry_out(world, run.id)
    else:
        tables.eval_runs.set_status(world, run.id, stage)


def finish(world: World, run_id: str) -> bool:
    """Bring a run whose time is up to its end, or a large one a slice nearer; does nothing for a finished run.

    Returns whether that was much work.
    """
    run = tables.eval_runs.find_eval_run(world, run_id)
    if run is None or run.status in TERMINAL:
        return False
    plan = tables.eval_runs.plan_of(world, run_id)
    if run.slices_done >= len(plan.ends) - 1:
        carry_out(world, run_id)
    elif _answer_slice(world, run, plan):
        tables.eval_runs.set_status(world, run_id, "running")
        world.schedule.add(world.clock.now() + SLICE_US, FINISH, run_id)
    return len(plan.ends) > 1


def carry_out(world: World, run_id: str) -> None:
    """Answer what is left of a run, keep the results and debit their exact sum; does nothing for a finished run.

    A run fails, and costs nothing, when a candidate cannot take part any more: its endpoint was stopped meanwhile.
    """
    run = tables.eval_runs.find_eval_run(world, run_id)
    if run is None or run.status in TERMINAL:
        return
    world.schedule.cancel(FINISH, run_id)
    plan = tables.eval_runs.plan_of(world, run_id)
    while run.slices_done < len(plan.ends):
        if not _answer_slice(world, run, plan):
            return
        run = _run_named(world, run_id)
    scorer = task_named(world, run.task).default_scorer
    results = [
        result_of(contender, scorer, tables.eval_runs.sums(world, run_id, n))
        for n, contender in enumerate(plan.contenders)
    ]
    total = sum(result.total_cost_micro_usd for result in results)
    tables.eval_runs.insert_results(world, run_id, results)
    tables.ledger.post(world, "debit", -total, at=world.clock.now(), operation=OPERATION, subject=run_id)
    tables.eval_runs.complete(world, run_id, total)


def _answer_slice(world: World, run: EvalRunRow, plan: Plan) -> bool:
    """Let every candidate answer the next slice of rows; tell whether the run goes on, or has failed."""
    endpoints = (each.model_id for each in plan.contenders if each.is_endpoint)
    lost = next((name for name in endpoints if not _is_live(world, name)), None)
    if lost is not None:
        world.schedule.cancel(FINISH, run.id)
        tables.eval_runs.fail(world, run.id, f"endpoint '{lost}' is not live any more")
        return False
    task = task_named(world, run.task)
    start = plan.ends[run.slices_done - 1] if run.slices_done else 0
    items = tables.eval_sets.eval_items(world, run.eval_set, start, plan.ends[run.slices_done])
    rival = Rival(plan.rival_quality, drawing(world.draws, run.id, RIVAL))
    contenders = [(each, drawing(world.draws, run.id, each.model_id)) for each in plan.contenders]
    with Sandbox() as sandbox:
        examine = examiner(task, plan.labels, rival, sandbox.open)
        sheets = answered(items, examine, contenders, _lacking(world, task, run.eval_set, items))
    with_answers = plan.ends[-1] * len(contenders) <= MAX_ANSWERS_KEPT
    tables.eval_runs.insert_sheets(world, run.id, sheets, with_answers=with_answers)
    return True


def _is_live(world: World, endpoint_id: str) -> bool:
    endpoint = tables.endpoints.find_endpoint(world, endpoint_id)
    return endpoint is not None and endpoint.status == "live"


def _lacking(world: World, task: Task, eval_set_id: str, items: Sequence[EvalItem]) -> frozenset[int]:
    """Return the rows whose document is missing."""
    if not task.has_blob_input:
        return frozenset()
    return frozenset(item.idx for item in items) - tables.eval_sets.documented_rows(world, eval_set_id)


def drawing(draws: Draws, run_id: str, model_id: str) -> Callable[[int], Draw]:
    """Return the numbers of one candidate in one run, by row; eight of them come of one draw."""
    subject = f"{run_id}/{model_id}"
    uniforms = draws.uniforms

    def of_row(idx: int) -> Draw:
        block = -1
        numbers: tuple[float, ...] = ()

        def draw(n: int) -> float:
            nonlocal block, numbers
            if n >> 3 != block:
                block = n >> 3
                numbers = uniforms(8, f"eval {block}", subject, idx)
            return numbers[n & 7]

        return draw

    return of_row
