"""Makes the cassettes in `fixtures/cassettes`: walkthroughs of the vendors' pages, recorded from a served simulator.

    python -m tests.cassettes.making_samples

What no two runs have in common (ports, boundaries and the machine's time) is replaced, so that the same simulator makes
the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pareta import Pareta
from paygentic_sdk import Paygentic

from mockserver import resources
from mockserver.app import Simulator
from mockserver.cassettes.files import Library
from mockserver.cassettes.interaction import Interaction
from mockserver.cassettes.recorder import Recorder
from mockserver.cassettes.writing import CassetteWriter
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.windows import SECOND, Instant, format_instant, parse_instant
from mockserver.kernel.world import Beginning
from tests.cassettes.programs import Seen, seen_by

START = parse_instant("2026-02-10T12:00:00Z")
NOTICE = (
    "Recorded from mockserver, a simulator, and not from the vendor: what is in here is what mockserver answered, and"
    " proves nothing about the vendor. The addresses are the vendor's so that its clients find them."
)
ADDRESSES = {"pareta": "https://api.pareta.ai", "paygentic": "https://api.paygentic.io"}
ENDPOINT = "ep-contract-key-fields"
TASK = "contract-key-fields"
QUESTION = [
    {"role": "user", "content": "Extract the effective date from: Effective as of January 1, 2026, A and B agree."}
]
ROWS = [
    {"input": "Effective as of January 1, 2026, ...", "expected": {"effective_date": "2026-01-01"}},
    {"input": "This Agreement terminates on 2027-12-31 ...", "expected": {"termination_date": "2027-12-31"}},
]
PRODUCT, MERCHANT, CUSTOMER = "prod_YOUR_PRODUCT_ID", "org_YOUR_ORG_ID", "cus_abc123"
FEBRUARY = {"from_": datetime(2026, 2, 1, tzinfo=UTC), "to": datetime(2026, 3, 1, tzinfo=UTC)}

Walk = Callable[[Any, Callable[[], None]], Seen]


def pareta(client: Any, drain: Callable[[], None]) -> Seen:
    """Go through Pareta's page on cost and quality monitoring, in its order."""
    chat = client.chat.completions.create

    def steps() -> Iterator[tuple[str, Callable[[], Any]]]:
        yield "tasks", lambda: list(client.tasks.list())
        yield "models", lambda: list(client.models.list())
        yield "endpoints", lambda: list(client.endpoints.list())
        yield "frontier models", lambda: list(client.evals.frontier_models(task=TASK))
        yield (
            "eval run",
            lambda: client.evals.runs.create(
                task=TASK, items=ROWS, models=["llama-1", "qwen-2"], frontier="benchmarked", wait=True,
                poll_interval=0.001,
            ),
        )  # fmt: skip
        yield "eval run of before", lambda: client.evals.runs.retrieve("run_contracts")
        yield "chat", lambda: chat(model=ENDPOINT, messages=QUESTION)
        yield "streamed chat", lambda: list(chat(model=ENDPOINT, messages=QUESTION, stream=True))
        yield "automatic chat", lambda: chat(model="auto", messages=QUESTION)
        metrics = client.endpoints.metrics(ENDPOINT)
        for dimension in ("cost", "quality", "performance", "uptime", "activity"):
            yield dimension, getattr(metrics, dimension)
        yield "cost of a day", lambda: metrics.cost(window="24h")
        yield "cost by day", lambda: metrics.cost(group_by="day")
        yield "unknown endpoint", lambda: chat(model="ep-unknown", messages=QUESTION)
        yield "stopped endpoint", lambda: chat(model="ep-invoice-extraction", messages=QUESTION)
        drain()
        yield "no credit", lambda: chat(model=ENDPOINT, messages=QUESTION, temperature=0)
        yield "no credit for a run", lambda: client.evals.runs.create(eval_set="es_contracts", models=["qwen-2"])

    return seen_by(steps())


def paygentic(client: Any, _drain: Callable[[], None]) -> Seen:
    """Go through Paygentic's page on cost tracking, in its order, and on to the margin."""
    costs: list[Any] = []

    def create() -> Any:
        costs.append(
            client.costs.create_cost(
                type_="metered", name="AI Inference Cost", event_type="cost.ai.inference", value_property="$.amount",
                aggregation="SUM", unit_cost=1, currency="USD", product_id=PRODUCT,
                group_by={"provider": "$.provider", "operation": "$.operation"},
            )
        )  # fmt: skip
        return costs[0]

    def send(amount: float, provider: str, operation: str, key: str) -> Any:
        data = {"amount": amount, "provider": provider, "operation": operation}
        event = {"type": "cost.ai.inference", "source": "https://api.myapp.com", "subject": CUSTOMER, "data": data}
        return client.events.ingest(request={**event, "idempotency_key": key})

    def summary(**query: Any) -> Any:
        return client.costs.get_cost_summary(id=costs[0].id, **{**FEBRUARY, **query})

    def steps() -> Iterator[tuple[str, Callable[[], Any]]]:
        yield "product", lambda: client.products.get(id=PRODUCT)
        yield "cost", create
        yield "event", lambda: send(0.0042, "anthropic", "document-extraction", "job_xyz789-cost")
        yield "the same event", lambda: send(0.0042, "anthropic", "document-extraction", "job_xyz789-cost")
        yield "second event", lambda: send(30, "anthropic", "extraction", "job_2-cost")
        yield "third event", lambda: send(12.5, "openai", "summarization", "job_3-cost")
        yield "summary", lambda: summary(subject=CUSTOMER)
        yield "by dimension", lambda: summary(group_by="provider,operation")
        yield "by day", lambda: summary(window="DAY", to=FEBRUARY["from_"] + timedelta(days=12))
        yield "of one provider", lambda: summary(filter_group_by='{"provider":"anthropic"}')
        yield "costs", lambda: client.costs.list_costs(request={"product_id": PRODUCT, "limit": 20})
        yield "cost again", lambda: client.costs.get_cost(id=costs[0].id)
        yield (
            "margin",
            lambda: client.profitability.get_profitability(merchant_id=MERCHANT, **FEBRUARY),
        )
        yield "changed", lambda: client.costs.update_cost(id=costs[0].id, name="LLM Inference Cost", unit_cost=1.5)
        yield "unknown cost", lambda: client.costs.get_cost(id="cst_unknown")
        yield "deleted", lambda: client.costs.delete_cost(id=costs[0].id)
        yield "no costs", lambda: client.costs.list_costs(request={"product_id": PRODUCT, "limit": 20})

    return seen_by(steps())


@contextmanager
def client_of(vendor: str, url: str, transport: httpx.BaseTransport | None = None) -> Iterator[Any]:
    """Open the client that the walk goes through a vendor with."""
    with httpx.Client(transport=transport, timeout=20) as http:
        if vendor == "pareta":
            yield Pareta(api_key="pareta_sk_test_acme", base_url=url, max_retries=0, http_client=http)
        else:
            yield Paygentic(bearer_auth="sk_test_acme", server_url=url, client=http)


WALKS: dict[str, Walk] = {"pareta": pareta, "paygentic": paygentic}


@contextmanager
def world() -> Iterator[tuple[str, Callable[[], None]]]:
    """Serve the world of the walks; with its address comes what takes its credit away."""
    simulator = Simulator(Settings(beginning=Beginning(seed=7, clock_mode="frozen", clock_at=START)))

    def drain() -> None:
        with simulator.store.committed():
            account = next(vendor.account for vendor in simulator.vendors if vendor.account)
            ours = simulator.worlds.admit("acme")
            account.grant(ours, MicroUsd(-account.balance(ours)), "spent")

    with BackgroundServer(simulator) as server:
        yield server.url, drain
    simulator.close()


def recorded(vendor: str, folder: Path) -> list[Interaction]:
    """Record one vendor's walk through the recorder, and return what it wrote."""
    target = folder / f"{vendor}.yaml"
    with world() as (url, drain):
        recorder = Recorder({vendor: url}, target, keep_headers=["user-agent"])
        with BackgroundServer(recorder) as proxy, client_of(vendor, proxy.url) as client:
            WALKS[vendor](client, drain)
            addresses = (proxy.url, url)
        recorder.close()
    library = Library([target])
    found = [library.read(number) for number in range(len(library))]
    return [_anywhere(each, number, vendor, addresses) for number, each in enumerate(found)]


def _anywhere(interaction: Interaction, number: int, vendor: str, addresses: tuple[str, ...]) -> Interaction:
    """Return an interaction as if it had been with the vendor's own address, one second after the one before."""
    answer, request = interaction.answer, replace(interaction.request, headers={**interaction.request.headers})
    body = answer.body
    for address in addresses:
        body = body.replace(address.encode(), ADDRESSES[vendor].encode())
    headers = [(name, value) for name, value in answer.headers if name not in (b"date", b"content-length")]
    kind = request.headers.get(b"content-type", b"")
    if kind.startswith(b"multipart/"):
        boundary = kind.partition(b"boundary=")[2]
        request.headers[b"content-type"] = kind.replace(boundary, b"boundary")
        request.body = request.body.replace(boundary, b"boundary")
    return Interaction(
        replace(request, origin=ADDRESSES[vendor]),
        replace(answer, body=body, headers=headers),
        Instant(START + number * SECOND),
    )


def made(vendor: str) -> bytes:
    """Return the bytes of a vendor's sample."""
    with tempfile.TemporaryDirectory() as name:
        interactions = recorded(vendor, Path(name))
        path = Path(name) / "sample.yaml"
        metadata = {"recorded_at": format_instant(START), "simulated": True, "notice": NOTICE}
        writer = CassetteWriter(path, recorded_from=["mockserver"], metadata=metadata)
        for interaction in interactions:
            writer.add(interaction)
        writer.close()
        return f"# {NOTICE}\n".encode() + path.read_bytes()


def main() -> None:
    """Write the samples."""
    folder = resources.folder("fixtures") / "cassettes"
    folder.mkdir(exist_ok=True)
    for vendor in WALKS:
        path = folder / f"{vendor}-walkthrough.yaml"
        path.write_bytes(made(vendor))
        print(path)


if __name__ == "__main__":
    main()
