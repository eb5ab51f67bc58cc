"""A scenario out of what a recording tells of traffic, with a comment on where each number comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, exp, isfinite, sqrt
from typing import Any, Final

import yaml

from mockserver.cassettes.files import Library
from mockserver.cassettes.fitting import tail_of
from mockserver.cassettes.interaction import BadCassette
from mockserver.cassettes.traffic import LONGEST_TEXT, OTHERS, EventType, Member, Traffic, Use
from mockserver.kernel.windows import DAY, HOUR, SECOND, WEEK, floor_to, format_duration, format_instant, parse_instant
from mockserver.resources import Fixtures
from mockserver.simulation.laws import LogNormal
from mockserver.simulation.parts import MAX_CUSTOMERS, ConversationPart, TrafficPart

FEWEST = 20
"""A law is fitted to no fewer values."""
FEWEST_A_CELL = 10
"""The shape of a day or a week is told from no fewer calls for each of its hours or days, on average."""
FEWEST_CALLS = 10
SHORTEST_US = HOUR
"""A rate is told from no fewer calls, over no shorter time."""
FEWEST_CUSTOMERS = 10
FEWEST_A_CUSTOMER = 30
"""How unequal customers are is told from no fewer of them, with no fewer calls on average."""
MOST_CALLS = 2_000_000
"""How many calls a scenario comes to at most: it is as long as the recording, or shorter."""
LONGEST_US = 366 * DAY
EARLIEST_START = parse_instant("2026-01-05T00:00:00Z")
"""A Monday; what worlds start with is older. A recording without dates begins there."""

_Z99: Final = 2.3263478740408408
_Z975: Final = 1.959963984540054
_PRODUCT = "prod_YOUR_PRODUCT_ID"
_CHAT_TASK, _CHAT_MODEL = "general-chat", "qwen-1"
_SAFE_ENDPOINT = re.compile(r"ep-[A-Za-z0-9._-]{1,61}")
_PATH = re.compile(r"\$(\.[a-zA-Z0-9_]+)+")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_COMMENT = 110

_NAMED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("amount", "cost", "cost_usd", "costusd", "usd"), "{cost_usd}"),
    **dict.fromkeys(("call", "call_id", "callid", "completion_id", "request_id", "requestid", "id"), "{id}"),
    **dict.fromkeys(("prompt_tokens", "prompttokens", "input_tokens", "inputtokens"), "{usage.prompt_tokens}"),
    **dict.fromkeys(
        ("completion_tokens", "completiontokens", "output_tokens", "outputtokens"), "{usage.completion_tokens}"
    ),
    **dict.fromkeys(("tokens", "total_tokens", "totaltokens"), "{usage.total_tokens}"),
    **dict.fromkeys(("latency_ms", "latencyms", "duration_ms"), "{latency_ms}"),
    **dict.fromkeys(("customer", "customer_id", "user", "user_id"), "{customer}"),
    "model": "{model}",
    "endpoint": "{endpoint}",
}
"""What members of events' data are called that mean something of the call they report."""


class NoTraffic(BadCassette):
    """Nothing in the cassettes is traffic that a scenario could have."""


def scenario_of(library: Library, name: str) -> str:
    """Return the text of a scenario whose traffic is like the recorded one.

    :raises NoTraffic: there is no answered chat.
    :raises BadCassette: an interaction cannot be read.
    """
    return written(seen_in(library), name)


def seen_in(library: Library) -> Traffic:
    """Return what a recording tells of traffic; its interactions are read one after the other."""
    traffic = Traffic()
    for file in library.files:
        for number in range(file.first, file.first + file.count):
            traffic.see(library.read(number), str(file.path))
    traffic.look()
    return traffic


def written(traffic: Traffic, name: str) -> str:
    """Return the text of a scenario.

    :raises NoTraffic: there was no answered chat.
    """
    if not traffic.calls:
        said = f"{_plural(traffic.interactions, 'interaction')} in {_some(traffic.files) or 'no file'}"
        failed = traffic.attempts
        what = "no chat" if not failed else f"no chat that was answered ({_plural(failed, 'attempt')})"
        raise NoTraffic(
            f"no traffic to make a scenario of: {said} and {what};"
            " it takes answers to POST /v1/chat/completions with status 200"
        )
    return "\n".join(_Draft(traffic, name).lines()) + "\n"


class _Draft:
    """Writes one scenario."""

    def __init__(self, traffic: Traffic, name: str) -> None:
        self._seen = traffic
        self._name = name
        self._uses = sorted(traffic.uses.items(), key=lambda item: (-item[1].calls, item[0]))
        self._targets = _targets([use for use, _ in self._uses], traffic.tasks)
        self._hours, self._weekdays, self._shape_said = self._shape()
        self._per_day, self._per_day_said = self._rate()

    def lines(self) -> Iterator[str]:
        """Yield the file line by line."""
        seen, start = self._seen, self._start
        yield "# Made by `mockserver scenario from-cassette`. A number is the most likely for what was recorded,"
        yield "# and the comment beside it says how sure it is. What a recording cannot tell is called assumed."
        yield f"name: {_quoted(self._name)}"
        yield f"purpose: {_quoted(self._purpose)}"
        yield "seed: 1 # assumed"
        yield f"clock: {{mode: frozen, at: {format_instant(start)}}} # {self._start_said}"
        yield from self._start_state()
        yield f"length: {self._length} # {self._length_said}"
        yield from self._customers()
        yield "traffic:"
        yield f"  calls_per_day: {_digits(self._per_day)} # {self._per_day_said}"
        for name, weights, said in self._shape_said:
            yield f"  # {name}: {said}"
            if weights is not None:
                yield f"  {name}: [{', '.join(_digits(weight, 3) for weight in weights)}]"
        yield from self._conversation()
        yield "  uses:"
        for name, use in self._uses:
            yield from self._use(name, use)
        if self._reports:
            yield "events:"
            for kind, event in self._reports:
                yield from self._event(kind, event)
            yield from self._integrator()
        yield "wallet: {auto: {below_usd: 50, usd: 500}} # assumed, so that nothing is refused for want of credit"
        if seen.unpaid:
            unpaid = _plural(seen.unpaid, "recorded attempt")
            yield f"# {unpaid} got a 402; that is for start.balance_usd and wallet to say"
        yield from self._faults()

    # Time

    @property
    def _first(self) -> int | None:
        return self._seen.spans[0][0] if self._seen.spans else None

    @property
    def _start(self) -> int:
        first = self._first
        if first is None:
            return EARLIEST_START
        day = floor_to(first, DAY)
        return day if day >= EARLIEST_START else EARLIEST_START + (day - EARLIEST_START) % WEEK

    @property
    def _start_said(self) -> str:
        first = self._first
        if first is None:
            return "assumed: the recording has no dates"
        if first < EARLIEST_START:
            return "of the weekday on which the recording began; worlds have no past before that"
        return "the day the recording began"

    @property
    def _span_said(self) -> str:
        spans = self._seen.spans
        if not spans:
            return "of unknown date"
        first, last = (format_instant(floor_to(at, SECOND)) for at in (spans[0][0], spans[-1][1]))
        return f"from {first} to {last}"

    @property
    def _purpose(self) -> str:
        return f"Traffic as in {_plural(self._seen.calls, 'recorded call')} {self._span_said}."

    @property
    def _length(self) -> str:
        spans = self._seen.spans
        days = 1 if not spans else ceil((spans[-1][1] - floor_to(spans[0][0], DAY)) / DAY)
        days = min(days, LONGEST_US // DAY, int(MOST_CALLS / self._per_day))
        return f"{max(1, days)}d"

    @property
    def _length_said(self) -> str:
        covered = _span(self._seen.covered_us)
        pause = self._seen.longest_pause_us
        gap = f"; the longest pause within a file is {_span(pause)}" if pause >= HOUR else ""
        return f"in days, at least one; recorded were {covered}{gap}"

    def _shape(
        self,
    ) -> tuple[Sequence[float], Sequence[float], list[tuple[str, Sequence[float] | None, str]]]:
        """Return the weights of hours and weekdays, and what to write of each and why."""
        week = self._seen.week
        known = TrafficPart.model_fields
        hours, weekdays = known["hours"].default, known["weekdays"].default
        has_hours = week.times_seen(by=24) >= 2 and week.total >= 24 * FEWEST_A_CELL
        has_week = has_hours and week.times_seen(by=7) >= 1.9 and week.total >= 7 * FEWEST_A_CELL
        said = f"{_plural(week.total, 'dated call')} in {_span(self._seen.covered_us)}"
        lines: list[tuple[str, Sequence[float] | None, str]] = []
        if has_hours:
            hours, found = week.shape(None if has_week else weekdays)
            hours = [round(weight, 3) for weight in hours]
            lines.append(("hours", hours, f"of UTC, most likely for {said}"))
            if has_week:
                weekdays = [round(weight, 3) for weight in found]
                lines.append(("weekdays", weekdays, "from Monday, likewise"))
        else:
            lines.append(
                ("hours", None, f"the default is assumed; that takes each hour twice, and {24 * FEWEST_A_CELL} calls")
            )
        if not has_week:
            lines.append(("weekdays", None, "the default is assumed; that takes two weeks"))
        return hours, weekdays, lines

    def _rate(self) -> tuple[float, str]:
        week = self._seen.week
        dated, covered = week.total, self._seen.covered_us
        if dated >= FEWEST_CALLS and covered >= SHORTEST_US:
            # Calls of which nobody knows when they were are as likely as others at any time.
            rate = week.per_day(self._hours, self._weekdays) * self._seen.calls / dated
            # Calls of one conversation come together: a geometric number of them, of mean m, is 2m - 1 times as uneven.
            uneven = 2 * self._turns - 1
            off = _percent(_Z975 * sqrt(uneven / dated))
            said = f"{_plural(dated, 'call')} in {_span(covered)}, by the shapes below; 95% sure within {off}"
            return min(max(rate, 0.001), 10_000_000.0), said
        why = f"{_plural(dated, 'dated call')} in {_span(covered)} tell no rate"
        return float(min(self._seen.calls, 10_000_000)), f"assumed: all that was recorded in one day; {why}"

    @property
    def _turns(self) -> float:
        return min(50.0, max(1.0, self._seen.calls / max(1, self._seen.openings)))

    # State

    def _start_state(self) -> Iterator[str]:
        requests = [
            (f"{{task: {target.task}, model: {target.model}, name: {target.endpoint}}}", target.said)
            for target in self._targets.values()
            if target.is_made
        ]
        costs = [cost for kind, event in self._reports for cost in self._costs_of(kind, event)]
        if not requests and not costs:
            return
        yield "start:"
        yield "  requests:"
        for body, said in requests:
            yield f"    # {said}"
            yield "    - request: POST /v1/endpoints"
            yield f"      body: {body}"
        for cost, said in costs:
            yield f"    # {said}"
            yield "    - request: POST /v0/costs"
            yield f"      body: {_flow(cost)}"

    def _customers(self) -> Iterator[str]:
        seen = self._seen
        counts, what = (seen.calls_by, "calls") if seen.calls_by else (seen.events_by, "events")
        if not counts:
            yield "# customers: the default is assumed; no call says for whom it is made, and no event"
            return
        number = min(len(counts), MAX_CUSTOMERS)
        yield "customers:"
        yield f"  count: {number} # as many are named in {_plural(sum(counts.values()), what[:-1])}; there may be more"
        sizes = [*counts.values()]
        if len(sizes) < FEWEST_CUSTOMERS or sum(sizes) < FEWEST_A_CUSTOMER * len(sizes) or min(sizes) == max(sizes):
            yield "  # sizes: the default is assumed; too few customers or too little of each to tell"
            return
        alpha = min(20.0, max(0.01, tail_of(sizes)))
        largest = min(1e6, max(sizes) / min(sizes))
        yield f"  # most likely for their {what}, from {min(sizes):,} to {max(sizes):,}"
        yield f"  sizes: {{alpha: {_digits(alpha, 3)}, largest: {_digits(max(1.0, largest), 3)}}}"

    # Calls

    def _conversation(self) -> Iterator[str]:
        seen = self._seen
        if seen.calls == seen.openings:
            yield f"  conversation: {{turns: 1}} # none of {_plural(seen.calls, 'call')} goes on with an earlier one"
            return
        going_on = seen.calls - seen.openings
        yield "  conversation:"
        calls = _plural(seen.calls, "call")
        yield f"    turns: {_digits(self._turns, 4)} # {going_on:,} of {calls} go on with an earlier one"
        default = ConversationPart().think_time
        if seen.thinking_s.count >= FEWEST:
            law = seen.thinking_s.law()
            median, p99 = _bounded(law, 0.001, 29 * DAY / SECOND)
            yield (
                f"    think_time: {{median: {_seconds(median)}, p99: {_seconds(p99)}}}"
                f" # {_law_said(seen.thinking_s.count, law, 'pause')}"
            )
        else:
            assumed = f"{format_duration(default.median)} and {format_duration(default.p99)}"
            pauses = _plural(seen.thinking_s.count, "pause")
            yield f"    # think_time: the default is assumed, {assumed}; {pauses} tell no law"

    def _use(self, name: str, use: Use) -> Iterator[str]:
        target = self._targets[name]
        yield f"    - endpoint: {target.endpoint} # {target.said}"
        share = use.openings or use.calls
        yield f"      share: {share} # conversations, with {_plural(use.calls, 'call')}"
        for key, sample, what in (
            ("prompt_tokens", use.prompts, "prompt"),
            ("completion_tokens", use.completions, "completion"),
            ("latency_ms", use.latencies_ms, "duration"),
        ):
            if sample.count < FEWEST:
                assumed = "the vendor's own law" if key == "latency_ms" else "the default"
                told = "nothing was measured" if not sample.count else f"{_plural(sample.count, what)} tell no law"
                yield f"      # {key}: {assumed} is assumed; {told}"
                continue
            law = sample.law()
            median, p99 = _bounded(law, 0.01, 1e9 / 2)
            yield (
                f"      {key}: {{median: {_digits(median, 5)}, p99: {_digits(p99, 5)}}}"
                f" # {_law_said(sample.count, law, what)}"
            )

    # Reports

    @property
    def _reports(self) -> list[tuple[str, EventType]]:
        """The types of events that can be reported, the most frequent first."""
        known = [(kind, event) for kind, event in self._seen.types.items() if _is_type(kind)]
        return sorted(known, key=lambda item: (-item[1].events, item[0]))

    def _costs_of(self, kind: str, event: EventType) -> list[tuple[Mapping[str, Any], str]]:
        known = [cost for cost in (_cost(each, kind) for each in self._seen.costs.get(kind, ())) if cost is not None]
        if known:
            return [(cost, "As recorded; the product is the simulator's.") for cost in known]
        amount = next(
            (
                key
                for key in event.members
                if _meaning(key, event, None) == "{cost_usd}" and _PATH.fullmatch(f"$.{key}")
            ),
            None,
        )
        adds = {"aggregation": "COUNT"} if amount is None else {"aggregation": "SUM", "valueProperty": f"$.{amount}"}
        cost = {"type": "metered", "name": "Recorded", "eventType": kind, **adds, **_PRICE}
        return [(cost, "Assumed: the recording does not say what adds these events up.")]

    def _event(self, kind: str, event: EventType) -> Iterator[str]:
        per_call = event.events / self._seen.calls
        events = _plural(event.events, "event")
        yield f"  # {events}, {_digits(per_call, 3)} for each recorded call; here it is one each"
        yield f"  - type: {_quoted(kind)}"
        if event.source and len(event.source) <= LONGEST_TEXT:
            yield f"    source: {_quoted(event.source)}"
        amounts = self._amounts_of(kind, event)
        members = [(key, _meaning(key, event, amounts), event.members[key]) for key in event.members]
        missing = [path for path in amounts if path[0] not in event.members]
        said = [(key, value, member) for key, value, member in members if value is not _LEFT_OUT]
        if not said and not missing:
            yield "    data: {}"
            return
        yield "    data:"
        for key, value, member in said:
            yield f"      {_key(key)}: {_flow(value)} # {_member_said(value, member)}"
        for path in missing:
            yield f"      {_key(path[0])}: {_flow(_nested(path[1:]))} # what is added up"

    def _amounts_of(self, kind: str, event: EventType) -> list[tuple[str, ...]]:
        """Return the paths to what is added up, one for each first key."""
        paths: dict[str, tuple[str, ...]] = {}
        for cost, _ in self._costs_of(kind, event):
            if "valueProperty" in cost:
                path = tuple(cost["valueProperty"].split(".")[1:])
                paths.setdefault(path[0], path)
        return [*paths.values()]

    def _integrator(self) -> Iterator[str]:
        events = self._seen.events
        keyed = sum(event.keyed for _, event in self._reports)
        stamped = sum(event.stamped for _, event in self._reports)
        said = []
        if not keyed:
            said.append("key: none")
        if not stamped:
            said.append("is_stamped: false")
        facts = f"{keyed:,} of {_plural(events, 'event')} have an idempotency key, {stamped:,} a timestamp"
        yield f"integrator: {{{', '.join(said)}}} # {facts}" if said else f"# integrator: {facts}"

    # Mishaps

    def _faults(self) -> Iterator[str]:
        lines = [
            *_rates("chat.completions.create", self._seen.failures, self._seen.attempts),
            *_rates(
                "events.ingest",
                self._seen.unacknowledged if self._reports else {},
                self._seen.events + sum(self._seen.unacknowledged.values()),
            ),
        ]
        if lines:
            yield "faults:"
            yield from lines
        else:
            yield f"# faults: none of {_plural(self._seen.attempts, 'attempt')} was answered with 429 or 5xx"
        if self._seen.refused:
            refused = _plural(self._seen.refused, "attempt")
            yield f"# left out: {refused} refused for the caller's own fault"


_PRICE: Final[Mapping[str, Any]] = {"unitCost": 1, "currency": "USD", "productId": _PRODUCT}
_LEFT_OUT: Final = object()


# What is called


@dataclass(frozen=True, slots=True)
class _Target:
    """What stands for a recorded model.

    :param is_made: whether it is deployed at the start, as `model` for `task`.
    """

    endpoint: str
    said: str
    is_made: bool = False
    task: str = ""
    model: str = ""


def _targets(names: Sequence[str], tasks: Mapping[str, tuple[str, str]]) -> dict[str, _Target]:
    """Return what stands for each recorded model: itself where it is there, else one of its kind."""
    fixtures = Fixtures()
    catalog = fixtures.read("pareta/catalog.json")
    chats = {
        task["id"]: catalog["leaderboards"].get(task["id"], {})
        for task in catalog["tasks"]
        if not task["has_blob_input"] and task["scoring_strategy"] not in ("ranking", "transcription", "none")
    }
    shipped = fixtures.read("pareta/start.json")["endpoints"]
    live = {each["id"] for each in shipped if each["status"] == "live" and not each.get("is_seed")}
    taken = {each["id"] for each in shipped} | {name for name in names if _SAFE_ENDPOINT.fullmatch(name)}
    found: dict[str, _Target] = {}
    for name in names:
        if name == "auto" or name in live:
            found[name] = _Target(name, "as recorded")
            continue
        task, alias = tasks.get(name, (name.removeprefix("ep-"), ""))
        said, board = f"recorded: {_shown(name)}", chats.get(task)
        if name == OTHERS:
            said = "recorded: further models, and calls that name none"
        if task == _CHAT_TASK or board is None:
            task, model = _CHAT_TASK, _CHAT_MODEL
            said += "; assumed: metered by the token" if name not in tasks else ", metered by the token"
        else:
            aliases = [each["name"] for each in board["models"] if each["kind"] == "open"]
            model = alias if alias in aliases else board.get("recommended") or aliases[0]
            said += f", of task {task}, paid by the request"
        endpoint = name
        if not _SAFE_ENDPOINT.fullmatch(name) or any(each["id"] == name for each in shipped):
            number = 1
            while (endpoint := f"ep-recorded-{number}") in taken:
                number += 1
        taken.add(endpoint)
        found[name] = _Target(endpoint, said, True, task, model)
    return found


# What is reported


def _is_type(kind: str) -> bool:
    return 0 < len(kind) <= LONGEST_TEXT and kind.isprintable() and _is_text(kind)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cost(cost: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """Return what a recorded cost metric is made by; `None` where the simulator would not have it."""
    name, adds, path = cost.get("name"), cost.get("aggregation"), cost.get("valueProperty")
    if adds not in ("SUM", "COUNT", "AVG", "MIN", "MAX", "UNIQUE_COUNT", "LATEST"):
        return None
    if path is None and adds not in ("COUNT", "UNIQUE_COUNT"):
        return None
    if path is not None and not _is_path(path):
        return None
    made: dict[str, Any] = {
        "type": "metered",
        "name": name if isinstance(name, str) and _is_type(name) else "Recorded",
        "eventType": kind,
        "aggregation": adds,
    }
    if path is not None:
        made["valueProperty"] = path
    unit_cost = cost.get("unitCost")
    try:
        price = float(unit_cost) if isinstance(unit_cost, str | int | float) else 1.0
    except (ValueError, OverflowError):
        price = 1.0
    made |= _PRICE
    if isfinite(price) and 1e-6 <= price <= 1_000_000:
        made["unitCost"] = int(price) if price.is_integer() else price
    currency = cost.get("currency")
    if isinstance(currency, str) and re.fullmatch("[A-Z]{3}", currency, re.ASCII):
        made["currency"] = currency
    groups = cost.get("groupBy")
    if isinstance(groups, dict) and len(groups) <= 10:
        kept = {key: path for key, path in groups.items() if _PLAIN_KEY.fullmatch(key) and _is_path(path)}
        if kept:
            made["groupBy"] = kept
    return made


def _is_path(path: Any) -> bool:
    return isinstance(path, str) and len(path) <= LONGEST_TEXT and _PATH.fullmatch(path) is not None


def _meaning(key: str, event: EventType, amounts: Sequence[tuple[str, ...]] | None) -> Any:
    """Return what a member of an event's data is in a scenario: what it means of a call, or a value."""
    member = event.members[key]
    for path in amounts or ():
        if path[0] == key:
            return _nested(path[1:])
    named = _NAMED.get(key.lower())
    if named is not None and not (named == "{cost_usd}" and not member.is_number):
        return named
    if not _is_text(key) or not member.is_plain:
        return _LEFT_OUT
    if member.is_number and not member.is_constant and member.numbers.count:
        value = member.numbers.law().median
        return float(_digits(value, 4)) if isfinite(value) and 1e-9 <= value <= 1e12 else _LEFT_OUT
    return _constant(member.first)


def _constant(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= 10**15:
        return value
    if isinstance(value, float) and isfinite(value) and (not value or 1e-9 <= abs(value) <= 1e12):
        return value
    if isinstance(value, str) and len(value) <= LONGEST_TEXT and _is_text(value) and "{" not in value:
        return value
    return _LEFT_OUT


def _nested(path: Sequence[str]) -> Any:
    value: Any = "{cost_usd}"
    for key in reversed(path):
        value = {key: value}
    return value


def _member_said(value: Any, member: Member) -> str:
    if isinstance(value, dict) or (isinstance(value, str) and value.startswith("{")):
        if member.is_number and member.numbers.count:
            return f"recorded: {_digits(member.numbers.law().median, 3)} on (geometric) average"
        return (
            f"recorded first: {_shown(member.first)}"
            if member.is_plain
            else "recorded: an object, a list or a long text"
        )
    if member.is_constant:
        return "always so"
    return "the (geometric) mean of what was recorded" if member.is_number else "the first of what was recorded"


# Mishaps


def _rates(operation: str, failures: Mapping[int, int], attempts: int) -> Iterator[str]:
    """Yield faults with which each status is as frequent as it was; one that strikes hides a request from the rest."""
    left = attempts
    for status, count in sorted(failures.items()):
        if status <= 599:
            rate = min(1.0, count / left)
            said = f"{count:,} of {attempts:,} attempts; 95% sure within {_percent(_Z975 / sqrt(count))}"
            yield f"  - {{operation: {operation}, rate: {_digits(rate, 4)}, status: {status}}} # {said}"
            left -= count


# Words and numbers


def _law_said(count: int, law: LogNormal, what: str) -> str:
    """Return how sure a fitted law is: the spread of its two numbers by the normal theory."""
    median = _Z975 * law.sigma / sqrt(count)
    p99 = _Z975 * law.sigma * sqrt(1 / count + _Z99**2 / (2 * count))
    return f"{_plural(count, what)}; 95% sure within {_percent(_factor(median))} and {_percent(_factor(p99))}"


def _factor(number: float) -> float:
    return exp(min(number, 50.0)) - 1.0


def _bounded(law: LogNormal, least: float, most: float) -> tuple[float, float]:
    """Return a law's median and 99th percentile, as far as a scenario may have them; the second is the larger."""
    median = min(max(law.median, least), most / 2)
    p99 = median * exp(min(law.sigma * _Z99, 100.0))
    return median, min(max(p99, median * 1.01), most)


def _digits(value: float, digits: int = 6) -> str:
    """Return a number with so many digits that mean something, without an exponent."""
    text = f"{float(f'{value:.{digits - 1}e}'):.12f}".rstrip("0").rstrip(".")
    return text or "0"


def _seconds(value: float) -> str:
    return f"{max(1, round(value * 1000))}ms"


def _percent(share: float) -> str:
    return f"{share * 100:.2g}%" if share < 1 else f"a factor of {_digits(1 + share, 2)}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _span(us: int) -> str:
    for unit, name in ((WEEK, "week"), (DAY, "day"), (HOUR, "hour"), (60 * SECOND, "minute")):
        if us >= 2 * unit:
            return f"{_digits(us / unit, 3)} {name}s"
    return f"{_digits(us / SECOND, 3)} seconds"


def _some(names: Sequence[str], most: int = 3) -> str:
    names = [*dict.fromkeys(names)]
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _quoted(text: str) -> str:
    """Return a text as YAML on one line, whatever is in it."""
    safe = text.encode("utf-8", "replace").decode("utf-8")
    dumped: str = yaml.safe_dump(safe, default_style='"', width=10**9)
    return dumped.removesuffix("\n")


def _shown(value: Any) -> str:
    """Return something recorded for a comment, on one line."""
    text = str(value) if not isinstance(value, str) else value
    if len(text) > _LONGEST_COMMENT:
        text = f"{text[:_LONGEST_COMMENT]}..."
    return text if re.fullmatch(r"[\w.:/@+ -]+", text, re.ASCII) else _quoted(text)


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key not in ("null", "Null", "NULL", "true", "false") else _quoted(key)


_SCALARS: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (bool, lambda value: "true" if value else "false"),
    (int, str),
    (float, lambda value: _digits(value, 12) if abs(value) >= 1e-9 else "0"),
    (str, _quoted),
)


def _flow(value: Any) -> str:
    """Return JSON data as YAML on one line."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    return next(show(value) for kind, show in _SCALARS if isinstance(value, kind))
