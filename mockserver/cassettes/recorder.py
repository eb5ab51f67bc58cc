"""A proxy in front of the vendors that writes down what passes.

Everything is passed on as it comes, piece by piece. What is to be kept is held in memory until its answer is whole,
then loses its secrets and is written, in a thread of its own: in the order in which answers became whole.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPMethod, HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote_to_bytes

from pydantic_core import to_json

from mockserver.cassettes import bodies, matching
from mockserver.cassettes.files import SUFFIXES, Library
from mockserver.cassettes.interaction import Interaction
from mockserver.cassettes.redaction import CannotRedact, Redactor
from mockserver.cassettes.upstream import Arrival, Upstream, UpstreamFailed
from mockserver.cassettes.writing import CannotWrite, CassetteWriter, RecordMode
from mockserver.http.messages import Request
from mockserver.http.router import Router
from mockserver.http.severing import sever
from mockserver.kernel.clock import monotonic_s
from mockserver.kernel.errors import Unusable

if TYPE_CHECKING:
    import httpx
    from starlette.types import Receive, Scope, Send

log = logging.getLogger(__name__)

T = TypeVar("T")

LARGEST_KEPT = 64 * 1024 * 1024
"""Bytes of a request and its answer, up to which they are kept."""

HEALTH = "/_mock/health"
"""Answered here, for `mockserver wait`; nothing else below `/_mock` is a recorder's."""

_FLUSH_S = 0.02
_NOTICED_S = 1.0
_LAST_BYTES_S = 0.25
"""How long the end of a body may take to come once its client has left: many leave with the last event they want."""
_NOT_ANSWERED_ON = frozenset((b"date", b"server"))  # the server in front of us says them itself
_CODED = frozenset(("gzip", "x-gzip", "deflate", "br", "zstd"))
_METHODS = tuple(method.value for method in HTTPMethod if method is not HTTPMethod.CONNECT)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATTERN = re.compile(r"(?:([A-Za-z]+|\*)\s+)?(/\S*|\*)")


class _Left(Exception):
    """The client has left."""


@dataclass(slots=True)
class _Taken:
    """A body while it passes: what was taken of it so far, unless it has grown too large to be kept.

    :param room: how many bytes may still be taken, of all bodies of one exchange.
    """

    room: int
    pieces: list[bytes]
    is_kept: bool = True

    def take(self, piece: bytes) -> None:
        self.room -= len(piece)
        if self.room < 0:
            self.is_kept = False
            self.pieces.clear()
        if self.is_kept:
            self.pieces.append(piece)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


class Recorder:
    """ASGI application: passes each request to its vendor's upstream, and writes what came back into a cassette.

    :param upstreams: URL by vendor.
    :param target: a file that ends in .yaml, .yml or .json, or a folder that gets one file for each vendor.
    :param mode: `once` refuses a cassette that is there, `new_episodes` adds what it does not have, `all` replaces it.
    :param fields: names of fields whose values are secrets, besides what always is one; `keep_headers` of request
        headers that are kept besides those that always are.
    :param only: what is kept, each such as `POST /v1/*`; everything where there is none.
    :raises Unusable: an upstream, the target or a pattern cannot be used.
    """

    def __init__(
        self,
        upstreams: Mapping[str, str],
        target: Path,
        *,
        mode: RecordMode = "once",
        fields: Sequence[str] = (),
        keep_headers: Sequence[str] = (),
        only: Sequence[str] = (),
        timeout_s: float = 120.0,
    ) -> None:
        from mockserver.vendors.registry import vendors

        apis = [vendor.api for vendor in vendors()]
        self._router = Router(apis)
        self._mounts = {api.name: api.mount for api in apis}
        unknown = next((name for name in upstreams if name not in self._mounts), None)
        if unknown is not None:
            raise Unusable(f"there is no vendor '{unknown}'; there are: {', '.join(self._mounts)}")
        if any(not name.strip() for name in fields):
            raise Unusable("--redact: a field has a name")
        unnamed = next((name for name in keep_headers if not _HEADER_NAME.fullmatch(name)), None)
        if unnamed is not None:
            raise Unusable(f"--keep-header: '{unnamed}' is no name of a header such as x-request-id")
        self._upstreams = {name: Upstream(url, timeout_s=timeout_s) for name, url in upstreams.items()}
        self._only = [_pattern(text) for text in only]
        self.written: Counter[Path] = Counter()
        self.passed = 0
        """How many exchanges were passed on and not written."""
        self.lost = 0
        """How many of these were whole and were to be written."""
        metadata = {"redacted_fields": sorted(fields)} if fields else None
        self._writers: dict[str, CassetteWriter] = {}
        try:
            for name, path in self._files(target).items():
                same = next((w for w in self._writers.values() if w.path == path), None)
                origins = list(dict.fromkeys(u.url for n, u in self._upstreams.items() if same or n == name))
                if path == target:
                    origins = list(dict.fromkeys(u.url for u in self._upstreams.values()))
                self._writers[name] = same or CassetteWriter(path, recorded_from=origins, mode=mode, metadata=metadata)
            self._known = {name: _Known(writer.path, mode) for name, writer in self._writers.items()}
            vendor_headers = {
                field.alias or field_name
                for api in apis
                for endpoint in api.endpoints
                if endpoint.headers is not None
                for field_name, field in endpoint.headers.model_fields.items()
            }
            self.redactor = Redactor(
                fields, {*keep_headers, *vendor_headers}, {p for w in self._writers.values() for p in w.placeholders}
            )
        except BaseException:
            self._let_go()
            raise
        self._exchanges: set[asyncio.Task[Any]] = set()
        self._scribe = ThreadPoolExecutor(1, thread_name_prefix="cassette")

    def _files(self, target: Path) -> dict[str, Path]:
        """Return the file of each vendor.

        :raises Unusable: the target is a file with another ending, or looks like one.
        """
        endings = f"a file's name ends in one of {', '.join(SUFFIXES)}, and a folder's has no ending"
        if target.name.lower() in SUFFIXES:
            raise Unusable(f"{target} is an ending without a name: {endings}")
        if target.suffix.lower() in SUFFIXES:
            if target.is_dir():
                raise Unusable(f"{target} is a folder; one to record into does not end in {target.suffix}")
            return dict.fromkeys(self._upstreams, target)
        if target.exists() and not target.is_dir():
            raise Unusable(f"{target} is no folder, and no cassette either: {endings}")
        if target.suffix and not target.exists():
            raise Unusable(f"it is not clear what {target} is: {endings}")
        return {name: target / f"{name}.yaml" for name in self._upstreams}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        else:
            task = asyncio.current_task()
            assert task is not None
            self._exchanges.add(task)
            task.add_done_callback(self._exchanges.discard)
            try:
                await self._exchange(scope, receive, send)
            except _Left:
                self.passed += 1
                log.warning("%s %s: the client left before the end; not recorded", scope["method"], scope["path"])

    async def go_on(self) -> None:
        """Hold connections to the upstreams open until the server stops."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if self._exchanges:
                await asyncio.wait(self._exchanges, timeout=_NOTICED_S)
            for upstream in self._upstreams.values():
                await upstream.aclose()
            await asyncio.sleep(0)

    def summary(self) -> str:
        """Return in a line or more what was written where, what was not, and what was taken out of it."""
        lines = [f"{_counted(count, 'interaction')} written to {path}" for path, count in self.written.items()]
        lines = lines or ["no interaction written"]
        lines.append(f"{self.passed} passed on only" + (f", of which {self.lost} are lost" if self.lost else ""))
        found = [_counted(count, kind) for kind, count in sorted(self.redactor.counts.items())]
        return "; ".join([*lines, f"redacted: {', '.join(found) or 'nothing'}"])

    def close(self) -> None:
        """Write what is whole, and let go of files and connections."""
        self._scribe.shutdown(wait=True)
        self._let_go()

    def _let_go(self) -> None:
        for writer in self._writers.values():
            writer.close()
        for upstream in self._upstreams.values():
            upstream.close()

    # One exchange

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path == HEALTH:
            await _answer(send, 200, b"application/json", to_json({"status": "ok"}))
            return
        api = self._router.owner(path)
        if api is None or api.name not in self._upstreams:
            self.passed += 1
            if api is None:
                claimed = ", ".join(self._mounts.values())
                detail = f"{path} is in no vendor's part of the port; a vendor's own is below {claimed} too"
            else:
                detail = f"{path} is {api.name}'s, which has no upstream here: --upstream {api.name}=https://..."
            await _refuse(send, UpstreamFailed(detail))
            return
        upstream = self._upstreams[api.name]
        raw: bytes = scope.get("raw_path") or quote(path, safe="/:@!$&'()*+,;=~-._").encode()
        raw = raw.partition(b"?")[0]
        mount = api.mount.encode()
        if raw.startswith(mount + b"/"):
            raw = raw[len(mount) :]
        query: bytes = scope["query_string"]
        headers: list[tuple[bytes, bytes]] = [(bytes(n), bytes(v)) for n, v in scope["headers"]]
        # What decides whether it is kept is what the upstream is asked for.
        asked = unquote_to_bytes(raw).decode("utf-8", "surrogateescape")
        is_wanted = not self._only or any(
            (m is None or m == scope["method"]) and p.fullmatch(asked) for m, p in self._only
        )
        sent = _Taken(LARGEST_KEPT, [], is_wanted)
        body = await _body_of(scope["method"], headers, receive, sent)
        target = raw + (b"?" + query if query else b"")
        opening = asyncio.ensure_future(upstream.open(scope["method"], target, headers, body))
        leaving: asyncio.Future[None] | None = None
        if not isinstance(body, AsyncIterator):  # else it is who reads on, and notices
            leaving = asyncio.ensure_future(_disconnect(receive))
        try:
            try:
                arrival, response = await _unless_left(opening, leaving)
            except UpstreamFailed as failed:
                self.passed += 1
                log.warning("%s %s: %s; not recorded", scope["method"], path, failed)
                await _refuse(send, failed)
                return
            if leaving is None:
                leaving = asyncio.ensure_future(_disconnect(receive))
            came = _Taken(sent.room, [], sent.is_kept)

            def keep() -> None:
                if came.is_kept and sent.is_kept:
                    request = Request(scope["method"], asked, query, _last_of_each(headers), sent.body)
                    self._scribe.submit(
                        self._write, api.name, arrival.interaction(request, upstream.origin_and_path, came.body)
                    )
                    return
                self.passed += 1
                if is_wanted:
                    self.lost += 1
                    limit = LARGEST_KEPT >> 20
                    log.warning("%s %s: it is larger than %d MiB; not recorded", scope["method"], path, limit)

            try:
                await self._pass(scope, send, upstream, arrival, response, came, leaving, keep)
            finally:
                with suppress(Exception):
                    await response.aclose()
        finally:
            opening.cancel()
            if leaving is not None:
                leaving.cancel()

    async def _pass(
        self,
        scope: Scope,
        send: Send,
        upstream: Upstream,
        arrival: Arrival,
        response: httpx.Response,
        came: _Taken,
        leaving: asyncio.Future[None],
        keep: Callable[[], None],
    ) -> None:
        """Pass an answer on, piece by piece.

        :param keep: is called once it is whole, before the client can know.
        """
        import httpx

        headers = [(name, value) for name, value in arrival.headers if name not in _NOT_ANSWERED_ON]
        await send({"type": "http.response.start", "status": arrival.status, "headers": headers})
        assert isinstance(response.stream, httpx.AsyncByteStream)
        pieces = aiter(response.stream)
        until_s: float | None = None
        # The last bytes of a body whose length is known are held back until it is kept.
        rest, last = _length(arrival.headers), b""
        try:
            while True:
                coming = asyncio.ensure_future(_next(pieces))
                if until_s is None:
                    await asyncio.wait(_either(coming, leaving), return_when=asyncio.FIRST_COMPLETED)
                    if leaving.done():
                        until_s = monotonic_s() + _LAST_BYTES_S
                if until_s is not None:
                    await asyncio.wait({coming}, timeout=max(0.0, until_s - monotonic_s()))
                    if not coming.done() or (coming.result() is not None and monotonic_s() > until_s):
                        await _cancelled(coming)
                        raise _Left
                piece = coming.result()
                if piece is None:
                    break
                arrival.came(piece)
                came.take(piece)
                rest -= len(piece)
                if rest == 0:
                    last = piece
                elif until_s is None:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (httpx.HTTPError, OSError) as error:
            self.passed += 1
            log.warning("%s %s: %s; not recorded", scope["method"], scope["path"], upstream.failure(error))
            await asyncio.sleep(_FLUSH_S)
            sever(scope.get("client"), scope.get("server"), "cut")
            await asyncio.wait({leaving}, timeout=_NOTICED_S)
            return
        keep()
        await send({"type": "http.response.body", "body": last})

    # What is kept

    def _write(self, vendor: str, interaction: Interaction) -> None:
        """Write an interaction without its secrets, unless it is there already."""
        what = f"{interaction.request.method} {self._shown(interaction.request.path)}"
        writer = self._writers[vendor]
        try:
            interaction = self.redactor.redacted(_decoded(interaction))
            if self._known[vendor].has(interaction.request):
                self.passed += 1
                return
            writer.add(interaction)
        except (CannotRedact, CannotWrite, ValueError) as error:
            self.passed += 1
            self.lost += 1
            log.warning("%s: %s; not recorded", what, error)
        except Exception:
            self.passed += 1
            self.lost += 1
            log.exception("%s: not recorded", what)
        else:
            self.written[writer.path] += 1

    def _shown(self, path: str) -> str:
        return path if path.isprintable() else repr(path)


class _Known:
    """What a cassette has already: as in VCR.py each recording counts for one request."""

    def __init__(self, path: Path, mode: RecordMode) -> None:
        self._left: list[int] = []
        self._library: Library | None = None
        if mode == "new_episodes" and path.exists() and path.stat().st_size:
            self._library = Library([path])
            self._left = [*range(len(self._library))]

    def has(self, request: Request) -> bool:
        """Take one recording of a request off those that are left; tell whether there was one.

        :param request: without its secrets.
        """
        if self._library is None:
            return False
        form = matching.form_of(request, matching.USUAL)
        for number in self._left:
            method, path = self._library.method_and_path(number)
            if method != request.method or not matching.text_fits(path, request.path):
                continue
            if matching.fits(matching.form_of(self._library.read(number).request, matching.USUAL), form):
                self._left.remove(number)
                return True
        return False


def _pattern(text: str) -> tuple[str | None, re.Pattern[str]]:
    """Return a method, `None` for any, and what paths are matched.

    :raises Unusable: it says neither.
    """
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        raise Unusable(f"--only: '{text}' is no method and path such as 'POST /v1/*'")
    method = None if found[1] in (None, "*") else found[1].upper()
    if method is not None and method not in _METHODS:
        raise Unusable(f"--only: '{found[1]}' is no method; there are: {', '.join(_METHODS)}")
    return method, re.compile(".*".join(map(re.escape, found[2].split("*"))), re.DOTALL)


def _decoded(interaction: Interaction) -> Interaction:
    """Return an interaction whose bodies are without compression.

    :raises ValueError: it cannot be undone.
    """
    request, answer = interaction.request, interaction.answer
    for headers in (list(request.headers.items()), answer.headers):
        unknown = [coding for coding in bodies.codings(headers) if coding not in _CODED]
        if unknown:
            raise ValueError(f"there is no way to undo the content-encoding {unknown[0]}")
    sent = bodies.decoded(request.headers, request.body, LARGEST_KEPT)
    came = bodies.decoded(answer.headers, answer.body, LARGEST_KEPT)
    for headers, before, after in (
        (list(request.headers.items()), request.body, sent),
        (answer.headers, answer.body, came),
    ):
        left = [coding for coding in bodies.codings(headers) if coding in ("br", "zstd")]
        if left and before and after == before and bodies.is_coded(left[-1], before):
            raise ValueError(f"its content-encoding {left[-1]} needs a decoder that is not installed")
    return replace(
        interaction,
        request=replace(request, body=sent),
        answer=replace(answer, body=came),
        pieces=interaction.pieces if came == answer.body else (),
    )


def _length(headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Return what `content-length` says, -1 where it says nothing."""
    said = next((value for name, value in headers if name == b"content-length"), b"")
    return int(said) if said.isdigit() else -1


def _last_of_each(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers by their names in lower case; cookies may come in several, which are one."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        lower = name.lower()
        found[lower] = found[lower] + b"; " + value if lower == b"cookie" and lower in found else value
    return found


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


# ASGI


async def _body_of(
    method: str, headers: Sequence[tuple[bytes, bytes]], receive: Receive, taken: _Taken
) -> bytes | AsyncIterator[bytes] | None:
    """Return a request's body: whole if it is there at once, else piece by piece, and `None` where there is none."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _Left
    first: bytes = message.get("body", b"")
    if message.get("more_body", False):
        return _upload(first, receive, taken)
    taken.take(first)
    is_said = any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers)
    return first if first or is_said or method in ("POST", "PUT", "PATCH") else None


async def _upload(first: bytes, receive: Receive, taken: _Taken) -> AsyncIterator[bytes]:
    piece, is_more = first, True
    while True:
        if piece:
            taken.take(piece)
            yield piece
        if not is_more:
            return
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Left
        piece, is_more = message.get("body", b""), message.get("more_body", False)


async def _unless_left(coming: asyncio.Future[T], leaving: asyncio.Future[None] | None) -> T:
    """Return what comes.

    :raises _Left: the client has left before.
    """
    if leaving is not None:
        await asyncio.wait(_either(coming, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            await _cancelled(coming)
            raise _Left
    return await coming


def _either(one: asyncio.Future[Any], other: asyncio.Future[Any]) -> set[asyncio.Future[Any]]:
    return {one, other}


async def _cancelled(coming: asyncio.Future[Any]) -> None:
    coming.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await coming


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, failed: UpstreamFailed) -> None:
    """Answer in the vendor's place, with what a person needs to know."""
    title = HTTPStatus(failed.status).phrase
    body = to_json(
        {"type": "about:blank", "title": title, "status": failed.status, "detail": str(failed), "message": str(failed)}
    )
    await _answer(send, failed.status, b"application/problem+json", body)


async def _answer(send: Send, status: int, media_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
