"""The pages in a real browser: they live, they are safe to look at, and they can be used without a mouse."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.windows import DAY, parse_instant
from mockserver.kernel.world import Beginning
from mockserver.testing import report
from tests.scenes import SCENE
from tests.testing.test_report import NASTY, ran

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
PICTURES = os.environ.get("MOCKSERVER_PICTURES")
"""A folder for what the pages look like, for whoever works on them."""

CHAT = {"model": "ep-contract-key-fields", "messages": [{"role": "user", "content": "Effective as of 2026-01-01."}]}
KEY = {"Authorization": "Bearer pareta_sk_test_acme"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all of these tests; not for longer, because Playwright keeps an event loop running."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


class Tab:
    """A page, with what it complained of and what it asked others for."""

    def __init__(self, page: Page, own: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type != "log" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.on(
            "request", lambda asked: None if asked.url.startswith((own, "data:")) else self.foreign.append(asked.url)
        )

    def picture(self, name: str) -> None:
        if PICTURES:
            self.page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    beginning = Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant("2026-02-10T12:00:00Z"))
    simulator = Simulator(Settings(beginning=beginning))
    yield simulator
    simulator.close()


@pytest.fixture(scope="module")
def url(simulator: Simulator) -> Iterator[str]:
    with BackgroundServer(simulator) as background:
        yield background.url


@pytest.fixture
def tab(browser: Browser, url: str) -> Iterator[Tab]:
    yield from _tab(browser, url)


@pytest.fixture
def dark_phone(browser: Browser, url: str) -> Iterator[Tab]:
    yield from _tab(browser, url, color_scheme="dark", viewport={"width": 375, "height": 700})


def _tab(browser: Browser, own: str, **options: Any) -> Iterator[Tab]:
    context = browser.new_context(**options)
    context.set_default_timeout(10_000)
    tab = Tab(context.new_page(), own)
    yield tab
    context.close()
    assert tab.complaints == []
    assert tab.foreign == []


@pytest.fixture(autouse=True)
def _fresh(url: str) -> None:
    control(url, "reset")


def control(url: str, path: str, body: Any = None, method: str = "POST") -> Any:
    answer = httpx.request(method, f"{url}/_mock/worlds/acme/{path}", json=body)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def chat(url: str, content: str = "Effective as of 2026-01-01.", **headers: str) -> int:
    body = {**CHAT, "messages": [{"role": "user", "content": content}]}
    return httpx.post(f"{url}/v1/chat/completions", json=body, headers=KEY | headers).status_code


def fill(url: str) -> None:
    """Let things happen in the world: paid calls over a day, a fault, a stub, a drift."""
    control(url, "faults", {"operation": "chat.completions.create", "nth": [3, 5], "status": 503, "note": "a bad day"})
    control(url, "stubs", {"text": "hello", "model": "auto", "optional": True})
    control(url, "drifts", {"kind": "quality", "subject": "*", "size": -0.3, "cause": "a new model"})
    control(url, "snapshots", {"name": "before"})
    for n in range(8):
        chat(url, **{"Idempotency-Key": f"k{n // 2}"})
        control(url, "clock/advance", {"by": f"{1 + n % 3}h"})
    httpx.get(f"{url}/v1/modells", headers=KEY)


def test_a_request_is_shown_as_it_comes(tab: Tab, url: str) -> None:
    page = tab.page
    page.goto(f"{url}/_mock/ui/worlds/acme")
    page.get_by_role("status").get_by_text("live", exact=True).wait_for()
    before = page.locator("#overview").inner_text()
    assert page.locator("#requests tbody tr").count() == 0
    page.evaluate("window.stayed = true")

    chat(url)
    control(url, "clock/advance", {"by": "1h"})
    httpx.get(f"{url}/v1/nowhere", headers=KEY)

    page.get_by_role("link", name="GET /v1/nowhere").wait_for()
    page.locator("#overview time", has_text="13:00:00").first.wait_for()
    assert page.locator("#requests tbody tr").count() == 2
    assert page.locator("#requests tbody tr").nth(1).inner_text().split("\t") == [
        "200", "pareta.chat.completions.create", "$0.00009", "2026-02-10 12:00:00", "", "",
    ]  # fmt: skip
    assert "$0.00009" in page.locator("#overview").inner_text()
    assert page.locator("#overview").inner_text() != before
    assert page.evaluate("window.stayed"), "the page was loaded anew"
    rows = page.locator("#requests tbody tr").all_inner_texts()
    page.reload()
    assert page.locator("#requests tbody tr").all_inner_texts() == rows


def test_a_scenario_is_seen_to_go_on_by_itself_and_to_stop(tab: Tab, url: str) -> None:
    page = tab.page
    control(url, "scenario", {"name": "scene", "text": SCENE.replace("mode: frozen", "mode: x3600")})
    page.goto(f"{url}/_mock/ui/worlds/acme")
    page.get_by_role("status").get_by_text("live", exact=True).wait_for()
    page.evaluate("window.stayed = true")
    bar = page.get_by_role("progressbar", name="How far it is")
    before = float(bar.get_attribute("value") or 0)
    assert before >= 2 * DAY

    page.wait_for_function("before => document.querySelector('progress').value > before", arg=before)

    assert page.evaluate("window.stayed"), "the page was loaded anew"
    assert page.locator("#overview").get_by_text("plays", exact=True).is_visible()
    control(url, "scenario/pause")
    page.locator("#overview").get_by_text("paused", exact=True).wait_for()
    page.get_by_role("link", name="bad-release").click()
    page.get_by_role("cell", name="release 2").wait_for()
    tab.picture("scenario")


def test_a_page_follows_its_world_back_and_to_its_end(tab: Tab, url: str) -> None:
    page = tab.page
    control(url, "snapshots")
    chat(url)
    page.goto(f"{url}/_mock/ui/worlds/acme")
    page.get_by_role("status").get_by_text("live", exact=True).wait_for()
    assert page.locator("#requests tbody tr").count() == 1

    control(url, "restore", {"snapshot": "snapshot-1"})
    page.get_by_text("No request has cost anything yet.").wait_for()
    page.get_by_role("status").get_by_text("live", exact=True).wait_for()
    assert page.locator("#requests tbody tr").count() == 0

    page.wait_for_timeout(800)  # until it has asked for what the stream told it first
    httpx.delete(f"{url}/_mock/worlds/acme")
    page.get_by_role("status").get_by_text("this world was deleted").wait_for()
    assert "acme" not in httpx.get(f"{url}/_mock/worlds").text


def test_hostile_texts_stay_texts(tab: Tab, url: str) -> None:
    page = tab.page
    control(url, "faults", {"customer": NASTY, "status": 503, "note": NASTY})
    control(url, "drifts", {"kind": "quality", "subject": "*", "size": -0.3, "cause": NASTY})
    control(url, "snapshots", {"name": NASTY})
    page.goto(f"{url}/_mock/ui/worlds/acme")
    page.get_by_role("status").get_by_text("live", exact=True).wait_for()

    chat(url, NASTY, **{"Idempotency-Key": "<img src=x onerror=alert(1)>"})
    page.get_by_role("link", name="pareta.chat.completions.create").click()

    page.get_by_role("heading", name="Request 1").wait_for()
    assert "<script>alert(1)</script>" in page.locator("pre").nth(0).inner_text()
    assert "<img src=x onerror=alert(1)>" in page.locator("main").inner_text()
    for section in ("faults", "drifts", "snapshots"):
        page.goto(f"{url}/_mock/ui/worlds/acme/{section}")
        assert "<img src=x onerror=alert(1)>" in page.locator("main").inner_text()
    assert page.locator("img").count() == 0
    tab.picture("hostile")


def test_every_page_has_what_it_is_about_in_both_schemes(tab: Tab, dark_phone: Tab, url: str) -> None:
    fill(url)
    for each, name in ((tab, "light"), (dark_phone, "dark")):
        page = each.page
        page.goto(f"{url}/_mock/ui")
        each.picture(f"{name}-worlds")
        page.get_by_role("link", name="acme").click()
        page.get_by_role("status").get_by_text("live", exact=True).wait_for()
        assert page.get_by_role("img", name="Spend:").is_visible()
        each.picture(f"{name}-world")
        for section, text in {
            "Ledger": "starting credit", "Faults": "a bad day", "Stubs": "hello", "Drifts": "a new model",
            "Snapshots": "before", "Invariants": "all hold",
        }.items():  # fmt: skip
            page.get_by_role("link", name=section, exact=True).click()
            page.get_by_role("heading", name=section, exact=True).wait_for()
            assert text in page.locator("main").inner_text()
            assert page.locator("nav.tabs [aria-current]").inner_text() == section
            each.picture(f"{name}-{section.lower()}")
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{section} is too wide"
        page.goto(f"{url}/_mock/ui/worlds/acme/requests/3")
        assert "fault-1" in page.locator("main").inner_text()
        each.picture(f"{name}-request")
    colours = [each.page.evaluate("getComputedStyle(document.body).backgroundColor") for each in (tab, dark_phone)]
    assert colours == ["rgb(247, 247, 249)", "rgb(20, 22, 28)"]


def test_a_page_can_be_walked_by_keyboard(tab: Tab, url: str) -> None:
    chat(url)
    page = tab.page
    page.goto(f"{url}/_mock/ui/worlds/acme")
    walked = []
    for _ in range(13):
        page.keyboard.press("Tab")
        walked.append(page.evaluate("document.activeElement.innerText || document.activeElement.getAttribute('role')"))

    assert walked[0] == "To the content"
    assert {"Worlds", "Ledger", "pareta.chat.completions.create"} <= set(walked)


def test_the_report_opens_from_a_file_and_sorts_and_expands(browser: Browser, tmp_path: Path) -> None:
    call = {
        "seq": 1, "at": "2026-02-10T12:00:00Z", "operation": "pareta.chat.completions.create", "status": 503,
        "cost_micro_usd": 0, "fault": "fault-1", "stub": None, "idempotency": "first", "reason": NASTY,
        "retry_of": None,
    }  # fmt: skip
    paid = {**call, "seq": 2, "status": 200, "cost_micro_usd": 90, "fault": None, "reason": None, "retry_of": 1}

    def world(spend: int, *calls: Any) -> dict[str, Any]:
        totals = {"calls": len(calls), "spend_micro_usd": spend, "faults": 1, "retries": len(calls) - 1}
        fault = {"id": "fault-1", "note": "", "matched": 1, "hits": 0, "optional": False}
        return {"world": "w", "calls": list(calls), "totals": totals, "faults": [fault], "violations": ["balance"]}

    tests = [
        ran(world(90, call, paid), nodeid="tests/test_app.py::test_b", outcome="failed"),
        ran(world(1_000_000, paid), nodeid=f"tests/test_app.py::test_a[{NASTY}]"),
        ran(world(9, paid), nodeid="tests/test_app.py::test_c", outcome="skipped"),
    ]
    path = tmp_path / "report.html"
    report.write(path, tests)
    for tab in _tab(browser, path.as_uri()):
        page = tab.page
        page.goto(path.as_uri())
        names = page.locator("#tests .test")

        assert names.all_inner_texts()[0].endswith("::test_b")
        assert not page.get_by_text("retry of #1").first.is_visible()

        page.get_by_role("button", name="Spend").click()
        assert [text[-1] for text in names.all_inner_texts()] == ["]", "b", "c"]
        page.get_by_role("button", name="Spend").click()
        assert [text[-1] for text in names.all_inner_texts()] == ["c", "b", "]"]
        page.get_by_role("button", name="Test", exact=True).click()
        assert [text[-1] for text in names.all_inner_texts()] == ["]", "b", "c"]
        assert page.locator("th[aria-sort]").all_inner_texts() == ["Test"]

        page.get_by_role("button", name="test_b").press("Enter")
        assert page.get_by_text("retry of #1").nth(1).is_visible()
        assert page.get_by_role("button", name="test_b").get_attribute("aria-expanded") == "true"
        assert "<img src=x onerror=alert(1)>" in page.locator("#tests").inner_text()
        tab.picture("report-light")
        page.get_by_role("button", name="Expand or collapse all").click()
        assert page.locator(".test[aria-expanded=true]").count() == 3
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 375, "height": 700})
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        tab.picture("report-dark")
