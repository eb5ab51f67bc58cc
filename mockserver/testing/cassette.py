"""A test's cassette: recorded answers in place of its world's, and what is recorded for the next time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mockserver.cassettes.files import SUFFIXES, Library
from mockserver.cassettes.interaction import BadCassette
from mockserver.cassettes.player import NOT_RECORDED, Miss, Order, Player, Repeats
from mockserver.testing.marker import RECORD_MODES, Options, WrongOption
from mockserver.testing.tables import table

if TYPE_CHECKING:
    from mockserver.cassettes.carrying import Carrying
    from mockserver.http.messages import Reply, Request
    from mockserver.testing.recording import Recording
    from mockserver.testing.server import LocalServer, Server
    from mockserver.testing.world import World

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

_FOREIGN = re.compile(r"[^\w.,=+@\[\] -]", re.ASCII)
_MAX_NAME = 120
_SHOWN = 20
_PLAYED = 'played already; repeats="last" plays it again'
_NEAREST = 2


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a test stands, and what its run says about recording.

    :param node: the test's node id.
    :param file: in which it is.
    :param mode: record mode that counts more than the marker's.
    :param usual_mode: the one that counts where the marker says none.
    :param upstreams: where to record from: `vendor=URL` each, or `simulator`.
    :param redacted: fields whose values are not recorded, besides those that never are.
    :param keys: of the real vendors, by vendor's name.
    :param is_blocked: whether the run or the test forbids connections to other machines.
    """

    node: str
    file: Path = Path("test.py")
    mode: str | None = None
    usual_mode: str | None = None
    upstreams: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    is_blocked: bool = False

    @property
    def own_path(self) -> Path:
        """The folder of the test's own cassette."""
        name, bracket, parameters = self.node.partition("::")[2].partition("[")
        own = f"{name.replace('::', '.') or 'test'}{bracket}{parameters}"
        return self.file.parent / "cassettes" / self.file.stem / _file_name(own)


def _file_name(text: str) -> str:
    """Return a text as a name that every file system takes; two texts never get one name."""
    plain = _FOREIGN.sub("-", text).strip(" .")[:_MAX_NAME]
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def opened(options: Options, stand: Stand, server: Server, label: str, others: Sequence[Cassette]) -> Cassette:
    """Return the cassette of a world that does not exist yet.

    :param label: tells the worlds of one test apart.
    :param others: of the test's other worlds.
    :raises WrongOption: there is none, it cannot be used, or there is nowhere to record it from.
    """
    if not server.is_local:
        raise WrongOption(
            "cassette: what is recorded is played by a simulator in this process, and --mockserver-url names another;"
            " run without it, or point the clients at a `mockserver replay`"
        )
    mode = _mode(options, stand)
    path = _path(options, stand, label)
    if mode == "none":
        path = _shipped(options.cassette, path)
    is_there = bool(cassettes_in(path))
    is_recording = mode in ("new_episodes", "all") or (mode == "once" and not is_there)
    if not is_there and not is_recording:
        raise WrongOption(f"cassette={options.cassette!r}: nothing is recorded at {_shown(path)}; {_how(stand)}")
    try:
        player = _player(options, path) if is_there and mode != "all" else None
        recording = _recording(options, stand, server, path, mode, player, others) if is_recording else None
    except BadCassette as error:
        raise WrongOption(f"cassette={options.cassette!r}: {error}") from None
    return Cassette(path, mode, options.on_miss, server, player, recording)


def _shipped(said: object, path: Path) -> Path:
    """Return the shipped cassette of a name where nothing is at the path, else the path."""
    from mockserver.resources import cassette

    return cassette(Path(str(said))) if not path.exists() and not isinstance(said, bool) else path


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def cassettes_in(path: Path) -> list[Path]:
    """Return the cassette files at a path: the file, or those in the folder."""
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
    return [path] if path.is_file() else []


def _player(options: Options, path: Path) -> Player:
    return Player(
        Library([path]),
        order=cast(Order, options.order),
        repeats=cast(Repeats, options.repeats),
        match_on=frozenset([options.match_on] if isinstance(options.match_on, str) else options.match_on),
    )


def _path(options: Options, stand: Stand, label: str) -> Path:
    if options.cassette is True:
        own = stand.own_path
        return own.with_name(f"{own.name}.{_file_name(label)}") if label else own
    return stand.file.parent / str(options.cassette)


def _mode(options: Options, stand: Stand) -> str:
    mode = stand.mode or options.record_mode or stand.usual_mode or RECORD_MODES[0]
    if mode not in RECORD_MODES:
        raise WrongOption(f"--mockserver-record-mode: '{mode}' is none of {', '.join(RECORD_MODES)}")
    return mode


def _how(stand: Stand) -> str:
    return (
        f"record it once: pytest '{stand.node}' --mockserver-record-mode=once --mockserver-upstream=pareta=https://..."
    )


def _recording(
    options: Options,
    stand: Stand,
    server: LocalServer,
    path: Path,
    mode: str,
    before: Player | None,
    others: Sequence[Cassette],
) -> Recording:
    from mockserver.testing.recording import SIMULATOR, Recording, Sources

    if not stand.upstreams:
        raise WrongOption(
            f"record mode '{mode}' records, and nothing says from where: --mockserver-upstream=pareta=https://..., once"
            f" for each vendor; or --mockserver-upstream={SIMULATOR}, for this simulator's own answers"
        )
    if any(other.path == path and other.is_recording for other in others):
        raise WrongOption(f"cassette={options.cassette!r}: another world of this test is recorded there already")
    is_blocked = stand.is_blocked or options.block_network
    sources = Sources(stand.upstreams, stand.keys, server, is_blocked=is_blocked)
    parts = frozenset([options.match_on] if isinstance(options.match_on, str) else options.match_on)
    return Recording(path, mode, parts, stand.redacted, sources, server, before)


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request of a cassette.

    :param headers: names in lower case.
    :param place: where it stands.
    """

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes
    place: str

    def __str__(self) -> str:
        return f"{self.method} {self.uri} ({self.place})"


class Cassette:
    """The recording that answers in the place of a test's world.

    :param path: the file, or the folder of files.
    :param record_mode: as VCR.py calls it: `none`, `once`, `new_episodes` or `all`.
    """

    def __init__(
        self,
        path: Path,
        record_mode: str,
        on_miss: str,
        server: LocalServer,
        player: Player | None,
        recording: Recording | None,
    ) -> None:
        self.path = path
        self.record_mode = record_mode
        self._tapes = server.simulator.gateway.tapes
        self._player = player
        self._recording = recording
        self._tape = _tape(on_miss, player, recording)
        self._world = ""
        self._missed: list[Miss] = []

    def __repr__(self) -> str:
        return f"Cassette({str(self.path)!r}, {self.play_count} of {len(self)} played)"

    def __len__(self) -> int:
        """Return how many interactions can be played."""
        return len(self._player.library) if self._player is not None else 0

    # What a test asks

    @property
    def is_recording(self) -> bool:
        """Whether requests that are not in it are recorded."""
        return self._recording is not None

    @property
    def is_simulated(self) -> bool:
        """Whether everything that is asked for happens in the simulation too."""
        return self._tape.is_carrying

    @property
    def play_count(self) -> int:
        """How many answers were played."""
        return self._player.play_count if self._player is not None else 0

    @property
    def all_played(self) -> bool:
        """Whether every interaction was played."""
        return not self._unplayed()

    @property
    def unplayed(self) -> list[RecordedRequest]:
        """The requests whose answers were not played, in order."""
        return [self._request(number) for number in self._unplayed()]

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests that can be played, in order."""
        return [self._request(number) for number in range(len(self))]

    def rewind(self) -> None:
        """Begin anew: nothing counts as played. What was recorded stays so."""
        if self._player is not None:
            self._missed += self._player.misses
            self._player.rewind()

    def renew(self) -> None:
        """Begin anew in a world that begins anew."""
        self.rewind()
        self._tape.rewind()

    def _unplayed(self) -> Sequence[int]:
        return self._player.unplayed if self._player is not None else ()

    def _request(self, number: int) -> RecordedRequest:
        assert self._player is not None
        library = self._player.library
        request = library.read(number).request
        query = f"?{request.query.decode('latin-1')}" if request.query else ""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
        uri = f"{request.origin}{request.path}{query}"
        return RecordedRequest(request.method, uri, headers, request.body, library.place(number))

    # What its keeper does

    def insert(self, world: World) -> None:
        """Let it answer in a world's place."""
        self._world = world.name
        if self._recording is not None:
            self._recording.begin(world.name)
        self._tapes[world.name] = self._tape

    def eject(self) -> None:
        """Let the world answer by itself again."""
        self._tapes.pop(self._world, None)
        if self._recording is not None:
            self._recording.close()

    def write(self) -> None:
        """Write what was recorded, whether or not the test has passed: it was paid for."""
        if self._recording is not None:
            self._recording.write()

    def violations(self, rules: frozenset[str]) -> Iterator[str]:
        """Yield what went against a rule, as text."""
        if self._recording is not None:
            yield from self._recording.failures
        missed = [*self._missed, *(self._player.misses if self._player is not None else ())]
        if "unmatched_requests" in rules and missed:
            yield _told_missed(missed, self._where())
        if "unplayed_interactions" in rules and self._unplayed():
            unplayed = self.unplayed
            shown = "\n".join(f"  {request}" for request in unplayed[:_SHOWN])
            more = f"\n  and {len(unplayed) - _SHOWN} more" if len(unplayed) > _SHOWN else ""
            yield f"{len(unplayed)} of {len(self)} recorded answers of {self._where()} not played\n{shown}{more}"

    def _where(self) -> str:
        return _shown(self.path)


def _told_missed(misses: Sequence[Miss], where: str) -> str:
    """Return which requests were not recorded, and what comes closest to each, as text."""
    rows: list[tuple[str, str, str, str, str]] = []
    for miss in misses[:_SHOWN]:
        request = f"{miss.method} {miss.path}"
        if not miss.nearest:
            rows.append((request, "", "nothing is recorded", "", ""))
        for near in miss.nearest[:_NEAREST]:
            differs = [(each.where, each.recorded or "nothing", each.sent or "nothing") for each in near.differs]
            if near.times:
                differs.insert(0, (_PLAYED, "", ""))
            for n, difference in enumerate(differs or [("only its place in the order", "", "")]):
                rows.append((request, "" if n else near.place, *difference))
                request = ""
    counted = "one request was" if len(misses) == 1 else f"{len(misses)} requests were"
    message = f"{counted} not recorded in {where}, and answered {NOT_RECORDED}"
    columns = ("request", "nearest", "what differs", "recorded", "sent")
    return f"{message}\n{table(columns, rows, max(len(misses) - _SHOWN, 0))}"


class _Playing:
    """Plays what was recorded, and refuses everything else."""

    is_carrying = False

    def __init__(self, player: Player) -> None:
        self.play = player.play
        self.rewind = player.rewind

    def ours(self, request: Request) -> Request:
        """Never asked."""
        return request

    def heard(self, request: Request, played: Reply | None, simulated: Reply) -> Reply:
        """Never asked."""
        return simulated


def _tape(on_miss: str, player: Player | None, recording: Recording | None) -> Recording | Carrying | _Playing:
    if recording is not None:
        return recording
    assert player is not None
    if on_miss == "simulate":
        from mockserver.cassettes.carrying import Carrying

        return Carrying(player)
    return _Playing(player)
