"""What a user's own catalog, prices and start must look like; every fault is told by its place, before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError, create_model

from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import parse_instant
from mockserver.resources import Fixtures
from mockserver.vendors.pareta.domain.catalog import PriceSheet, looks_like_alias
from mockserver.vendors.pareta.domain.scoring import SCORERS
from mockserver.vendors.pareta.seed import CATALOG, PRICES, START

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
Share = Annotated[float, Field(ge=0, le=1)]
MicroUsd = Annotated[int, Field(ge=0)]
Objects = dict[str, JsonValue]


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Schema(BaseModel):
    """A JSON Schema of an object with named members."""

    model_config = ConfigDict(extra="allow")

    properties: Annotated[dict[str, Objects], Field(min_length=1)]


class Example(_File):
    """A row as it may be uploaded."""

    input: Objects
    expected_output: Objects


class Task(_File):
    """One task."""

    id: Name
    category: str
    description: str
    keywords: list[str] = []
    default_scorer: str
    scoring_strategy: str
    has_blob_input: bool
    input_schema: Schema
    output_schema: Schema
    output_schema_role: Literal["gold", "summary"] = "gold"
    gold_schema: Schema | None = None
    metering: Literal["per_token", "per_minute"] | None = None
    examples: list[Example] = []


class Model(_File):
    """A place on a leaderboard."""

    name: Name
    kind: Literal["open", "frontier"]
    quality: Share | None
    cost_per_request_micro_usd: MicroUsd | None
    context_k: Annotated[int, Field(ge=1)]
    run_mode: str


class Board(_File):
    """A leaderboard."""

    recommended: Name | None
    models: list[Model]


class Frontier(_File):
    """A vendor's model."""

    id: Name
    vendor: str
    vision: bool


class Catalog(_File):
    """The tasks, their leaderboards and the vendors' models."""

    tasks: Annotated[list[Task], Field(min_length=1)]
    leaderboards: dict[Name, Board]
    frontier_models: list[Frontier]


class Endpoint(_File):
    """An endpoint that every new world has."""

    id: Name
    task: Name
    model: Name
    status: Literal["live", "stopped"]
    quality: Share
    created_at: str
    recommended_system_prompt: str | None = None
    prompt_scaffold: str | None = None
    is_seed: bool = False


class EvalSet(_File):
    """An eval set that every new world has; `items` is a JSON Lines file beside this one."""

    id: Name
    name: str
    task: Name
    prompt: str
    items: str
    created_at: str


class EvalRun(_File):
    """A finished run on that set."""

    id: Name
    models: Annotated[list[str], Field(min_length=1, max_length=50)]
    created_at: str


class Start(_File):
    """What every new world starts with."""

    about: str = Field("", alias="_about")
    balance_micro_usd: int
    endpoints: list[Endpoint] = []
    eval_set: EvalSet | None = None
    eval_run: EvalRun | None = None


_AMOUNTS: dict[str, Any] = {field.name: (MicroUsd | None, None) for field in fields(PriceSheet)}
Prices = create_model(
    "Prices",
    __base__=_File,
    about=(str, Field("", alias="_about")),
    **{**_AMOUNTS, "auto_divisor": (Annotated[int, Field(ge=1)] | None, None)},
)


def check(fixtures: Fixtures) -> None:
    """Hold a user's own files to their form, and to one another.

    :raises Unusable: the first fault found, with its file and place.
    """
    _checked(fixtures, PRICES, Prices, lambda found: iter(()))
    catalog = _checked(fixtures, CATALOG, Catalog, _catalog_faults)
    tasks = {task.id for task in catalog.tasks}
    _checked(fixtures, START, Start, lambda start: _start_faults(start, tasks) if fixtures.has(START) else iter(()))


def _checked(fixtures: Fixtures, name: str, form: Any, faults: Callable[[Any], Iterator[str]]) -> Any:
    try:
        found = form.model_validate(fixtures.read(name))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        fault: str | None = f"{place}: {first['msg']}" if place else first["msg"]
    else:
        fault = next(faults(found), None)
    if fault is not None:
        raise Unusable(f"{fixtures.file(name)}: {fault}")
    return found


def _catalog_faults(catalog: Catalog) -> Iterator[str]:
    tasks = [task.id for task in catalog.tasks]
    roster = [model.id for model in catalog.frontier_models]
    for n, task in enumerate(catalog.tasks):
        if task.id in tasks[:n]:
            yield f"tasks[{n}].id: '{task.id}' is there twice"
        if task.default_scorer not in SCORERS:
            yield f"tasks[{n}].default_scorer: '{task.default_scorer}' is none of {', '.join(SCORERS)}"
        if (task.output_schema_role == "summary") != (task.gold_schema is not None):
            yield f"tasks[{n}].gold_schema: there is one exactly where output_schema_role is 'summary'"
    for task_id, board in catalog.leaderboards.items():
        place = f"leaderboards.{task_id}"
        if task_id not in tasks:
            yield f"{place}: there is no such task"
        names = [model.name for model in board.models]
        if len(set(names)) < len(names):
            yield f"{place}.models: a name is there twice"
        for n, model in enumerate(board.models):
            if model.kind == "frontier" and model.name not in roster:
                yield f"{place}.models[{n}].name: '{model.name}' is not among frontier_models"
            if model.kind == "open" and not looks_like_alias(model.name):
                yield f"{place}.models[{n}].name: '{model.name}' is not of the form <family>-<rank>"
        if board.recommended and board.recommended not in [m.name for m in board.models if m.kind == "open"]:
            yield f"{place}.recommended: '{board.recommended}' is no open model of the board"
    if len(set(roster)) < len(roster):
        yield "frontier_models: an id is there twice"


def _start_faults(start: Start, tasks: set[str]) -> Iterator[str]:
    things: list[tuple[str, Endpoint | EvalSet | EvalRun]] = [
        (f"endpoints[{n}]", endpoint) for n, endpoint in enumerate(start.endpoints)
    ]
    things += [(name, thing) for name in ("eval_set", "eval_run") if (thing := getattr(start, name)) is not None]
    seen: set[str] = set()
    for place, thing in things:
        if thing.id in seen:
            yield f"{place}.id: '{thing.id}' is there twice"
        seen.add(thing.id)
        if not isinstance(thing, EvalRun) and thing.task not in tasks:
            yield f"{place}.task: the catalog has no task '{thing.task}'"
        if not _is_instant(thing.created_at):
            yield f"{place}.created_at: '{thing.created_at}' is no instant such as 2026-01-02T00:00:00Z"
    if start.eval_run is not None and start.eval_set is None:
        yield "eval_run: there is no eval_set to run on"


def _is_instant(text: str) -> bool:
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True
