"""Which generation of the vendor's API a client speaks.

Source: pareta/generations (order of evidence: body shape, then User-Agent, then the form of the idempotency key).
"""

from __future__ import annotations

import re

_AGENT = re.compile(r"pareta-(?:python|typescript)/(\d{1,4})\.")
_SDK_KEY = re.compile(r"pareta-(?:py|js)-")

ENDPOINTS, AUTO, INTENT, PROMPT = 0, 1, 2, 3
"""Majors 0 to 3 of the vendor's SDKs, named after what each brought."""


def generation(client: str, idempotency_key: str | None = None) -> int | None:
    """Return the SDK major a request comes from, or `None` for any other client.

    :param client: the `User-Agent` text.
    """
    match = _AGENT.match(client)
    if match:
        return int(match[1])
    if idempotency_key and _SDK_KEY.match(idempotency_key):
        return AUTO
    return None
