"""Which documented operations recordings have interactions of (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mockserver.cassettes.verdicts import Covered, Judged
from mockserver.http.endpoint import Api


class Coverage:
    """Counts the interactions of every operation that vendors document.

    What was refused before an operation was found is no interaction of it; what was refused by it is.

    :param apis: the vendors'.
    """

    def __init__(self, apis: Iterable[Api]) -> None:
        self._operations = {
            f"{api.name}.{endpoint.operation}": (endpoint.method, endpoint.path)
            for api in apis
            for endpoint in api.endpoints
        }
        self._seen: Counter[str] = Counter()

    def add(self, judged: Judged) -> None:
        """Take in an interaction, whatever became of it."""
        self._seen[judged.operation] += 1

    def operations(self) -> list[Covered]:
        """Return every documented operation, in the order the vendors list them."""
        return [
            Covered(operation, method, path, self._seen[operation])
            for operation, (method, path) in self._operations.items()
        ]
