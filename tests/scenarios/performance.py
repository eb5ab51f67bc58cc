"""A shipped scenario as whoever plays it sees it: all over HTTP, with what the vendors and the control API answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt
from typing import Any

import httpx

from mockserver import resources
from mockserver.kernel.windows import DAY, format_instant, parse_instant
from mockserver.simulation.script import Script, load

MERCHANT = "org_YOUR_ORG_ID"
CONTRACTS, NEIGHBOUR, CHAT, AUTO = "ep-contract-key-fields", "contracts-eu", "support-chat", "auto"

AFTERWARDS = 2 * DAY
"""By then every event that was still on its way has come."""


def with_traffic() -> list[str]:
    """Return the names of the shipped scenarios in which anything happens by itself."""
    return [name for name in resources.scenario_names() if script(name).traffic is not None]


def script(name: str) -> Script:
    """Return a shipped scenario as its file has it."""
    return load(resources.scenario(name))


def instant(text: str) -> int:
    """Return an instant in microseconds since 1970, also of a day."""
    return parse_instant(text if "T" in text else f"{text}T00:00:00Z")


@dataclass
class Performance:
    """A scenario that is played in a world of its own, at its own seed.

    :param url: of the server.
    :param name: of the scenario; `world` of the world.
    """

    http: httpx.Client
    url: str
    name: str
    world: str
    played: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def script(self) -> Script:
        """What its file says."""
        return script(self.name)

    @property
    def pareta_key(self) -> str:
        return f"pareta_sk_test_{self.world}"

    @property
    def paygentic_key(self) -> str:
        return f"sk_test_{self.world}"

    # Doing

    def play(self, until: str | None = None) -> None:
        """Play it to its end and a little further, or up to an instant."""
        body: dict[str, Any] = {"name": self.name}
        if until is not None:
            body["history"] = f"{(instant(until) - self.script.started_at) // 1_000_000}s"
        self.played = self.control("POST", "scenario", body)
        if until is None:
            self.finish()

    def go_on(self, until: str) -> None:
        """Let the clock move to an instant."""
        now = parse_instant(self.control("GET", "clock")["now"])
        self.control("POST", "clock/advance", {"by": f"{(instant(until) - now) // 1_000_000}s"})

    def finish(self) -> None:
        """Let the clock move to where nothing comes any more."""
        assert self.script.ends_at is not None
        self.go_on(format_instant(self.script.ends_at + AFTERWARDS))
        self.played = self.control("GET", "scenario")

    def fork(self) -> Performance:
        """Return a copy of it as it is, in which more may happen."""
        name = f"{self.world}.fork"
        self.control("POST", "fork", {"name": name})
        return Performance(self.http, self.url, self.name, name, self.played)

    # Asking

    def control(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return what a control route of the world answers."""
        answer = self.http.request(method, f"/_mock/worlds/{self.world}/{path}", json=body, params=query)
        assert answer.is_success, answer.text
        return answer.json()

    def every(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of a control route, page by page."""
        after: int | None = 0
        while after is not None:
            page = self.control("GET", path, after=after, limit=1000, **query)
            yield from page["data"]
            after = page["next"]

    def vendor(self, path: str, **query: Any) -> Any:
        """Return what either vendor answers to a request."""
        key = self.paygentic_key if path.startswith("/v0") else self.pareta_key
        answer = self.http.get(path, params=query, headers={"Authorization": f"Bearer {key}"})
        assert answer.is_success, answer.text
        return answer.json()

    # Pareta

    def metric(self, endpoint: str, dimension: str, **query: Any) -> Any:
        """Return a dimension of an endpoint since the scenario began."""
        query = {"since": format_instant(self.script.started_at), **query}
        return self.vendor(f"/v1/endpoints/{endpoint}/{dimension}", **query)

    def quality(self, endpoint: str, start: str, end: str) -> tuple[float, int]:
        """Return the judge's mean over whole days, and of how many answers."""
        windows = self.metric(endpoint, "quality", group_by="day")["windows"]
        found = [each for each in windows if instant(start) <= parse_instant(each["start"]) < instant(end)]
        judged = sum(each["n_judged"] for each in found)
        return sum(each["quality_mean"] * each["n_judged"] for each in found) / judged, judged

    def days(self, endpoint: str, dimension: str, member: str, start: str, end: str) -> list[dict[str, Any]]:
        """Return what a dimension says of each day in a span, where there was anything."""
        found: list[dict[str, Any]] = self.metric(endpoint, dimension, group_by="day")[member]
        return [each for each in found if instant(start) <= parse_instant(each["start"]) < instant(end)]

    def hours(self, endpoint: str, dimension: str, member: str, start: str, end: str) -> list[dict[str, Any]]:
        """Return the same of each hour."""
        found: list[dict[str, Any]] = self.metric(endpoint, dimension, group_by="hour")[member]
        return [each for each in found if instant(start) <= parse_instant(each["start"]) < instant(end)]

    @cached_property
    def ledger(self) -> list[dict[str, Any]]:
        """Every movement of the balance since the scenario began, once it is over."""
        return [entry for entry in self.every("ledger") if parse_instant(entry["at"]) >= self.script.started_at]

    def debits(
        self, start: str | None = None, end: str | None = None, *, of: Callable[[dict[str, Any]], bool] = bool
    ) -> list[int]:
        """Return what was taken for calls in a span, in micro-dollars.

        :param of: which of them.
        """
        low = instant(start) if start else self.script.started_at
        high = instant(end) if end else 2**62
        return [
            -entry["amount_micro_usd"]
            for entry in self.ledger
            if entry["kind"] == "debit" and "chat" in entry["operation"] and low <= parse_instant(entry["at"]) < high
            and of(entry)
        ]  # fmt: skip

    @property
    def eval_runs(self) -> list[dict[str, Any]]:
        """Every eval run of the scenario with its results, in order of time."""
        ids = [entry["subject"] for entry in self.ledger if entry["operation"] == "evals.runs.create"]
        return [self.vendor(f"/v1/eval-runs/{each}") for each in ids]

    # Paygentic

    @cached_property
    def costs(self) -> dict[str, str]:
        """The ids of the cost metrics, by name."""
        return {each["name"]: each["id"] for each in self.vendor("/v0/costs", limit=100)["data"]}

    def summary(
        self, cost: str = "AI inference", start: str | None = None, end: str | None = None, **query: Any
    ) -> Any:
        """Return the summary of a cost metric over a span; the whole scenario if absent."""
        assert self.script.ends_at is not None
        return self.vendor(
            f"/v0/costs/{self.costs[cost]}/summary",
            **{
                "from": format_instant(instant(start) if start else self.script.started_at),
                "to": format_instant(instant(end) if end else self.script.ends_at + AFTERWARDS),
                **query,
            },
        )

    def report(self, by: str, **query: Any) -> Any:
        """Return the cost report of the whole scenario."""
        assert self.script.ends_at is not None
        start, end = self.script.started_at, self.script.ends_at + AFTERWARDS
        whole = {"from": format_instant(start), "to": format_instant(end)}
        return self.vendor("/v0/costs/report", groupBy=by, **whole, **query)

    def groups(
        self, dimension: str, cost: str = "AI inference", start: str | None = None, end: str | None = None
    ) -> Any:
        """Return what a cost metric comes to by the values of a dimension."""
        found = self.summary(cost, start, end, groupBy=dimension)["groups"]
        return {each["dimensions"][dimension]: each["quantity"] for each in found}

    def reconciliation(self, **query: Any) -> Any:
        return self.control("GET", "reconciliation", **query)


def share_error(share: float, count: int) -> float:
    """Return four standard deviations of a share of so many: one in sixteen thousand is further off."""
    return 4 * sqrt(share * (1 - share) / count)
