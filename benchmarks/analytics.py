"""Reading costs: the same questions to our file and to DuckDB's, at two sizes, to show what history costs."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.history import Filled, call, fill, simulator
from benchmarks.table import Samples, show
from mockserver.kernel.windows import DAY, MINUTE, format_instant, parse_instant

_FROM, _TO = "2026-02-01T00:00:00Z", "2026-03-03T00:00:00Z"
_RAGGED = "2026-02-01T05:17:31Z", "2026-02-27T19:42:03Z"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask of both.

    :param query: of the summary, or of the cost report when it says how to group that.
    :param sql: what DuckDB is asked, without the bounds of time.
    :param total: reads the sum of money in our answer.
    """

    name: str
    query: str
    sql: str
    window: tuple[str, str] = (_FROM, _TO)
    path: str = "summary"


QUESTIONS = (
    Question("total", "", "SELECT sum(amount) FROM {}"),
    Question("total, edges cut minutes", "", "SELECT sum(amount) FROM {}", _RAGGED),
    Question("total of one customer", "&subject=cus_7", "SELECT sum(amount) FROM {} AND subject = 'cus_7'"),
    Question(
        "two-key group-by", "&groupBy=provider,operation",
        "SELECT provider, operation, sum(amount) FROM {} GROUP BY ALL ORDER BY 3 DESC",
    ),
    Question(
        "30-day DAY series", "&window=DAY", f"SELECT micros // {DAY}, sum(amount) FROM {{}} GROUP BY ALL ORDER BY 1"
    ),
    Question(
        "DAY series, filtered", "&window=DAY&filterGroupBy=%7B%22provider%22%3A%22openai%22%7D",
        f"SELECT micros // {DAY}, sum(amount) FROM {{}} AND provider = 'openai' GROUP BY ALL ORDER BY 1",
    ),
    Question(
        "MINUTE series", "&window=MINUTE", f"SELECT micros // {MINUTE}, sum(amount) FROM {{}} GROUP BY ALL ORDER BY 1"
    ),
    Question(
        "report by customer", "&groupBy=customer&topN=20",
        "SELECT subject, count(*), sum(amount) FROM {} GROUP BY ALL ORDER BY 3 DESC LIMIT 20", path="report",
    ),
)  # fmt: skip


def run(*, quick: bool) -> None:
    """Fill files of two sizes, then ask."""
    sizes = (100_000, 1_000_000) if quick else (1_000_000, 10_000_000)
    rounds = 5 if quick else 15
    samples = Samples()
    filled: dict[tuple[str, int], Filled] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for events in sizes:
            for place in ("ours", "duckdb", "bare"):
                file = folder / f"{place}-{events}.db"
                filled[place, events] = fill(place, file, events)
                if place == "bare":
                    file.unlink()  # it is asked nothing
            _ask(folder, events, rounds, samples)
    _show_intake(sizes, filled)
    _show_reading(sizes, samples, rounds)


def _ask(folder: Path, events: int, rounds: int, samples: Samples) -> None:
    """Ask both every question, in turn."""
    ours = simulator(folder / f"ours-{events}.db")
    theirs = duckdb.connect(str(folder / f"duckdb-{events}.db"), read_only=True)
    cost = json.loads(call(ours, "GET", "/v0/costs", "limit=1&offset=0"))["data"][0]["id"]

    def timed(name: str, which: str, run: Callable[[], Any], number: int) -> Any:
        begun = time.perf_counter()
        answer = run()
        if number:  # the first finds nothing in the page cache
            samples.add(name, which, str(events), value=(time.perf_counter() - begun) * 1000)
        return answer

    for question in QUESTIONS:
        start, end = map(parse_instant, question.window)
        query = f"from={question.window[0]}&to={question.window[1]}{question.query}"
        path = f"/v0/costs/{cost}/summary" if question.path == "summary" else "/v0/costs/report"
        sql = question.sql.format(f"events WHERE micros >= {start} AND micros < {end}")
        for number in range(rounds + 1):
            answer = json.loads(timed(question.name, "ours", partial(call, ours, "GET", path, query), number))
            rows = timed(question.name, "duckdb", partial(_rows, theirs, sql), number)
        _compare(question, answer, rows)
    theirs.close()
    ours.close()


def _rows(theirs: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return theirs.execute(sql).fetchall()


def _compare(question: Question, answer: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
    """Make sure that both were asked the same."""
    told: list[Any]
    expected: list[Any]
    if "timeSeries" in answer and question.path == "summary":
        told = [(point["windowStart"], point["cost"]) for point in answer["timeSeries"]]
        width = MINUTE if "MINUTE" in question.query else DAY
        expected = [(format_instant(bucket * width), float(amount)) for bucket, amount in rows]
    elif question.path == "report":
        told = [(group["key"], group["totalCost"]) for group in answer["groups"] if not group["isOther"]]
        expected = [(subject, float(amount)) for subject, _, amount in rows]
    elif "groups" in answer:
        told = [((*map(str, group["dimensions"].values()),), group["cost"]) for group in answer["groups"]]
        expected = [((provider, operation), float(amount)) for provider, operation, amount in rows]
    else:
        told, expected = [answer["totalCost"]], [float(rows[0][0])]
    assert told == expected, f"{question.name}: {told[:3]} against {expected[:3]}"


def _show_intake(sizes: tuple[int, ...], filled: dict[tuple[str, int], Filled]) -> None:
    rows = []
    for title, place in (("bare SQLite insert", "bare"), ("ours, bulk intake", "ours"), ("DuckDB, COPY", "duckdb")):
        row = [title]
        for events in sizes:
            one, bare = filled[place, events], filled["bare", events]
            row += [f"{one.per_second:,.0f}", f"{one.per_second / bare.per_second:.2f}", f"{one.cpu_us:.1f}"]
            row.append(f"{one.peak_mb:.0f}")
        rows.append(row)
    head = ["place", *(text for events in sizes for text in (f"{events:,}", "of bare", "CPU us", "peak MB"))]
    show("Events per second into a file", head, rows)


def _show_reading(sizes: tuple[int, ...], samples: Samples, rounds: int) -> None:
    few, many = map(str, sizes)
    rows = []
    for question in QUESTIONS:
        ours = [samples.median(question.name, "ours", size) for size in (few, many)]
        theirs = [samples.median(question.name, "duckdb", size) for size in (few, many)]
        rows.append(
            [
                question.name,
                *(f"{value:.2f}" for value in (*ours, *theirs)),
                f"{ours[1] / ours[0]:.1f}",
                f"{theirs[1] / theirs[0]:.1f}",
                f"{theirs[1] / ours[1]:.1f}",
            ]
        )
    head = ["question", *(f"{who} {n:,}" for who in ("ours", "DuckDB") for n in sizes)]
    head += ["ours grows", "DuckDB grows", "DuckDB/ours"]
    note = (
        "Ours is a whole request, from its query to the JSON of its answer; DuckDB's is rows in Python. Both say the\n"
        f"same, which is checked. 'Grows' is how many times longer {sizes[1] // sizes[0]} times the events take."
    )
    show(f"Milliseconds to an answer, median of {rounds} interleaved rounds", head, rows, note)
