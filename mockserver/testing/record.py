"""JSON objects as a test likes to read them: members are attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Record(Mapping[str, Any]):
    """What a simulator answered; its members are attributes and items alike."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = dict(data)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return _record(self._data[name])
        except KeyError:
            known = ", ".join(sorted(self._data))
            raise AttributeError(f"{type(self).__name__} has no '{name}'; there are: {known}") from None

    def __getitem__(self, name: str) -> Any:
        return _record(self._data[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self._data.items())
        return f"{type(self).__name__}({said})"


def _record(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Record(value)
    return [_record(each) for each in value] if isinstance(value, list) else value
