"""Reading back: the tallies of a meter in stretches of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from mockserver.kernel.store import Store
from mockserver.vendors.paygentic.domain.aggregation import Stretch, Tally
from mockserver.vendors.paygentic.domain.amounts import MARKED_FROM, joined, summed
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.metering import EVERYBODY

_SUMS = (
    "sum(units), sum(pico / 1000000), sum(pico % 1000000), sum(yocto / 1000000), sum(yocto % 1000000),"
    " group_concat(extra, ' ')"
)
# Twice as fast. Readings are only added up within a minute, or at an edge within an hour, and it takes 9 million
# in one of those to reach 2**63, at which SQLite fails and does not round.
_SUMS_OF_READINGS = "sum(units), 0, sum(pico), 0, sum(yocto), group_concat(extra, ' ')"
_NO_SUMS = "0, 0, 0, 0, 0, NULL"
_ORDERED = {
    "MIN": "min({least}), NULL, NULL",
    "MAX": "NULL, max({greatest}), NULL",
    "LATEST": "NULL, NULL, max({latest})",
}


def tallies(
    store: Store,
    world: int,
    meter: int,
    stretches: Iterable[Stretch],
    *,
    parties: Sequence[str] | None,
    bucket_width: int | None,
    by_combo: bool,
    aggregation: str,
) -> Iterator[tuple[int, int, Tally]]:
    """Yield (bucket, combination, tally) of a meter's readings in some stretches of time; a pair may come twice.

    :param parties: whose readings, or `None` for everybody's.
    :param bucket_width: microseconds, or `None` for one bucket, 0.
    :param by_combo: whether combinations matter; otherwise all are combination 0.
    :param aggregation: only what this one needs is filled in, besides the counts.
    """
    is_summed = aggregation in ("SUM", "AVG")
    ordered = _ORDERED.get(aggregation, "NULL, NULL, NULL")
    for stretch in stretches:
        if stretch.width:
            source = _Source(
                "paygentic_rollups", "bucket", parties or (EVERYBODY,), stretch, f"width = {stretch.width}"
            )
            counts, sums = "sum(events), sum(amounts)", _SUMS
            extremes = ordered.format(least="least", greatest="greatest", latest="latest")
        else:
            source = _Source("paygentic_readings", "at", parties, stretch)
            counts, sums = "count(*), count(mark)", _SUMS_OF_READINGS
            value = f"substr(mark, {MARKED_FROM})"
            extremes = ordered.format(least=value, greatest=value, latest="mark")
        rows = store.execute(
            f"SELECT {source.bucket(bucket_width)}, {'combo' if by_combo else 0}, {counts},"
            f" {sums if is_summed else _NO_SUMS}, {extremes}"
            f" FROM {source.text} GROUP BY 1, 2",
            (world, meter, *source.values),
        )
        for bucket, combo, events, amounts, *exact, extra, least, greatest, latest in rows:
            yield bucket, combo, Tally(events, amounts, _total(exact, extra), least, greatest, latest)


class _Source:
    """Rows of one table in a stretch of time.

    :param instant: the column that says when.
    :param parties: whose rows, or `None` when the table does not tell.
    """

    def __init__(
        self, table: str, instant: str, parties: Sequence[str] | None, stretch: Stretch, where: str = "1"
    ) -> None:
        if parties is not None:
            where += f" AND party IN ({', '.join('?' * len(parties))})"
        self.text = f"{table} WHERE world = ? AND meter = ? AND {where} AND {instant} >= ? AND {instant} < ?"
        self.values = (*(parties or ()), stretch.start, stretch.end)
        self._instant = instant

    def bucket(self, width: int | None) -> str:
        """Return the expression for the start of a row's bucket."""
        return "0" if width is None else floor(self._instant, width)


def floor(instant: str, width: int) -> str:
    """Return the expression for the start of a bucket; SQL's `%` alone would be wrong before 1970."""
    return f"{instant} - (({instant} % {width}) + {width}) % {width}"


def _total(counts: Sequence[int], extra: str | None) -> Decimal:
    units, pico_high, pico_low, yocto_high, yocto_low = counts
    total = joined(units, pico_high * 1_000_000 + pico_low, yocto_high * 1_000_000 + yocto_low)
    return total if extra is None else EXACT.add(total, summed(extra))


def distinct_keys(
    store: Store,
    world: int,
    meter: int,
    stretches: Iterable[Stretch],
    *,
    parties: Sequence[str] | None,
    bucket_width: int | None,
    by_combo: bool,
) -> Iterator[tuple[int, int, Tally]]:
    """Yield (bucket, combination, tally) with the distinct values of some stretches of time, and nothing else."""
    for stretch in stretches:
        if stretch.width:
            source = _Source("paygentic_distinct_days", "day", parties or (EVERYBODY,), stretch)
        else:
            source = _Source("paygentic_readings", "at", parties, stretch, "key IS NOT NULL")
        found: dict[tuple[int, int], set[str]] = {}
        for bucket, combo, key in store.execute(
            f"SELECT DISTINCT {source.bucket(bucket_width)}, {'combo' if by_combo else 0}, key FROM {source.text}",
            (world, meter, *source.values),
        ):
            found.setdefault((bucket, combo), set()).add(key)
        for (bucket, combo), keys in found.items():
            yield bucket, combo, Tally(keys=keys)
