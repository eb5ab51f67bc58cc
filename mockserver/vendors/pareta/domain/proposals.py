"""How uploaded rows could be scored: which tasks' shape they have, and which of those their owner's words mean.

Shape decides what is possible, words decide among that. Rows are looked at by shape, not one by one: what two rows
with the same names and kinds of values fit, is the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.documents import document_fields, text_fields
from mockserver.vendors.pareta.domain.matching import CONFIDENT, match_task
from mockserver.vendors.pareta.domain.rows import Row

FALLBACK = "custom-eval"
"""The task any rows fit: a panel judges each answer by the prompt. Source: pareta/sdk (documented)."""

MAX_PROPOSALS = 5
_CLEAR_LEAD = 0.1
_MAX_NAMES = 200
_MAX_NAME_CHARACTERS = 100
_OPEN = frozenset({"extraction", "contract"})
"""Strategies that score whatever fields the rows' owner wants, beside those the task knows."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A kind of work.

    :param verbs: words of a prompt that ask for it; none that is a noun as well.
    :param strategies: what scores it.
    """

    name: str
    verbs: tuple[str, ...]
    strategies: frozenset[str] = frozenset()


_JOBS = (
    _Job("summarization", ("summarize", "summarise", "condense")),
    _Job("translation", ("translate",)),
    _Job("transcription", ("transcribe",), frozenset({"transcription"})),
    _Job("extraction", ("extract", "pull", "parse"), _OPEN),
    _Job("classification", ("classify", "categorize", "categorise"), frozenset({"classification", "macro_f1"})),
)
_PARTICULAR = frozenset(strategy for job in _JOBS for strategy in job.strategies)
_WORD = re.compile(r"[a-z]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Kinds = tuple[tuple[str, str], ...] | str
"""The names of an object's members with the kind of each value; of anything else its own kind."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a task is proposed.

    :param validated_n: how many of `total_n` rows have its shape.
    :param alternatives: other tasks that every row has the shape of, best first.
    """

    validated_n: int
    total_n: int
    matcher_reason: str | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A task that could score the rows.

    :param confidence: `high`, `medium` or `low`.
    :param warning: what speaks against it.
    """

    task_id: str
    confidence: str
    evidence: Evidence
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of several kinds: how many fit the task that most of them fit."""

    validated_n: int
    total_n: int
    closest_task: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A prompt that describes another job than the rows have the shape of."""

    intended_task: str
    reasoning: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How rows could be scored under a prompt.

    :param closest_task: a hint where nothing fits everything.
    :param message: what to say to a person; `None` when there is nothing to decide.
    """

    prompt: str
    proposals: tuple[Proposal, ...]
    split: Split | None = None
    conflict: Conflict | None = None
    closest_task: str | None = None
    message: str | None = None

    @property
    def is_homogeneous(self) -> bool:
        """Whether the rows are of one kind."""
        return self.split is None

    @property
    def bound_task(self) -> str | None:
        """The task that may be used without asking: the only proposal, of high or medium confidence, undisputed.

        Source: pareta/sdk "is_clean" (sdk).
        """
        if self.split or self.conflict or len(self.proposals) != 1:
            return None
        (only,) = self.proposals
        return None if only.confidence == "low" or only.task_id == FALLBACK else only.task_id

    @property
    def candidates(self) -> tuple[str, ...]:
        """The tasks to choose from."""
        return tuple(proposal.task_id for proposal in self.proposals)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a row looks like: names and kinds of what goes in and what should come out."""

    given: Kinds
    expected: Kinds


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well a task suits rows and prompt.

    :param validated_n: rows of its shape.
    :param by_prompt: how much of the prompt describes it, in [0, 1]; `by_names` likewise of the rows' field names.
    :param known: how many of the expected fields its schema names, in [0, 1].
    """

    task: Task
    validated_n: int
    by_prompt: float
    by_names: float
    known: float

    @property
    def is_open(self) -> bool:
        """Whether it takes fields its schema does not name."""
        return self.task.scoring_strategy in _OPEN

    @property
    def relevance(self) -> float:
        """Words first, field names half as much."""
        return self.by_prompt + (self.by_names + self.known) / 4

    @property
    def confidence(self) -> str:
        """`high` when the prompt alone would have found the task, `low` when it says nothing of it."""
        return "high" if self.by_prompt >= CONFIDENT else "medium" if self.by_prompt else "low"

    @property
    def reason(self) -> str:
        """Say what speaks for the task."""
        return f"{self.by_prompt:.0%} of the prompt's words and {self.by_names:.0%} of the field names describe it"


def propose(rows: Sequence[Row], prompt: str, tasks: Sequence[Task]) -> Plan:
    """Return how rows could be scored under a prompt.

    Source: pareta/eval-sets "propose-contract" (shape of the answer, binding rule, `custom-eval` alone when nothing
    fits: documented; thresholds: assumed).
    """
    shapes = Counter(shape_of(row) for row in rows)
    fits = _fits(shapes, prompt, [task for task in tasks if task.id != FALLBACK])
    whole = [fit for fit in fits if fit.validated_n == len(rows)]
    if whole:
        return _choice(whole, fits, prompt, len(rows))
    partly = [fit for fit in fits if fit.validated_n]
    if partly:
        found = _split(partly, shapes, prompt, len(rows))
        if found is not None:
            return found
    closest = next((fit.task.id for fit in partly or fits if fit.validated_n or fit.by_prompt), None)
    return _fallback(shapes, prompt, len(rows), closest, any(task.id == FALLBACK for task in tasks))


def _fits(shapes: Counter[Shape], prompt: str, tasks: Sequence[Task]) -> list[_Fit]:
    """Return how well each task suits, the most relevant first."""
    wanted = _wanted(shapes)
    by_prompt = _scores(prompt, tasks)
    by_names = _scores(" ".join(_HUMP.sub(" ", name) for name in _names(shapes)), tasks)
    found = [
        _Fit(
            task,
            sum(count for shape, count in shapes.items() if has_shape(shape, task)),
            by_prompt.get(task.id, 0.0),
            by_names.get(task.id, 0.0),
            len(wanted & _expected_fields(task).keys()) / len(wanted) if wanted else 0.0,
        )
        for task in tasks
    ]
    return sorted(found, key=lambda fit: (-fit.validated_n, -fit.relevance, fit.task.id))


def _scores(text: str, tasks: Sequence[Task]) -> dict[str, float]:
    match = match_task(text, tasks, frozenset(), len(tasks))
    return {candidate.task.id: candidate.score for candidate in match.candidates}


def _choice(whole: Sequence[_Fit], fits: Sequence[_Fit], prompt: str, total: int) -> Plan:
    """Choose among the tasks whose shape every row has."""
    whole = _pertinent(whole)
    asked = _jobs_asked(prompt)
    agreeing = [fit for fit in whole if _agrees(fit, asked)]
    conflict = _conflict(whole, fits, prompt) if agreeing else _other_job(fits, prompt, asked[0])
    whole = agreeing or whole
    best = whole[0]
    close = [fit for fit in whole if best.relevance - fit.relevance < _CLEAR_LEAD or not best.by_prompt]
    close = close[:MAX_PROPOSALS]
    others = [fit for fit in whole if fit not in close][:MAX_PROPOSALS]
    proposals = tuple(
        Proposal(
            fit.task.id,
            "low" if conflict else fit.confidence,
            Evidence(total, total, fit.reason, tuple(other.task.id for other in others)),
        )
        for fit in close
    )
    names = ", ".join(fit.task.id for fit in close)
    message = None
    if conflict:
        message = f"the rows have the shape of {names}, but {conflict.reasoning}"
    elif len(close) > 1:
        message = f"the rows have the shape of several tasks, and the prompt does not say which: {names}"
    elif not best.by_prompt:
        message = f"the rows have the shape of {names}, but the prompt says nothing of it"
    return Plan(prompt, proposals, conflict=conflict, message=message)


def _pertinent(whole: Sequence[_Fit]) -> Sequence[_Fit]:
    """Leave out tasks that take any fields and know none of these, where another is made for exactly these."""
    if all(fit.is_open for fit in whole):
        return whole
    return [fit for fit in whole if fit.known or not fit.is_open]


def _jobs_asked(prompt: str) -> list[_Job]:
    """Return the jobs a prompt names, in its order."""
    words = _WORD.findall(prompt.lower())
    first = {job: min((words.index(verb) for verb in job.verbs if verb in words), default=-1) for job in _JOBS}
    return sorted((job for job in _JOBS if first[job] >= 0), key=lambda job: first[job])


def _agrees(fit: _Fit, asked: Sequence[_Job]) -> bool:
    """Whether a task scores work that is asked for; tasks that are no particular job take any."""
    strategy = fit.task.scoring_strategy
    return not asked or any(strategy in job.strategies for job in asked) or strategy not in _PARTICULAR


def _other_job(fits: Sequence[_Fit], prompt: str, job: _Job) -> Conflict:
    """Return what a prompt asks for where the rows are for other jobs: a task if one is likeliest, else the job."""
    verb = next(word for word in _WORD.findall(prompt.lower()) if word in job.verbs)
    meant = [fit for fit in _by_prompt(fits) if fit.task.scoring_strategy in job.strategies]
    is_clear = bool(meant) and all(fit.by_prompt < meant[0].by_prompt for fit in meant[1:])
    intended = meant[0].task.id if is_clear else job.name
    return Conflict(intended, f"the prompt asks to {verb}, which is {job.name}")


def _conflict(whole: Sequence[_Fit], fits: Sequence[_Fit], prompt: str) -> Conflict | None:
    """Return the task that a prompt's words find with confidence where they say at most half as much of the rows'."""
    ranked = _by_prompt(fits)
    if ranked and ranked[0].by_prompt >= max(CONFIDENT, 2 * max(fit.by_prompt for fit in whole)):
        return Conflict(ranked[0].task.id, f"the prompt describes {ranked[0].task.id}")
    return None


def _by_prompt(fits: Sequence[_Fit]) -> list[_Fit]:
    """Return the tasks a prompt's words describe, the best described first."""
    return sorted((fit for fit in fits if fit.by_prompt), key=lambda fit: (-fit.by_prompt, fit.task.id))


def _split(partly: Sequence[_Fit], shapes: Counter[Shape], prompt: str, total: int) -> Plan | None:
    """Return what to say of rows of several kinds, `None` where most of them are of no known kind.

    The task that most rows fit is proposed only when more than half do.
    """
    best = partly[0]
    has_majority = best.validated_n * 2 > total
    known = sum(count for shape, count in shapes.items() if any(has_shape(shape, fit.task) for fit in partly))
    if not has_majority and known * 2 <= total:
        return None
    evidence = Evidence(best.validated_n, total, best.reason)
    proposals = (Proposal(best.task.id, "low", evidence),) if has_majority else ()
    message = f"the rows are mixed: {best.validated_n} of {total} have the shape of {best.task.id}"
    return Plan(prompt, proposals, Split(best.validated_n, total, best.task.id), None, best.task.id, message)


def _fallback(shapes: Counter[Shape], prompt: str, total: int, closest: str | None, is_offered: bool) -> Plan:
    """Return what to say of rows that no task fits."""
    message = "the rows have the shape of no ready-made task"
    if not is_offered:
        return Plan(prompt, (), closest_task=closest, message=message)
    warning = None
    if any(isinstance(shape.expected, tuple) and len(shape.expected) > 1 for shape in shapes):
        warning = "the expected outputs look like extracted fields, which a judge compares less exactly than a scorer"
    proposal = Proposal(FALLBACK, "medium", Evidence(total, total), warning)
    message = f"{message}; a panel can judge each answer by the prompt: choose {FALLBACK} for that"
    return Plan(prompt, (proposal,), closest_task=closest, message=message)


# Shapes


def shape_of(row: Row) -> Shape:
    """Return what a row looks like."""
    return Shape(_kinds(row.given), _kinds(row.expected))


def _kinds(value: Any) -> Kinds:
    if isinstance(value, dict):
        return tuple(sorted((name, _kind(part)) for name, part in value.items()))
    return _kind(value)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _names(shapes: Counter[Shape]) -> list[str]:
    """Return the names of members on either side, each once, as many as need be looked at."""
    names: dict[str, None] = {}
    for side in _sides(shapes):
        names.update(dict.fromkeys(name[:_MAX_NAME_CHARACTERS] for name, _ in side))
        if len(names) > _MAX_NAMES:
            break
    return list(names)[:_MAX_NAMES]


def _sides(shapes: Counter[Shape]) -> Iterator[tuple[tuple[str, str], ...]]:
    for shape in shapes:
        for side in (shape.given, shape.expected):
            if isinstance(side, tuple):
                yield side


def _wanted(shapes: Counter[Shape]) -> set[str]:
    """Return the names of the expected fields."""
    return {name for shape in shapes if isinstance(shape.expected, tuple) for name, _ in shape.expected}


def has_shape(shape: Shape, task: Task) -> bool:
    """Whether a row's shape is a task's: its input fields, and expected outputs its scorer can compare."""
    is_input = _is_document(task, shape.given) if task.has_blob_input else _is_input(task, shape.given)
    return is_input and _is_expected(task, shape.expected)


def _is_input(task: Task, given: Kinds) -> bool:
    """Whether every field a task needs is there; a bare value is its main field."""
    documents = document_fields(task)
    kinds = {
        name: _type(schema)
        for name, schema in task.body["input_schema"]["properties"].items()
        if name not in documents  # a place for a document may hold anything
    }
    members = dict(given) if isinstance(given, tuple) else {task.main_input: given}
    required = task.body["input_schema"].get("required", (task.main_input,))
    return all(name in members for name in required) and all(
        kind == kinds.get(name, kind) for name, kind in members.items()
    )


def _is_document(task: Task, given: Kinds) -> bool:
    """Whether an input leaves room for a document, refers to one or brings its text."""
    if not isinstance(given, tuple):
        return given == "string"
    members = dict(given)
    fields, texts = document_fields(task), text_fields(task)
    required = task.body["input_schema"].get("required", ())
    if any(name not in members for name in required if name not in fields):
        return False
    return (
        all(kind == "null" for kind in members.values())
        or any(name in members for name in fields)
        or any(members.get(name) == "string" for name in texts)
    )


def _is_expected(task: Task, expected: Kinds) -> bool:
    """Whether expected outputs can be compared by a task's scorer.

    Numbers may be written as text, and labels may be one's own.
    """
    fields = _expected_fields(task)
    is_open = task.scoring_strategy in _OPEN
    main = next(iter(fields))
    if not isinstance(expected, tuple):
        return not is_open and _is_alike(expected, _type(fields[main]))
    members = dict(expected)
    if not is_open and (main not in members or members.keys() - fields.keys()):
        return False
    return all(name not in fields or _is_alike(kind, _type(fields[name])) for name, kind in members.items())


def _expected_fields(task: Task) -> Mapping[str, Any]:
    """Return what expected outputs look like. Source: pareta/tasks "output_schema_role" (documented)."""
    schema: Mapping[str, Any] = task.body.get("gold_schema") or task.body["output_schema"]
    fields: Mapping[str, Any] = schema["properties"]
    return fields


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "string")
    first: str = kind[0] if isinstance(kind, list) else kind
    return "number" if first == "integer" else first


def _is_alike(kind: str, wanted: str) -> bool:
    if kind == "null":
        return True
    if kind in ("array", "object") or wanted in ("array", "object"):
        return kind == wanted
    return True
