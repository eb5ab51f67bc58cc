"""Where a scenario is played: in a database file that no server holds, in a simulator of ours, or at a running server.

Each yields how far it is, again and again, as `GET scenario` tells it, and last when its history is all there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mockserver import resources
from mockserver.kernel.errors import MockError, UnknownWorld, Unusable
from mockserver.kernel.money import usd_text
from mockserver.kernel.windows import parse_instant

if TYPE_CHECKING:
    from mockserver.app import Simulator
    from mockserver.kernel.clock import Mode
    from mockserver.kernel.world import Worlds

Played = Mapping[str, Any]

_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Scene:
    """A scenario, and what is said beside it.

    :param name: of a shipped one, or the path of a file.
    :param text: of that file; `None` for a shipped one.
    :param history: how much of it is there at once, as `7d`; `None` for what the scenario says.
    :param clock: what the clock does after that, as the command line has it; `None` for what the scenario says.
    """

    name: str
    text: str | None
    seed: int | None = None
    history: str | None = None
    clock: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The scenario as the control API takes it."""
        said = {"name": self.name, "text": self.text, "seed": self.seed, "history": self.history}
        return {name: value for name, value in said.items() if value is not None}


def scene(name_or_path: str, seed: int | None = None, history: str | None = None, clock: str | None = None) -> Scene:
    """Return a scenario by shipped name or by path.

    :raises Unusable: there is none, or it cannot be read.
    """
    path = resources.scenario(name_or_path)
    if name_or_path in resources.scenario_names():
        return Scene(name_or_path, None, seed, history, clock)
    try:
        return Scene(name_or_path, path.read_text(encoding="utf-8"), seed, history, clock)
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"cannot read {path}: {error}") from None


def faults(scene: Scene) -> list[str]:
    """Return what is wrong with a scenario's file, each with its line."""
    from mockserver.simulation.planning import read
    from mockserver.simulation.script import FaultyScript
    from mockserver.vendors.registry import vendors

    if scene.text is None:
        return []
    try:
        read(scene.text, scene.name, vendors())
    except FaultyScript as faulty:
        return faulty.lines
    return []


def in_file(db: Path, world: str, scene: Scene) -> Iterator[Played]:
    """Play a scenario in a world of a file, which is made when it is absent; again, to go on where it stopped.

    A file that was made for a scenario that cannot be played is gone again.

    :raises Unusable: the file is in use or not ours, or the scenario cannot be played there.
    """
    from mockserver.app import Simulator
    from mockserver.config import Settings

    is_new, is_played = not db.exists(), False
    simulator = Simulator(Settings(db))
    try:
        for played in in_simulator(simulator, world, scene):
            is_played = True
            yield played
    finally:
        simulator.close()
        if is_new and not is_played:
            db.unlink(missing_ok=True)


def in_simulator(simulator: Simulator, world: str, scene: Scene) -> Iterator[Played]:
    """Play a scenario in a world of a simulator that serves nobody yet.

    :raises Unusable: it cannot be played there.
    """
    from pydantic import ValidationError

    from mockserver.control.control import Control
    from mockserver.control.scenario import PlayRequest
    from mockserver.http.endpoint import problems_of
    from mockserver.kernel.errors import InvalidRequest

    stage = simulator.stage
    control = Control(simulator.worlds, simulator.vendors, {}, stage)
    try:
        try:
            asked = PlayRequest.model_validate(scene.body)
        except ValidationError as error:
            raise InvalidRequest(*problems_of(error, "body")) from None
        _make_sure_of(simulator.worlds, world)
        with control.changing(world) as held:
            played = stage.play(held, asked.name, asked.text, asked.seed, asked.history)
        yield played
        yield from stage.backfill(held)
        if scene.clock is not None:
            with control.changing(world) as held:
                simulator.worlds.set_clock(held, *_clock(scene.clock))
                yield stage.playing(held)
    except MockError as error:
        place = simulator.settings.db or "memory"
        raise Unusable(f"{scene.name} cannot be played in world '{world}' of {place}: {error}") from None


def _make_sure_of(worlds: Worlds, name: str) -> None:
    """Make a world that is not there yet, although only known ones may be let in: this is how it becomes known."""
    with worlds.store.committed():
        try:
            worlds.get(name)
        except UnknownWorld:
            worlds.create(name)


def _clock(text: str) -> tuple[Mode, None, float]:
    from mockserver.config import parse_clock

    mode, rate = parse_clock(text)
    return mode, None, rate


def at_server(url: str, world: str, scene: Scene, admin_token: str | None) -> Iterator[Played]:
    """Play a scenario in a world of a running server; the server goes on with it when we are interrupted.

    :raises Unusable: no server of ours is there, or the scenario cannot be played in it.
    """
    from queue import Empty, Queue
    from threading import Thread

    from mockserver.testing.remote import HttpWire, check
    from mockserver.testing.server import NoServer
    from mockserver.testing.wire import Refused

    try:
        check(url, admin_token)
    except NoServer as error:
        raise Unusable(str(error)) from None
    wire = HttpWire(url, admin_token)
    answers: Queue[Played | Refused] = Queue()

    def ask() -> None:
        try:
            answers.put(wire.call("scenario.play", world, body=scene.body))
        except Refused as refused:
            answers.put(refused)

    Thread(target=ask, daemon=True).start()  # so that nobody waits for it who was interrupted
    try:
        while True:
            try:
                answer = answers.get(timeout=_LOOK_S)
            except Empty:
                answer = wire.call("scenario.get", world)
                if answer["name"] is not None:
                    yield answer
            else:
                if isinstance(answer, Refused):
                    raise answer
                yield answer
                return
    except Refused as refused:
        raise Unusable(f"{scene.name} cannot be played in world '{world}' of {url}: {refused.detail}") from None
    finally:
        wire.close()


# Telling


def share_played(played: Played) -> float:
    """Return how much of its history is there, as a share."""
    if played["is_filled"] or played["starts_at"] is None or played["position"] is None:
        return 1.0
    start, end, now = (parse_instant(played[name]) for name in ("starts_at", "history_ends_at", "position"))
    return min(max((now - start) / (end - start), 0.0), 1.0) if end > start else 1.0


def summary(played: Played) -> list[str]:
    """Return what came of a scenario so far, line by line; only what there was any of."""
    tallies, planted = played["tallies"], played["planted"]

    def counted(names: Mapping[str, str], numbers: Mapping[str, int]) -> str:
        return ", ".join(f"{numbers[name]:,} {said}" for name, said in names.items() if numbers.get(name))

    lines = [
        counted(_CALLS, tallies),
        f"${usd_text(tallies['debited_micro_usd'])} debited" if tallies.get("debited_micro_usd") else "",
        counted(_EVENTS, tallies),
        counted(_ELSE, tallies),
        counted({name: name.replace("_", " ") for name in planted}, planted),
    ]
    if lines[-1]:
        lines[-1] = f"planted between debits and events: {lines[-1]}"
    return [line for line in lines if line]


_CALLS = {
    "calls": "calls", "answered": "answered", "refused": "refused", "failed": "failed", "retried": "retried",
    "held_back": "held back for want of credit",
}  # fmt: skip
_EVENTS = {"sent": "cost events sent", "recorded": "recorded"}
_ELSE = {
    "top_ups": "top-ups", "invoices": "invoices", "steps": "requests of its own", "refused_steps": "of them refused",
}  # fmt: skip
