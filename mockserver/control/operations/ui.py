"""The pages: what they are made of, and how a browser may use them."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control
from mockserver.control.drifts import ScoreQuery
from mockserver.control.operations import credits, drifts, faults, scenario, snapshots, stubs
from mockserver.control.operations.clock import clock_view
from mockserver.control.operations.journal import entry_view
from mockserver.control.schemas import PageQuery
from mockserver.control.stream import here
from mockserver.control.ui import pages
from mockserver.control.ui.chart import spend_chart
from mockserver.http.messages import Reply
from mockserver.kernel.errors import NotFound
from mockserver.kernel.world import World
from mockserver.look import Content

_SHOWN = 100
"""Rows of a list that are shown; the newest, where there are more."""


def show_worlds(control: Control, query: PageQuery) -> Reply:
    """Return the page that lists worlds."""
    with control.store.committed():
        worlds = [control.worlds.get(name) for name in control.worlds.names()]
        later = [world for world in worlds if world.id > query.after]
        shown = [_summary(control, world) for world in later[: query.limit]]
    return _html(pages.worlds_page(shown, later[query.limit - 1].id if len(later) > query.limit else None))


def show_world(control: Control, name: str) -> Reply:
    """Return a world's page.

    :raises UnknownWorld: it does not exist; looking makes none.
    """
    with control.existing(name) as world:
        newest = world.journal.newest
        requests = world.journal.read(after=max(0, newest - _SHOWN), limit=_SHOWN)
        counts = world.faults.counts()
        costs = world.journal.costs()
        told = {
            **_summary(control, world),
            "seed": world.draws.seed,
            "spent": sum(cost for _, cost in costs),
            "faults": len(counts),
            "hits": sum(count.hits for count in counts),
            "played": None if control.stage is None else control.stage.playing(world),
        }
        place = str(here(world))
    return _html(pages.world_page(told, [entry_view(entry) for entry in requests], spend_chart(costs), place))


def show_request(control: Control, name: str, number: str) -> Reply:
    """Return the page of one request.

    :raises NotFound: the world does not remember it.
    """
    seq = int(number) if number.isascii() and number.isdigit() and len(number) < 18 else 0
    with control.existing(name) as world:
        before = world.journal.read(after=seq - 2, limit=1)
        found = world.journal.read(after=seq - 1, limit=2)
    if not seq or not found or found[0].seq != seq:
        raise NotFound("request", number)
    neighbours = (seq - 1 if before[0].seq == seq - 1 else None, found[1].seq if len(found) > 1 else None)
    return _html(pages.request_page(name, entry_view(found[0]), neighbours))


def show_section(control: Control, name: str, section: str) -> Reply:
    """Return one of a world's other pages.

    :raises NotFound: there is no such page.
    """
    if section not in pages.SECTIONS:
        raise NotFound("page", section)
    with control.existing(name):
        content = _CONTENTS[section](control, name)
    return _html(pages.section_page(name, section, content))


def _summary(control: Control, world: World) -> dict[str, Any]:
    account = next((vendor.account for vendor in control.vendors if vendor.account is not None), None)
    return {
        "name": world.name,
        "clock": clock_view(world),
        "credits": None if account is None else credits.credits_view(account.balance(world)),
        "requests": world.journal.newest,
    }


# Sections


def _scenario(control: Control, name: str) -> Content:
    truth = drifts.list_truth(control, name, PageQuery(limit=_SHOWN))["data"]
    return pages.scenario_content(scenario.show_scenario(control, name), truth)


def _ledger(control: Control, name: str) -> Content:
    last = _last(control, name)
    entries = credits.list_ledger(control, name, PageQuery(after=max(0, last - _SHOWN), limit=_SHOWN))["data"]
    return pages.listing("Newest first.", entries[::-1], "movement of credit")


def _last(control: Control, name: str) -> int:
    """Return the number of a ledger's last entry; it is found by halving, because a ledger is only read forwards."""
    low, high = 0, 1
    while credits.list_ledger(control, name, PageQuery(after=high, limit=1))["data"]:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if credits.list_ledger(control, name, PageQuery(after=middle, limit=1))["data"]:
            low = middle + 1
        else:
            high = middle
    return low


def _faults(control: Control, name: str) -> Content:
    armed = faults.list_faults(control, name, PageQuery(limit=_SHOWN))["data"]
    return pages.faults_content(
        [
            faults.show_fault(
                control, name, each["id"], PageQuery(after=max(0, each["matched"] - _SHOWN), limit=_SHOWN)
            )
            for each in armed
        ]
    )


def _stubs(control: Control, name: str) -> Content:
    placed = stubs.list_stubs(control, name, PageQuery(limit=_SHOWN))["data"]
    return pages.listing("In the order they were placed.", placed, "stub is placed")


def _drifts(control: Control, name: str) -> Content:
    listed = drifts.list_drifts(control, name, PageQuery(limit=_SHOWN))["data"]
    return pages.drifts_content(listed, drifts.score_alerts(control, name, ScoreQuery()))


def _snapshots(control: Control, name: str) -> Content:
    taken = snapshots.list_snapshots(control, name, PageQuery())["data"]
    return pages.listing("Oldest first.", taken, "snapshot was taken")


def _invariants(control: Control, name: str) -> Content:
    return pages.invariants_content(credits.check_invariants(control, name))


_CONTENTS = {
    "scenario": _scenario,
    "ledger": _ledger,
    "faults": _faults,
    "stubs": _stubs,
    "drifts": _drifts,
    "snapshots": _snapshots,
    "invariants": _invariants,
}


def _html(text: str) -> Reply:
    # The page says itself what it may load; only who may frame it has to be said here.
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", b"frame-ancestors 'none'"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    return Reply(200, text.encode("utf-8", "backslashreplace"), headers)
