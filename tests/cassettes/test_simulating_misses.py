"""A recording that goes on: what was not recorded is answered from what was, in the ids that clients were told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import vcr
from openai import OpenAI
from paygentic_sdk import Paygentic
from paygentic_sdk import errors as paygentic_errors

from mockserver.app import Simulator
from mockserver.cassettes.files import Library
from mockserver.cassettes.player import Player
from mockserver.cassettes.replaying import ReplayApp
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.journal import Entry
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning, World
from tests.conftest import START
from tests.vendors.paygentic.conftest import MERCHANT
from tests.vendors.paygentic.test_customers import CONSUMER

QUESTION = [{"role": "user", "content": "How many months has a year?"}]


def simulator(seed: int) -> Simulator:
    return Simulator(Settings(beginning=Beginning(seed=seed, clock_mode="frozen", clock_at=parse_instant(START))))


@contextmanager
def paygentic(url: str) -> Iterator[Paygentic]:
    with Paygentic(bearer_auth="sk_live_somebody", server_url=url) as client:
        yield client


@contextmanager
def openai(url: str) -> Iterator[OpenAI]:
    client = OpenAI(api_key="pareta_sk_live_somebody", base_url=f"{url}/v1", max_retries=0)
    try:
        yield client
    finally:
        client.close()


def record(path: Path, use: Callable[[str], Any]) -> Any:
    """Let VCR.py write down what passes between clients and a simulator, and return what its user did."""
    recorded = simulator(seed=1)
    with BackgroundServer(recorded) as server, vcr.VCR(record_mode=vcr.mode.ALL).use_cassette(str(path)):
        made = use(server.url)
    recorded.close()
    return made


@contextmanager
def replayed(path: Path, **options: Any) -> Iterator[tuple[str, ReplayApp, Simulator]]:
    """Serve a recording with another simulator behind it, in which every id comes out differently."""
    behind = simulator(seed=2)
    app = ReplayApp(Player(Library([path]), **options), behind)
    with BackgroundServer(app) as server:
        yield server.url, app, behind
    behind.close()


def default(behind: Simulator) -> World:
    return behind.worlds.get("default")


def last_entry(behind: Simulator) -> Entry:
    return default(behind).journal.read()[-1]


def create_customer(url: str) -> str:
    with paygentic(url) as client:
        consumer: Any = CONSUMER
        made = client.customers.create(merchant_id=MERCHANT, consumer=consumer, external_id="north-01")
        return str(made.customer_id)


@pytest.fixture
def cassette(tmp_path: Path) -> tuple[Path, str]:
    """A cassette in which a customer was created, and the id it was given."""
    path = tmp_path / "customer.yaml"
    return path, record(path, create_customer)


def test_what_was_created_is_known_by_its_recorded_id(cassette: tuple[Path, str]) -> None:
    path, recorded_id = cassette
    with replayed(path) as (url, app, behind), paygentic(url) as client:
        assert create_customer(url) == recorded_id

        found = client.customers.get(id=recorded_id)
        assert (found.id, found.external_id) == (recorded_id, "north-01")
        client.customers.update(id=recorded_id, external_id="north-02")
        assert client.customers.get(id=recorded_id).external_id == "north-02"
        listed = client.customers.list(organization_id=MERCHANT, external_id="north-02").data
        assert [each.id for each in listed] == [recorded_id]
        assert app.told()["simulated"] == 4
        assert (app.told()["played"], app.told()["missed"]) == (1, 0)
        behind.gateway.tapes.clear()  # without the recording it is a world like any other, with ids of its own
        with pytest.raises(paygentic_errors.PaygenticError):
            client.customers.get(id=recorded_id)


def test_what_nobody_created_is_unknown(cassette: tuple[Path, str]) -> None:
    path, recorded_id = cassette
    with replayed(path) as (url, _, _), paygentic(url) as client:
        with pytest.raises(paygentic_errors.PaygenticError) as refused:
            client.customers.get(id=recorded_id)  # it was recorded, but is not created in this run
        assert refused.value.status_code == 404


def test_rewinding_begins_a_new_world(cassette: tuple[Path, str]) -> None:
    path, recorded_id = cassette
    with replayed(path) as (url, app, _), paygentic(url) as client:
        create_customer(url)
        assert httpx.post(f"{url}/_mock/replay/rewind").json()["played"] == 0
        with pytest.raises(paygentic_errors.PaygenticError):
            client.customers.get(id=recorded_id)
        assert create_customer(url) == recorded_id
        assert client.customers.get(id=recorded_id).id == recorded_id
        assert app.told()["played"] == 1


def chat(client: OpenAI, *, stream: bool) -> str:
    create: Any = client.chat.completions.create
    answer = create(model="auto", messages=QUESTION, stream=stream)
    if not stream:
        return str(answer.choices[0].message.content)
    return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)


def spent(behind: Simulator) -> int:
    account = next(vendor.account for vendor in behind.vendors if vendor.account)
    return account.balance(default(behind))


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_that_is_played_is_paid_for_in_the_simulation(tmp_path: Path, stream: bool) -> None:
    path = tmp_path / "chat.yaml"

    def ask(url: str) -> str:
        with openai(url) as client:
            return chat(client, stream=stream)

    said = record(path, ask)
    with replayed(path, repeats="cycle") as (url, app, behind):
        assert ask(url) == said
        once = last_entry(behind).cost_micro_usd
        before = spent(behind)
        assert ask(url) == said
        assert (app.told()["answers"], app.told()["simulated"]) == (2, 0)
        assert once > 0
        assert spent(behind) == before - last_entry(behind).cost_micro_usd
        assert httpx.get(f"{url}/_mock/worlds/default/invariants").json()["holds"]


def test_a_stream_that_was_not_recorded_is_simulated(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text("interactions: []\nversion: 1\n")
    with replayed(path) as (url, _, behind), openai(url) as client:
        assert chat(client, stream=True)
        assert last_entry(behind).cost_micro_usd > 0
        assert default(behind).in_flight == {}


def test_any_key_is_of_the_one_world(cassette: tuple[Path, str]) -> None:
    path, recorded_id = cassette
    with replayed(path) as (url, _, behind):
        create_customer(url)
        for key in ("sk_test_other", "redacted-key-1"):
            headers = {"authorization": f"Bearer {key}"}
            assert httpx.get(f"{url}/v0/customers/{recorded_id}", headers=headers).json()["id"] == recorded_id
        assert httpx.get(f"{url}/v0/customers/{recorded_id}").status_code == 200
        assert behind.worlds.names() == ["default"]
