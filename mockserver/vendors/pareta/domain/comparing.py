"""Comparing answers: their values as text, and what each field or label adds to an F1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mockserver.vendors.pareta.domain.intervals import Tally


def normalised(value: Any) -> str:
    """Return a value as comparable text: letter case, spaces and the form of numbers do not matter."""
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if isinstance(value, Mapping):
        return json.dumps({key: normalised(part) for key, part in value.items()}, sort_keys=True)
    return json.dumps([normalised(part) for part in value])


def bare(value: Any) -> Any:
    """Return what a one-field object holds, so that `{"label": "x"}` and `"x"` compare alike."""
    return next(iter(value.values())) if isinstance(value, Mapping) and len(value) == 1 else value


def fields_of(value: Any) -> dict[str, str]:
    """Return the fields of an answer as comparable text; one that is null counts as not given."""
    if not isinstance(value, Mapping):
        return {} if value is None else {"": normalised(value)}
    return {name: normalised(part) for name, part in value.items() if part is not None}


def field_tally(given: Mapping[str, str], wanted: Mapping[str, str]) -> Tally:
    """Return what an answer's fields add to the F1 of each: a hit needs the name and the value."""
    return (
        *((name, int(given.get(name) == value), 1 + (name in given)) for name, value in wanted.items()),
        *((name, 0, 1) for name in given if name not in wanted),
    )


def f1_of(tally: Tally) -> float:
    """Return the F1 of one answer's fields; 1 where there are none."""
    size = sum(size for _, _, size in tally)
    return 2 * sum(hit for _, hit, _ in tally) / size if size else 1.0


def label_tally(given: str, wanted: str) -> Tally:
    """Return what an answer adds to the F1 of the labels it touches."""
    return ((wanted, 1, 2),) if given == wanted else ((given, 0, 1), (wanted, 0, 1))
