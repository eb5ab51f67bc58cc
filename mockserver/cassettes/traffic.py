"""What a recording tells of traffic: who called what, how often, how large, how slow, and what was reported of it.

Interactions are looked at one at a time, and what is kept of them does not grow with their number.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeGuard

from mockserver.cassettes.bodies import decoded, events, media_type
from mockserver.cassettes.fitting import Sample, Week, merged
from mockserver.cassettes.interaction import Interaction
from mockserver.kernel.windows import Instant

MOUNTS = ("/pareta", "/paygentic")
CHATS = ("/v1/chat/completions", "/agent/v1/chat/completions")
EVENTS = "/v0/events"
COSTS = "/v0/costs"
ENDPOINTS = "/v1/endpoints"

MOST_USES = 20
"""Models told apart; further ones are one more."""
MOST_TYPES = 20
MOST_MEMBERS = 40
MOST_COSTS = 5
"""Of event types, of members of an event's data, and of cost metrics of a type: further ones are passed over."""
MOST_NAMES = 5_000
"""Customers told apart."""
MOST_TALKS = 20_000
"""Conversations that may go on at a time."""

_STOPPED = b" is stopped"
"""What the vendor says of an endpoint that its owner has stopped; that is no failure of the vendor's."""

LONGEST_TEXT = 200
"""Of anything recorded, so much is kept; what is longer is told apart by its beginning only."""

OTHERS = "..."
"""What the models beyond `MOST_USES` are called."""


@dataclass(slots=True)
class Use:
    """The calls of one model or endpoint, as it was called.

    :ivar openings: calls that go on with no other.
    :ivar prompts: tokens of what each call itself said, without what it carried along.
    :ivar uncounted: calls whose answer says nothing of tokens.
    """

    calls: int = 0
    openings: int = 0
    prompts: Sample = field(default_factory=Sample)
    completions: Sample = field(default_factory=Sample)
    latencies_ms: Sample = field(default_factory=Sample)
    uncounted: int = 0


@dataclass(slots=True)
class Member:
    """One member of events' data: the first value there was, and what is known of all.

    :ivar is_plain: whether the first is a short text, a number, `true`, `false` or `null`; else it is not kept.
    """

    first: Any = None
    count: int = 0
    is_plain: bool = True
    is_constant: bool = True
    is_number: bool = True
    numbers: Sample = field(default_factory=Sample)

    def add(self, value: Any) -> None:
        """Take a value in."""
        is_plain = value is None or isinstance(value, bool | int | float) or _is_short(value)
        if not self.count:
            self.is_plain = is_plain
            self.first = value if is_plain else None
        self.count += 1
        self.is_constant = self.is_constant and is_plain and type(value) is type(self.first) and value == self.first
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.numbers.add(float(value))
        else:
            self.is_number = False


@dataclass(slots=True)
class EventType:
    """The accepted events of one type."""

    source: str = ""
    events: int = 0
    keyed: int = 0
    stamped: int = 0
    members: dict[str, Member] = field(default_factory=dict)


@dataclass(slots=True)
class _Said:
    """The last call of a conversation."""

    prompt: int | None
    completion: int | None
    ended_at: int | None


@dataclass(slots=True)
class Traffic:
    """All that was seen.

    :ivar files: what the interactions came from.
    :ivar calls: answered chats; `attempts` with those that failed, and `failures` by status, of which 402 is none.
    :ivar unpaid: refused for want of credit; `refused` for other reasons that are the caller's.
    :ivar undated: calls of which nobody knows when they were.
    :ivar calls_by: answered calls by whoever they were made for; `events_by` events by subject.
    :ivar tasks: by endpoint, its task and the model that serves it.
    :ivar costs: by event type, what adds it up, as the vendor answered it.
    """

    files: list[str] = field(default_factory=list)
    interactions: int = 0
    unread: int = 0
    calls: int = 0
    attempts: int = 0
    failures: Counter[int] = field(default_factory=Counter)
    unpaid: int = 0
    refused: int = 0
    undated: int = 0
    streams: int = 0
    untimed: int = 0
    uses: dict[str, Use] = field(default_factory=dict)
    thinking_s: Sample = field(default_factory=Sample)
    week: Week = field(default_factory=Week)
    calls_by: Counter[str] = field(default_factory=Counter)
    events_by: Counter[str] = field(default_factory=Counter)
    events: int = 0
    unacknowledged: Counter[int] = field(default_factory=Counter)
    types: dict[str, EventType] = field(default_factory=dict)
    costs: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    tasks: dict[str, tuple[str, str]] = field(default_factory=dict)
    longest_pause_us: int = 0
    _spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    _talks: OrderedDict[bytes, _Said] = field(default_factory=OrderedDict)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """When somebody recorded: from the first to the last instant of each file, without overlap."""
        return merged(list(self._spans.values()))

    @property
    def covered_us(self) -> int:
        """How long somebody recorded."""
        return sum(end - start for start, end in self.spans)

    @property
    def openings(self) -> int:
        """How many conversations there were."""
        return sum(use.openings for use in self.uses.values())

    def look(self) -> None:
        """Note for how long each hour of a week was recorded; once, when all is seen."""
        for start, end in self.spans:
            self.week.look(start, end)

    def see(self, interaction: Interaction, file: str) -> None:
        """Take an interaction in; within a file they come in the order they were recorded."""
        self.interactions += 1
        if not self.files or self.files[-1] != file:
            self.files.append(file)
        at = interaction.recorded_at
        if at is not None:
            start, end = self._spans.get(file, (at, at))
            self.longest_pause_us = max(self.longest_pause_us, at - end)
            self._spans[file] = (min(start, at), max(end, at))
        request = interaction.request
        path = request.path
        for mount in MOUNTS:
            path = path.removeprefix(mount) if path.startswith(f"{mount}/") else path
        what = (request.method.upper(), path)
        if what[0] == "POST" and path in CHATS:
            self._see_chat(interaction, at)
        elif what == ("POST", EVENTS):
            self._see_event(interaction)
        elif path == COSTS or (path.startswith(f"{COSTS}/") and path.count("/") == 3):
            for cost in _things(_answered(interaction), "cost"):
                self._see_cost(cost)
        elif path == ENDPOINTS or path.startswith(f"{ENDPOINTS}/"):
            self._see_endpoints(interaction)

    # Calls

    def _see_chat(self, interaction: Interaction, at: Instant | None) -> None:
        request = _asked(interaction)
        if not isinstance(request, dict):
            self.unread += 1
            return
        answer = interaction.answer
        self.attempts += 1
        if answer.status == 402:
            self.unpaid += 1
            return
        if (answer.status == 429 or answer.status >= 500) and _STOPPED not in answer.body:
            self.failures[answer.status] += 1
            return
        if not 200 <= answer.status < 300:
            self.refused += 1
            return
        use = self._use(request.get("model"))
        took_us = _took_us(interaction)
        self.calls += 1
        use.calls += 1
        self.streams += interaction.is_stream
        if took_us is None:
            self.untimed += 1
        else:
            use.latencies_ms.add(took_us / 1000)
        if at is None:
            self.undated += 1
        else:
            self.week.add(at)
        _count(self.calls_by, _caller(request))
        prompt, completion = _usage(interaction)
        ended_at = None if at is None else at + (took_us or 0)
        before = self._before(request, _Said(prompt, completion, ended_at))
        if before is None:
            use.openings += 1
        elif at is not None and before.ended_at is not None and at > before.ended_at:
            self.thinking_s.add((at - before.ended_at) / 1_000_000)
        if prompt is None or completion is None:
            use.uncounted += 1
            return
        if before is None:
            use.prompts.add(prompt)
        elif before.prompt is not None and before.completion is not None:
            # Of what an earlier turn said, all goes along; what is more is this turn's own.
            use.prompts.add(max(1, prompt - before.prompt - before.completion))
        use.completions.add(completion)

    def _use(self, model: Any) -> Use:
        name = model[:LONGEST_TEXT] if isinstance(model, str) and model else OTHERS
        if name not in self.uses and len(self.uses) >= MOST_USES:
            name = OTHERS
        return self.uses.setdefault(name, Use())

    def _before(self, request: Mapping[str, Any], said: _Said) -> _Said | None:
        """Return the call that a call goes on with, if one does, and keep what may be gone on with."""
        messages = request.get("messages")
        if not isinstance(messages, list):
            return None
        which = [request.get("model"), _caller(request)]
        answers = [n for n, each in enumerate(messages) if isinstance(each, dict) and each.get("role") == "assistant"]
        before = self._talks.pop(_digest([which, messages[: answers[-1]]]), None) if answers else None
        self._talks[_digest([which, messages])] = said
        if len(self._talks) > MOST_TALKS:
            self._talks.popitem(last=False)
        return before

    # Reports

    def _see_event(self, interaction: Interaction) -> None:
        event = _asked(interaction)
        status = interaction.answer.status
        if status == 429 or status >= 500:
            self.unacknowledged[status] += 1
            return
        if not (isinstance(event, dict) and 200 <= status < 300 and _is_short(event.get("type"))):
            return
        name, data = event["type"], event.get("data")
        if name not in self.types and len(self.types) >= MOST_TYPES:
            return
        self.events += 1
        seen = self.types.setdefault(name, EventType())
        if not seen.source and _is_short(event.get("source")):
            seen.source = event["source"]
        seen.events += 1
        seen.keyed += event.get("idempotencyKey") is not None
        seen.stamped += event.get("timestamp") is not None
        _count(self.events_by, event.get("externalSubject") or event.get("subject"))
        for key, value in data.items() if isinstance(data, dict) else ():
            if key in seen.members or (len(seen.members) < MOST_MEMBERS and _is_short(key)):
                seen.members.setdefault(key, Member()).add(value)

    def _see_cost(self, cost: Mapping[str, Any]) -> None:
        name = cost.get("eventType")
        if not _is_short(name) or (name not in self.costs and len(self.costs) >= MOST_TYPES):
            return
        kept = self.costs.setdefault(name, [])
        if len(kept) < MOST_COSTS and all(each.get("id") != cost.get("id") for each in kept):
            kept.append({key: value for key, value in cost.items() if key in _OF_A_COST and _is_small(value)})

    # What there was

    def _see_endpoints(self, interaction: Interaction) -> None:
        for thing in _things(_answered(interaction), None):
            name, task, model = thing.get("id"), thing.get("taskName"), thing.get("model")
            if _is_short(name) and _is_short(task) and len(self.tasks) < MOST_NAMES:
                self.tasks[name] = (task, model if _is_short(model) else "")


_OF_A_COST = frozenset(
    ("id", "eventType", "name", "aggregation", "valueProperty", "unitCost", "currency", "groupBy")
)  # fmt: skip


def _is_short(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_small(value: Any) -> bool:
    """Whether a value may be kept: a plain one, or an object of few short texts."""
    if isinstance(value, dict):
        return len(value) <= MOST_MEMBERS and all(_is_short(key) and _is_short(each) for key, each in value.items())
    return isinstance(value, int | float) or _is_short(value)


def _count(names: Counter[str], name: Any) -> None:
    if not isinstance(name, str) or not name:
        return
    name = name[:LONGEST_TEXT]
    if name in names or len(names) < MOST_NAMES:
        names[name] += 1


def _caller(request: Mapping[str, Any]) -> str | None:
    """Return for whom a call says it is made."""
    metadata = request.get("metadata")
    places = [request.get("user"), request.get("safety_identifier")]
    if isinstance(metadata, dict):
        places += [metadata.get(name) for name in ("customer", "customer_id", "user", "user_id")]
    return next((place for place in places if isinstance(place, str) and place), None)


def _digest(value: Any) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True)
    except RecursionError:
        text = ""  # nobody talks in lists of lists of lists
    return blake2b(text.encode(), digest_size=16).digest()


def _took_us(interaction: Interaction) -> int | None:
    """Return how long an answer took to its end; `None` where nobody measured that."""
    if interaction.wait_us is None or (interaction.is_stream and not interaction.pieces):
        return None
    return interaction.wait_us + sum(piece.wait_us for piece in interaction.pieces)


def _json(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _asked(interaction: Interaction) -> Any:
    """Return a request's JSON, `None` where it has none."""
    request = interaction.request
    try:
        return _json(decoded(request.headers, request.body))
    except ValueError:
        return None


def _answered(interaction: Interaction) -> Any:
    """Return a successful answer's JSON; of a stream, the list of what its events say."""
    answer = interaction.answer
    if not 200 <= answer.status < 300:
        return None
    try:
        body = decoded(answer.headers, answer.body)
    except ValueError:
        return None
    if media_type(answer.header(b"content-type")) == "text/event-stream":
        return [_json(event.data) for event in events(body) if event.data]
    return _json(body)


def _usage(interaction: Interaction) -> tuple[int | None, int | None]:
    """Return the tokens of prompt and completion that an answer counts."""
    told = _answered(interaction)
    for chunk in reversed(told) if isinstance(told, list) else [told]:
        usage = chunk.get("usage") if isinstance(chunk, dict) else None
        if isinstance(usage, dict):
            return _natural(usage.get("prompt_tokens")), _natural(usage.get("completion_tokens"))
    return None, None


def _natural(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= 1_000_000_000 else None


def _things(value: Any, kind: str | None, depth: int = 4) -> Iterator[Mapping[str, Any]]:
    """Yield the objects with an id in JSON data, of one kind where it is said."""
    if depth and isinstance(value, list):
        for each in value:
            yield from _things(each, kind, depth - 1)
    if depth and isinstance(value, dict):
        if "id" in value and (kind is None or value.get("object") == kind):
            yield value
        else:
            for each in value.values():
                yield from _things(each, kind, depth - 1)
