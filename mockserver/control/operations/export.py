"""A world's rows as CSV or as JSON lines, in batches, so that a long history needs no more memory than a short one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from mockserver.control.control import Control
from mockserver.control.operations.drifts import TRUTH
from mockserver.control.operations.journal import body_view
from mockserver.kernel.errors import Conflict, NotFound
from mockserver.kernel.journal import Entry
from mockserver.kernel.money import plain
from mockserver.kernel.windows import format_instant
from mockserver.kernel.world import World
from mockserver.vendors.vendor import Export, Json, Value

_Rows = Sequence[tuple[Value, ...]]
_Write = Callable[[_Rows], str]

_BATCH = 200


def as_csv(control: Control, name: str, what: str) -> Iterator[bytes]:
    """Return a world's rows as CSV, the names of the columns first.

    Equal rows give equal bytes. Decimals are text with all their digits, instants are UTC; what has no value is an
    empty field, and an empty text is `""`.

    :raises UnknownWorld: it does not exist.
    :raises NotFound: nothing is exported under that name.
    """
    export = _export(control, what)
    return _pieces(control, name, export, _csv_lines, _csv_lines([export.columns]))


def as_jsonl(control: Control, name: str, what: str) -> Iterator[bytes]:
    """Return a world's rows as JSON, one object a line.

    Equal rows give equal bytes. Decimals are text with all their digits, instants are UTC.

    :raises UnknownWorld: it does not exist.
    :raises NotFound: nothing is exported under that name.
    """
    export = _export(control, what)
    return _pieces(control, name, export, _json_lines(export.columns))


def _export(control: Control, what: str) -> Export:
    exports = {"requests": _REQUESTS, "truth": TRUTH}
    for vendor in control.vendors:
        exports.update(vendor.exports)
    if what not in exports:
        raise NotFound(f"export (there are: {', '.join(sorted(exports))})", what)
    return exports[what]


def _pieces(control: Control, name: str, export: Export, write: _Write, head: str = "") -> Iterator[bytes]:
    with control.existing(name) as world:
        control.worlds.settle(world, world.clock.now())

    def pieces() -> Iterator[bytes]:
        yield head.encode()
        batches = export.batches(world)
        while True:
            with control.store.committed():
                if world.is_gone:
                    raise Conflict(f"world '{name}' was deleted or reset while it was exported")
                rows = next(batches, None)
            if rows is None:
                return
            yield write(rows).encode()

    return pieces()


# Writing

_QUOTED = re.compile(r'[",\r\n]')
_encode = json.JSONEncoder(ensure_ascii=False).encode


def _csv_lines(rows: _Rows) -> str:
    # Not the csv module: its quoting differs between releases of Python, and it cannot tell nothing from empty text.
    return "".join([",".join([_csv(value) for value in row]) + "\n" for row in rows])


def _csv(value: Value) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return plain(value) if isinstance(value, Decimal) else str(value)
    if value and not _QUOTED.search(value):
        return value
    return '"' + value.replace('"', '""') + '"'


def _json_lines(columns: Sequence[str]) -> _Write:
    names = [json.dumps(name) for name in columns]

    def write(rows: _Rows) -> str:
        lines = []
        for row in rows:
            fields = [f"{name}:{_json(value)}" for name, value in zip(names, row, strict=True)]
            lines.append("{" + ",".join(fields) + "}\n")
        return "".join(lines)

    return write


def _json(value: Value) -> str:
    if isinstance(value, Json):
        return value
    return _encode(plain(value) if isinstance(value, Decimal) else value)


# The journal


def _requests(world: World) -> Iterator[_Rows]:
    after = 0
    while entries := world.journal.read(after=after, limit=_BATCH):
        after = entries[-1].seq
        yield [_request(entry) for entry in entries]


def _request(entry: Entry) -> tuple[Value, ...]:
    request, response = body_view(entry.request_body), body_view(entry.response_body)
    return (
        entry.seq, format_instant(entry.at), entry.vendor, entry.operation, entry.method, entry.path, entry.query,
        entry.status, entry.cost_micro_usd, Decimal(entry.duration_us).scaleb(-3), entry.request_id, entry.client,
        entry.reason, entry.idempotency, entry.fault, entry.stub,
        request["body"], request["encoding"], response["body"], response["encoding"],
    )  # fmt: skip


_REQUESTS = Export(
    (
        "seq", "at", "vendor", "operation", "method", "path", "query", "status", "cost_micro_usd", "duration_ms",
        "request_id", "client", "reason", "idempotency", "fault", "stub",
        "request_body", "request_encoding", "response_body", "response_encoding",
    ),
    _requests,
)  # fmt: skip
