"""Rows of an eval set: JSON Lines in every spelling the vendor's generations have used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.errors import Refused

MAX_ROWS = 10_000
_INPUTS = ("input", "text", "prompt")
_EXPECTED = ("expected_output", "expected", "target", "reference")


@dataclass(frozen=True, slots=True)
class EvalItem:
    """One row: what goes in and what should come out."""

    idx: int
    input: Mapping[str, Any]
    expected: Any


def parse_rows(text: bytes, task: Task, *, is_strict: bool) -> list[EvalItem]:
    """Read JSON Lines into rows.

    :param is_strict: the newest generation's rule: `input` and `expected_output` are both objects (a task on
        documents may leave `input` out).
    :raises Refused: not UTF-8, no rows, too many, or a row that is wrong, with its line number.

    Source: pareta/eval-sets "row shapes" (shapes: documented; statuses and limits: assumed).
    """
    try:
        lines = text.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise Refused(f"items: not UTF-8 at byte {error.start}") from None
    rows: list[EvalItem] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(rows) == MAX_ROWS:
            raise Refused(f"items: more than {MAX_ROWS} rows")
        rows.append(_row(len(rows), number, line, task, is_strict=is_strict))
    if not rows:
        raise Refused("items: the file has no rows")
    return rows


def _row(idx: int, number: int, line: str, task: Task, *, is_strict: bool) -> EvalItem:
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"items: line {number} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused(f"items: line {number} must be a JSON object")
    if is_strict:
        _check_strict(number, value, task)
    expected = next((value[name] for name in _EXPECTED if name in value), None)
    if expected is None:
        raise Refused(f"items: line {number} has no expected output (`expected_output`)")
    name = next((name for name in _INPUTS if value.get(name) is not None), None)
    given = value[name] if name else {k: v for k, v in value.items() if k not in _EXPECTED}
    if not name and not task.has_blob_input and not given:
        raise Refused(f"items: line {number} has no input (`input`)")
    return EvalItem(idx, given if isinstance(given, dict) else {task.main_input: given}, expected)


def _check_strict(number: int, value: Mapping[str, Any], task: Task) -> None:
    if not isinstance(value.get("expected_output"), dict):
        raise Refused(f"items: line {number}: `expected_output` must be a JSON object")
    if not isinstance(value.get("input"), dict) and not (task.has_blob_input and "input" not in value):
        raise Refused(f"items: line {number}: `input` must be a JSON object")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
