"""The pages, as a browser gets them; what it makes of them is for tests/browser to say."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.control.routes import control_app
from mockserver.control.ui import pages
from mockserver.control.ui.chart import spend_chart, truth_chart
from mockserver.kernel.drifts import Alert, Alerts, Drift
from mockserver.kernel.faults import Effect, Fault, When
from mockserver.kernel.matching import Facts
from mockserver.kernel.stubs import Stub
from mockserver.kernel.windows import HOUR
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import ControlClient
from tests.control.test_snapshots import contents
from tests.scenes import SCENE

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Reader(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: set[str] = set()
        self.text = ""
        self._is_code = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._is_code = tag in ("style", "script")
        self.links |= {value or "" for name, value in attrs if name == "href"}

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.text += f" {data}"


def read(control: ControlClient, path: str) -> Reader:
    answer = control.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    return Reader(answer.text)


def buy(shop: httpx.Client, item: str, **headers: str) -> None:
    shop.post("/shop/sales", json={"item": item}, headers=headers)


def test_worlds_are_listed_with_what_they_have(control: ControlClient, shop: httpx.Client) -> None:
    assert "There is no world yet" in read(control, "ui").text

    buy(shop, "tea")
    control.post("worlds", {"name": "b"})

    page = read(control, "ui")
    assert "/_mock/ui/worlds/acme" in page.links
    assert "$0.99975" in page.text
    first = read(control, "ui?limit=1")
    (more,) = (link for link in first.links if "after" in link)
    assert "/_mock/ui/worlds/b" in read(control, more.removeprefix("/_mock/")).links


def test_a_world_is_shown_with_its_newest_requests_first(control: ControlClient, shop: httpx.Client) -> None:
    for n in range(103):
        buy(shop, f"tea {n}")
    shop.get("/elsewhere")

    page = read(control, "ui/worlds/acme")

    requests = [int(link.rpartition("/")[2]) for link in page.links if re.search(r"/requests/\d", link)]
    assert sorted(requests) == list(range(5, 105))
    assert page.text.index("GET /elsewhere") < page.text.index("toy.sales.create")
    assert "$0.02575" in page.text
    assert {"svg", "template"} <= set(page.tags)


def test_a_request_is_shown_with_its_bodies_and_neighbours(control: ControlClient, shop: httpx.Client) -> None:
    buy(shop, "tea", **{"X-Note": "<b>"})
    shop.get("/shop/picture")
    shop.post("/shop/sales?x=1", content=b'{"item": 1.10, "n": [1e5, "\\u0000"')

    first, second, third = (read(control, f"ui/worlds/acme/requests/{n}") for n in (1, 2, 3))

    assert '"item": "tea"' in first.text
    assert "<b>" in first.text
    assert "[redacted]" in first.text
    assert "/_mock/ui/worlds/acme/requests/2" in first.links
    assert {"/_mock/ui/worlds/acme/requests/1", "/_mock/ui/worlds/acme/requests/3"} <= second.links
    assert base64.b64encode(b"\xff\xfe").decode() in second.text
    assert "No body." in second.text
    assert "POST /shop/sales?x=1" in third.text
    assert "refused" in third.text


def test_numbers_are_shown_with_their_own_digits() -> None:
    assert pages._pretty('{"a":1.10,"b":[1E5,2]}') == '{\n  "a": 1.10,\n  "b": [\n    1E5,\n    2\n  ]\n}'
    assert pages._pretty("{") == "{"
    assert pages._pretty("[" * 100_000) == "[" * 100_000


def test_every_section_says_what_there_is(control: ControlClient, shop: httpx.Client, worlds: Worlds) -> None:
    for section, nothing in {
        "scenario": "No scenario was played.", "faults": "No fault is armed.", "stubs": "No stub is placed.",
        "drifts": "No drift.",
        "snapshots": "No snapshot was taken.", "invariants": "all hold", "ledger": "welcome",
    }.items():  # fmt: skip
        control.get("worlds/acme/clock")
        assert nothing in read(control, f"ui/worlds/acme/{section}").text

    with worlds.store.committed():
        world = worlds.get("acme")
        fault = Fault({}, (), Effect(status=503), When(nth=(2,)), note="a bad day")
        world.faults.add(world.count("faults"), fault)
        world.stubs.add(world.count("stubs"), Stub("toy.picture.get", {}, (), ({"item": "stubbed"},)))
        world.drifts.add(world.count("drifts"), Drift("contract", "*", world.clock.now(), 1, cause="a new model"))
        Alerts(world.store, world.id).add(Alert(1, world.clock.now() - HOUR, "contract", None, "I saw it"))
    for n in range(3):
        buy(shop, f"tea {n}")
    control.post("worlds/acme/snapshots", {"name": "before"})
    control.put("worlds/acme/credits", {"balance_micro_usd": -1})

    pages = {each: read(control, f"ui/worlds/acme/{each}").text for each in ("faults", "stubs", "snapshots", "drifts")}
    assert "a bad day" in pages["faults"]
    assert "stubbed" in pages["stubs"]
    assert "before" in pages["snapshots"]
    assert "a new model" in pages["drifts"]
    assert "broken" in read(control, "ui/worlds/acme/invariants").text


def test_a_decision_about_traffic_names_no_request(control: ControlClient, worlds: Worlds) -> None:
    control.get("worlds/acme/clock")
    with worlds.store.committed():
        world = worlds.get("acme")
        world.faults.add(world.count("faults"), Fault({}, (), Effect(status=503)))
        for request in (0, 7):
            world.faults.strike(Facts({}), world.clock.now(), request, world.draws, lambda: 0, lambda effect: True)

    page = read(control, "ui/worlds/acme/faults").text

    assert re.findall(r"(traffic|7)\W+hit", page) == ["traffic", "7"]


def test_the_ledger_begins_with_its_newest_entry(control: ControlClient, shop: httpx.Client) -> None:
    for n in range(150):
        buy(shop, f"tea {n}")

    page = read(control, "ui/worlds/acme/ledger")

    notes = re.findall(r"tea (\d+)", page.text)
    assert notes == [str(n) for n in range(149, 49, -1)]


def test_looking_changes_nothing_and_makes_no_world(control: ControlClient, shop: httpx.Client, worlds: Worlds) -> None:
    buy(shop, "tea")
    before = contents(worlds.get("acme"))

    for path in ("ui", "ui/worlds/acme", "ui/worlds/acme/requests/1", *(f"ui/worlds/acme/{s}" for s in pages.SECTIONS)):
        read(control, path)
        assert control.get(path.replace("acme", "nobody")).status_code in (200, 404)

    assert contents(worlds.get("acme")) == before
    assert worlds.names() == ["acme"]


@pytest.mark.parametrize(
    "path",
    ["nobody", "nobody/ledger", "acme/secrets", "acme/requests/2", "acme/requests/0", "acme/requests/x",
     "acme/requests/99999999999999999999"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(control: ControlClient, shop: httpx.Client, path: str) -> None:
    buy(shop, "tea")

    assert control.get(f"ui/worlds/{path}").status_code == 404


def test_requests_whose_key_names_no_world_have_a_page(control: ControlClient, shop: httpx.Client) -> None:
    shop.get("/shop/picture", headers={"Authorization": "none"})

    assert "/_mock/ui/worlds/~/requests/1" in read(control, "ui/worlds/~").links


def test_nothing_that_was_sent_becomes_markup(control: ControlClient, shop: httpx.Client, worlds: Worlds) -> None:
    buy(shop, "tea")
    paths = ["ui/worlds/acme", "ui/worlds/acme/requests/1", "ui/worlds/acme/faults", "ui/worlds/acme/snapshots"]
    with worlds.store.committed():
        world = worlds.get("acme")
        world.faults.add(world.count("faults"), Fault({}, (), Effect(message=NASTY), When(nth=(9,)), note=NASTY))
    control.post("worlds/acme/snapshots", {"name": NASTY})
    buy(shop, NASTY, **{"User-Agent": NASTY, "Idempotency-Key": NASTY})
    shop.get(f"/{NASTY}")

    for path in [*paths, "ui/worlds/acme/requests/2", "ui/worlds/acme/requests/3", "ui/worlds/acme/ledger"]:
        page = read(control, path)

        assert "img" not in page.tags
        assert page.tags.count("script") == (path == "ui/worlds/acme")
        if path not in paths[:2]:
            assert "<img src=x onerror=alert(1)>" in page.text, path


def test_a_browser_may_show_the_admin_token_as_a_password(worlds: Worlds) -> None:
    def client(authorization: str) -> ControlClient:
        headers = {"Authorization": authorization}
        return ControlClient(control_app(worlds, [toy.vendor], "s3cret"), "http://10.0.0.1", headers)

    def basic(text: str) -> str:
        return f"Basic {base64.b64encode(text.encode()).decode()}"

    assert client(basic("me:s3cret")).get("ui").status_code == 200
    assert client(basic("me:s3cret")).post("worlds", {"name": "made"}).status_code == 401
    for wrong in (basic("me:other"), basic("s3cret"), "Basic ?", "Bearer other"):
        refused = client(wrong).get("ui")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic ")
    assert client("Bearer other").get("worlds").headers["www-authenticate"] == "Bearer"


# The chart (pure)


def test_spend_rises_from_corner_to_corner() -> None:
    chart = spend_chart([(0, 1), (HOUR, 1), (2 * HOUR, 2)])

    line = re.findall(r'd="(M[^"]*)"', chart)[-1]
    assert line == "M0 112H0V86H300V60H600V8H600V8"
    assert 'aria-label="Spend: $0.000004 in 3 paid requests"' in chart
    assert "1970-01-01 02:00:00" in chart


def test_spend_at_one_instant_is_drawn_by_request() -> None:
    chart = spend_chart([(5, 1), (5, 1)])

    assert "H300V60H600V8" in chart
    assert "last request" in chart


def test_nothing_spent_is_no_chart() -> None:
    assert "<svg" not in spend_chart([])


def test_a_long_history_makes_a_short_chart() -> None:
    assert len(spend_chart([(n * HOUR, 1) for n in range(20_000)])) < 10_000


# Scenarios


@pytest.fixture
def playing(simulator: Simulator) -> ControlClient:
    """A client of a simulator in which two of a scenario's three days were played."""
    control = ControlClient(control_app(simulator.worlds, simulator.vendors, None, simulator.stage))
    assert control.post("worlds/acme/scenario", {"name": "scene", "text": SCENE}).status_code == 200
    return control


def test_what_plays_is_shown_with_how_far_it_is_and_what_came_of_it(playing: ControlClient) -> None:
    calls = playing.get("worlds/acme/scenario").json()["tallies"]["calls"]

    overview = read(playing, "ui/worlds/acme")
    own = read(playing, "ui/worlds/acme/scenario")

    for page in (overview, own):
        assert "bad-release" in page.text
        assert "progress" in page.tags
        assert "2026-03-04 00:00:00" in page.text
        assert "plays" in page.text
        assert re.search(rf"Calls\s+{calls:,}\b", page.text)
    assert "/_mock/ui/worlds/acme/scenario" in overview.links
    assert "quality falls on the second day" in own.text
    assert re.search(r"Planted between debits and cost events:\s+\d+ missing, \d+ doubled", own.text)
    assert "release 2" in own.text
    assert {"svg", "rect"} <= set(own.tags)


@pytest.mark.parametrize(("how", "told"), [("pause", "paused"), ("clock/advance", "over")])
def test_it_is_said_whether_it_goes_on(playing: ControlClient, how: str, told: str) -> None:
    if how == "pause":
        playing.post("worlds/acme/scenario/pause")
    else:
        playing.post("worlds/acme/clock/advance", {"by": "30d"})

    assert told in read(playing, "ui/worlds/acme/scenario").text
    assert told in read(playing, "ui/worlds/acme").text


def test_a_start_state_is_no_progress(simulator: Simulator) -> None:
    control = ControlClient(control_app(simulator.worlds, simulator.vendors, None, simulator.stage))
    control.post("worlds/acme/scenario", {"name": "empty-wallet"})

    own = read(control, "ui/worlds/acme/scenario")

    assert "empty-wallet" in own.text
    assert "progress" not in own.tags
    assert "progress" not in read(control, "ui/worlds/acme").tags


def test_a_drift_is_a_band_from_its_onset_to_its_end() -> None:
    played = {
        "starts_at": "2026-03-01T00:00:00Z", "ends_at": "2026-03-11T00:00:00Z",
        "history_ends_at": None, "position": "2026-03-06T00:00:00Z",
    }  # fmt: skip
    drift = {"kind": "quality", "subject": "*", "cause": NASTY}
    truth: list[dict[str, str | None]] = [
        {**drift, "onset": "2026-03-02T00:00:00Z", "end": "2026-03-04T00:00:00Z"},
        {**drift, "onset": "2026-03-10T00:00:00Z", "end": None},
    ]

    drawn = truth_chart(played, truth)

    assert re.findall(r'x="(\d+)" y="\d+" width="(\d+)"', drawn) == [("60", "120"), ("540", "60")]
    assert 'd="M300 0V' in drawn
    assert NASTY not in drawn
