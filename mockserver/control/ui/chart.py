"""Spend as a picture (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from mockserver.kernel.windows import format_instant
from mockserver.look import Content, Html, html, moment, tag
from mockserver.look.money import usd

_WIDTH, _HEIGHT, _ROOM = 600, 120, 8
# More steps than that cannot be told apart.
_STEPS = 300


def spend_chart(costs: Sequence[tuple[int, int]]) -> Html:
    """Return what was spent up to each instant, as a line that rises.

    Where a world's clock stood still, requests are as far apart as if they had come at a steady pace.

    :param costs: instants and micro-USD, in order.
    """
    total = sum(cost for _, cost in costs)
    if not total:
        return tag("p", "Nothing has been spent yet.", class_="faint")
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
