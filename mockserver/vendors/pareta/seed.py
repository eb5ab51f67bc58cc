"""The starting state: `fixtures/pareta` -> the template world's tables."""

from __future__ import annotations

import json
from typing import Any

from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import World
from mockserver.resources import fixture
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import FrontierModel, RankedModel, ServedEndpoint, baseline
from mockserver.vendors.pareta.domain.evaluation import estimate
from mockserver.vendors.pareta.domain.pricing import frontier_rate, open_rate
from mockserver.vendors.pareta.domain.rows import parse_rows
from mockserver.vendors.pareta.operations import eval_runs
from mockserver.vendors.pareta.operations.tasks import task_named
from mockserver.vendors.pareta.tables.eval_runs import EvalRunRow
from mockserver.vendors.pareta.tables.eval_sets import EvalSetRow


def seed(world: World) -> None:
    """Fill a template world."""
    _catalog(world, _read("catalog.json"))
    prices = _read("prices.json")
    tables.catalog.put_setting(world, "prices", {name: price for name, price in prices.items() if name != "_about"})
    start = _read("start.json")
    for endpoint in start["endpoints"]:
        _endpoint(world, endpoint)
    _finished_run(world, start)


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(fixture(f"pareta/{name}").read_text("utf-8"))
    return content


def _catalog(world: World, catalog: dict[str, Any]) -> None:
    tables.catalog.insert_tasks(world, catalog["tasks"])
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
    tables.capabilities.put_capabilities(world, _read("capabilities.json"))


def _endpoint(world: World, body: dict[str, Any]) -> None:
    sheet = tables.catalog.price_sheet(world)
    board = tables.catalog.board(world, body["task"])
    stands_in_for = baseline(board)
    assert stands_in_for is not None, f"task {body['task']} has no frontier model to stand in for"
    tables.endpoints.insert_endpoint(
        world,
        ServedEndpoint(
            body["id"], body["task"], body["model"], body["status"], body["quality"],
            open_rate(sheet, board, body["model"]), frontier_rate(sheet, board), stands_in_for.name,
            parse_instant(body["created_at"]), None, body.get("recommended_system_prompt"), body.get("prompt_scaffold"),
            body.get("is_seed", False),
        ),
    )  # fmt: skip


def _finished_run(world: World, start: dict[str, Any]) -> None:
    """Really run the fixture's eval, paid from a grant that leaves exactly the starting balance."""
    fixed, run = start["eval_set"], start["eval_run"]
    task = task_named(world, fixed["task"])
    items = parse_rows(fixture(f"pareta/{fixed['items']}").read_bytes(), task, is_strict=True)
    created = parse_instant(fixed["created_at"])
    tables.eval_sets.insert_eval_set(
        world, EvalSetRow(fixed["id"], task.id, fixed["name"], fixed["prompt"], len(items), created), items
    )
    at = parse_instant(run["created_at"])
    candidates = tuple(run["models"])
    plan = eval_runs.planned(world, task, fixed["id"], candidates, items)
    cost = estimate(plan.contenders, len(items))
    queued = EvalRunRow(run["id"], fixed["id"], task.id, "queued", 0, None, at, candidates)
    tables.eval_runs.insert_eval_run(world, queued, plan, cost)
    tables.ledger.post(
        world, "grant", start["balance_micro_usd"] + cost, at=created, operation="grant", subject="starting credit"
    )
    with world.clock.pinned(at):
        eval_runs.carry_out(world, run["id"])
