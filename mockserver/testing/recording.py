"""Recording a test's cassette: what its clients ask for is asked of the real vendors, or of the simulation."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mockserver.cassettes import matching
from mockserver.cassettes.carrying import Carrying
from mockserver.cassettes.files import SUFFIXES, Library
from mockserver.cassettes.interaction import Answer, BadCassette, Interaction
from mockserver.cassettes.looks import PLACEHOLDER
from mockserver.cassettes.player import OF_THE_CONNECTION
from mockserver.cassettes.redaction import CannotRedact, Redactor
from mockserver.cassettes.upstream import Upstream, UpstreamFailed
from mockserver.cassettes.writing import CannotWrite, CassetteWriter, RecordMode
from mockserver.environment import KEY_VARIABLES
from mockserver.http.messages import Reply, Request, Stream
from mockserver.kernel.errors import Unusable
from mockserver.testing.cassette import cassettes_in
from mockserver.testing.marker import WrongOption
from mockserver.testing.network import is_local

if TYPE_CHECKING:
    from mockserver.cassettes.player import Player
    from mockserver.testing.server import LocalServer

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

SIMULATOR = "simulator"
"""The upstream that is the test's own world."""


class Sources:
    """Where a test's cassette is recorded from.

    :param said: `vendor=URL` each, or `simulator` alone.
    :param keys: of the vendors, by name: they go in place of the world's.
    :param is_blocked: whether other machines are out of bounds.
    :raises WrongOption: one cannot be.
    """

    def __init__(self, said: Sequence[str], keys: Mapping[str, str], server: LocalServer, *, is_blocked: bool) -> None:
        self._server = server
        self._keys = dict(keys)
        self._upstreams: dict[str, Upstream] = {}
        self.is_simulator = SIMULATOR in said
        if self.is_simulator:
            if len(said) > 1:
                raise WrongOption(f"--mockserver-upstream: {SIMULATOR} stands alone, and there is {' '.join(said)}")
            return
        vendors = [vendor.name for vendor in server.simulator.vendors]
        for text in said:
            vendor, is_pair, url = text.partition("=")
            if not is_pair or vendor not in vendors:
                wanted = ", ".join(f"{name}=URL" for name in vendors)
                raise WrongOption(f"--mockserver-upstream: '{text}' is none of {wanted}, {SIMULATOR}")
            if vendor in self._upstreams:
                raise WrongOption(f"--mockserver-upstream: there are two for {vendor}")
            host = urlsplit(url).hostname
            if is_blocked and not is_local(host):
                raise WrongOption(
                    f"recording from {url} is a connection to another machine, which block_network forbids here"
                )
            try:
                self._upstreams[vendor] = Upstream(url)
            except Unusable as error:
                raise WrongOption(f"--mockserver-upstream: {error}") from None

    @property
    def names(self) -> list[str]:
        """What a cassette says it was recorded from."""
        return ["mockserver"] if self.is_simulator else [upstream.url for upstream in self._upstreams.values()]

    def send(self, vendor: str, request: Request) -> Interaction:
        """Ask a vendor, with its own key in place of the world's.

        :raises UpstreamFailed: no whole answer came, or nobody can be asked.
        """
        upstream = self._upstreams.get(vendor)
        if upstream is None:
            if not vendor:
                raise UpstreamFailed("its path is no vendor's")
            raise UpstreamFailed(f"nothing says from where: --mockserver-upstream={vendor}=https://...")
        key = self._keys.get(vendor)
        if key is None:
            variable = KEY_VARIABLES.get(vendor, "the variable of the vendor's client")
            raise UpstreamFailed(f"it takes a key of your own: set {variable} for the run")
        if self._server.is_listening and _address(upstream.url) == _address(self._server.url):
            raise UpstreamFailed(
                f"{upstream.url} is this run's own simulator, and --mockserver-upstream={SIMULATOR} records that"
            )
        headers = {**request.headers, b"authorization": f"Bearer {key}".encode()}
        return upstream.send(replace(request, headers=headers))

    def close(self) -> None:
        """Close connections."""
        for upstream in self._upstreams.values():
            upstream.close()


class Recording:
    """What a test records: a tape that asks the vendors, or overhears the simulation, and keeps what was answered.

    :param path: the file, or the folder that gets a file for each vendor.
    :param mode: `once`, `new_episodes` or `all`.
    :param parts: of a request: with mode `all`, what agrees in these with something recorded anew gives way to it.
    :param redacted: fields whose values are not written, besides those that never are.
    :param before: plays what is there already.
    """

    def __init__(
        self,
        path: Path,
        mode: str,
        parts: frozenset[str],
        redacted: Sequence[str],
        sources: Sources,
        server: LocalServer,
        before: Player | None,
    ) -> None:
        self.failures: list[str] = []
        """What was not recorded, and why."""
        self.is_carrying = sources.is_simulator
        self._path = path
        self._mode = mode
        self._parts = parts
        self._redacted = redacted
        self._sources = sources
        self._worlds = server.simulator.worlds
        self._router = server.simulator.gateway.router
        self._world = ""
        self._before = before
        self._carrier = Carrying(before) if before is not None and self.is_carrying else None
        self._heard: list[tuple[str, Interaction]] = []

    def begin(self, world: str) -> None:
        """Say in whose place it answers."""
        self._world = world

    def rewind(self) -> None:
        """Begin anew, in a world that begins anew; what was heard stays."""
        if self._carrier is not None:
            self._carrier.rewind()

    # The tape

    def play(self, request: Request) -> Reply | None:
        """Return what is there, else what a vendor answers; `None` where the simulation is what is recorded."""
        played = self._before.take(request) if self._before is not None else None
        if played is not None or self.is_carrying:
            return played
        vendor = self._vendor(request)
        try:
            interaction = self._sources.send(vendor, self._plain(request))
        except UpstreamFailed as failed:
            self.failures.append(f"{request.method} {request.path} was not recorded: {failed}")
            return _refusal(failed)
        self._heard.append((vendor, interaction))
        return _reply(interaction)

    def ours(self, request: Request) -> Request:
        """Return a request in the simulation's ids."""
        return request if self._carrier is None else self._carrier.ours(request)

    def heard(self, request: Request, played: Reply | None, simulated: Reply) -> Reply:
        """Keep what the simulation answered, where nothing was there already."""
        if self._carrier is not None:
            simulated = self._carrier.heard(request, played, simulated)
        if played is not None:
            return played
        vendor = self._vendor(request)
        asked = replace(self._plain(request), origin=f"http://{vendor}")
        answer = Answer(simulated.status, HTTPStatus(simulated.status).phrase, [*simulated.headers], simulated.body)
        self._heard.append((vendor, Interaction(asked, answer, self._worlds.get(self._world).clock.now())))
        return simulated

    def _vendor(self, request: Request) -> str:
        api = self._router.owner(request.path)
        return "" if api is None else api.name

    def _plain(self, request: Request) -> Request:
        """Return a request without our mount."""
        mount = f"/{self._vendor(request)}"
        path = request.path.removeprefix(mount) if request.path.startswith(f"{mount}/") else request.path
        return replace(request, path=path, headers={**request.headers})

    # What is kept

    def write(self) -> None:
        """Write what was heard, without its secrets; where that cannot be, it is one of the `failures`."""
        heard, self._heard = self._heard, []
        try:
            self._write(heard)
        except BadCassette as error:
            self.failures.append(f"what was asked for was not recorded: {error}")

    def _write(self, heard: Sequence[tuple[str, Interaction]]) -> None:
        by_file: dict[Path, list[Interaction]] = {}
        for vendor, interaction in heard:
            by_file.setdefault(self._file(vendor), []).append(interaction)
        if self._mode == "all":
            anew = [interaction.request for _, interaction in heard]
            for file in dict.fromkeys([*cassettes_in(self._path), *by_file]):
                self._rewrite(file, by_file.get(file, []), anew)
        else:
            for file, interactions in by_file.items():
                self._append(file, interactions)

    def _file(self, vendor: str) -> Path:
        return self._path if self._path.suffix.lower() in SUFFIXES else self._path / f"{vendor}.yaml"

    def _append(self, file: Path, heard: Sequence[Interaction]) -> None:
        writer = self._writer(file, "new_episodes" if file.exists() else "once")
        try:
            self._add(writer, heard, writer.placeholders)
        finally:
            writer.close()

    def _writer(self, file: Path, mode: RecordMode) -> CassetteWriter:
        simulated = {"simulated": True} if self._sources.is_simulator else {}
        return CassetteWriter(file, recorded_from=self._sources.names, mode=mode, metadata=simulated)

    def _add(self, writer: CassetteWriter, heard: Sequence[Interaction], taken: Iterable[bytes]) -> None:
        redactor = Redactor(self._redacted, after=taken)
        for interaction in heard:
            try:
                writer.add(redactor.redacted(interaction))
            except (CannotRedact, CannotWrite) as error:
                request = interaction.request
                self.failures.append(f"{request.method} {request.path} was not recorded: {error}")

    def _rewrite(self, file: Path, heard: Sequence[Interaction], anew: Sequence[Request]) -> None:
        """Write a file again: what is there, but for what was recorded anew, and that."""
        if not file.exists():
            self._append(file, heard)
            return
        library = Library([file])
        there = [library.read(number) for number in range(len(library))]
        kept = [each for each in there if not any(self._is_one(each.request, request) for request in anew)]
        if not heard and len(kept) == len(there):
            return
        if not heard and not kept:
            file.unlink()
            return
        taken = set(re.findall(PLACEHOLDER.pattern.encode(), file.read_bytes()))
        new = file.with_name(f".{file.stem}.new{file.suffix}")
        writer = self._writer(new, "all")
        try:
            for interaction in kept:
                writer.add(interaction)
            self._add(writer, heard, taken)
        except CannotWrite as error:
            new.unlink(missing_ok=True)
            raise BadCassette(f"{file} cannot be written again: {error}") from None
        finally:
            writer.close()
        new.chmod(file.stat().st_mode & 0o777)
        os.replace(new, file)

    def _is_one(self, recorded: Request, sent: Request) -> bool:
        """Whether a request is the recorded one, in the parts that count."""
        sent = self._plain(sent)
        recorded = self._plain(recorded)
        if "method" in self._parts and recorded.method != sent.method:
            return False
        if "path" in self._parts and not matching.text_fits(recorded.path, sent.path):
            return False
        return matching.fits(matching.form_of(recorded, self._parts), matching.form_of(sent, self._parts))

    def close(self) -> None:
        """Close connections."""
        self._sources.close()


def _address(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return "localhost" if is_local(parts.hostname) else parts.hostname, parts.port


def _reply(interaction: Interaction) -> Reply:
    """Return an answer as it came."""
    answer = interaction.answer
    headers = [(name.lower(), value) for name, value in answer.headers if name.lower() not in OF_THE_CONNECTION]
    note = f"recorded from {interaction.request.origin}"
    reply = Reply(answer.status, answer.body, headers, is_recorded=True, note=note)
    if interaction.request.method == "HEAD" or answer.status in (204, 304):
        reply.is_bodiless = True
    elif interaction.is_stream:
        body = answer.body
        reply.body, reply.stream = b"", Stream(iter(()), lambda: body, lambda: None)
    return reply


def _refusal(failed: UpstreamFailed) -> Reply:
    said = {"type": "about:blank", "title": "Not recorded", "status": failed.status, "detail": str(failed)}
    reply = Reply.json({**said, "message": str(failed)}, failed.status)
    reply.headers = [(b"content-type", b"application/problem+json")]
    reply.is_recorded, reply.note = True, str(failed)
    return reply
