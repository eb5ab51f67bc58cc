"""Sends every recorded request to a fresh simulated world, and has the two answers compared.

A request goes to two worlds that differ in their seed alone: what they answer differently is left to chance, and so is
no reason to call the simulation wrong. Where something still differs, more such worlds are asked before it is said.
"""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from mockserver import resources
from mockserver.app import Simulator
from mockserver.cassettes import bodies
from mockserver.cassettes.differences import Descriptions, Difference, Kind, Knowledge, compare
from mockserver.cassettes.files import CassetteFile, Library
from mockserver.cassettes.identities import Identities, is_drawn, is_id_key, renamed
from mockserver.cassettes.interaction import Answer, Interaction
from mockserver.cassettes.looks import PLACEHOLDER
from mockserver.cassettes.verdicts import Judged
from mockserver.config import Settings
from mockserver.http.endpoint import Api
from mockserver.http.messages import Request
from mockserver.http.openapi import vendor_document
from mockserver.http.router import Match
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.windows import Instant
from mockserver.kernel.world import Beginning, World

PLENTY = MicroUsd(1_000_000_000)
"""What a world is given when its credit is at an end and the recorded account's was not: $1000."""

SECOND_OPINIONS = 6
"""Further worlds, of other seeds, that are asked where the two differ from the recording and not from each other."""

ENOUGH_OPINIONS = 3
"""How often they must agree with the two on one place before they are not asked about it again."""

_OUT_OF_MONEY = 402
_ABSENT = re.compile(r"unknown|not found|no such|not exist|not match any", re.IGNORECASE)
# Refusals that say that what was asked about is there.
_OF_ITS_STATE = (400, 409, 422)

MADE_BEFORE = (
    "names something ({what}) that no earlier answer of the recording mentions: begin the recording before it is made,"
    " or let --scenario or --fixtures make it"
)
COUNTED_BEFORE = (
    "only what is counted or listed differs, and the recorded account had things that were made before the recording"
)


@dataclass(frozen=True, slots=True)
class Start:
    """What the worlds are like in which recordings are checked.

    :param scenario: name or path of the scenario whose start state they have, or `None`.
    :param seed: in place of the scenario's, or 0.
    :param fixtures: folder of a user's own starting data, or `None`.
    """

    scenario: str | None = None
    seed: int | None = None
    fixtures: Path | None = None

    def settings(self) -> Settings:
        """Return the settings of a simulator that has such worlds.

        :raises Unusable: there is no such scenario, or it cannot be read.
        """
        beginning = Beginning(clock_mode="frozen")
        if self.scenario is not None:
            from mockserver.simulation.script import load  # YAML and models are slow to import

            beginning = load(resources.scenario(self.scenario)).beginning
        if self.seed is not None:
            beginning = replace(beginning, seed=self.seed)
        return Settings(beginning=beginning, scenario=self.scenario, fixtures=self.fixtures)


def check(library: Library, start: Start | None = None) -> Iterator[Judged]:
    """Yield what became of every interaction, in the order in which they are checked.

    The files of one folder are one recording: they are played into one world, by the time at which each interaction was
    recorded. Each folder has a world of its own.

    :raises Unusable: no world can be made as asked for.
    :raises BadCassette: an interaction cannot be read.
    """
    simulator = Simulator((start or Start()).settings())
    try:
        described = Descriptions({vendor.name: vendor_document(vendor.api) for vendor in simulator.vendors})
        steady = _Steadiness()
        for n, files in enumerate(sessions(library.files)):
            with _Session(library, simulator, described, steady, n) as session:
                for number in in_order(library, files):
                    yield session.judge(number)
    finally:
        simulator.close()


def sessions(files: Iterable[CassetteFile]) -> Iterator[tuple[CassetteFile, ...]]:
    """Yield the files that were recorded together: those of one folder."""
    by_folder = sorted(files, key=lambda file: file.path.parent)
    for _, together in groupby(by_folder, key=lambda file: file.path.parent):
        yield tuple(together)


def in_order(library: Library, files: Sequence[CassetteFile]) -> Iterator[int]:
    """Yield the numbers of the interactions of several files by the time they were recorded.

    Within a file its own order stays; one without a time comes with the one before it. Only one interaction is read
    ahead for each file.
    """

    def timed(file: CassetteFile) -> Iterator[tuple[int, int]]:
        at = 0
        for number in range(file.first, file.first + file.count):
            if len(files) > 1:
                at = max(at, library.read(number).recorded_at or 0)
            yield at, number

    for _, number in heapq.merge(*map(timed, files)):
        yield number


class _Twin:
    """One of the two worlds a recording is checked in, with what it calls the recorded things."""

    def __init__(self, simulator: Simulator, name: str, seed: int | None = None) -> None:
        self._simulator = simulator
        self._purses = {vendor.name: vendor.account for vendor in simulator.vendors if vendor.account is not None}
        with simulator.store.committed():
            self.world: World = simulator.worlds.create(name)
            if seed is not None:
                simulator.worlds.reseed(self.world, seed)
        self.identities = Identities()

    def hear(self, api: Api, interaction: Interaction) -> Answer:
        """Return the simulation's answer to a recorded request, and learn from it what things are called there."""
        answer = self.ask(api, interaction.request, interaction.answer.status, interaction.recorded_at)
        self.identities.learn(interaction.answer, answer)
        return answer

    def ask(self, api: Api, request: Request, status: int, at: Instant | None) -> Answer:
        """Return what the simulation answers to a recorded request, and do what it does.

        What a recording says of the account it was made with goes for the simulated one: whether the key was good,
        there was credit, or the vendor was in trouble.

        :param status: that was recorded.
        """
        if status == 401:
            # Whoever is not known has no world, and no clock.
            return self._served(replace(request, headers=_without_key(request)), None)
        ours = self.identities.ours(request)
        key = f"Bearer {api.key_prefix}test_{self.world.name}".encode()
        ours = replace(ours, headers={**_without_key(ours), b"authorization": key})
        store, worlds = self._simulator.store, self._simulator.worlds
        if at is not None:
            with store.committed():
                worlds.set_clock(self.world, "frozen", at, 0.0)
        purse = self._purses.get(api.name)
        if status == _OUT_OF_MONEY and purse is not None:
            held = purse.balance(self.world)
            self._grant(api, MicroUsd(-held))
            answer = self._served(ours, self.world)
            self._grant(api, held)
            return answer
        if status == 429 or status >= 500:
            return self._in_trouble(api, ours, status)
        answer = self._served(ours, self.world)
        if answer.status == _OUT_OF_MONEY and purse is not None:
            self._grant(api, PLENTY)
            answer = self._served(ours, self.world)
        return answer

    def _in_trouble(self, api: Api, request: Request, status: int) -> Answer:
        """Return the refusal that was recorded as this vendor words it, where the simulation has no reason for it."""
        store = self._simulator.store
        try:
            with store.work(), store.atomic():
                answer = self._served(request, self.world)
                if answer.status != status:
                    raise _Undone
        except _Undone:
            with store.committed():
                self._simulator.worlds.recall(self.world)
            reply = api.failure(status, None)
            return Answer(reply.status, "", reply.headers, reply.body)
        store.commit()
        return answer

    def _served(self, request: Request, world: World | None) -> Answer:
        reply = self._simulator.gateway.handle(replace(request), world)
        body = reply.body if reply.pieces is None else b"".join(reply.pieces)
        self._simulator.store.commit()
        return Answer(reply.status, "", reply.headers, body)

    def _grant(self, api: Api, amount: MicroUsd) -> None:
        with self._simulator.store.committed():
            self._purses[api.name].grant(self.world, amount, "as recorded")

    def close(self) -> None:
        """Remove the world."""
        with self._simulator.store.committed():
            self._simulator.worlds.delete(self.world)


def _without_key(request: Request) -> dict[bytes, bytes]:
    return {name: value for name, value in request.headers.items() if name != b"authorization"}


class _Undone(Exception):
    """Undoes what a block wrote although nothing went wrong."""


class _Steadiness:
    """What is known of places in the answers of operations: whether chance decides what stands there.

    A place is a kind of difference, and where it is.
    """

    def __init__(self) -> None:
        self._chance: dict[tuple[str, int], set[tuple[Kind, str]]] = {}
        self._agreed: Counter[tuple[str, int, Kind, str]] = Counter()

    def learn(self, judged: Judged, one: Answer, other: Answer, knowledge: Knowledge) -> None:
        """Note where two worlds of different seeds differ.

        :param knowledge: its ids are the second one's, and what the first calls the same thing.
        """
        if one.status == other.status:
            places = {(each.kind, each.where) for each in compare(other, one, knowledge)}
            self._chance.setdefault((judged.operation, one.status), set()).update(places)

    def without_chance(self, judged: Judged, status: int, differences: Iterable[Difference]) -> list[Difference]:
        """Return the differences that are not where chance decides.

        Where it decides what is said, it decides whether anything is, and how much: null, or the length of a list.
        """
        chance = self._chance.get((judged.operation, status), set())
        said = {where for _, where in chance}
        return [
            each
            for each in differences
            if (each.kind, each.where) not in chance and not (each.grade == "value" and each.where in said)
        ]

    def is_settled(self, judged: Judged, differences: Iterable[Difference]) -> bool:
        """Whether all worlds have been of one opinion about these places often enough."""
        return all(self._agreed[self._place(judged, each)] >= ENOUGH_OPINIONS for each in differences)

    def settle(self, judged: Judged, differences: Iterable[Difference]) -> None:
        """Note that all worlds are of one opinion about these places."""
        self._agreed.update(self._place(judged, each) for each in differences)

    @staticmethod
    def _place(judged: Judged, difference: Difference) -> tuple[str, int, Kind, str]:
        return judged.operation, judged.status, difference.kind, difference.where


class _Session:
    """One recording, as far as it has been checked."""

    def __init__(
        self, library: Library, simulator: Simulator, described: Descriptions, steady: _Steadiness, number: int
    ) -> None:
        self._library = library
        self._simulator = simulator
        self._router = simulator.gateway.router
        self._described = described
        self._steady = steady
        self._name = f"check-{number}"
        self._twin = _Twin(simulator, self._name)
        self._other = _Twin(simulator, f"{self._name}-1", self._twin.world.draws.seed + 1)
        self._more: list[_Twin] = []
        # What was asked, and how much of it the further worlds have been asked.
        self._asked: list[int] = []
        self._caught_up = 0
        # Vendors of whose things some are unknown: all that reads them, or what reads the whole account only.
        self._amiss: set[str] = set()
        self._had_more: set[str] = set()

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *raised: object) -> None:
        for each in (self._twin, self._other, *self._more):
            each.close()

    def judge(self, number: int) -> Judged:
        """Send one recorded request to the worlds, and return what is to be said of the answers."""
        interaction = self._library.read(number)
        request = interaction.request
        match = self._router.find(request.method, request.path)
        judged = Judged(
            str(self._library.file_of(number).path), self._library.place(number), request.method, request.path,
            f"{match.api.name}.{match.endpoint.operation}" if match.api and match.endpoint else "",
            interaction.answer.status,
        )  # fmt: skip
        if match.api is None or (match.endpoint is None and interaction.answer.status not in (404, 405)):
            path = "/".join("{id}" if is_drawn(segment) else segment for segment in request.path.split("/"))
            reason = f"the simulator has no operation at {request.method} {path}"
            return replace(judged, is_simulated=False, reason=reason)
        self._asked.append(number)
        return self._compared(judged, interaction, match, match.api)

    def _compared(self, judged: Judged, interaction: Interaction, match: Match, api: Api) -> Judged:
        recorded = interaction.answer
        twin, other = self._twin, self._other
        strangers = list(_strangers(interaction.request, match.parameters, twin.identities))
        answers = [each.hear(api, interaction) for each in (twin, other)]
        if answers[0].status != recorded.status == answers[1].status:
            twin, other = other, twin  # chance decided, and there it decided as in the recording
            answers.reverse()
        simulated, second = answers
        reason = "" if recorded.status == simulated.status else _excuse(interaction, simulated, strangers)
        if reason:
            if interaction.request.method != "GET":
                self._amiss.add(api.name)
            return replace(judged, reason=reason)
        schema = self._described.schema(judged.operation, simulated.status) if judged.operation else None
        between = _Between(other.identities, twin.identities)
        noise = renamed(second, between.get) if second.status == simulated.status else None
        knowledge = Knowledge(schema, interaction.recorded_at, twin.identities.pairs, noise)
        differences = compare(recorded, simulated, knowledge)
        if differences and _is_redacted(interaction.request):
            # What was counted in the place of a placeholder, such as tokens, nobody can count again.
            differences = [each for each in differences if each.kind != "number"]
        is_partial = False
        if interaction.request.method == "GET" and simulated.status == recorded.status:
            is_partial = self._is_partial(recorded, api, is_account_wide=not match.parameters)
        if is_partial and differences:
            # What is optional may be there or not for what there is.
            grave = [each for each in differences if each.grade != "value" and not each.note.startswith("documented")]
            if not grave:
                return replace(judged, reason=COUNTED_BEFORE)
            differences = grave
        if differences and simulated.status == recorded.status:
            self._steady.learn(judged, simulated, second, Knowledge(schema, ids=between))
            differences = self._steady.without_chance(judged, simulated.status, differences)
            if differences and not self._steady.is_settled(judged, differences):
                for each, answer in self._opinions():
                    self._steady.learn(
                        judged, simulated, answer, Knowledge(schema, ids=_Between(each.identities, twin.identities))
                    )
                differences = self._steady.without_chance(judged, simulated.status, differences)
                self._steady.settle(judged, differences)
        return replace(judged, differences=tuple(differences))

    def _is_partial(self, recorded: Answer, api: Api, *, is_account_wide: bool) -> bool:
        """Whether an answer is about things, or the sum of things, that were made before the recording began."""
        has_more = _mentions_strangers(recorded, self._twin.identities)
        if has_more:
            self._had_more.add(api.name)
        return has_more or api.name in self._amiss or (is_account_wide and api.name in self._had_more)

    def _opinions(self) -> list[tuple[_Twin, Answer]]:
        """Return what further worlds answer to the last request, after all that were before it."""
        if not self._more:
            seed = self._twin.world.draws.seed + 2
            self._more = [_Twin(self._simulator, f"{self._name}-{n}", seed + n) for n in range(2, 2 + SECOND_OPINIONS)]
        found: list[tuple[_Twin, Answer]] = []
        for number in self._asked[self._caught_up :]:
            interaction = self._library.read(number)
            api = self._router.find(interaction.request.method, interaction.request.path).api
            assert api is not None
            found = [(each, each.hear(api, interaction)) for each in self._more]
        self._caught_up = len(self._asked)
        return found


class _Between(Mapping[str, str]):
    """One world's ids, and what the other calls the same thing; nothing is copied, for there may be many."""

    def __init__(self, one: Identities, other: Identities) -> None:
        self._recorded, self._others = one.recorded, other.pairs

    def __getitem__(self, name: str) -> str:
        return self._others[self._recorded[name]]

    def __iter__(self) -> Iterator[str]:
        return (name for name, recorded in self._recorded.items() if recorded in self._others)

    def __len__(self) -> int:
        return min(len(self._recorded), len(self._others))


@dataclass(frozen=True, slots=True)
class _Stranger:
    """Something a request names that no answer has mentioned.

    :param key: of the member or parameter it stands in.
    """

    key: str
    text: str
    is_in_path: bool = False


def _strangers(request: Request, parameters: Sequence[str], identities: Identities) -> Iterator[_Stranger]:
    for text in parameters:
        if not identities.is_known(text):
            yield _Stranger("", text, is_in_path=True)
    named = [(name, value) for name, value in parse_qsl(request.query.decode("latin-1"))]
    content_type = request.headers.get(b"content-type", b"")
    kind = bodies.media_type(content_type)
    if kind == "multipart/form-data":
        parts = bodies.multipart(content_type, request.body) or []
        named += [(each.name.decode("latin-1"), each.body.decode("latin-1")) for each in parts if each.filename is None]
    elif request.body[:1] in (b"{", b"["):
        with suppress(ValueError, RecursionError):
            named += _texts("", json.loads(request.body))
    for key, text in named:
        if 2 < len(text) <= 200 and not identities.is_known(text):
            yield _Stranger(key, text)


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(name, each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(key, each)
    elif isinstance(value, str):
        yield key, value


def _excuse(interaction: Interaction, simulated: Answer, strangers: Sequence[_Stranger]) -> str:
    """Return why another status says nothing about the simulation; empty where it does."""
    request, recorded = interaction.request, interaction.answer
    if recorded.status == 403:
        return "was refused for what the recorded key may do, which the recording does not tell"
    if recorded.status == 404 and simulated.status < 300:
        unknown = next((each for each in strangers if each.is_in_path), None)
        return "names something in its path that the recorded account had not, and ours has" if unknown else ""
    if not 400 <= simulated.status < 500 or (recorded.status >= 400 and recorded.status not in _OF_ITS_STATE):
        return ""
    said = simulated.body.decode("utf-8", "replace")
    reason = next((each for each in strangers if _is_the_reason(each, simulated.status, said)), None)
    if reason is not None:
        return MADE_BEFORE.format(what=reason.key or "in its path")
    if _is_redacted(request):
        return "was recorded with something redacted in it, and the simulator refuses what stands in its place"
    return ""


def _is_redacted(request: Request) -> bool:
    return any(
        PLACEHOLDER.search(text.decode("latin-1")) for text in (request.path.encode(), request.query, request.body)
    )


def _is_the_reason(stranger: _Stranger, status: int, said: str) -> bool:
    """Whether a refusal is about something that was named, and not about how it was named.

    :param said: the refusal's body.
    """
    text, key = stranger.text, stranger.key
    if PLACEHOLDER.search(text):
        return False
    if status == 404 and (stranger.is_in_path or text in said):
        return True
    if is_id_key(key) or is_drawn(text):
        return text in said or (key != "" and f'"{key}' in said)
    return _ABSENT.search(said) is not None and any(quoted in said for quoted in (f"'{text}'", json.dumps(text)))


def _mentions_strangers(recorded: Answer, identities: Identities) -> bool:
    """Whether an answer mentions things by ids that nothing was learnt of: they are older than the recording."""
    if not bodies.is_json(bodies.media_type(recorded.header(b"content-type"))):
        return False
    try:
        content = json.loads(bodies.decoded(recorded.headers, recorded.body))
    except (ValueError, RecursionError):
        return False
    return any(is_id_key(key) and is_drawn(text) and not identities.is_known(text) for key, text in _texts("", content))
