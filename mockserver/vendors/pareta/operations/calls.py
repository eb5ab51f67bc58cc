"""The calls that reached an endpoint or `auto`, for other programs to read: what metrics add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.tables.endpoints import ExportedCall
from mockserver.vendors.vendor import Export, Value

_BATCH = 2000


def _batches(world: World) -> Iterator[Sequence[tuple[Value, ...]]]:
    endpoint, n = "", 0
    while rows := tables.endpoints.calls_after(world, endpoint, n, _BATCH):
        endpoint, n = rows[-1][0], rows[-1][-1]
        yield [_row(row) for row in rows]


def _row(row: ExportedCall) -> tuple[Value, ...]:
    endpoint, at, status, latency_us, prompt, completion, cost, frontier, score, request_id, _ = row
    return (
        endpoint, format_instant(at), status, Decimal(latency_us).scaleb(-3), prompt, completion, cost, frontier,
        None if score is None else Decimal(repr(score)), request_id,
    )  # fmt: skip


CALLS = Export(
    (
        "endpoint", "at", "status", "latency_ms", "prompt_tokens", "completion_tokens", "cost_micro_usd",
        "frontier_micro_usd", "score", "request_id",
    ),
    _batches,
)  # fmt: skip
"""Every call, by endpoint and in the order they came; a score where the judge gave one."""
