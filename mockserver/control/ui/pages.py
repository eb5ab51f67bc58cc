"""What the pages look like: from the control API's own JSON data to HTML (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mockserver.control.route import PREFIX
from mockserver.control.ui.chart import play_bar, truth_chart
from mockserver.look import Content, Html, badge, facts, html, moment, number, page, read, status_badge, table, tag
from mockserver.look.money import usd

HOME = f"{PREFIX}/ui"
SECTIONS = ("scenario", "ledger", "faults", "stubs", "drifts", "snapshots", "invariants")
"""What of a world has a page of its own, beside its requests."""

Data = Mapping[str, Any]

_INSTANTS = frozenset({"at", "onset", "end", "detected_at"})


def worlds_page(worlds: Sequence[Data], after: int | None) -> str:
    """Return the page that lists worlds, oldest first.

    :param worlds: each with `name`, `clock`, `credits` and `requests`.
    :param after: where the next page begins, if there is one.
    """
    rows = [
        (
            tag("td", tag("a", world["name"], href=_address(world["name"])), class_="name"),
            tag("td", moment(world["clock"]["now"]), " ", badge(world["clock"]["mode"])),
            number(_balance(world["credits"])),
            number(f"{world['requests']:,}"),
        )
        for world in worlds
    ]
    heads = (
        "Name",
        "Clock",
        *(tag("th", text, scope="col", class_="number") for text in ("Balance", "Requests")),
    )
    return page(
        "mockserver",
        tag("h1", "Worlds"),
        table("Isolated tenants; a key names its world.", heads, rows)
        if worlds
        else tag("p", "There is no world yet: the first request makes one."),
        tag("p", tag("a", "More worlds", href=f"{HOME}?after={after}")) if after else None,
        tag(
            "p",
            tag("a", "Requests whose key names no world", href=_address("~")),
            " · ",
            tag("a", "every operation there is", href=f"{PREFIX}/docs"),
            class_="faint",
        ),
    )


def world_page(world: Data, requests: Sequence[Data], chart: Html, place: str) -> str:
    """Return the page of a world and its requests, which goes on by itself.

    :param world: with `name`, `seed`, `clock`, `credits`, `requests`, `spent`, `faults`, `hits` and `played`.
    :param requests: the newest, newest last.
    :param place: from where on the stream is to be read.
    """
    name = world["name"]
    clock = world["clock"]
    rate = f" x{clock['rate']:g}" if clock["mode"] == "scaled" else ""
    to_the_second = f"{clock['now'].rstrip('Z').partition('.')[0]}Z"
    overview = tag(
        "section",
        facts(
            ("Clock", html(moment(to_the_second), tag("small", clock["mode"] + rate))),
            ("Balance", _balance(world["credits"])),
            ("Spent", html(usd(world["spent"]), tag("small", "by requests it remembers"))),
            ("Requests", f"{world['requests']:,}"),
            ("Faults armed", html(world["faults"], tag("small", f"{world['hits']:,} hits"))),
            ("Seed", world["seed"]),
        ),
        _played(name, world["played"]),
        tag("h2", "Spend by requests"),
        chart,
        id="overview",
    )
    heads = ("Status", "Operation", tag("th", "Cost", scope="col", class_="number"), "At", "Fault", "Idempotency")
    return _of_world(
        name,
        "",
        overview,
        tag("h2", "Requests ", tag("small", "not live", id="state", role="status", class_="badge")),
        table("Newest first.", heads, (_request_row(name, each) for each in reversed(requests)), id="requests"),
        tag("template", tag("tr", *_request_row(name, None)), id="row"),
        script=read("mockserver.control.ui", "live.js"),
        live={"data_stream": f"{PREFIX}/worlds/{quote(name)}/stream", "data_after": place},
    )


def _request_row(name: str, request: Data | None) -> tuple[Html, ...]:
    """Return the cells of a request; of none, those that a script fills in."""
    if request is None:
        request = {
            "at": "", "operation": "", "method": "", "path": "", "status": 200, "cost_micro_usd": 0, "fault": "",
            "idempotency": "", "seq": "",
        }  # fmt: skip
    address = f"{_address(name)}/requests/{request['seq']}"
    return (
        tag("td", status_badge(request["status"])),
        tag("td", tag("a", _called(request), href=address), class_="name"),
        number(usd(request["cost_micro_usd"])),
        tag("td", moment(request["at"])),
        tag("td", request["fault"], class_="short"),
        tag("td", request["idempotency"], class_="short"),
    )


def request_page(name: str, request: Data, neighbours: tuple[int | None, int | None]) -> str:
    """Return the page of one request, with its headers and bodies.

    :param neighbours: numbers of the requests before and after it.
    """
    before, after = neighbours
    address = f"{_address(name)}/requests"
    said = request["request"]
    target = request["path"] + (f"?{request['query']}" if request["query"] else "")
    decided = {
        "Status": status_badge(request["status"]),
        "Cost": usd(request["cost_micro_usd"]),
        "At": moment(request["at"]),
        "Took": f"{request['duration_ms']:g} ms",
        "Fault": request["fault"],
        "Stub": request["stub"],
        "Idempotency": request["idempotency"],
        "Retry-After": request["retry_after"],
        "Request id": request["request_id"],
        "Client": request["client"],
    }
    return _of_world(
        name,
        None,
        tag("h2", f"Request {request['seq']}: ", _called(request)),
        tag("p", tag("code", f"{request['method']} {target}")),
        tag("p", badge("refused" if (request["status"] or 0) >= 400 else "note", "warn"), " ", request["reason"])
        if request["reason"]
        else None,
        facts(*((name, value) for name, value in decided.items() if value)),
        tag("h2", "What was sent"),
        table("Headers; credentials are never kept.", ("Name", "Value"), said["headers"].items()),
        _body("Body", said),
        tag("h2", "What was answered"),
        _body("Body", request["response"]),
        tag(
            "nav",
            tag("a", f"← request {before}", href=f"{address}/{before}") if before else None,
            tag("a", f"request {after} →", href=f"{address}/{after}") if after else None,
            aria_label="Neighbours",
        ),
    )


def _body(title: str, body: Data) -> Html:
    text = body["body"]
    if not text:
        return tag("p", "No body.", class_="faint")
    if body["encoding"] == "base64":
        return html(tag("p", "Bytes that are no text, in base64:", class_="faint"), tag("pre", text, tabindex="0"))
    return tag("pre", _pretty(text), tabindex="0", aria_label=title, role="region")


def _pretty(text: str) -> str:
    """Return JSON on several lines, every number with the digits it came with; other text as it is."""
    try:
        data = json.loads(text, parse_float=lambda digits: f"\0{digits}\0")
        return re.sub(r'"\\u0000([-+.0-9eE]+)\\u0000"', r"\1", json.dumps(data, indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        return text


def section_page(name: str, section: str, content: Content) -> str:
    """Return the page of one of a world's sections."""
    return _of_world(name, section, tag("h2", section.capitalize()), content)


def faults_content(faults: Sequence[Data]) -> Html:
    """Return faults with what they decided.

    :param faults: as `faults.get` has them.
    """
    return html(_fault(each) for each in faults) or _none("fault is armed")


def _fault(fault: Data) -> Html:
    own = ("id", "note", "matched", "hits", "decisions", "next", "optional")
    rule = {name: value for name, value in fault.items() if name not in own}
    rows = (
        (
            number(each["n"]),
            number(each["request"]) if each["request"] else tag("td", "traffic"),
            badge("hit", "bad") if each["hit"] else badge("let through"),
            each["reason"],
        )
        for each in fault["decisions"]
    )
    heads = (*(tag("th", text, scope="col", class_="number") for text in ("n", "Request")), "Decision", "Why")
    return tag(
        "section",
        tag("h2", fault["id"], html(": ", fault["note"]) if fault["note"] else None),
        tag("p", tag("code", json.dumps(rule, ensure_ascii=False))),
        tag("p", f"{fault['matched']:,} requests matched, {fault['hits']:,} were hit."),
        table("Its newest decisions.", heads, rows) if fault["decisions"] else None,
    )


def _played(name: str, played: Data | None) -> Html | None:
    """Return how far a world's scenario is; nothing where none is played that goes on."""
    if played is None or played["starts_at"] is None:
        return None
    return html(
        tag(
            "h2",
            "Scenario ",
            tag("a", played["name"], href=f"{_address(name)}/scenario"),
            " ",
            _play_badge(played),
        ),
        play_bar(played),
        _tallies(played),
    )


def _play_badge(played: Data) -> Html:
    if not played["is_filled"]:
        return badge("history is being played", "warn")
    if played["is_over"]:
        return badge("over")
    return badge("paused", "warn") if played["is_paused"] else badge("plays", "good")


def _tallies(played: Data) -> Html:
    tallies = played["tallies"]
    return facts(
        *(
            (
                name.removesuffix("_micro_usd").replace("_", " ").capitalize(),
                usd(count) if name.endswith("_micro_usd") else f"{count:,}",
            )
            for name, count in tallies.items()
        )
    )


def scenario_content(played: Data, truth: Sequence[Data]) -> Html:
    """Return what is played in a world, what came of it so far, and what really changes in it.

    :param played: as `scenario.get` has it; `truth` as `truth.list` has it.
    """
    if played["name"] is None:
        return _none("scenario was played")
    planted = {kind.replace("_", " "): count for kind, count in played["planted"].items() if count}
    goes_on = played["starts_at"] is not None
    return html(
        tag("p", tag("strong", played["name"]), " ", _play_badge(played) if goes_on else None, " ", played["purpose"]),
        tag("p", played["expect"], class_="faint") if played["expect"] else None,
        html(
            play_bar(played),
            tag("h2", "What came of it so far"),
            _tallies(played),
            tag(
                "p",
                "Planted between debits and cost events: ",
                ", ".join(f"{count:,} {kind}" for kind, count in planted.items()) or "nothing",
                ".",
            ),
        )
        if goes_on
        else None,
        tag("h2", "What really changes"),
        truth_chart(played, truth) if goes_on and truth else None,
        records("Every drift there is, with its cause.", truth) or _none("drift"),
    )


def drifts_content(drifts: Sequence[Data], score: Data) -> Html:
    """Return drifts, and how well they were noticed."""
    counted = {name: value for name, value in score.items() if isinstance(value, int)}
    return html(
        records("What really changes, and how much of it there is now.", drifts) or _none("drift"),
        tag("h2", "Alerts"),
        facts(*((name.replace("_", " ").capitalize(), value) for name, value in counted.items())),
        records("What became of each drift.", score["data"]),
        records("False alarms.", score["false_alarms"]),
    )


def invariants_content(checked: Data) -> Html:
    """Return what must always hold, and the rows that break it."""
    holds = checked["holds"]
    return html(
        tag("p", badge("all hold", "good") if holds else badge("broken", "bad")),
        (
            html(
                tag("p", badge("holds", "good") if each["holds"] else badge("broken", "bad"), " ", each["name"]),
                records("Rows that break it.", each["rows"]),
            )
            for each in checked["invariants"]
        ),
    )


def records(caption: str, rows: Sequence[Data]) -> Html:
    """Return JSON objects as a table with a column for each member; nothing when there are none."""
    if not rows:
        return Html()
    names = list(dict.fromkeys(name for row in rows for name in row))
    heads = [
        tag("th", name.removesuffix("_micro_usd").replace("_", " ").capitalize(), scope="col", class_=_kind(rows, name))
        for name in names
    ]
    return table(caption, heads, ([_cell(name, row.get(name)) for name in names] for row in rows))


def _kind(rows: Iterable[Data], name: str) -> str | None:
    values = [row.get(name) for row in rows]
    return "number" if any(_is_number(value) for value in values) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(name: str, value: Any) -> Content:
    if _is_number(value):
        return number(usd(value) if name.endswith("_micro_usd") else value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return tag("code", json.dumps(value, ensure_ascii=False)) if value else ""
    if value is None:
        return None
    return moment(value) if name in _INSTANTS else str(value)


def listing(caption: str, rows: Sequence[Data], what: str) -> Html:
    """Return a section that is a list of like things.

    :param what: one of them, as in "No fault is armed."
    """
    return records(caption, rows) or _none(what)


def _none(what: str) -> Html:
    return tag("p", f"No {what}.", class_="faint")


def _of_world(
    name: str, section: str | None, *content: Content, script: str = "", live: Mapping[str, str] | None = None
) -> str:
    """Return a page of a world, with the way to its others.

    :param section: which of them this is: `""` for its requests, `None` for what is below these.
    """
    address = _address(name)
    tabs = [("Requests", "", address), *((each.capitalize(), each, f"{address}/{each}") for each in SECTIONS)]
    return page(
        f"{name} · mockserver",
        tag("a", "To the content", href="#content", class_="skip"),
        tag(
            "nav",
            tag("a", "Worlds", href=HOME),
            tag("span", "/"),
            tag("a", name, href=address),
            class_="path",
            aria_label="Path",
        ),
        tag("h1", name),
        tag(
            "nav",
            *(tag("a", text, href=href, aria_current="page" if key == section else None) for text, key, href in tabs),
            class_="tabs",
            aria_label="Sections",
        ),
        tag("main", *content, id="content", **(live or {})),
        script=script,
        is_live=bool(script),
    )


def _called(request: Data) -> str:
    return request["operation"] or f"{request['method']} {request['path']}"


def _balance(credits: Data | None) -> str:
    return "none" if credits is None else usd(credits["balance_micro_usd"])


def _address(name: str) -> str:
    return f"{HOME}/worlds/{quote(name)}"
