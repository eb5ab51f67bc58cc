"""The report of a test run: what each test's worlds have seen, as data, and one page of HTML made of it.

Equal data make equal bytes. The page is whole in itself, and nothing in it came unescaped from a request.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mockserver.control import proving
from mockserver.kernel.journal import Entry
from mockserver.kernel.windows import parse_instant
from mockserver.look import Html, badge, facts, html, moment, number, page, read, status_badge, table, tag
from mockserver.look.money import usd

if TYPE_CHECKING:
    from mockserver.testing.world import World

MAX_READ = 5_000
"""Requests of a world that are looked at; of more, the first."""

MAX_CALLS = 200
"""Calls of a world that are shown; the others are only counted."""

MAX_TEXT = 400
"""Characters of a text that are shown."""

# What a fault's answer is no use for, as its control route calls it.
_SPOILING = frozenset(
    {"status", "timeout", "reset", "lost_ack", "empty_body", "malformed_chunk", "truncate_stream_after"}
)
_TONES = {"passed": "good", "failed": "bad", "error": "bad", "skipped": "warn"}


# Data


def collect(world: World) -> dict[str, Any]:
    """Return what a world has seen, as plain JSON data of bounded size.

    `calls` are its requests in order of arrival, at most `MAX_CALLS`; `totals` count them all.
    """
    seen = list(islice(world.every("requests.list"), MAX_READ))
    armed = list(world.every("faults.list"))
    retries = _retries(seen, {each["id"] for each in armed if _SPOILING & each.keys()})
    broken = [each["name"] for each in world.call("invariants.check")["invariants"] if not each["holds"]]
    return {
        "world": world.name,
        "calls": [_call(each, retries.get(each["seq"])) for each in seen[:MAX_CALLS]],
        "totals": {
            "calls": len(seen),
            "spend_micro_usd": sum(each["cost_micro_usd"] for each in seen),
            "faults": sum(1 for each in seen if each["fault"]),
            "retries": len(retries),
        },
        "faults": [
            {name: each.get(name) for name in ("id", "note", "matched", "hits", "optional")}
            for each in armed[:MAX_CALLS]
        ],
        "violations": broken,
    }


def _call(request: Mapping[str, Any], retry_of: int | None) -> dict[str, Any]:
    called = request["operation"] or f"{request['method']} {request['path']}"
    return {
        "seq": request["seq"],
        "at": request["at"],
        "operation": _clipped(called),
        "status": request["status"],
        "cost_micro_usd": request["cost_micro_usd"],
        "fault": request["fault"],
        "stub": request["stub"],
        "idempotency": request["idempotency"],
        "reason": _clipped(request["reason"]),
        "retry_of": retry_of,
    }


def _clipped(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _retries(requests: Sequence[Mapping[str, Any]], spoiling: set[str]) -> dict[int, int]:
    """Return which requests were another attempt at an earlier one: number of both."""
    sent = proving.read((_entry(each) for each in requests), _customs(spoiling))
    return {again.entry.seq: before.entry.seq for call in proving.attempts(sent) for before, again in pairwise(call)}


def _customs(spoiling: set[str]) -> proving.Customs:
    from mockserver.vendors.registry import vendors

    apis = [vendor.api for vendor in vendors()]
    return proving.Customs(
        body_keyed={f"{api.name}.{api.intake.operation}": api.intake.key for api in apis if api.intake is not None},
        spoiling=spoiling,
    )


def _entry(request: Mapping[str, Any]) -> Entry:
    sent = request["request"]
    body = base64.b64decode(sent["body"]) if sent["encoding"] == "base64" else sent["body"].encode()
    return Entry(
        request["seq"], parse_instant(request["at"]), request["vendor"], request["operation"], request["method"],
        request["path"], request["query"], request["status"], request["request_id"], fault=request["fault"],
        headers={name.encode("latin-1"): value.encode("latin-1") for name, value in sent["headers"].items()},
        request_body=body,
    )  # fmt: skip


# The page


def write(path: str | Path, tests: Sequence[Mapping[str, Any]], *, at: str | None = None) -> None:
    """Write the page of a run.

    :param tests: each with its `nodeid`, its `outcome` and its `worlds`, as `collect` returns them; and, if that is
        worth telling, with `violations`, a text.
    :param at: when the run was, if the page is to say so.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(render(tests, at=at).encode("utf-8", "backslashreplace"))


def render(tests: Sequence[Mapping[str, Any]], *, at: str | None = None) -> str:
    """Return the page of a run."""
    failed = sum(_is_failed(test) for test in tests)
    sums = {name: sum(_total(test, name) for test in tests) for name in _COUNTED}
    return page(
        "mockserver report",
        tag("h1", "What the tests called, and what it cost"),
        tag("p", f"Run at {at}.", class_="faint") if at else None,
        facts(
            ("Tests", html(len(tests), tag("small", badge(f"{failed} failed", "bad") if failed else "none failed"))),
            ("Calls", f"{sums['calls']:,}"),
            ("Spend", usd(sums["spend_micro_usd"])),
            ("Faults hit", f"{sums['faults']:,}"),
            ("Retries", f"{sums['retries']:,}"),
        ),
        tag("p", tag("button", "Expand or collapse all", id="all", type="button")) if tests else None,
        _tests(tests) if tests else tag("p", "No test had a world."),
        script=read("mockserver.testing", "report.js") if tests else "",
    )


_COUNTED = ("calls", "spend_micro_usd", "faults", "retries")
_HEADS = (
    ("Test", ""),
    ("Outcome", ""),
    ("Calls", "number"),
    ("Spend", "number"),
    ("Faults", "number"),
    ("Retries", "number"),
)


def _tests(tests: Sequence[Mapping[str, Any]]) -> Html:
    heads = [tag("th", tag("button", text, type="button"), scope="col", class_=kind or None) for text, kind in _HEADS]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", "A heading sorts; a test shows its calls."),
            tag("thead", tag("tr", *heads)),
            *(_test(n, test) for n, test in enumerate(tests, 1)),
            id="tests",
        ),
        class_="wide",
    )


def _test(n: int, test: Mapping[str, Any]) -> Html:
    outcome = test["outcome"]
    cells = [
        tag(
            "td",
            tag(
                "button", test["nodeid"],
                class_="test", type="button", aria_expanded="false", aria_controls=f"calls-{n}",
            ),
            class_="name", data_value=test["nodeid"],
        ),
        tag("td", badge(outcome, _TONES.get(outcome, "")), data_value=outcome),
    ]  # fmt: skip
    for name in _COUNTED:
        total = _total(test, name)
        cells.append(number(usd(total) if name == "spend_micro_usd" else f"{total:,}", data_value=total))
    return tag(
        "tbody",
        tag("tr", *cells),
        tag("tr", tag("td", *_details(test), colspan=len(_HEADS)), id=f"calls-{n}", hidden=True),
        class_="failed" if _is_failed(test) else None,
    )


def _details(test: Mapping[str, Any]) -> Iterator[Html]:
    if test.get("violations"):
        yield tag("pre", test["violations"])
    for world in test["worlds"]:
        for violation in world["violations"]:
            yield tag("p", badge("violated", "bad"), " ", violation)
        unused = [each for each in world["faults"] if not each["hits"] and not each["optional"]]
        for each in unused:
            yield tag("p", badge("unused", "warn"), f" {each['id']} {each['note'] or ''}")
        calls = world["calls"]
        left = world["totals"]["calls"] - len(calls)
        if calls:
            more = f", and {left:,} more that are not shown" if left else ""
            heads = (
                tag("th", "#", scope="col", class_="number"),
                "At",
                "Operation",
                "Status",
                tag("th", "Cost", scope="col", class_="number"),
                "Remarks",
            )
            yield table(f"World {world['world']}: {_plural(len(calls), 'call')}{more}", heads, map(_row, calls))
        else:
            yield tag("p", f"World {world['world']}: no calls", class_="faint")


def _row(call: Mapping[str, Any]) -> Iterator[Html]:
    yield number(call["seq"])
    yield tag("td", moment(call["at"]))
    yield tag("td", tag("code", call["operation"]))
    yield tag("td", status_badge(call["status"]))
    yield number(usd(call["cost_micro_usd"]))
    remarks: list[Html] = []
    if call["retry_of"] is not None:
        remarks.append(badge(f"retry of #{call['retry_of']}", "warn"))
    remarks += [badge(fault, "bad") for fault in (call["fault"] or "").split()]
    remarks += [badge(each) for each in (call["stub"], call["idempotency"]) if each]
    spaced = [html(remark, " ") for remark in remarks]
    yield tag("td", *spaced, call["reason"])


def _plural(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _is_failed(test: Mapping[str, Any]) -> bool:
    return test["outcome"] in ("failed", "error")


def _total(test: Mapping[str, Any], name: str) -> int:
    return sum(world["totals"][name] for world in test["worlds"])
