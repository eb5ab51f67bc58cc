"""Reading back: the tallies of a meter in whole buckets of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mockserver.kernel.store import Store
from mockserver.vendors.paygentic.domain.aggregation import Tally
from mockserver.vendors.paygentic.domain.amounts import joined, summed
from mockserver.vendors.paygentic.domain.buckets import WIDTHS, Stretch, Window
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import EVERYBODY
from mockserver.vendors.paygentic.tables.meters import ANY, CODES

_SUMS = (
    "sum(units), sum(pico / 1000000), sum(pico % 1000000), sum(yocto / 1000000), sum(yocto % 1000000),"
    " group_concat(extra, ' ')"
)
_NO_SUMS = "0, 0, 0, 0, 0, NULL"
_ORDERED = {
    "MIN": "min(least), NULL, NULL",
    "MAX": "NULL, max(greatest), NULL",
    "LATEST": "NULL, NULL, max(latest)",
}

# From one party to the next by the index: a meter may have far more history than parties.
_PARTIES = f"""
WITH RECURSIVE parties (name) AS (
    SELECT min(party) FROM paygentic_rollups
    WHERE world = :world AND meter = :meter AND width = {CODES["MONTH"]} AND party > '{EVERYBODY}'
    UNION ALL
    SELECT (
        SELECT min(party) FROM paygentic_rollups
        WHERE world = :world AND meter = :meter AND width = {CODES["MONTH"]} AND party > name
    ) FROM parties WHERE name IS NOT NULL
)
"""

Found = tuple[int, str, int, Tally]
"""Bucket, party, combination and tally; the first three are 0, "" and 0 where nobody asked."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are wanted, and what tells them apart.

    :param parties: whose, or `None` for everybody's.
    :param window: buckets to tell apart, at least as wide as those that are read, or `None`.
    """

    parties: Sequence[str] | None
    window: Window | None
    by_party: bool
    by_combo: bool


def tallies(
    store: Store, world: int, meter: int, stretch: Stretch, wanted: Wanted, aggregation: str | None
) -> Iterator[Found]:
    """Yield the tallies of a stretch of whole buckets.

    :param aggregation: only what this one needs is filled in, besides the counts.
    """
    sums = _SUMS if aggregation in ("SUM", "AVG") else _NO_SUMS
    ordered = _ORDERED.get(aggregation or "", "NULL, NULL, NULL")
    query = _Query("paygentic_rollups", world, meter, stretch, wanted)
    rows = store.conn.execute(
        f"{query.before} SELECT {query.place}, sum(events), sum(amounts), {sums}, {ordered}"
        f" FROM {query.source} AND combo {'>' if wanted.by_combo else '='} {ANY} GROUP BY 1, 2, 3",
        query.values,
    )
    for bucket, party, combo, events, amounts, *exact, extra, least, greatest, latest in rows:
        yield bucket, party, combo, Tally(events, amounts, _total(exact, extra), least, greatest, latest)


def distinct(store: Store, world: int, meter: int, stretch: Stretch, wanted: Wanted) -> Iterator[Found]:
    """Yield tallies as above that hold the distinct values and nothing else."""
    query = _Query("paygentic_distinct", world, meter, stretch, wanted)
    found: dict[tuple[int, str, int], set[str]] = {}
    for *place, key in store.conn.execute(
        f"{query.before} SELECT DISTINCT {query.place}, key FROM {query.source}", query.values
    ):
        found.setdefault(tuple(place), set()).add(key)
    for (bucket, party, combo), keys in found.items():
        yield bucket, party, combo, Tally(keys=keys)


class _Query:
    """The parts of a query that do not depend on what is added up.

    :ivar place: SQL for bucket, party and combination.
    :ivar source: SQL for the rows, open for another condition.
    """

    def __init__(self, table: str, world: int, meter: int, stretch: Stretch, wanted: Wanted) -> None:
        assert stretch.window is not None
        self.values: dict[str, Any] = {
            "world": world, "meter": meter, "width": CODES[stretch.window], "start": stretch.start, "end": stretch.end,
        }  # fmt: skip
        self.before = ""
        party, combo = "party" if wanted.by_party else "''", "combo" if wanted.by_combo else str(ANY)
        self.place = f"{_bucket(stretch, wanted.window)}, {party}, {combo}"
        if wanted.parties is not None:
            self.values |= {f"party{place}": party for place, party in enumerate(wanted.parties)}
            whose = f"party IN ({', '.join(f':party{place}' for place in range(len(wanted.parties)))})"
        elif wanted.by_party:
            self.before = _PARTIES
            table, whose = f"parties CROSS JOIN {table}", "party = name"
        else:
            whose = f"party = '{EVERYBODY}'"
        where = "world = :world AND meter = :meter AND width = :width AND bucket >= :start AND bucket < :end"
        self.source = f"{table} WHERE {where} AND {whose}"


def _bucket(stretch: Stretch, window: Window | None) -> str:
    """Return SQL for the start of the wider bucket that a row's bucket lies in."""
    if window is None:
        return "0"
    if window == stretch.window:
        return "bucket"
    if window == "MONTH":  # of whole seconds, and days of distinct values may lie in several months
        return "CAST(strftime('%s', bucket / 1000000, 'unixepoch', 'start of month') AS INTEGER) * 1000000"
    width = WIDTHS[window]
    # SQL's `%` alone would be wrong before 1970.
    return f"bucket - ((bucket % {width}) + {width}) % {width}"


def _total(counts: Sequence[int], extra: str | None) -> Decimal:
    units, pico_high, pico_low, yocto_high, yocto_low = counts
    total = joined(units, pico_high * 1_000_000 + pico_low, yocto_high * 1_000_000 + yocto_low)
    return total if extra is None else EXACT.add(total, summed(extra))
