"""Several worlds, and what else a test may want of its surroundings."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from app.billing import Billing
from app.money import Budget
from app.summaries import Summariser
from app.tickets import OutOfCredit
from pareta import Pareta
from paygentic_sdk import Paygentic
from samples import TICKETS

APP = Path(__file__).resolve().parent.parent


@contextmanager
def desk_in(world) -> Iterator[Summariser]:
    """A desk with clients of its own, in any world."""
    with (
        Paygentic(server_url=world.url, bearer_auth=world.paygentic_key) as paygentic,
        Pareta(base_url=world.url, api_key=world.pareta_key) as pareta,
    ):
        billing = Billing(paygentic)
        billing.open()
        yield Summariser(pareta, billing, Budget(1_000_000))


def test_one_customers_empty_balance_is_not_anothers(make_world):
    rich, poor = make_world(balance_usd="5"), make_world(balance_usd="0")

    with desk_in(rich) as desk:
        desk.summarise(TICKETS[0])
    with desk_in(poor) as desk, pytest.raises(OutOfCredit):
        desk.summarise(TICKETS[0])

    rich.assert_reconciles()
    rich.assert_called("chat.completions.create", times=1)
    poor.assert_spend(max_usd="0")


def test_the_same_seed_says_the_same(make_world):
    texts = []
    for _ in range(2):
        with desk_in(make_world(seed=7)) as desk:
            texts.append(desk.summarise(TICKETS[0]).text)

    assert texts[0] == texts[1]


@pytest.mark.mockserver(env=True)
def test_the_command_finds_the_vendors_by_its_environment(mockserver, tmp_path):
    (tmp_path / "tickets.jsonl").write_text('{"id": "t-1", "customer": "cus_abc123", "text": "It does not work."}\n')

    done = subprocess.run(
        [sys.executable, "-m", "app", "tickets.jsonl"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(APP)},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "1 tickets for " in done.stdout
    mockserver.assert_reconciles()


@pytest.mark.mockserver(env=True, balance_usd="0")
def test_the_command_says_why_it_stopped(mockserver, tmp_path):
    (tmp_path / "tickets.jsonl").write_text('{"id": "t-1", "customer": "cus_abc123", "text": "It does not work."}\n')

    done = subprocess.run(
        [sys.executable, "-m", "app", "tickets.jsonl"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(APP)},
    )  # fmt: skip

    assert done.returncode == 3
    assert "stopped after 0 of 1 tickets: Pareta takes no more calls" in done.stderr
    mockserver.assert_no_retry_after_402()


@pytest.mark.mockserver(block_network=True)
def test_nothing_but_the_vendors_is_called(mockserver):
    with desk_in(mockserver) as desk:
        desk.summarise(TICKETS[0])
    with pytest.raises(Exception, match=r"api\.pareta\.ai"):
        urllib.request.urlopen("http://api.pareta.ai/v1/models", timeout=5)

    mockserver.assert_called("chat.completions.create", times=1)
