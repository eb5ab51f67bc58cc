"""Rows of an eval set: JSON Lines in every spelling the vendor's generations have used."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.documents import carries_document
from mockserver.vendors.pareta.domain.errors import Refused

# Source: pareta/eval-sets, which gives no limits (assumed).
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_ROWS = 10_000
MAX_ROW_CHARACTERS = 1_000_000
MAX_DEPTH = 64
"""How deep a row may be nested: whatever looks at one later recurses."""

_BOM = b"\xef\xbb\xbf"
_INPUTS = ("input", "text", "prompt")
_EXPECTED = ("expected_output", "expected", "target", "reference")


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was uploaded, before it is known what task it is for.

    :param line: where it stands in the file, from 1.
    :param given: what goes in, under whichever name; without a named input the row's other members.
    :param is_named: whether the row names its input.
    :param expected: what should come out.
    """

    line: int
    given: Any
    is_named: bool
    expected: Any


@dataclass(frozen=True, slots=True)
class EvalItem:
    """One row: what goes in and what should come out.

    :param has_document: whether a row of a task on documents brings its document itself, as text or as a reference.
    """

    idx: int
    input: Mapping[str, Any]
    expected: Any
    has_document: bool = False


def read_rows(data: bytes, *, is_strict: bool) -> list[Row]:
    """Read JSON Lines.

    A byte order mark, blank lines and carriage returns are passed over. Where a row spells a side twice, the newest
    spelling counts.

    :param is_strict: the newest generation's rule: `input` and `expected_output` are both objects; a row on a document
        leaves `input` out.
    :raises Refused: not UTF-8, no rows, too much of anything, or a row that is wrong, with its line number.

    Source: pareta/eval-sets "row shapes" (shapes: documented; statuses and limits: assumed).
    """
    if len(data) > MAX_FILE_BYTES:
        raise Refused(f"items: the file is larger than {MAX_FILE_BYTES} bytes")
    try:
        lines = data.removeprefix(_BOM).decode("utf-8").split("\n")  # other line ends may stand inside a JSON string
    except UnicodeDecodeError as error:
        raise Refused(f"items: not UTF-8 at byte {error.start + data.startswith(_BOM) * len(_BOM)}") from None
    rows: list[Row] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(rows) == MAX_ROWS:
            raise Refused(f"items: more than {MAX_ROWS} rows")
        rows.append(_row(number, line, is_strict=is_strict))
    if not rows:
        raise Refused("items: the file has no rows")
    return rows


def items_of(rows: Sequence[Row], task: Task) -> list[EvalItem]:
    """Return rows as a task's items: a bare input goes under the task's main field.

    :raises Refused: a row has no input, and the task is not on documents, which come later.
    """
    items = []
    for idx, row in enumerate(rows):
        if not task.has_blob_input and not row.is_named and not row.given:
            raise Refused(f"items: line {row.line} has no input (`input`)")
        given = row.given if isinstance(row.given, dict) else {task.main_input: row.given}
        items.append(EvalItem(idx, given, row.expected, carries_document(task, given)))
    return items


def parse_rows(data: bytes, task: Task, *, is_strict: bool) -> list[EvalItem]:
    """Read JSON Lines into a task's items.

    :raises Refused: as `read_rows` and `items_of`; where the rule is strict, also for an input under no name.
    """
    rows = read_rows(data, is_strict=is_strict)
    if is_strict:
        check_named(rows, task)
    return items_of(rows, task)


def check_named(rows: Sequence[Row], task: Task) -> None:
    """Hold rows to the newest generation's rule where no document stands in for the input.

    :raises Refused: a row names no input.
    """
    nameless = None if task.has_blob_input else next((row for row in rows if not row.is_named), None)
    if nameless is not None:
        raise Refused(f"items: line {nameless.line}: `input` must be a JSON object")


def _row(number: int, line: str, *, is_strict: bool) -> Row:
    if len(line) > MAX_ROW_CHARACTERS:
        raise Refused(f"items: line {number} is longer than {MAX_ROW_CHARACTERS} characters")
    try:
        value = _parsed(line)
    except (ValueError, RecursionError) as error:
        raise Refused(f"items: line {number} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused(f"items: line {number} must be a JSON object")
    if is_strict:
        _check_strict(number, value)
    expected = next((value[name] for name in _EXPECTED if name in value), None)
    if expected is None:
        raise Refused(f"items: line {number} has no expected output (`expected_output`)")
    names = _INPUTS[:1] if is_strict else _INPUTS
    name = next((name for name in names if value.get(name) is not None), None)
    given = value[name] if name else {k: v for k, v in value.items() if k not in _EXPECTED and k not in names}
    return Row(number, given, name is not None, expected)


def _check_strict(number: int, value: Mapping[str, Any]) -> None:
    if not isinstance(value.get("expected_output"), dict):
        raise Refused(f"items: line {number}: `expected_output` must be a JSON object")
    if "input" in value and not isinstance(value["input"], dict):
        raise Refused(f"items: line {number}: `input` must be a JSON object")


def _parsed(line: str) -> Any:
    """Read one line; what no answer could carry is refused: endless numbers, half characters, bottomless nesting.

    So is a name that stands twice in one object, of which one would be lost without a word.
    """
    value = json.loads(
        line, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole, object_pairs_hook=_distinct
    )
    _check_depth(value, MAX_DEPTH)
    if "\\ud" in line.lower():
        json.dumps(value, ensure_ascii=False).encode()  # raises for half a surrogate pair
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {json.dumps(name[:100])} stands twice in one object")
        found[name] = value
    return found


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
