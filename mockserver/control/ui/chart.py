"""Spend, and what really changes, as pictures (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.kernel.windows import format_instant, parse_instant
from mockserver.look import Content, Html, html, moment, tag
from mockserver.look.money import usd

_WIDTH, _HEIGHT, _ROOM = 600, 120, 8
# More steps than that cannot be told apart.
_STEPS = 300


# Of one drift in the chart of the truth.
_BAND = 14


def play_bar(played: Mapping[str, Any]) -> Html:
    """Return how far a scenario is between its start and its end, or in its history where it has no end.

    :param played: as `scenario.get` has it, of one with traffic.
    """
    start, end = _span(played)
    at = played["position"]
    done = parse_instant(at) - start
    return html(
        tag("progress", value=max(0, done), max=end - start, aria_label="How far it is") if end > start else None,
        tag(
            "p",
            tag("span", moment(played["starts_at"])),
            tag("span", "played up to ", moment(_to_the_second(at))),
            tag("span", moment(_to_the_second(format_instant(end))) if played["ends_at"] else "no end"),
            class_="axis",
        ),
    )


def _span(played: Mapping[str, Any]) -> tuple[int, int]:
    ends = [each for each in (played["ends_at"], played["history_ends_at"], played["position"]) if each is not None]
    return parse_instant(played["starts_at"]), parse_instant(ends[0])


def _to_the_second(instant: str) -> str:
    return f"{instant.rstrip('Z').partition('.')[0]}Z"


def truth_chart(played: Mapping[str, Any], truth: Sequence[Mapping[str, Any]]) -> Html:
    """Return when each drift is there, as a band below the others, and where the scenario is.

    :param truth: as `truth.list` has it.
    """
    start, end = _span(played)
    length = max(1, end - start)

    def place(instant: str | None) -> int:
        share = 1.0 if instant is None else (parse_instant(instant) - start) / length
        return round(min(max(share, 0.0), 1.0) * _WIDTH)

    height = _BAND * len(truth) + _ROOM
    bands = [
        tag(
            "rect",
            tag("title", f"{drift['kind']} of {drift['subject']}: {drift['cause'] or 'no cause was said'}"),
            x=place(drift["onset"]),
            y=_ROOM // 2 + n * _BAND + 2,
            width=max(2, place(drift["end"]) - place(drift["onset"])),
            height=_BAND - 4,
        )
        for n, drift in enumerate(truth)
    ]
    now = place(played["position"])
    count = "one drift" if len(truth) == 1 else f"{len(truth)} drifts"
    return html(
        tag(
            "svg",
            *bands,
            tag("path", d=f"M{now} 0V{height}"),
            viewBox=f"-3 0 {_WIDTH + 6} {height}",
            preserveAspectRatio="none",
            role="img",
            aria_label=f"When {count} of the scenario are there; the line is now",
            class_="chart truth",
        ),
        tag(
            "p",
            tag("span", moment(played["starts_at"])),
            tag("span", f"{count}; the line is now"),
            tag("span", moment(_to_the_second(format_instant(end)))),
            class_="axis",
        ),
    )


def spend_chart(costs: Sequence[tuple[int, int]]) -> Html:
    """Return what was spent up to each instant, as a line that rises.

    Where a world's clock stood still, requests are as far apart as if they had come at a steady pace.

    :param costs: instants and micro-USD, in order.
    """
    total = sum(cost for _, cost in costs)
    if not total:
        return tag("p", "No request has cost anything yet.", class_="faint")
    first, last = costs[0][0], max(at for at, _ in costs)
    stands_still = first == last
    told = f"Spend: {usd(total)} in {len(costs):,} paid requests"
    path = "".join(f"H{x}V{y}" for x, y in _points(costs, first, last, total))
    ends: tuple[Content, Content] = (
        ("first request", "last request")
        if stands_still
        else (moment(format_instant(first)), moment(format_instant(last)))
    )
    base = _HEIGHT - _ROOM
    return html(
        tag(
            "svg",
            tag("path", d=f"M0 {base}{path}V{base}Z", class_="below"),
            tag("path", d=f"M0 {base}{path}"),
            viewBox=f"-3 0 {_WIDTH + 6} {_HEIGHT}",
            preserveAspectRatio="none",
            role="img",
            aria_label=told,
            class_="chart",
        ),
        tag("p", tag("span", ends[0]), tag("span", told), tag("span", ends[1]), class_="axis"),
    )


def _points(costs: Sequence[tuple[int, int]], first: int, last: int, total: int) -> list[tuple[int, int]]:
    spent = x = 0
    points: dict[int, int] = {}
    for n, (at, cost) in enumerate(costs, 1):
        spent += cost
        part = n / len(costs) if first == last else (at - first) / (last - first)
        x = max(x, round(part * _STEPS) * _WIDTH // _STEPS)  # a clock may have been set back
        points[x] = _HEIGHT - _ROOM - round((_HEIGHT - 2 * _ROOM) * spent / total)
    return [*points.items(), (_WIDTH, _ROOM)]
