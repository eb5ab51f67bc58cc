"""Which generation of the vendor's API a client speaks.

Source: pareta/generations (order of evidence: body shape, then User-Agent, then the form of the idempotency key).
"""

from __future__ import annotations

import re

_AGENT = re.compile(r"pareta-(python|typescript)/(\d{1,4})\.(\d{0,4})")
_SDK_KEY = re.compile(r"pareta-(?:py|js)-")

ENDPOINTS, AUTO, INTENT, PROMPT = 0, 1, 2, 3
"""Majors 0 to 3 of the vendor's SDKs, named after what each brought."""


_TYPESCRIPT = {(0, 2): (0, 3), (1, 2): (1, 1), (1, 3): (1, 2), (1, 4): (1, 3)}
"""TypeScript releases that know as much as a Python release of another number.

Source: pareta/generations (which release brought `auto`, images and their editing: sdk).
"""


def release(client: str) -> tuple[int, int] | None:
    """Return major and minor of the SDK a request comes from, as Python's counts them; `None` for any other client.

    :param client: the `User-Agent` text.
    """
    match = _AGENT.match(client)
    if match is None:
        return None
    number = int(match[2]), int(match[3] or 0)
    return _TYPESCRIPT.get(number, number) if match[1] == "typescript" else number


def generation(client: str, idempotency_key: str | None = None) -> int | None:
    """Return the SDK major a request comes from, or `None` for any other client.

    :param client: the `User-Agent` text.
    """
    known = release(client)
    if known is not None:
        return known[0]
    if idempotency_key and _SDK_KEY.match(idempotency_key):
        return AUTO
    return None
