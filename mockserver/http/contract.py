"""Contract drift: fields of answers that come, go or change, although nobody said so beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mockserver.http.faulting import dump_exactly, edited, read_exactly
from mockserver.http.messages import Reply, Stream
from mockserver.kernel.call import Call
from mockserver.kernel.drifts import Seen
from mockserver.kernel.faults import Effect

KIND = "contract"


def drifted(reply: Reply, call: Call, operation: str) -> Reply:
    """Return a successful answer, or a stream, as the contract has it by now.

    :param operation: its name, with the vendor.
    """
    draws, names = call.world.draws, (operation, operation.partition(".")[2])
    seen = call.world.drifts.seen(
        KIND, names, call.now, lambda n: draws.uniform(f"drift contract mix {n}", operation, call.seq)
    )
    effects = edits(seen, lambda place: draws.uniform(f"drift contract {place}", operation, call.seq))
    if not effects or reply.status >= 300:
        return reply
    if reply.stream is not None:
        stream = reply.stream
        reply.stream = Stream(
            (_piece(piece, effects) for piece in stream.head), lambda: _piece(stream.settle(), effects), stream.abandon
        )
    elif any(name == b"content-type" and b"json" in value for name, value in reply.headers):
        reply.body = _edited(reply.body, effects)
    reply.is_spoilt = True
    return reply


def edits(seen: Iterable[Seen], draw: Callable[[int], float]) -> list[Effect]:
    """Return the edits that happen to one answer, as faults have them.

    :param draw: returns the answer's number in [0, 1) for the n-th drift, on which it hangs whether it is hit.
    """
    return [_effect(drift.options) for drift, level, place in seen if draw(place) < drift.shift(level)]


def _effect(options: Mapping[str, Any]) -> Effect:
    """Return the edits that a drift's options ask for, as faults have them."""
    drop = options.get("drop", ())
    return Effect(
        drop=(drop,) if isinstance(drop, str) else tuple(drop),
        add=options.get("add", {}),
        rename=options.get("rename", {}),
        retype=options.get("retype", {}),
    )


def _piece(piece: bytes, effects: Sequence[Effect]) -> bytes:
    """Return a piece of a stream with every event in it changed."""
    return b"\n".join(
        line.replace(body, _edited(body, effects), 1)
        if line.startswith(b"data:") and (body := line[5:].strip())
        else line
        for line in piece.split(b"\n")
    )


def _edited(body: bytes, effects: Sequence[Effect]) -> bytes:
    try:
        data = read_exactly(body)
    except ValueError:
        return body  # the end of a stream
    for effect in effects:
        data = edited(data, effect)
    return dump_exactly(data)
