"""Time summaries over a month of cost events, beside a scan of the same events with `json_extract`.

    python benchmarks/bench_summary.py [--events 1000000] [--subjects 200]

Prints how fast events are taken in and a new cost is built from them, then the median of each question in
milliseconds, and how many times longer the scan takes for the same answer.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.messages import Request
from mockserver.kernel.windows import DAY, parse_instant
from mockserver.kernel.world import Beginning, World
from mockserver.vendors.paygentic.domain.json_text import parse
from mockserver.vendors.paygentic.domain.metering import EventDraft
from mockserver.vendors.paygentic.operations.events import ingest_many

START = parse_instant("2026-02-01T00:00:00Z")
DAYS = 28
COST = (
    '{"type": "metered", "name": "AI", "eventType": "cost.ai", "valueProperty": "$.amount", "aggregation": "%s",'
    ' "unitCost": 1, "currency": "USD", "productId": "prod_YOUR_PRODUCT_ID",'
    ' "groupBy": {"provider": "$.provider", "operation": "$.operation"}}'
)
PROVIDERS = ("anthropic", "openai", "mistral")
OPERATIONS = ("extraction", "summarization")


def drafts(count: int, subjects: int) -> Iterator[tuple[int, EventDraft]]:
    """Yield random events of a month, in order of time."""
    draw = random.Random(7)
    for index in range(count):
        at = START + index * DAYS * DAY // count
        data = {
            "amount": Decimal(draw.randrange(1, 500_000)).scaleb(-7),
            "provider": draw.choice(PROVIDERS),
            "operation": draw.choice(OPERATIONS),
        }
        yield at, EventDraft("cost.ai", "bench", data, subject=f"cus_{draw.randrange(subjects)}", at=at)


def call(simulator: Simulator, method: str, path: str, query: str = "", body: str = "") -> bytes:
    """Serve one request the way a server does, and return its body."""
    reply = simulator.gateway.handle(
        Request(method, path, query.encode(), {b"authorization": b"Bearer sk_test_bench"}, body.encode())
    )
    simulator.store.commit()
    assert reply.status < 300, reply.body
    return reply.body


def median_ms(run: Callable[[], Any], times: int) -> float:
    """Return the median time of a call in milliseconds."""
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        spent.append((time.perf_counter() - begin) * 1000)
    return statistics.median(spent)


WINDOW = "from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z"
RAGGED = "from=2026-02-01T05:17:31Z&to=2026-02-27T19:42:03Z"
SUM = "sum(json_extract(data, '$.amount'))"
FROM = "FROM paygentic_events WHERE world = ? AND type = 'cost.ai' AND at >= ? AND at < ?"
# What is asked, and how a store without sums would answer it.
QUESTIONS = {
    "total": (WINDOW, f"SELECT {SUM} {FROM}"),
    "total, edges cut hours": (RAGGED, f"SELECT {SUM} {FROM}"),
    "total of one subject": (f"{WINDOW}&subject=cus_7", f"SELECT {SUM} {FROM} AND subject = 'cus_7'"),
    "two-key group-by": (
        f"{WINDOW}&groupBy=provider,operation",
        f"SELECT json_extract(data, '$.provider'), json_extract(data, '$.operation'), {SUM} {FROM} GROUP BY 1, 2",
    ),
    "DAY series": (f"{WINDOW}&window=DAY", f"SELECT at / {DAY}, {SUM} {FROM} GROUP BY 1"),
    "DAY series, filtered": (
        f"{WINDOW}&window=DAY&filterGroupBy=%7B%22provider%22%3A%22openai%22%7D",
        f"SELECT at / {DAY}, {SUM} {FROM} AND json_extract(data, '$.provider') = 'openai' GROUP BY 1",
    ),
    "HOUR series": (f"{WINDOW}&window=HOUR", f"SELECT at / {DAY // 24}, {SUM} {FROM} GROUP BY 1"),
    "MINUTE series": (f"{WINDOW}&window=MINUTE", f"SELECT at / {DAY // 1440}, {SUM} {FROM} GROUP BY 1"),
}


def measure_ingest(simulator: Simulator, count: int) -> float:
    """Return the median microseconds of one event through the gateway."""
    spent = []
    for index in range(count):
        body = (
            f'{{"type": "cost.ai", "source": "bench", "subject": "cus_{index % 50}", "idempotencyKey": "k{index}",'
            f' "data": {{"amount": 0.00{index % 90 + 10}, "provider": "openai", "operation": "extraction"}}}}'
        ).encode()
        request = Request("POST", "/v0/events", b"", {b"authorization": b"Bearer sk_test_single"}, body)
        begin = time.perf_counter()
        reply = simulator.gateway.handle(request)
        simulator.store.commit()
        spent.append((time.perf_counter() - begin) * 1e6)
        assert reply.status == 202, reply.body
    return statistics.median(spent)


def main() -> None:
    """Run everything and print it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--subjects", type=int, default=200)
    options.add_argument("--times", type=int, default=15)
    chosen = options.parse_args()
    beginning = Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant("2026-03-02T00:00:00Z"))
    simulator = Simulator(Settings(beginning=beginning))

    single = {b"authorization": b"Bearer sk_test_single"}
    simulator.gateway.handle(Request("POST", "/v0/costs", b"", single, (COST % "SUM").encode()))
    print(f"one event, one meter, through the gateway   {measure_ingest(simulator, 5000):9.0f} us")

    cost = parse(call(simulator, "POST", "/v0/costs", body=COST % "SUM"))["id"]
    world: World = simulator.worlds.get("bench")
    batch = list(drafts(chosen.events, chosen.subjects))
    begin = time.perf_counter()
    with simulator.store.committed():
        ingest_many(world, batch)
    print(f"bulk ingestion with one meter               {chosen.events / (time.perf_counter() - begin):9,.0f}/s")
    begin = time.perf_counter()
    other = (COST % "COUNT").replace('"operation": "$.operation"', '"o": "$.operation"')
    call(simulator, "POST", "/v0/costs", body=other)
    print(f"a new meter from the stored events          {chosen.events / (time.perf_counter() - begin):9,.0f}/s\n")

    print(f"{'question':28}{'ms':>9}{'scan, times as long':>22}")
    for name, (query, scan) in QUESTIONS.items():
        ours = median_ms(lambda query=query: call(simulator, "GET", f"/v0/costs/{cost}/summary", query), chosen.times)  # type: ignore[misc]
        values = (world.id, START, START + DAYS * DAY)
        theirs = median_ms(lambda scan=scan, values=values: simulator.store.all(scan, values), 3)  # type: ignore[misc]
        print(f"{name:28}{ours:9.2f}{theirs / ours:22.0f}")
    simulator.close()


if __name__ == "__main__":
    main()
