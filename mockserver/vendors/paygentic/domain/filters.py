"""`filterGroupBy`: the JSON object in a query that narrows dimensions to wanted values (pure)."""

from __future__ import annotations

from collections.abc import Container

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
