"""Plays recorded answers: finds the recording a request is, and says what comes closest where there is none."""

from __future__ import annotations

import logging
import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from typing import Any, Literal

from mockserver.cassettes import bodies, matching
from mockserver.cassettes.files import Library
from mockserver.cassettes.interaction import BadCassette, Interaction
from mockserver.cassettes.looks import concealed
from mockserver.cassettes.matching import Difference, Form, Mask
from mockserver.http.messages import Headers, Reply, Request, Stream

log = logging.getLogger("mockserver")

Order = Literal["any", "recorded"]
Repeats = Literal["never", "last", "cycle"]
Timing = Literal["none", "recorded"]

NOT_RECORDED = 421
"""The status of the refusal: no client tries a request again because of it."""

MOST_MISSES = 1000
"""So many misses are remembered one by one; beyond that they are only counted."""

_NEAREST = 3
_CLOSELY = 40
"""So many recordings are looked at closely when the nearest ones are sought."""

_LIKENED = 2000
_REMEMBERED_FORMS = 4096
_REMEMBERED_BYTES = 16 * 1024

OF_THE_CONNECTION = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
        b"content-length",
    }
)  # fmt: skip
"""Headers that whoever sends an answer on says anew."""


@dataclass(slots=True)
class Played(Reply):
    """A recorded answer.

    :param number: of the interaction, in the library.
    """

    number: int = -1


@dataclass(frozen=True, slots=True)
class Near:
    """A recording that comes close to a request that was not recorded.

    :param place: where it is, such as `chat.yaml, interaction 3`.
    :param request: its method and path.
    :param times: how often it has been played.
    :param matches: the parts that are as recorded.
    """

    place: str
    request: str
    times: int
    matches: tuple[str, ...]
    differs: tuple[Difference, ...]

    def told(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "place": self.place,
            "request": self.request,
            "played": self.times,
            "matches": self.matches,
            "differs": [{"where": d.where, "recorded": d.recorded, "sent": d.sent} for d in self.differs],
        }

    def __str__(self) -> str:
        told = "; ".join(map(str, self.differs)) or "nothing differs"
        return f"{self.place} ({self.request}{', played already' if self.times else ''}): {told}"


@dataclass(frozen=True, slots=True)
class Miss:
    """A request that no recording answers.

    :param detail: why, in one line that ends with what comes closest.
    """

    method: str
    path: str
    detail: str
    nearest: tuple[Near, ...] = ()


@dataclass(slots=True)
class _Run:
    """Recordings of one and the same request, in order.

    :param next: the index of the one to play next.
    """

    numbers: list[int] = field(default_factory=list)
    next: int = 0

    @property
    def is_over(self) -> bool:
        return self.next >= len(self.numbers)


@dataclass(slots=True)
class _Shelf:
    """Recordings with one method and path, read only as far as was needed.

    :param unread: the index of the first whose form is not known yet.
    :param runs: by digest; of a recording that nothing was asked of yet its number, for there may be very many.
    :param open: forms with placeholders, each with its run: by where these are, then by all else, then by themselves.
    :param sizes: in bytes, about, of the requests whose form is known, in order.
    """

    numbers: Sequence[int]
    unread: int = 0
    runs: dict[bytes, _Run | int] = field(default_factory=dict)
    open: dict[Mask, dict[bytes | None, dict[bytes, tuple[Form, _Run]]]] = field(default_factory=dict)
    sizes: array[int] = field(default_factory=lambda: array("Q"))

    def run(self, digest: bytes) -> _Run | None:
        """Return the recordings of a digest."""
        known = self.runs.get(digest)
        if isinstance(known, int):
            known = self.runs[digest] = _Run([known])
        return known

    def add(self, digest: bytes, number: int) -> None:
        """Note a recording's digest."""
        if digest not in self.runs:
            self.runs[digest] = number
        elif (run := self.run(digest)) is not None:
            run.numbers.append(number)

    def rewind(self) -> None:
        for known in self.runs.values():
            if isinstance(known, _Run):
                known.next = 0
        for groups in self.open.values():
            for group in groups.values():
                for _, run in group.values():
                    run.next = 0


@dataclass(frozen=True, slots=True)
class _Ready:
    """A recorded answer, made ready to be sent."""

    status: int
    headers: Headers
    body: bytes
    pieces: tuple[bytes, ...]
    delay_s: float
    pauses_s: tuple[float, ...]
    is_bodiless: bool
    note: str


class Player:
    """Answers requests from a library; each recording once, unless they may be repeated.

    Threads may share it: every recording is played to one of them.

    :param order: `any`, or `recorded`: only the next one of a file will do.
    :param repeats: what happens once all recordings of a request have been played: it is refused, the last one is
        played again, or they begin anew.
    :param match_on: what of a request counts; of `matching.PARTS`.
    :param timing: whether answers, and the pieces of streams, wait as they did when they were recorded.
    :param mounts: prefixes of paths that do not count.
    """

    def __init__(
        self,
        library: Library,
        *,
        order: Order = "any",
        repeats: Repeats = "never",
        match_on: frozenset[str] = matching.USUAL,
        timing: Timing = "none",
        mounts: Sequence[str] | None = None,
    ) -> None:
        self.library = library
        self.order = order
        self.repeats = repeats
        self.match_on = frozenset(match_on)
        self.timing = timing
        self.missed = 0
        """How many requests were not recorded."""
        self.misses: list[Miss] = []
        self._mounts = tuple(_mounts() if mounts is None else mounts)
        self._lock = threading.RLock()
        self._times = [0] * len(library)
        self._shelves: dict[tuple[str, str], _Shelf] = {}
        self._catalog: dict[tuple[str, str], list[int]] | None = None
        self._forms: dict[tuple[bytes, bytes, bytes, str], bytes] = {}
        self._at = [file.first for file in library.files]
        self._last_played = [-1 for _ in library.files]

    @property
    def played(self) -> list[int]:
        """The numbers of the interactions that were played."""
        return [number for number, times in enumerate(self._times) if times]

    @property
    def unplayed(self) -> list[int]:
        """The numbers of the interactions that were not."""
        return [number for number, times in enumerate(self._times) if not times]

    @property
    def play_count(self) -> int:
        """How many answers were played, repeated ones as often as they were."""
        return sum(self._times)

    def rewind(self) -> None:
        """Begin anew: nothing has been played, and nothing missed."""
        with self._lock:
            self._times = [0] * len(self.library)
            for shelf in self._shelves.values():
                shelf.rewind()
            self._at = [file.first for file in self.library.files]
            self.missed = 0
            self.misses = []

    def play(self, request: Request) -> Reply:
        """Return the recorded answer, or the refusal of a request that was not recorded."""
        return self.take(request) or self.refusal(request)

    def take(self, request: Request) -> Reply | None:
        """Return the recorded answer; `None` for a request that was not recorded, which counts as nothing yet."""
        try:
            with self._lock:
                number = self._next(request) if self.order == "any" else self._next_in_order(request)
                if number is None:
                    return None
                ready = self._ready(number, request)
                self._times[number] += 1
        except BadCassette as error:
            log.error("%s", error)
            return _problem(500, "Unusable cassette", str(error))
        return _reply(ready, number)

    def refusal(self, request: Request) -> Reply:
        """Return the refusal of a request that was not recorded, and remember it as missed."""
        miss = self.miss(request)
        log.warning("%s", miss.detail)
        return _problem(
            NOT_RECORDED, "Not recorded", miss.detail,
            nearest=[near.told() for near in miss.nearest],
        )  # fmt: skip

    # Finding

    def _next(self, request: Request) -> int | None:
        """Return the number of the recording to play, the first that fits and was not played yet, and move on."""
        shelf = self._shelf(request)
        known = self._known(shelf, request)
        run: _Run | None = None
        for each in known:
            if not each.is_over and (run is None or each.numbers[each.next] < run.numbers[run.next]):
                run = each
        if run is None:
            run = self._read_on(shelf, request)
            if run is None:
                if not known or self.repeats == "never":
                    return None
                if self.repeats == "last":
                    return max(each.numbers[-1] for each in known)
                for each in known:
                    each.next = 0
                run = min(known, key=lambda each: each.numbers[0])
        number = run.numbers[run.next]
        run.next += 1
        return number

    def _shelf(self, request: Request) -> _Shelf:
        method = request.method if "method" in self.match_on else ""
        path = request.path if "path" in self.match_on else ""
        shelf = self._shelves.get((method, path))
        if shelf is None:
            plain = self._plain(path)
            shelf = self._shelves.get((method, plain))
            if shelf is None:
                shelf = _Shelf(self._numbers(method, plain))
                if not shelf.numbers:
                    return shelf
                self._shelves[method, plain] = shelf
            self._shelves[method, path] = shelf
        return shelf

    def _plain(self, path: str) -> str:
        for mount in self._mounts:
            if path.startswith(mount) and path[len(mount) :].startswith("/"):
                return path[len(mount) :]
        return path

    def _numbers(self, method: str, path: str) -> Sequence[int]:
        if method and path:
            found = [self.library.find(method, mounted) for mounted in (path, *(m + path for m in self._mounts))]
            found = [numbers for numbers in found if numbers]
            return found[0] if len(found) == 1 else sorted({number for numbers in found for number in numbers})
        if self._catalog is None:
            self._catalog = {}
            for number in range(len(self.library)):
                its_method, its_path = self.library.method_and_path(number)
                key = (
                    its_method if "method" in self.match_on else "",
                    self._plain(its_path) if "path" in self.match_on else "",
                )
                self._catalog.setdefault(key, []).append(number)
        return self._catalog.get((method, path), ())

    def _known(self, shelf: _Shelf, request: Request) -> list[_Run]:
        """Return the runs that fit a request, of recordings whose form is known."""
        run = shelf.run(self._digest(request))
        known = [] if run is None else [run]
        if shelf.open:
            form = matching.form_of(request, self.match_on)
            for mask, groups in shelf.open.items():
                group = groups.get(matching.masked_digest(form, mask), {})
                known += [run for recorded, run in group.values() if matching.fits(recorded, form)]
        return known

    def _read_on(self, shelf: _Shelf, request: Request) -> _Run | None:
        """Read further recordings until one fits, and return its run."""
        if shelf.unread >= len(shelf.numbers):
            return None
        digest = self._digest(request)
        sent: Form | None = None
        sent_masked: dict[Mask, bytes | None] = {}
        first = shelf.unread
        while shelf.unread < len(shelf.numbers):
            number = shelf.numbers[shelf.unread]
            form: Form | None
            # In order, the first will do and is played at once, so that its answer is needed too.
            if shelf.unread == first:
                recorded = self.library.read(number).request
                own, form = self._digest_and_form(recorded)
            else:
                recorded = self.library.request(number)
                form = matching.form_of(recorded, self.match_on)
                own = matching.digest(form)
            shelf.unread += 1
            shelf.sizes.append(_size(recorded))
            if form is None or not matching.has_placeholder(form):
                shelf.add(own, number)
                if own == digest:
                    return shelf.run(own)
            else:
                form = matching.unnumbered(form)
                mask = matching.mask_of(form)
                masked = matching.masked_digest(form, mask)
                group = shelf.open.setdefault(mask, {}).setdefault(masked, {})
                _, run = group.setdefault(matching.digest(form), (form, _Run()))
                run.numbers.append(number)
                sent = sent or matching.form_of(request, self.match_on)
                if mask not in sent_masked:
                    sent_masked[mask] = matching.masked_digest(sent, mask)
                if sent_masked[mask] == masked and matching.fits(form, sent):
                    return run
        return None

    def _digest(self, request: Request) -> bytes:
        return self._digest_and_form(request)[0]

    def _digest_and_form(self, request: Request) -> tuple[bytes, Form | None]:
        """Return the digest of a request's form, and the form unless the digest was known, by its very bytes."""
        if len(request.body) > _REMEMBERED_BYTES or b"content-encoding" in request.headers:
            form = matching.form_of(request, self.match_on)
            return matching.digest(form), form
        kind = request.headers.get(b"content-type", b"")
        key = (request.query, kind, request.body, request.origin if "host" in self.match_on else "")
        known = self._forms.get(key)
        if known is not None:
            return known, None
        form = matching.form_of(request, self.match_on)
        known = matching.digest(form)
        if not matching.has_placeholder(form):  # of those, the form is wanted
            if len(self._forms) >= _REMEMBERED_FORMS:
                self._forms.clear()
            self._forms[key] = known
        return known, form

    def _next_in_order(self, request: Request) -> int | None:
        """Return the number of the recording to play, the next one of a file, and move on."""
        form = matching.form_of(request, self.match_on)
        files = self.library.files
        for index, file in enumerate(files):
            at = self._at[index]
            if at == file.first + file.count:
                if self.repeats == "never" or not file.count:
                    continue
                at = file.first if self.repeats == "cycle" else at - 1
            if self._is(at, request, form):
                self._at[index] = at + 1
                return at
        return None

    def _is(self, number: int, request: Request, form: Form) -> bool:
        method, path = self.library.method_and_path(number)
        if "method" in self.match_on and method != request.method:
            return False
        if "path" in self.match_on and self._plain(path) != self._plain(request.path):
            return False
        recorded = matching.form_of(self.library.read(number).request, self.match_on)
        return recorded == form or matching.fits(recorded, form)

    # Answering

    def _ready(self, number: int, request: Request) -> _Ready:
        interaction = self.library.read(number)
        answer = interaction.answer
        is_bodiless = request.method == "HEAD" or answer.status in (204, 304) or answer.status < 200
        headers = [
            (key, value)
            for name, value in answer.headers
            if (key := name.lower()) not in OF_THE_CONNECTION or (is_bodiless and key == b"content-length")
        ]
        body = b"" if is_bodiless else answer.body
        is_recoded = False
        if not is_bodiless and answer.header(b"content-encoding") is not None:
            headers, body = _encoded(headers, body, request)
            is_recoded = body is not answer.body
        pieces: tuple[bytes, ...] = ()
        pauses_s: tuple[float, ...] = ()
        is_timed = self.timing == "recorded"
        if interaction.is_stream and not is_bodiless:
            if not is_recoded and interaction.pieces and sum(piece.size for piece in interaction.pieces) == len(body):
                pieces = tuple(_cut(body, interaction))
                if is_timed:
                    pauses_s = tuple(piece.wait_us / 1e6 for piece in interaction.pieces)
            else:
                pieces = tuple(body[event.start : event.end] for event in bodies.events(body)) or (b"",)
        return _Ready(
            answer.status, headers, body, pieces,
            (interaction.wait_us or 0) / 1e6 if is_timed else 0.0,
            pauses_s, is_bodiless, f"played {self.library.place(number)}",
        )  # fmt: skip

    # Missing

    def miss(self, request: Request) -> Miss:
        """Return why a request is not answered, and what comes closest, and remember it as missed."""
        with self._lock:
            miss = self._miss(request)
            self.missed += 1
            if len(self.misses) < MOST_MISSES:
                self.misses.append(miss)
            return miss

    def _miss(self, request: Request) -> Miss:
        told = f"{request.method} {concealed(request.path)}"
        numbers = self._fitting(request)
        nearest = self._nearest(request, numbers)
        if self.order == "recorded":
            why = f"{told} is not what was recorded next"
        elif numbers:
            times = "once" if len(numbers) == 1 else f"{len(numbers)} times"
            why = (
                f"{told} was recorded {times} and has been played as often; --repeats last plays the last answer"
                " again, --repeats cycle begins anew"
            )
        else:
            why = f"{told} was not recorded"
        if nearest and not (numbers and self.order == "any"):
            why += f"; closest is {nearest[0]}"
        elif not nearest:
            why += "; the cassette is empty"
        return Miss(request.method, request.path, why, nearest)

    def _fitting(self, request: Request) -> list[int]:
        """Return the numbers of the recordings of a request, all of which have been played."""
        try:
            return sorted(n for run in self._known(self._shelf(request), request) for n in run.numbers)
        except BadCassette:
            return []

    def _nearest(self, request: Request, fitting: Sequence[int]) -> tuple[Near, ...]:
        if self.order == "recorded":
            ends = (file.first + file.count for file in self.library.files)
            numbers = [at for at, end in zip(self._at, ends, strict=True) if at < end] or self._candidates(request)
        else:
            numbers = [*fitting[-_NEAREST:]] or self._candidates(request)
        sent = Request(
            request.method, self._plain(request.path), request.query, request.headers, request.body, request.origin
        )
        found: list[tuple[tuple[float, ...], Near]] = []
        for number in numbers[:_CLOSELY]:
            try:
                recorded = self.library.read(number).request
            except BadCassette:
                continue
            path = self._plain(recorded.path)
            recorded = Request(recorded.method, path, recorded.query, recorded.headers, recorded.body, recorded.origin)
            differs = tuple(matching.differences(recorded, sent, self.match_on))
            kinds = {difference.where.partition(" ")[0] for difference in differs}
            matches = tuple(part for part in matching.PARTS if part in self.match_on and part not in kinds)
            near = Near(
                self.library.place(number), f"{recorded.method} {concealed(path)}", self._times[number], matches,
                differs,
            )  # fmt: skip
            apart = matching.path_distance(path, sent.path)
            unlike = (-_likeness(recorded, sent), self._times[number] > 0, abs(_size(recorded) - _size(sent)))
            found.append((("method" in kinds, apart, len(differs), *unlike, number), near))
        found.sort(key=lambda each: each[0])
        return tuple(near for _, near in found[:_NEAREST])

    def _candidates(self, request: Request) -> list[int]:
        """Return the numbers of recordings worth a closer look, at most `_CLOSELY`, whatever the library's size."""
        shelf = self._shelf(request)
        size = _size(request)
        known = zip(shelf.numbers, shelf.sizes, strict=False)
        alike = nsmallest(_CLOSELY, known, key=lambda each: (abs(each[1] - size), self._times[each[0]] > 0, each[0]))
        numbers = [number for number, _ in alike]
        numbers += islice(shelf.numbers[shelf.unread :], _CLOSELY - len(numbers))
        if len(numbers) >= _NEAREST:
            return numbers
        segments = self._plain(request.path).split("/")
        others: dict[tuple[str, str], tuple[float, int]] = {}
        for number in range(len(self.library)):
            key = self.library.method_and_path(number)
            if key not in others:
                rough = matching.rough_distance(self._plain(key[1]).split("/"), segments)
                others[key] = (rough + (key[0] != request.method) / 2, number)
        ranked = [number for _, number in sorted(others.values())]
        return [*numbers, *(number for number in ranked if number not in numbers)][:_CLOSELY]


def _likeness(one: Request, other: Request) -> float:
    """Return about how much of the characters of two bodies is alike, from 0 to 1, in steps of a twentieth."""
    import difflib  # only a miss needs it

    mine, its = (request.body[:_LIKENED].decode("latin-1") for request in (one, other))
    return round(difflib.SequenceMatcher(None, mine, its, autojunk=False).quick_ratio() * 20) / 20


def _size(request: Request) -> int:
    return len(request.body) + len(request.query)


def _mounts() -> tuple[str, ...]:
    from mockserver.vendors.registry import mounts

    return mounts()


def _encoded(headers: Headers, body: bytes, request: Request) -> tuple[Headers, bytes]:
    """Return an answer compressed as its headers say, if it is and the client can undo that, or else as it reads."""
    plain = [(name, value) for name, value in headers if name != b"content-encoding"]
    try:
        codings = bodies.codings(headers)
        if not codings or not bodies.is_coded(codings[-1], body):
            return plain, body
        if _accepted(codings, request):
            return headers, body
        read = bodies.decoded(headers, body)
    except ValueError:
        return headers, body
    return (headers, body) if read is body else (plain, read)


def _accepted(codings: Sequence[str], request: Request) -> bool:
    """Whether a client says it can undo every one of some codings."""
    said: dict[str, bool] = {}
    for each in request.headers.get(b"accept-encoding", b"").decode("latin-1").lower().split(","):
        name, _, quality = each.partition(";")
        said[name.strip()] = quality.replace(" ", "").rstrip("0.") not in ("q=",)
    return all(said.get(coding.removeprefix("x-"), said.get("*", False)) for coding in codings)


def _cut(body: bytes, interaction: Interaction) -> Iterator[bytes]:
    at = 0
    for piece in interaction.pieces:
        yield body[at : at + piece.size]
        at += piece.size


def _reply(ready: _Ready, number: int) -> Reply:
    reply = Played(
        ready.status, ready.body, [*ready.headers], delay_s=ready.delay_s, is_recorded=True, note=ready.note,
        is_bodiless=ready.is_bodiless, pauses_s=ready.pauses_s, number=number,
    )  # fmt: skip
    if ready.pieces:
        *head, last = ready.pieces
        reply.body = b""
        reply.stream = Stream(iter(head), lambda: last, lambda: None)
    return reply


def _problem(status: int, title: str, detail: str, **more: object) -> Reply:
    said = {"type": "about:blank", "title": title, "status": status, "detail": detail, "message": detail, **more}
    reply = Reply.json(said, status)
    reply.headers = [(b"content-type", b"application/problem+json")]
    reply.is_recorded, reply.note = True, detail
    return reply
