"""Rows of an eval set: JSON Lines in every spelling the vendor's generations have used."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.errors import Refused

MAX_ROWS = 10_000
MAX_DEPTH = 64
"""How deep a row may be nested: whatever looks at one later recurses."""
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
        lines = text.decode("utf-8").split("\n")  # other line ends may stand inside a JSON string
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
        value = _parsed(line)
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


def _parsed(line: str) -> Any:
    """Read one line; what no answer could carry is refused: endless numbers, half characters, bottomless nesting."""
    value = json.loads(line, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole)
    _check_depth(value, MAX_DEPTH)
    if "\\ud" in line.lower():
        json.dumps(value, ensure_ascii=False).encode()  # raises for half a surrogate pair
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _check_depth(value: Any, left: int) -> None:
    if isinstance(value, dict | list):
        if not left:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        for part in value.values() if isinstance(value, dict) else value:
            _check_depth(part, left - 1)
