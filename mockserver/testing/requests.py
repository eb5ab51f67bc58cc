"""The requests a world has seen, as a test looks at them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

from mockserver.testing.record import Record
from mockserver.testing.values import moment

if TYPE_CHECKING:
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours


class Request(Record):
    """One request to a vendor, and what was decided about it."""

    def __repr__(self) -> str:
        cost = f", {self.cost_micro_usd} micro-USD" if self.cost_micro_usd else ""
        return f"<{self.seq}: {self.operation or f'{self.method} {self.path}'} -> {self.status}{cost}>"

    @property
    def at(self) -> datetime:
        """When it came, by the world's clock."""
        return moment(self._data["at"])

    @property
    def retry_after(self) -> float | str | None:
        """What the answer's `Retry-After` said: seconds, or the text of a date."""
        said: str | None = self._data["retry_after"]
        try:
            return None if said is None else float(said)
        except ValueError:
            return said

    @property
    def headers(self) -> dict[str, str]:
        """What came with it; credentials are redacted."""
        return dict(self._data["request"]["headers"])

    @property
    def body(self) -> str:
        """Its body, as far as it is kept."""
        return str(self._data["request"]["body"])

    @property
    def json(self) -> Any:
        """Its body as JSON data, `None` where it is none."""
        return _json(self.body)

    @property
    def response_body(self) -> str:
        """The answer's body, as far as it is kept."""
        return str(self._data["response"]["body"])

    @property
    def response_json(self) -> Any:
        """The answer's body as JSON data, `None` where it is none."""
        return _json(self.response_body)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


class Requests(Sequence[Request]):
    """The requests a world has seen, oldest first, as of the moment they are looked at."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __iter__(self) -> Iterator[Request]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> list[Request]: ...
    def __getitem__(self, index: int | slice) -> Request | list[Request]:
        return self._all()[index]

    def __repr__(self) -> str:
        return f"Requests({self._all()})"

    def of(self, operation: str) -> list[Request]:
        """Return those of an operation; the vendor may be left out, and `*` stands for any text."""
        return self._all(operation=operation)

    def _all(self, **query: Any) -> list[Request]:
        return [Request(each) for each in self._world.every("requests.list", **query)]
