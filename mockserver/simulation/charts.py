"""Pictures of a scenario: what is to come of it, from the script alone, and what came of it in a world.

matplotlib is imported when the first is drawn. Equal numbers make equal SVG, byte by byte, by one release of it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mockserver.kernel.drifts import Drift
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import DAY, HOUR, floor_to
from mockserver.simulation.planning import Plan
from mockserver.simulation.synopsis import fault_told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mockserver.simulation.usage import Usage

FORMATS = (".png", ".svg")
MAX_DAYS = 366
"""Of an endless scenario, and of a longer one, so much is shown."""

_WIDTH_IN, _DPI = 12.0, 100
_ROW_IN, _PANEL_IN = 0.34, 2.1
_MAX_ROWS = 24
_MAX_WORDS = 90
_MAX_SERIES = 5
_SAMPLES = 400

# Okabe and Ito's colours, which people tell apart whatever colours they see.
_BLUE, _ORANGE, _GREEN, _SKY, _RED, _PURPLE = "#0072B2", "#E69F00", "#009E73", "#56B4E9", "#D55E00", "#CC79A7"
_BLACK, _GREY, _PALE = "#222222", "#767676", "#DDDDDD"
_SERIES = (_BLUE, _ORANGE, _GREEN, _PURPLE, _SKY)
_KINDS = {
    "quality": _BLUE, "latency": _PURPLE, "error_rate": _RED, "price": _GREEN, "judge_noise": _SKY,
    "traffic": _ORANGE, "token_mix": _ORANGE, "customer_mix": _ORANGE, "contract": _GREY,
}  # fmt: skip


class Band(NamedTuple):
    """Something that is there for a while, on the lowest panel.

    :param drift: whose shape is drawn; `None` for what is there or not.
    """

    name: str
    start: int
    end: int
    color: str
    drift: Drift | None = None


@dataclass(slots=True)
class Day:
    """What judges said in a day."""

    count: int = 0
    total: float = 0.0

    def interval(self) -> tuple[float, float, float]:
        """Return the mean and its 95% interval (Wilson's)."""
        mean, n, square = self.total / self.count, self.count, 1.96 * 1.96
        centre = (mean + square / (2 * n)) / (1 + square / n)
        half = 1.96 * math.sqrt(mean * (1 - mean) / n + square / (4 * n * n)) / (1 + square / n)
        return mean, min(mean, centre - half), max(mean, centre + half)


@dataclass(slots=True)
class Played:
    """What came of a world's traffic, added up as it is drawn.

    :param calls: by outcome (`answered`, `failed`, `402`) and hour.
    :param spent: micro-dollars, by what was used and day.
    :param judged: by endpoint and day.
    :param top_ups: instants at which credit came.
    """

    calls: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    spent: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    judged: dict[str, dict[int, Day]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Day)))
    top_ups: list[int] = field(default_factory=list)

    def add_call(self, endpoint: str, at: int, status: int, score: float | None) -> None:
        """Add a call."""
        outcome = "answered" if status < 300 else "402" if status == 402 else "failed"
        self.calls[outcome][floor_to(at, HOUR)] += 1
        if score is not None:
            day = self.judged[endpoint][floor_to(at, DAY)]
            day.count += 1
            day.total += score

    def add_movement(self, at: int, amount_micro_usd: int, subject: str, *, is_debit: bool) -> None:
        """Add a movement of the balance."""
        if is_debit:
            self.spent[subject][floor_to(at, DAY)] -= amount_micro_usd
        elif amount_micro_usd > 0:
            self.top_ups.append(at)

    @property
    def span(self) -> tuple[int, int] | None:
        """From the first call to the end of the last one's hour; `None` without calls."""
        hours = [hour for by_hour in self.calls.values() for hour in by_hour]
        return (min(hours), max(hours) + HOUR) if hours else None


# The two pictures


def outlook(plan: Plan, usage: Usage | None) -> Figure:
    """Return what is to be expected of a scenario, of which nothing is played.

    :raises Unusable: there is no timeline to show, or matplotlib is not installed.
    """
    script = plan.script
    if plan.starts_at is None:
        raise Unusable(f"scenario {script.name} has no timeline to show: it begins whenever it is played")
    start = plan.starts_at
    last = [drift.until or drift.onset + max(DAY, drift.span_us) for drift in plan.drifts]
    end = plan.ends_at or max([start + 28 * DAY, *last])
    end = min(end, start + MAX_DAYS * DAY)
    bands = [*drift_bands(plan.drifts, start, end), *_fault_bands(plan, start, end)]
    figure, axes = _panels(
        f"{script.name}: what is expected", script.purpose, [1.2] if usage else [], bands, start, end
    )
    if usage is not None and script.traffic is not None:
        turns = script.traffic.conversation.turns
        hours = range(floor_to(start, HOUR), end, HOUR)
        calls = [usage.intensity(hour + HOUR // 2) * turns for hour in hours]
        ends = [*hours, hours[-1] + HOUR]
        axes[0].fill_between(_dates(ends), [*calls, calls[-1]], step="post", color=_BLUE, alpha=0.25, linewidth=0)
        axes[0].step(
            _dates(ends), [*calls, calls[-1]], where="post", color=_BLUE, linewidth=0.9, label="expected, by hour"
        )
        days = [*range(ends[0], ends[-1], DAY), ends[-1]]
        means = [sum(day) / len(day) for day in (calls[n : n + 24] for n in range(0, len(calls), 24))]
        axes[0].step(
            _dates(days), [*means, means[-1]], where="post", color=_BLACK, linewidth=1.4, label="mean of a day"
        )
        axes[0].set_ylabel("calls per hour")
        axes[0].set_ylim(bottom=0)
    _mark(axes[:1], [top_up.at for top_up in plan.top_ups], "top-up", _GREEN)
    _legend(axes[0])
    return figure


def retrospect(world: str, played: Played, drifts: Sequence[Drift]) -> Figure:
    """Return what came of a world's traffic, and what really changed in it.

    :raises Unusable: there was none, or matplotlib is not installed.
    """
    if played.span is None:
        raise Unusable(f"world '{world}' has served no calls to draw")
    start, end = played.span
    shown = [drift for drift in drifts if drift.onset < end]
    bands = drift_bands(shown, start, end)
    total = sum(played.calls["answered"].values())
    about = f"{total:,} calls answered; all instants UTC"
    figure, axes = _panels(f"World {world}: what came of it", about, [1.0, 0.9, 1.1], bands, start, end)
    _draw_calls(axes[0], played, start, end)
    colors = _colors(played, start)
    _draw_spent(axes[1], played, colors, start, end)
    _draw_judged(axes[2], played, colors)
    for panel, kinds in zip(axes, _MOVES, strict=False):
        _shade(panel, [drift for drift in shown if drift.kind in kinds], start, end)
    _mark(axes[:1], [at for at in played.top_ups if start <= at < end], "top-up", _GREEN)
    for panel in axes[:3]:
        _legend(panel)
    return figure


_MOVES = (("traffic", "customer_mix", "error_rate"), ("price", "token_mix", "traffic"), ("quality", "judge_noise"))
"""Kinds of drift that can be seen in calls, cost and quality."""


def save(figure: Figure, file: Path) -> None:
    """Write a picture; the name's end says in which format.

    :raises Unusable: it cannot be written.
    """
    import matplotlib

    try:
        with matplotlib.rc_context({"svg.hashsalt": "mockserver", "svg.fonttype": "none"}):
            figure.savefig(file, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)
    except OSError as error:
        raise Unusable(f"cannot write {file}: {error.strerror}") from None


def check(file: Path) -> None:
    """Make sure, before there is any work, that a picture can be drawn.

    :raises Unusable: it is of an unknown format, or matplotlib is not installed.
    """
    if file.suffix.lower() not in FORMATS:
        raise Unusable(f"a chart is written as {' or '.join(FORMATS)}, by the name of its file, not as '{file.name}'")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise Unusable("charts need matplotlib: pip install 'mockserver[plot]'") from None


# What is there for a while


def drift_bands(drifts: Iterable[Drift], start: int, end: int) -> list[Band]:
    """Return a band for each drift, clipped to a span."""
    return [
        Band(_drift_told(drift), max(start, drift.onset), min(end, drift.until or end), color_of(drift.kind), drift)
        for drift in drifts
        if drift.onset < end and (drift.until is None or drift.until > start)
    ]


def color_of(kind: str) -> str:
    """Return the colour that drifts of a kind have everywhere."""
    return _KINDS.get(kind, _GREY)


def _drift_told(drift: Drift) -> str:
    size = f" {drift.size:g}" if drift.kind != "contract" else ""
    return f"{drift.kind}{size}, {drift.subject}"


def _fault_bands(plan: Plan, start: int, end: int) -> list[Band]:
    return [
        Band(
            f"fault, {fault_told(fault).removeprefix('operation ')}",
            max(start, fault.when.start or start), min(end, fault.when.end or end), _BLACK,
        )
        for fault in plan.faults
    ]  # fmt: skip


# Panels


def _panels(
    title: str, about: str, heights: Sequence[float], bands: Sequence[Band], start: int, end: int
) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels, the lowest of which shows the bands."""
    from matplotlib.figure import Figure

    shown = bands[:_MAX_ROWS]
    rows = max(1, len(shown))
    inches = [height * _PANEL_IN for height in heights] + [rows * _ROW_IN + 0.15]
    figure = Figure(figsize=(_WIDTH_IN, sum(inches) + 0.35 * len(inches) + 0.9), dpi=_DPI, layout="constrained")
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=14, fontweight="bold", color=_BLACK)
    below_title = 0.38 / figure.get_figheight()
    figure.text(0.01, 1 - below_title, _short(about, 160), ha="left", va="top", fontsize=10, color=_GREY)
    grid = figure.add_gridspec(len(inches), 1, height_ratios=inches)
    axes: list[Axes] = []
    for n in range(len(inches)):
        axes.append(figure.add_subplot(grid[n], sharex=axes[0] if axes else None))
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(_GREY)
        panel.tick_params(labelsize=10, colors=_BLACK)
        panel.grid(axis="x", color=_PALE, linewidth=0.6)
        panel.set_axisbelow(True)
        panel.margins(x=0)
    for panel in axes[:-1]:
        panel.grid(axis="y", color=_PALE, linewidth=0.6)
        panel.tick_params(labelbottom=False)
    _draw_bands(axes[-1], shown, len(bands) - len(shown), start, end)
    _time_axis(axes[-1], start, end)
    figure.align_ylabels(axes)
    return figure, axes


def _time_axis(panel: Axes, start: int, end: int) -> None:
    from matplotlib import dates

    made: Any = dates  # which is not typed
    days = (end - start) / DAY
    if days <= 3:
        locator, form = made.HourLocator(byhour=range(0, 24, 6), tz=UTC), "%d %b %H:%M"
    elif days <= 70:
        locator, form = made.DayLocator(interval=max(1, math.ceil(days / 14)), tz=UTC), "%d %b"
    else:
        locator, form = made.AutoDateLocator(tz=UTC), "%d %b %Y"
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(made.DateFormatter(form, tz=UTC))
    panel.set_xlim(_date(start), _date(end))
    panel.set_xlabel("UTC", fontsize=10, color=_GREY)


def _name(panel: Axes, band: Band, y: float, start: int, end: int) -> None:
    """Write a band's name where there is room: before it, after it, or across it."""
    first, last = ((at - start) / (end - start) for at in (band.start, band.end))
    gap = (end - start) // 150
    if first > 0.3:
        x, side = band.start - gap, "right"
    else:
        x, side = (band.end + gap if last < 0.6 else band.start + 2 * gap), "left"
    panel.text(_date(x), y, _short(band.name, _MAX_WORDS), ha=side, va="center", fontsize=9.5, color=_BLACK)


def _draw_bands(panel: Axes, bands: Sequence[Band], hidden: int, start: int, end: int) -> None:
    """Draw a row for each band: of drifts how much of them there is, from nothing to all of it."""
    for n, band in enumerate(bands):
        base = -n
        panel.axhline(base, color=_PALE, linewidth=0.6)
        if band.drift is None:
            panel.fill_between(
                [_date(band.start), _date(band.end)], base, base + 0.55,
                facecolor="none", edgecolor=band.color, hatch="////", linewidth=0.6,
            )  # fmt: skip
            continue
        step = max(1, (band.end - band.start) // _SAMPLES)
        instants = [*range(band.start, band.end, step), band.end - 1]
        levels = [base + 0.7 * abs(band.drift.level(at)) for at in instants]
        panel.fill_between(_dates(instants), base, levels, color=band.color, alpha=0.45, linewidth=0)
        panel.plot(_dates(instants), levels, color=band.color, linewidth=1.2)
        panel.plot([_date(band.start)] * 2, [base, base + 0.7], color=band.color, linewidth=1.6)
        panel.plot([_date(band.end)] * 2, [base, levels[-1]], color=band.color, linewidth=1.2)
    for n, band in enumerate(bands):
        _name(panel, band, 0.3 - n, start, end)
    panel.set_yticks([])
    panel.set_ylim(0.15 - max(1, len(bands)), 1.0)
    panel.spines["left"].set_visible(False)
    if hidden:
        panel.text(1, 1, f"and {hidden} more", transform=panel.transAxes, ha="right", va="bottom", fontsize=9)
    if not bands:
        panel.text(0.5, 0.5, "nothing drifts", transform=panel.transAxes, ha="center", va="center", color=_GREY)


def _shade(panel: Axes, drifts: Sequence[Drift], start: int, end: int) -> None:
    for drift in drifts:
        first, last = max(start, drift.onset), min(end, drift.until or end)
        if first < last:
            panel.axvspan(_date(first), _date(last), color=color_of(drift.kind), alpha=0.12, linewidth=0, zorder=0)
            panel.axvline(_date(first), color=color_of(drift.kind), linewidth=1.4, linestyle=(0, (4, 2)))


def _mark(panels: Iterable[Axes], instants: Sequence[int], name: str, color: str) -> None:
    for panel in panels:
        for n, at in enumerate(instants):
            label = name if not n else "_" + name
            panel.axvline(_date(at), color=color, linewidth=1.2, linestyle=(0, (1, 2)), label=label)


def _legend(panel: Axes) -> None:
    handles, _ = panel.get_legend_handles_labels()
    if handles:
        panel.legend(frameon=False, fontsize=9, ncols=len(handles), loc="lower right", bbox_to_anchor=(1, 0.98))


def _draw_calls(panel: Axes, played: Played, start: int, end: int) -> None:
    hours = range(start, end, HOUR)
    below = [0] * len(hours)
    for outcome, color, told in (
        ("answered", _BLUE, "answered"), ("failed", _RED, "failed"), ("402", _BLACK, "refused: 402, no credit"),
    ):  # fmt: skip
        by_hour = played.calls[outcome]
        if not by_hour:
            continue
        top = [low + by_hour.get(hour, 0) for low, hour in zip(below, hours, strict=True)]
        ends = _dates([*hours, end])
        panel.fill_between(
            ends, [*below, below[-1]], [*top, top[-1]], step="post", color=color, alpha=0.8, linewidth=0, label=told
        )
        below = top
    panel.set_ylabel("calls per hour")
    panel.set_ylim(bottom=0)


def _colors(played: Played, start: int) -> dict[str, str]:
    """Return the colours of those who cost most since the traffic began, and then of those who were judged most."""
    costs = {who: sum(usd for day, usd in days.items() if day > start - DAY) for who, days in played.spent.items()}
    counts = {who: sum(day.count for day in days.values()) for who, days in played.judged.items()}
    known = [who for who in {**costs, **counts} if costs.get(who) or counts.get(who)]
    ordered = sorted(known, key=lambda who: (-costs.get(who, 0), -counts.get(who, 0), who))
    return dict(zip(ordered, _SERIES, strict=False))


def _draw_spent(panel: Axes, played: Played, colors: Mapping[str, str], start: int, end: int) -> None:
    days = list(range(floor_to(start, DAY), end, DAY))
    below = [0.0] * len(days)
    rest = [sum(played.spent[who].get(day, 0) for who in played.spent if who not in colors) for day in days]
    drawn = [
        (who, [played.spent[who].get(day, 0) for day in days], colors[who]) for who in colors if who in played.spent
    ]
    for who, amounts, color in [*drawn, ("others", rest, _GREY)]:
        if any(amounts):
            usd = [amount / 1_000_000 for amount in amounts]  # to be looked at only
            places = _dates([day + DAY // 2 for day in days])
            panel.bar(places, usd, width=0.86, bottom=below, color=color, label=_short(who, 30))
            below = [low + amount for low, amount in zip(below, usd, strict=True)]
    panel.set_ylabel("USD per day")
    panel.set_ylim(bottom=0)


def _draw_judged(panel: Axes, played: Played, colors: Mapping[str, str]) -> None:
    shown = [who for who in colors if who in played.judged]
    lowest = 1.0
    for n, who in enumerate(shown):
        days = sorted(played.judged[who])
        found = [played.judged[who][day].interval() for day in days]
        means = [mean for mean, _, _ in found]
        errors = [[mean - low for mean, low, _ in found], [high - mean for mean, _, high in found]]
        apart = (2 * n - len(shown) + 1) * DAY // 20
        panel.errorbar(
            _dates([day + DAY // 2 + apart for day in days]), means, yerr=errors, color=colors[who],
            marker="osD^v"[n], markersize=3.5, linewidth=1, elinewidth=0.8, capsize=1.5, label=_short(who, 30),
        )  # fmt: skip
        lowest = min([lowest, *(low for _, low, _ in found)])
    panel.set_ylabel("judged quality,\n95% interval")
    panel.set_ylim(max(0.0, math.floor(lowest * 20) / 20), 1.005)
    if not shown:
        panel.text(0.5, 0.5, "nothing was judged", transform=panel.transAxes, ha="center", va="center", color=_GREY)


def _date(at: int) -> float:
    """Return an instant as matplotlib counts: in days since 1970."""
    return at / DAY


def _dates(instants: Iterable[int]) -> list[float]:
    return [_date(at) for at in instants]


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
