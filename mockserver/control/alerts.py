"""Alerts that come in a file of comma-separated values, as a monitor can write them without knowing us."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from pydantic import ValidationError

from mockserver.control.drifts import AlertRequest
from mockserver.kernel.drifts import Alert
from mockserver.kernel.errors import Unusable

COLUMNS = ("at", "kind", "subject", "note")
_SHOWN = 10


def read_alerts(text: str, path: str, kinds: Sequence[str]) -> list[Alert]:
    """Read alerts: a line with the columns' names, of which only `at` is needed, and a line for each alert.

    An empty kind or subject fits any.

    :param path: what to call the file in messages.
    :param kinds: of drift that there are.
    :raises Unusable: it is none; every faulty line is named by its number.
    """
    lines = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    alerts: list[Alert] = []
    faults: list[str] = []
    try:
        head = next(lines, [])
        columns = _columns(head, path)
        for values in lines:
            if not values:
                continue
            found = list(_faults(values, columns, kinds))
            faults += [f"{path}:{lines.line_num}: {fault}" for fault in found]
            if not found:
                said = AlertRequest.model_validate(_said(values, columns))
                assert said.at is not None
                alerts.append(Alert(len(alerts) + 1, said.at, said.kind, said.subject, said.note))
    except csv.Error as error:
        faults.append(f"{path}:{lines.line_num}: {error}")
    if faults:
        more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise Unusable("; ".join([*faults[:_SHOWN], *more]))
    return alerts


def _columns(head: Sequence[str], path: str) -> list[str]:
    """Return the names of the columns.

    :raises Unusable: one is unknown, there twice, or `at` is missing.
    """
    columns = [name.strip() for name in head]
    known = ", ".join(COLUMNS)
    for name in columns:
        if name not in COLUMNS:
            raise Unusable(f"{path}:1: the first line names the columns, and '{name}' is none; there are: {known}")
        if columns.count(name) > 1:
            raise Unusable(f"{path}:1: the column '{name}' is there twice")
    if "at" not in columns:
        raise Unusable(f"{path}:1: the first line names the columns ({known}), and 'at' is needed")
    return columns


def _faults(values: Sequence[str], columns: Sequence[str], kinds: Sequence[str]) -> Iterator[str]:
    if len(values) != len(columns):
        yield f"{len(values)} values for {len(columns)} columns"
        return
    said = _said(values, columns)
    if "at" not in said:
        yield "at: when was it raised?"
    if said.get("kind", kinds[0]) not in kinds:
        yield f"kind: '{said['kind']}' is no kind; there are: {', '.join(kinds)}"
    try:
        AlertRequest.model_validate(said)
    except ValidationError as error:
        for each in error.errors():
            yield f"{each['loc'][0]}: {each['msg'].removeprefix('Value error, ')}"


def _said(values: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    named = zip(columns, (value.strip() for value in values), strict=True)
    return {name: value for name, value in named if value}
