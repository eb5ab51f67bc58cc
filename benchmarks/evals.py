"""Eval runs through HTTP, one scorer after another, beside the time that answering and scoring take by themselves."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.http import prepare
from benchmarks.processes import PARETA_KEY, WORLD, Server, simulator, started
from benchmarks.table import show
from mockserver.app import Simulator
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.evaluation import Contender, answered
from mockserver.vendors.pareta.domain.exams import Rival, examiner, labels_among
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.domain.scoring import SCORERS
from mockserver.vendors.pareta.operations.eval_runs import drawing
from mockserver.vendors.pareta.operations.statements import Sandbox

CANDIDATES = (
    "auto", "qwen-2", "llama-1", "gpt-5.5", "claude-opus-4-7",
    "qwen-1", "llama-2", "mistral-1", "gemini-3-1-pro", "gemini-3-5-flash",
)  # fmt: skip
SERVER = "uvicorn"

_BOUNDARY = "bench"
_FORM = f"multipart/form-data; boundary={_BOUNDARY}"


def run(*, quick: bool) -> None:
    """Run an eval for each scorer, and a big one for the first."""
    rows, many = (100, 1_000) if quick else (1_000, 10_000)
    results = []
    with started(simulator(SERVER)) as server:
        prepare(server)
        tasks = _tasks(server)
        for task in tasks:
            results.append(_measured(server, task, rows, CANDIDATES[:5]))
        results.append(_measured(server, tasks[0], many, CANDIDATES))
    head = ["scorer (task)", "rows x models", "upload s", "run s", "rows/s", "pure s", "run/pure"]
    note = (
        "A run is from its request until its results are here: answering, scoring, keeping, debiting, sending.\n"
        "Pure is answering and scoring alone, in one process that holds nothing else."
    )
    show(f"Eval runs through {SERVER}", head, results, note)


def _tasks(server: Server) -> list[dict[str, Any]]:
    """Return one task of each scorer, if its rows need no documents."""
    chosen: dict[str, dict[str, Any]] = {}
    for task in server.call("GET", "/v1/tasks", key=PARETA_KEY)["tasks"]:
        if task["default_scorer"] in SCORERS and not task["has_blob_input"]:
            found = server.call("GET", f"/v1/tasks/{task['id']}?examples_n=100", key=PARETA_KEY)
            if all(example["expected_output"] for example in found["examples"]):
                chosen.setdefault(task["default_scorer"], found)
    return list(chosen.values())


def _measured(server: Server, task: dict[str, Any], count: int, candidates: Sequence[str]) -> list[str]:
    rows = _rows(task, count)
    begun = time.perf_counter()
    kept = json.loads(server.text("POST", "/v1/eval-sets", _form(task["id"], rows), PARETA_KEY, _FORM))["eval_set"]
    uploaded = time.perf_counter()
    asked = {"eval_set_id": kept["id"], "candidate_model_ids": list(candidates)}
    name = server.call("POST", "/v1/eval-runs", asked, PARETA_KEY)["run_id"]
    status = ""
    while status not in ("completed", "failed"):
        found = server.call("GET", f"/v1/eval-runs/{name}", key=PARETA_KEY)["run"]
        status = found["status"]
    done = time.perf_counter()
    if status == "failed":
        raise RuntimeError(f"the run of {task['id']} failed: {found}")
    pure = _pure(task["id"], rows, candidates)
    taken = done - uploaded
    return [
        f"{task['default_scorer']} ({task['id']})",
        f"{count:,} x {len(candidates)}",
        f"{uploaded - begun:.2f}",
        f"{taken:.2f}",
        f"{count * len(candidates) / taken:,.0f}",
        f"{pure:.2f}",
        f"{taken / pure:.1f}",
    ]


def _rows(task: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Return a task's examples over and over, each with an input of its own."""
    rows = []
    for number in range(count):
        row = json.loads(json.dumps(task["examples"][number % len(task["examples"])]))
        field = next(name for name, value in row["input"].items() if isinstance(value, str))
        row["input"][field] += f" ({number})"
        rows.append(row)
    return rows


def _form(task: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """Return an upload as a client sends it."""
    fields = {"task_id": task, "prompt": "benchmark"}
    parts = [f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    items = "\n".join(map(json.dumps, rows))
    disposition = 'content-disposition: form-data; name="items"; filename="items.jsonl"'
    parts.append(f"--{_BOUNDARY}\r\n{disposition}\r\n\r\n{items}\r\n--{_BOUNDARY}--\r\n")
    return "".join(parts).encode()


def _pure(task_id: str, rows: Sequence[dict[str, Any]], candidates: Sequence[str]) -> float:
    """Return the seconds that answering and scoring take without storage and without HTTP."""
    simulator = Simulator()
    with simulator.store.committed():
        world = simulator.worlds.admit(WORLD)
    task = tables.catalog.find_task(world, task_id)
    simulator.close()
    assert task is not None
    items = [EvalItem(idx, row["input"], row["expected_output"]) for idx, row in enumerate(rows)]
    contenders = [(Contender(name, "open", 0.9, 1), drawing(world.draws, "bench", name)) for name in candidates]
    rival = Rival(0.9, drawing(world.draws, "bench", "gpt-5.5"))
    begun = time.perf_counter()
    with Sandbox() as sandbox:
        answered(items, examiner(task, labels_among(task, items), rival, sandbox.open), contenders)
    return time.perf_counter() - begun
