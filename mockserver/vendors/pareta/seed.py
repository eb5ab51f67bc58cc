"""The starting state: the fixtures below `pareta/` -> the template world's tables."""

from __future__ import annotations

from typing import Any

from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import World
from mockserver.resources import Fixtures
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import FrontierModel, RankedModel, ServedEndpoint, baseline
from mockserver.vendors.pareta.domain.deployment import DEFAULT_BASELINE
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.evaluation import estimate
from mockserver.vendors.pareta.domain.pricing import frontier_rate, open_rate
from mockserver.vendors.pareta.domain.rows import parse_rows
from mockserver.vendors.pareta.operations import eval_runs
from mockserver.vendors.pareta.operations.tasks import task_named
from mockserver.vendors.pareta.tables.eval_runs import EvalRunRow
from mockserver.vendors.pareta.tables.eval_sets import EvalSetRow

CATALOG, PRICES, START, CAPABILITIES = (
    f"pareta/{name}.json" for name in ("catalog", "prices", "start", "capabilities")
)


def seed(world: World, fixtures: Fixtures) -> None:
    """Fill a template world.

    A user's own prices need not name all; and of the shipped endpoints, eval set and run those are left out whose
    task a user's own catalog does not have.

    :raises Unusable: a file of the user's own is not as it must be.
    """
    if any(map(fixtures.has, (CATALOG, PRICES, START))):
        from mockserver.vendors.pareta import seed_files  # only what we did not write needs to be checked

        seed_files.check(fixtures)
    catalog = fixtures.read(CATALOG)
    _catalog(world, catalog)
    tables.capabilities.put_capabilities(world, fixtures.read(CAPABILITIES))
    prices = {**Fixtures().read(PRICES), **fixtures.read(PRICES)}
    tables.catalog.put_setting(world, "prices", {name: price for name, price in prices.items() if name != "_about"})
    start = fixtures.read(START)
    known = {task["id"] for task in catalog["tasks"]}
    for endpoint in start.get("endpoints", ()):
        if endpoint["task"] in known:
            _endpoint(world, endpoint)
    fixed = start.get("eval_set")
    _begin(world, start["balance_micro_usd"], fixed if fixed and fixed["task"] in known else None, start, fixtures)


def _catalog(world: World, catalog: dict[str, Any]) -> None:
    tables.catalog.insert_tasks(world, [{**_PLAIN, **task} for task in catalog["tasks"]])
    for task_id, board in catalog["leaderboards"].items():
        tables.catalog.insert_board(
            world,
            [
                RankedModel(
                    task_id, m["name"], m["kind"], m["quality"], m["cost_per_request_micro_usd"], m["context_k"],
                    m["run_mode"], m["name"] == board["recommended"],
                )
                for m in board["models"]
            ],
        )  # fmt: skip
    tables.catalog.insert_roster(
        world, [FrontierModel(m["id"], m["vendor"], m["vision"]) for m in catalog["frontier_models"]]
    )


_PLAIN: dict[str, Any] = {"output_schema_role": "gold", "gold_schema": None, "keywords": [], "examples": []}
"""What a task need not say of itself."""


def _endpoint(world: World, body: dict[str, Any]) -> None:
    sheet = tables.catalog.price_sheet(world)
    board = tables.catalog.board(world, body["task"])
    first = baseline(board)
    tables.endpoints.insert_endpoint(
        world,
        ServedEndpoint(
            body["id"], body["task"], body["model"], body["status"], body["quality"],
            open_rate(sheet, board, body["model"]), frontier_rate(sheet, board),
            first.name if first else DEFAULT_BASELINE, parse_instant(body["created_at"]), None,
            body.get("recommended_system_prompt"), body.get("prompt_scaffold"), body.get("is_seed", False),
        ),
    )  # fmt: skip


def _begin(world: World, balance: int, fixed: dict[str, Any] | None, start: dict[str, Any], fixtures: Fixtures) -> None:
    """Grant the starting balance, and on top of it what the finished eval run costs, which is then really run."""
    if fixed is None:
        _grant(world, balance, world.clock.now())
        return
    task = task_named(world, fixed["task"])
    path = fixtures.file(f"pareta/{fixed['items']}")
    try:
        items = parse_rows(path.read_bytes(), task, is_strict=True)
    except Refused as error:
        raise Unusable(f"{path}: {error}") from None
    created = parse_instant(fixed["created_at"])
    tables.eval_sets.insert_eval_set(
        world, EvalSetRow(fixed["id"], task.id, fixed["name"], fixed["prompt"], len(items), created), items
    )
    run = start.get("eval_run")
    if run is None:
        _grant(world, balance, created)
        return
    at = parse_instant(run["created_at"])
    candidates = tuple(run["models"])
    try:
        plan = eval_runs.planned(world, task, fixed["id"], candidates, items, run["id"], at)
    except Refused as error:
        raise Unusable(f"{fixtures.file(START)}: eval_run.models: {error}") from None
    cost = estimate(plan.contenders, len(items))
    queued = EvalRunRow(run["id"], fixed["id"], task.id, "queued", 0, None, at, candidates)
    tables.eval_runs.insert_eval_run(world, queued, plan, cost)
    _grant(world, balance + cost, created)
    with world.clock.pinned(at):
        eval_runs.carry_out(world, run["id"])


def _grant(world: World, amount: int, at: int) -> None:
    tables.ledger.post(world, "grant", amount, at=at, operation="grant", subject="starting credit")
