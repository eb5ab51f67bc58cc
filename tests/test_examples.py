"""The examples do what the README says of them, print what it prints and draw what it shows."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SCRIPT = ROOT / "examples" / "margin_per_day.py"

pytestmark = pytest.mark.sdk


class Story(NamedTuple):
    """What came of the margin story, and what the vendor's own page says about the month."""

    folder: Path
    printed: str
    profitability: dict[str, Any]

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The story told once, on a server that begins as the README's command says."""
    pytest.importorskip("matplotlib")
    at = re.search(r"mockserver exec --clock frozen --at (\S+) -- python examples/margin_per_day.py", README)
    assert at is not None
    folder = tmp_path_factory.mktemp("story")
    simulator = Simulator(Settings(beginning=Beginning(clock_mode="frozen", clock_at=parse_instant(at[1]))))
    with BackgroundServer(simulator) as server:
        key = "sk_test_default"
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(folder)],
            env={**os.environ, "PAYGENTIC_SERVER_URL": server.url, "PAYGENTIC_BEARER_AUTH": key},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        profitability = httpx.get(
            f"{server.url}/v0/profitability",
            params={"merchantId": "org_YOUR_ORG_ID", "from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
            headers={"Authorization": f"Bearer {key}"},
        ).json()
    simulator.close()
    return Story(folder, done.stdout, profitability)


@pytest.fixture
def script(story: Story, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example as a module."""
    monkeypatch.setenv("PAYGENTIC_SERVER_URL", "http://unused")
    monkeypatch.setenv("PAYGENTIC_BEARER_AUTH", "unused")
    spec = importlib.util.spec_from_file_location("margin_per_day", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_margin_story_prints_what_the_readme_says(story: Story) -> None:
    printed = re.search(r"-- python examples/margin_per_day.py\n(.*?)```", README, re.DOTALL)
    assert printed is not None
    assert story.printed == printed[1]


def test_exported_costs_and_invoices_are_the_months_profitability(story: Story) -> None:
    costs, invoices = story.rows("costs"), story.rows("invoices")
    shown = [row for row in story.profitability["rows"] if row["customerId"] != "cus_abc123"]

    assert len(shown) == 3
    for row in shown:
        customer = row["customerId"]
        cost = sum(Decimal(each["cost"]) for each in costs if each["subject"] == customer)
        revenue = sum(Decimal(each["amount"]) - Decimal(each["refunded"]) for each in invoices
                      if each["customer_id"] == customer)  # fmt: skip
        assert (cost, revenue) == (Decimal(row["totalCost"]), Decimal(row["netRevenue"]))
        assert revenue - cost == Decimal(row["profit"])
    assert {(each["subject"], each["day"], each["cost_name"]) for each in costs} == {
        (row["customerId"], f"2026-02-{day:02}", name)
        for row in shown for day in range(1, 29) for name in ("Inference", "Documents")
    }  # fmt: skip


def test_the_chart_is_of_the_months_profitability(story: Story, script: ModuleType, tmp_path: Path) -> None:
    margins = script.margins(story.rows("costs"), story.rows("invoices"))
    shown = [row for row in story.profitability["rows"] if row["customerId"] in margins]

    assert len(shown) == 3
    assert {customer: sum(by_day.values()) for customer, by_day in margins.items()} == {
        row["customerId"]: Decimal(row["profit"]) for row in shown
    }
    script.draw(margins, {row["customerId"]: row["customerName"] for row in shown}, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (story.folder / "margin_per_day.svg").read_bytes()


def test_the_chart_in_the_readme_is_the_one_that_is_drawn(story: Story) -> None:
    image = re.search(r"!\[[^\]]+\]\((examples/margin_per_day\.svg)\)", README)
    assert image is not None
    shown = (ROOT / image[1]).read_text("utf-8")
    drawn = (story.folder / "margin_per_day.svg").read_text("utf-8")
    if made_by(shown) != made_by(drawn):
        pytest.skip("another release of matplotlib draws it a little differently")
    assert drawn == shown


def made_by(svg: str) -> str:
    found = re.search(r"Matplotlib v[\d.]+", svg)
    assert found is not None
    return found[0]
