"""The requests a world has seen."""

from __future__ import annotations

import base64
from typing import Any

from mockserver.control.control import Control
from mockserver.control.operations.pages import page
from mockserver.control.schemas import RequestsQuery
from mockserver.kernel.journal import Entry
from mockserver.kernel.windows import format_instant


def list_requests(control: Control, name: str, query: RequestsQuery) -> dict[str, Any]:
    """Return the requests a world still remembers, newest last."""
    with control.reading(name) as world:
        entries = world.journal.read(
            after=query.after, limit=query.limit + 1, operation=query.operation, status=query.status
        )
    return page(entries, query.limit, cursor=lambda entry: entry.seq, shape=entry_view)


def entry_view(entry: Entry) -> dict[str, Any]:
    """Return the wire form of a request with its headers and bodies."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in entry.headers.items()}
    return {
        **head_view(entry),
        "request": {"headers": headers, **body_view(entry.request_body)},
        "response": body_view(entry.response_body),
    }


def head_view(entry: Entry) -> dict[str, Any]:
    """Return the wire form of a request without its headers and bodies."""
    return {
        "seq": entry.seq,
        "at": format_instant(entry.at),
        "vendor": entry.vendor,
        "operation": entry.operation,
        "method": entry.method,
        "path": entry.path,
        "query": entry.query,
        "status": entry.status,
        "cost_micro_usd": entry.cost_micro_usd,
        "duration_ms": entry.duration_us / 1000,
        "request_id": entry.request_id,
        "client": entry.client,
        "reason": entry.reason,
        "idempotency": entry.idempotency,
        "fault": entry.fault,
        "stub": entry.stub,
        "retry_after": entry.retry_after,
    }


def body_view(data: bytes) -> dict[str, str]:
    """Return a body as text that JSON can carry, and how it was made text."""
    try:
        return {"body": data.decode("utf-8"), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(data).decode("ascii"), "encoding": "base64"}
