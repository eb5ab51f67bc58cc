"""`groupBy` and `filterGroupBy`: which dimensions a query tells apart, and to what it narrows them (pure)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from mockserver.kernel.errors import InvalidRequest, MalformedBody, Problem
from mockserver.vendors.paygentic.domain.json_text import parse
from mockserver.vendors.paygentic.domain.metering import label


def filters_in(text: str, known: Container[str], whose: str) -> dict[str, str]:
    """Return the wanted value of each filtered dimension, as text.

    :param known: the dimensions there are.
    :param whose: who has them, for the message.
    :raises InvalidRequest: not an object of scalars, or a key is no dimension.

    Source: paygentic/cost-tracking "Filter by dimension values" (documented), what is refused (assumed).
    """
    try:
        wanted = parse(text.encode())
    except MalformedBody:
        raise _refused("must be a JSON object") from None
    if not isinstance(wanted, dict):
        raise _refused("must be a JSON object")
    for key, value in wanted.items():
        if key not in known:
            raise _refused(f"'{key}' is not a dimension of {whose}", "unknown_key")
        if isinstance(value, (dict, list)):
            raise _refused(f"the value of '{key}' must be a string, number, boolean or null")
    return {key: label(value) for key, value in wanted.items()}


def _refused(message: str, code: str = "invalid_format") -> InvalidRequest:
    return InvalidRequest(Problem(("query", "filterGroupBy"), message, code))


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The dimensions that a cost or a billable metric has, as a judge of the parameters that name some.

    :param whose: who has them, for messages.
    :param besides: what `groupBy` alone may name too.
    """

    known: Container[str]
    whose: str
    besides: Container[str] = ()

    def filters(self, keys: Iterable[str], text: str | None) -> dict[str, str]:
        """Check both parameters, and return the wanted value of each filtered dimension.

        :param keys: of `groupBy`.
        :param text: of `filterGroupBy`, or `None`.
        :raises InvalidRequest: a key is not a dimension, or the filter is not an object of scalars.
        """
        problems = [
            Problem(("query", "groupBy"), f"'{key}' is not a dimension of {self.whose}", "unknown_key")
            for key in keys
            if key not in self.known and key not in self.besides
        ][:1]
        filters: dict[str, str] = {}
        if text is not None:
            try:
                filters = filters_in(text, self.known, self.whose)
            except InvalidRequest as error:
                problems.extend(error.problems)
        if problems:
            raise InvalidRequest(*problems)
        return filters

    def check(self, query: Mapping[str, str]) -> None:
        """Check both parameters as they were sent; names that are empty are left to the check of fields.

        :raises InvalidRequest: as `filters` says.
        """
        keys = [key.strip() for key in query.get("groupBy", "").split(",")]
        self.filters(filter(None, keys), query.get("filterGroupBy"))
