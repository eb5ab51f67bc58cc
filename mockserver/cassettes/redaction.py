"""Secrets taken out of what was recorded, before any of it is written (pure).

A secret is what travelled as a credential (by the name of its header, cookie or field), what a user chose by name, and
what looks like a key or an e-mail address wherever it is. What travelled as one is looked for everywhere, in any
spelling, in its own interaction and in all later ones.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeVar
from urllib.parse import quote, quote_plus, unquote_to_bytes

from mockserver.cassettes import bodies
from mockserver.cassettes.interaction import Answer, Interaction, Piece
from mockserver.http.messages import Headers, Request

PLACEHOLDER = re.compile(r"redacted-(?:(?:key|cookie|value)-\d+|\d+@example\.com)", re.ASCII)
"""What stands in a secret's place; in a cassette each kind is numbered from 1."""

T = TypeVar("T")
Kind = Literal["key", "cookie", "e-mail", "value"]

REQUEST_HEADERS = frozenset((b"accept", b"content-type", b"idempotency-key", b"user-agent"))
"""Request headers that are always kept."""

DROPPED_ANSWER_HEADERS = re.compile(
    rb"connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-encoding|server|via|alt-svc|nel"
    rb"|report-to|reporting-endpoints|strict-transport-security|expect-ct|x-powered-by|x-served-by|x-cache.*|x-timer"
    rb"|x-forwarded-.*|x-real-ip|x-envoy-.*|x-amz-cf-.*|x-amzn-trace-id|x-cloud-trace-context|x-azure-ref|cf-.*|fly-.*"
    rb"|x-vercel-.*|x-railway-.*|x-render-.*|server-timing"
)
"""Answer headers of a connection, or of what stands before a vendor; they say nothing about the vendor."""

SHORTEST = 6
"""Bytes from which on a secret is looked for everywhere; a shorter one only goes where it stood."""

_SHORTEST_WORD = 12
_LONGEST_SPELLED = 512
_LOCAL_PART = 64

_PLACEHOLDER = re.compile(PLACEHOLDER.pattern.encode())
_TAKEN = re.compile(rb"redacted-(?:(key|cookie|value)-)?(\d+)")

# What carries credentials, by its name

_SECRET_HEADER = re.compile(
    rb"(?:.*[-_])?(?:(?:api|access|secret|private|subscription|auth|master)[-_]?key|auth|authorization|token|secret"
    rb"|password|passwd|credentials?|signature)(?:-\d+)?"
)
_NOT_SECRET_HEADERS = frozenset((b"www-authenticate", b"proxy-authenticate", b"x-token", b"access-control-allow-auth"))
_SECRET_FIELDS = frozenset(
    "apikey accesstoken refreshtoken idtoken authtoken sessiontoken securitytoken bearertoken clientsecret secret"
    " secretkey secretaccesskey password passwd pwd passphrase privatekey accesskey authorization apisecret apitoken"
    " clientassertion webhooksecret signingsecret xamzsecuritytoken".split()
)
_SECRET_PARAMETERS = _SECRET_FIELDS | frozenset(
    "token auth sig signature credential credentials xamzsignature xamzcredential xgoogsignature xgoogcredential"
    " subscriptionkey assertion".split()
)
"""Names that say so in a query or a form; in JSON they are names of much else."""
_STEMS = tuple(b"key token secret passw pwd passphrase authorization assertion".split())
_NOT_IN_NAMES = str.maketrans("", "", "-_. []")

# What looks like a key, wherever it is: each begins with letters that can be found fast, and `(?<!...)` comes after.

_END = rb"(?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_LOOKS: tuple[tuple[bytes, re.Pattern[bytes]], ...] = tuple(
    (start, re.compile(pattern, re.DOTALL))
    for start, pattern in (
        (b"k_live_", rb"k_live_(?<=[spr]k_live_)[A-Za-z0-9]" + _END),
        (b"k_test_", rb"k_test_(?<=[spr]k_test_)[A-Za-z0-9]" + _END),
        (b"_sk_", rb"_sk_(?<=[A-Za-z0-9]_sk_)[A-Za-z0-9]" + _END),
        (b"sk-", rb"sk-(?<![A-Za-z0-9]sk-)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}"),
        (b"whsec_", rb"whsec_[A-Za-z0-9+/=]{16,}"),
        (b"gh", rb"gh(?<![A-Za-z0-9]gh)[pousr]_[A-Za-z0-9]{30,}"),
        (b"github_pat_", rb"github_pat_[A-Za-z0-9_]{20,}"),
        (b"glpat-", rb"glpat-[A-Za-z0-9_-]{20,}"),
        (b"xox", rb"xox(?<![A-Za-z0-9]xox)[abeoprs]-[A-Za-z0-9-]{10,}"),
        (b"hooks.slack.com/services/", rb"(?<=hooks\.slack\.com/services/)T[A-Za-z0-9/]{20,}"),
        (b"AKIA", rb"AKIA(?<![A-Za-z0-9+/=]AKIA)[0-9A-Z]{16}(?![A-Za-z0-9+/=])"),
        (b"ASIA", rb"ASIA(?<![A-Za-z0-9+/=]ASIA)[0-9A-Z]{16}(?![A-Za-z0-9+/=])"),
        (b"AIza", rb"AIza(?<![A-Za-z0-9+/=]AIza)[A-Za-z0-9_-]{35}(?![A-Za-z0-9+/=])"),
        (b"ya29.", rb"ya29\.[A-Za-z0-9_-]{20,}"),
        (b"hf_", rb"hf_(?<![A-Za-z0-9_]hf_)[A-Za-z0-9]{30,}"),
        (b"npm_", rb"npm_(?<![A-Za-z0-9_]npm_)[A-Za-z0-9]{36}"),
        (b"SG.", rb"SG\.(?<![A-Za-z0-9]SG\.)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
        (b"eyJ", rb"eyJ(?<![A-Za-z0-9+/=_-]eyJ)[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
        (b"PRIVATE KEY", rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[^-]*"
         rb"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)?"),
        (b"earer", rb"(?<=[Bb]earer )(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/-]{8,}=*"),
        (b"BEARER", rb"(?<=BEARER )(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/-]{8,}=*"),
        (b"asic ", rb"(?<=[Bb]asic )(?=[A-Za-z+/]*[0-9=])[A-Za-z0-9+/]{12,}={0,2}"),
        (b"://", rb"(?<=://)[^/\s\"'<>@:\\?#]{0,256}:[^/\s\"'<>@\\?#]{1,512}(?=@)"),
    )
)  # fmt: skip
_BEFORE_KEY = re.compile(rb"[A-Za-z0-9]{1,32}\Z")
_IN_URL = re.compile(
    rb"[?&](?:amp;)?(?i:api[-_]?key|(?:access|refresh|auth|security|session)[-_]?token|token|sig|signature"
    rb"|client[-_]secret|password|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential))"
    rb"=([^&\s\"'#<>\\]+)"
)
_DOMAIN = re.compile(
    rb"(?:@|%40)(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]{0,62})\.){1,8}[A-Za-z\x80-\xff][A-Za-z0-9\x80-\xff-]{1,62}"
)
_LOCAL = re.compile(rb"(?:[A-Za-z0-9!#$&'*+/=?^_`{|}~.\x80-\xff-]|%2[Bb])+\Z")
_LOCAL_EDGE = b"!#$&'*+/=?^_`{|}~.-"

# Letters and digits that somebody has escaped although nobody needs to.
_ODD = re.compile(
    rb"\\u00(?:3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])|%(?:25)*(?:3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])"
)
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|-?\d[\d.eE+-]*|true|false|null', re.DOTALL)
_EVENT_DATA = re.compile(rb"^data: ?", re.MULTILINE)
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_LONGEST_RUN = 1 << 22
_RUN_AFTER = re.compile(rb"[A-Za-z0-9+/_-]*={0,2}")
_SHORT_ESCAPES = {"\b": b"b", "\f": b"f", "\n": b"n", "\r": b"r", "\t": b"t"}
_ENTITIES = {"&": b"&(?:amp|#38|#x26);", "<": b"&(?:lt|#60|#x3[cC]);", ">": b"&(?:gt|#62|#x3[eE]);",
             '"': b"&(?:quot|#34|#x22);", "'": b"&(?:apos|#39|#x27);"}  # fmt: skip

Edit = tuple[int, int, bytes]
"""What is to stand in place of a span of bytes."""


class CannotRedact(Exception):
    """Something secret is where nothing can be put in its place; the message is one line without it."""


# One secret, in all its spellings


def _hex(value: int, width: int) -> bytes:
    digits = b"%0*x" % (width, value)
    return b"".join(b"[%c%c]" % (d, d - 32) if d >= 97 else b"%c" % d for d in digits)


def _spelled(character: str) -> bytes:
    """Return a pattern of every way a character is written in texts, JSON, URLs, forms and HTML, or one in another."""
    # Each begins with a letter of its own, and not with a repetition: only then are they searched for fast.
    raw = character.encode("utf-8")
    ways = [re.escape(raw)]
    if character in "\"'/":
        ways.append(rb"\\\\*" + ways[0])
    ways.append(b"".join(b"%(?:25)*" + _hex(byte, 2) for byte in raw))
    units = character.encode("utf-16-be")
    ways.append(b"".join(rb"\\\\*u" + _hex(units[n] << 8 | units[n + 1], 4) for n in range(0, len(units), 2)))
    if character in _SHORT_ESCAPES:
        ways.append(rb"\\\\*" + _SHORT_ESCAPES[character])
    if character == " ":
        ways.append(rb"\+")
    if character in _ENTITIES:
        ways.append(_ENTITIES[character])
    return b"(?:" + b"|".join(ways) + b")"


def _anchor(value: bytes) -> bytes:
    """Return the longest run of letters and digits: no encoding that is in use writes them otherwise."""
    return max(re.findall(rb"[A-Za-z0-9]+", value), key=len, default=b"")


class _Secret:
    """A value that is not to be found in any file."""

    def __init__(self, value: bytes, placeholder: bytes) -> None:
        self.value = value
        self.placeholder = placeholder
        self._anchor = _anchor(value)

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        try:
            text = self.value.decode("utf-8")
        except UnicodeDecodeError:
            return re.compile(re.escape(self.value))
        if len(text) > _LONGEST_SPELLED:
            spellings = {
                self.value, quote(text, safe="").encode(), quote_plus(text).encode(),
                json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode(),
            }  # fmt: skip
            return re.compile(b"|".join(map(re.escape, sorted(spellings, key=len, reverse=True))))
        if text.isascii() and text.isdigit() and len(text) < _SHORTEST_WORD:
            return re.compile(rb"(?<![0-9])" + self.value + rb"(?![0-9])")  # a part of a longer number is no secret
        parts = (
            rb"(?:\\|%(?:25)*5[cC]|\\+u005[cC]){" + b"%d,}" % len(part) if part[0] == "\\" else _spelled(part)
            for part in re.findall(r"\\+|[^\\]", text, re.DOTALL)
        )
        return re.compile(b"".join(parts))

    @cached_property
    def _cores(self) -> tuple[tuple[bytes, re.Pattern[bytes]], ...]:
        """What base64 makes of the value wherever it stands in what is encoded, without the letters at its edges."""
        cores = []
        for before in range(3):
            text = base64.b64encode(bytes(before) + self.value)
            core = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[(before + len(self.value)) % 3]]
            spelled = re.escape(core).replace(rb"\+", rb"(?:\+|-|%2[bB])").replace(b"/", rb"(?:\\*/|_|%2[fF])")
            cores.append((_anchor(core), re.compile(spelled)))
        return tuple(cores)

    def found_in(self, data: bytes, is_odd: bool) -> Iterator[Edit]:
        """Yield where it is, in whatever spelling, and what is to stand there."""
        if is_odd or self._anchor in data:
            for match in self._pattern.finditer(data):
                yield match.start(), match.end(), self.placeholder

    def encoded_in(self, data: bytes) -> Iterator[Edit]:
        """Yield where it is within base64, and what is to stand there."""
        for anchor, core in self._cores:
            if anchor in data:
                for match in core.finditer(data):
                    yield self._in_base64(data, match.start(), match.end())

    def _in_base64(self, data: bytes, start: int, end: int) -> Edit:
        """Return what is to stand for a whole run of base64 that holds the value."""
        before, after = data[max(0, start - _LONGEST_RUN) : start], _RUN_AFTER.match(data, end, end + _LONGEST_RUN)
        first = start - len(before) + len(before.rstrip(_BASE64))
        last = after.end() if after else end
        run = data[first:last]
        text = run.rstrip(b"=")
        is_url_safe = b"-" in text or b"_" in text
        try:
            plain = base64.b64decode(text + b"=" * (-len(text) % 4), b"-_" if is_url_safe else b"+/", validate=True)
        except binascii.Error:
            plain = b""
        if self.value not in plain:
            return start, end, self.placeholder
        plain = plain.replace(self.value, self.placeholder)
        encoded = base64.urlsafe_b64encode(plain) if is_url_safe else base64.b64encode(plain)
        return first, last, encoded if len(run) % 4 == 0 else encoded.rstrip(b"=")


# Redaction


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A text or number in JSON, or a key.

    :param path: where it is, without the places in lists; `name` is the key before it.
    """

    start: int
    end: int
    path: tuple[str, ...]
    name: str
    is_key: bool
    is_chosen: bool


class Redactor:
    """Takes secrets out of the interactions of one recording; what it has seen once it finds in all later ones.

    :param fields: names of fields of JSON, forms, multipart and queries whose values are secrets, in any case.
    :param keep_headers: request headers that are kept besides those that always are, in any case of letters.
    :param after: placeholders that are taken: numbering goes on after them.
    """

    def __init__(
        self, fields: Iterable[str] = (), keep_headers: Iterable[str] = (), after: Iterable[bytes] = ()
    ) -> None:
        self.counts: Counter[str] = Counter()
        """How many different secrets of each kind were found: `key`, `cookie`, `e-mail`, `value`."""
        self.fields = tuple(fields)
        self._fields = frozenset(name.casefold() for name in self.fields)
        self._kept = REQUEST_HEADERS | {name.lower().encode("latin-1") for name in keep_headers}
        self._last: Counter[str] = Counter()
        for placeholder in after:
            taken = _TAKEN.match(placeholder)
            if taken is not None:
                kind = taken[1].decode() if taken[1] else "e-mail"
                self._last[kind] = max(self._last[kind], int(taken[2]))
        self._placeholders: dict[bytes, bytes] = {}
        self._secrets: dict[bytes, _Secret] = {}
        self._stems = (*_STEMS, *(name.casefold().encode() for name in self.fields))
        self._is_hinted = all(name.isascii() for name in self.fields)

    def redacted(self, interaction: Interaction) -> Interaction:
        """Return an interaction without its secrets, and with the headers that are kept only.

        Numbers under a chosen name become text; `true`, `false` and `null` stay. Bodies are to be without compression.

        :raises CannotRedact: a secret is in a body of bytes that are no text; the interaction is not to be kept.
        """
        while True:
            known = len(self._placeholders)
            result = self._once(interaction)
            if len(self._placeholders) == known:
                return result
            # What was found late in it may stand before that too.

    def _once(self, interaction: Interaction) -> Interaction:
        request, answer = interaction.request, interaction.answer
        headers = {name: self._header(name, value) for name, value in request.headers.items()}
        path = _applied(request.path.encode("utf-8", "surrogateescape"), self._edits)
        query = self._parameters(request.query)
        body, _ = self._body(request.headers.get(b"content-type", b""), request.body)
        sent = Request(
            request.method,
            path.decode("utf-8", "surrogateescape"),
            query,
            {name: value for name, value in headers.items() if name in self._kept},
            body,
            request.origin,
        )
        came, edits = self._body(answer.header(b"content-type") or b"", answer.body)
        kept: Headers = []
        for name, value in answer.headers:
            lower = name.lower()
            if lower == b"content-length" and answer.body:
                kept.append((name, b"%d" % len(came)))
            elif edits and lower in (b"content-md5", b"digest", b"content-digest", b"repr-digest"):
                continue
            elif not DROPPED_ANSWER_HEADERS.fullmatch(lower):
                kept.append((name, self._header(lower, value)))
        return replace(
            interaction,
            request=sent,
            answer=Answer(answer.status, answer.reason, kept, came),
            pieces=_resized(interaction.pieces, edits),
        )

    # What is known

    def _place(self, value: bytes, kind: Kind, *, is_everywhere: bool = True) -> bytes:
        """Return what stands for a secret from now on; `is_everywhere` whether it is looked for in all else."""
        if not value or _PLACEHOLDER.fullmatch(value):
            return value
        known = self._placeholders.get(value)
        if known is None:
            self._last[kind] += 1
            self.counts[kind] += 1
            number = self._last[kind]
            known = (
                b"redacted-%d@example.com" % number if kind == "e-mail" else b"redacted-%s-%d" % (kind.encode(), number)
            )
            self._placeholders[value] = known
        if is_everywhere and len(value) >= SHORTEST and value not in self._secrets and value not in known:
            added = {value: _Secret(value, known)}
            try:  # a header's bytes are often Latin-1, what quotes it is UTF-8
                wide = value.decode("utf-8")
                narrow = wide.encode("latin-1", "ignore")
                if len(narrow) == len(wide) and narrow != value:
                    added[narrow] = _Secret(narrow, known)
            except UnicodeDecodeError:
                wide = value.decode("latin-1")
                added[wide.encode()] = _Secret(wide.encode(), known)
            # The longest first: a secret may be part of another.
            self._secrets = dict(sorted({**self._secrets, **added}.items(), key=lambda item: -len(item[0])))
        return known

    # By name

    def _header(self, name: bytes, value: bytes) -> bytes:
        if name in (b"authorization", b"proxy-authorization"):
            return self._authorization(value)
        if name == b"cookie":
            return b"; ".join(self._cookie(pair.strip()) for pair in value.split(b";"))
        if name == b"set-cookie":
            pair, mark, attributes = value.partition(b";")
            return self._cookie(pair.strip()) + mark + _applied(attributes, self._edits)
        if name.decode("latin-1").casefold() in self._fields:
            return self._place(value, "value")
        if _SECRET_HEADER.fullmatch(name) and name not in _NOT_SECRET_HEADERS:
            return self._place(value, "key")
        return _applied(value, self._edits)

    def _authorization(self, value: bytes) -> bytes:
        scheme, mark, rest = value.strip().partition(b" ")
        if not mark:
            return self._place(value.strip(), "key")
        rest = rest.strip()
        if scheme.lower() == b"basic":
            try:
                plain = base64.b64decode(rest + b"=" * (-len(rest) % 4))
            except binascii.Error:
                plain = b""
            for part in (*plain.partition(b":")[::2], plain):
                self._place(part, "key")
        elif scheme.lower() == b"bearer" and rest.lower().startswith(b"bearer "):
            self._place(rest[7:].strip(), "key")
        for quoted in re.findall(rb'="?([^",\s]{8,})"?', rest):
            self._place(quoted, "key")
        return scheme + b" " + self._place(rest, "key")

    def _cookie(self, pair: bytes) -> bytes:
        name, mark, value = pair.partition(b"=")
        if not mark:
            return self._place(name, "cookie", is_everywhere=_is_unlikely(name))
        bare = value.strip(b'"')
        plain = unquote_to_bytes(bare)
        if plain != bare:
            self._place(plain, "cookie", is_everywhere=_is_unlikely(plain))
        return name + b"=" + self._place(bare, "cookie", is_everywhere=_is_unlikely(bare))

    def _kind_of(self, name: str, names: frozenset[str]) -> Kind | None:
        """Return what a field of this name holds, if that is a secret."""
        folded = name.casefold()
        if folded in self._fields:
            return "value"
        return "key" if folded.translate(_NOT_IN_NAMES) in names else None

    def _parameters(self, data: bytes) -> bytes:
        """Return a query or a form without secrets; fields that hold none stay as they were written."""
        fields = []
        for field in data.split(b"&"):
            name, mark, value = field.partition(b"=")
            plain = unquote_to_bytes(value.replace(b"+", b" "))
            key = unquote_to_bytes(name.replace(b"+", b" "))
            kind = self._kind_of(key.decode("utf-8", "replace"), _SECRET_PARAMETERS)
            now = self._place(plain, kind) if kind else _applied(plain, self._edits)
            name_now = _applied(key, self._edits)
            fields.append(
                (name if name_now == key else quote_plus(name_now).encode())
                + mark
                + (value if now == plain else quote_plus(now).encode())
            )
        return b"&".join(fields)

    # Bodies

    def _body(self, content_type: bytes, data: bytes) -> tuple[bytes, list[Edit]]:
        edits = self._body_edits(content_type, data)
        return _spliced(data, edits), edits

    def _body_edits(self, content_type: bytes, data: bytes) -> list[Edit]:
        if not data:
            return []
        kind = bodies.media_type(content_type)
        if kind.startswith("multipart/"):
            parts = bodies.multipart(content_type, data)
            if parts is not None:
                return self._part_edits(parts, data)
        if kind == "application/x-www-form-urlencoded":
            now = self._parameters(data)
            return [] if now == data else [(0, len(data), now)]
        charset = re.search(rb"charset=\"?([\w.:-]+)", content_type, re.IGNORECASE)
        is_text = kind.startswith("text/") or bodies.is_json(kind) or kind.endswith(("/xml", "+xml", "/javascript"))
        if charset is not None and charset[1].lower().startswith((b"utf-16", b"utf-32", b"utf16", b"utf32")):
            return self._recoded_edits(charset[1].decode(), data)
        if not is_text and not _is_text(data):
            self._refuse(data)
            return []
        if kind == "text/event-stream":
            return self._event_edits(data)
        return self._text_edits(data)

    def _refuse(self, data: bytes) -> None:
        """Look for secrets in what is no text.

        :raises CannotRedact: there is one.
        """
        if next(self._known(data), None) is not None or next(_keys(data), None) is not None:
            raise CannotRedact("a body of bytes that are no text holds a key or another secret")

    def _recoded_edits(self, charset: str, data: bytes) -> list[Edit]:
        try:
            plain = data.decode(charset).encode("utf-8")
            now = _spliced(plain, self._text_edits(plain))
            return [] if now == plain else [(0, len(data), now.decode("utf-8").encode(charset))]
        except (UnicodeError, LookupError):
            self._refuse(data)
            return []

    def _part_edits(self, parts: Sequence[bodies.Part], data: bytes) -> list[Edit]:
        edits: list[Edit] = []
        at = 0
        for part in parts:
            edits += _shifted(self._edits(data[at : part.start]), at)
            at = part.start + len(part.body)
            kind = self._kind_of(part.name.decode("utf-8", "replace"), _SECRET_PARAMETERS)
            if kind is not None and part.body:
                edits.append((part.start, at, self._place(part.body, kind)))
            else:
                edits += _shifted(self._body_edits(part.content_type or b"", part.body), part.start)
        return edits + _shifted(self._edits(data[at:]), at)

    def _text_edits(self, data: bytes) -> list[Edit]:
        """Return the edits of a text: JSON, lines of JSON, or anything."""
        if data.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"{", b"[", b'"'):
            if _is_json(data):
                return self._json_edits(data)
            lines = data.splitlines(keepends=True)
            if len(lines) > 1 and lines[0].lstrip()[:1] in (b"{", b"["):
                edits, at = [], 0
                for line in lines:
                    edits += _shifted(self._json_edits(line) if _is_json(line) else self._edits(line), at)
                    at += len(line)
                return edits
        return self._edits(data)

    def _json_edits(self, data: bytes) -> list[Edit]:
        """Return the edits of JSON, each a whole token, so that JSON it stays."""
        is_named = self._may_name(data)
        if not is_named and b"\\" not in data and not self._is_secret(data):
            return []
        edits: list[Edit] = []
        for leaf in _leaves(data, self._is_chosen) if is_named else _texts(data):
            now = self._leaf(data, leaf)
            if now is not None:
                edits.append((leaf.start, leaf.end, now))
        return edits

    def _may_name(self, data: bytes) -> bool:
        """Tell whether JSON may have fields that are secret by their name."""
        lower = data.lower()
        return not self._is_hinted or any(stem in lower for stem in self._stems) or self._has_digits

    @property
    def _has_digits(self) -> bool:
        """Whether a secret could be a number in JSON."""
        return any(value.isdigit() for value in self._secrets)

    def _is_chosen(self, name: str) -> bool:
        return name.casefold() in self._fields

    def _leaf(self, data: bytes, leaf: _Leaf) -> bytes | None:
        """Return what is to stand in place of a token of JSON; `None` where it stays."""
        token = data[leaf.start : leaf.end]
        if token[:1] != b'"':
            if leaf.is_chosen:
                return b'"' + self._place(token, "value") + b'"'
            found = self._secrets.get(token.lstrip(b"-"))
            return None if found is None else b'"' + found.placeholder + b'"'
        plain = _unquoted(token)
        if leaf.is_chosen and not leaf.is_key:
            return _quoted(self._place(plain, "value"), token)
        if not leaf.is_key:
            kind = self._kind_of(leaf.name, _SECRET_FIELDS)
            if kind is None and leaf.name.casefold() == "token" and _is_token(plain):
                kind = "key"
            if kind is not None and plain:
                return _quoted(self._place(plain, kind, is_everywhere=_is_unlikely(plain)), token)
        now = _applied(plain, self._nested_edits)
        return None if now == plain else _quoted(now, token)

    def _nested_edits(self, data: bytes) -> list[Edit]:
        """Return the edits of a text in JSON, which may be JSON itself."""
        if data[:1] in (b"{", b"[") and data[-1:] in (b"}", b"]") and _is_json(data):
            return self._json_edits(data)
        return self._edits(data)

    def _event_edits(self, data: bytes) -> list[Edit]:
        """Return the edits of server-sent events; a secret may also be spread over several of them."""
        edits: list[Edit] = []
        series: dict[tuple[str, ...], list[tuple[int, int, bytes]]] = {}
        at = 0
        for line in data.splitlines(keepends=True):
            mark = _EVENT_DATA.match(line)
            payload = line[mark.end() :] if mark else b""
            if mark is not None and payload.lstrip()[:1] in (b"{", b"[") and _is_json(payload):
                start = at + mark.end()
                edits += _shifted(self._json_edits(payload), start)
                for leaf in _leaves(payload, self._is_chosen):
                    token = payload[leaf.start : leaf.end]
                    if not leaf.is_key and token[:1] == b'"':
                        series.setdefault(leaf.path, []).append(
                            (start + leaf.start, start + leaf.end, _unquoted(token))
                        )
            else:
                edits += _shifted(self._edits(line), at)
            at += len(line)
        for tokens in series.values():
            if len(tokens) > 1:
                edits = self._with_spread(tokens, edits, data)
        return sorted(edits)

    def _with_spread(self, tokens: Sequence[tuple[int, int, bytes]], edits: list[Edit], data: bytes) -> list[Edit]:
        """Return edits with those of secrets that begin in one text of a series and end in a later one."""
        bounds = [0]
        for _, _, text in tokens:
            bounds.append(bounds[-1] + len(text))
        whole = b"".join(text for _, _, text in tokens)
        own = [self._found(text) for _, _, text in tokens]
        # An address that is whole in one text ends there; a key may well go on in the next.
        told = {bounds[n] + start for n, spans in enumerate(own) for start, _, what in spans if what == "e-mail"}
        found = self._found(whole, told)
        touched: dict[int, list[Edit]] = {}
        for start, end, secret in found:
            first = max(n for n in range(len(tokens)) if bounds[n] <= start)
            last = max(n for n in range(len(tokens)) if bounds[n] < end)
            # The next text begins with a secret of its own: then it is one that is told again.
            last = next((n - 1 for n in range(first + 1, last + 1) if own[n] and own[n][0][0] == 0), last)
            if first == last:
                continue
            for n in range(first, last + 1):
                piece = (max(start, bounds[n]) - bounds[n], min(end, bounds[n + 1]) - bounds[n])
                touched.setdefault(n, []).append(
                    (*piece, self._stands(whole[start:end], secret) if n == first else b"")
                )
        replaced: dict[tuple[int, int], bytes] = {(start, end): new for start, end, new in edits}
        for n, spread in touched.items():
            start, end, text = tokens[n]
            both = _merged([*spread, *((s, e, self._stands(text[s:e], x)) for s, e, x in own[n])])
            replaced[start, end] = _quoted(_spliced(text, both), data[start:end])
        return [(start, end, new) for (start, end), new in replaced.items()]

    # Texts

    def _known(self, data: bytes, *, is_base64: bool = True) -> Iterator[Edit]:
        is_odd = _ODD.search(data) is not None if b"%" in data or b"\\u" in data else False
        for secret in self._secrets.values():
            yield from secret.found_in(data, is_odd)
            if is_base64:
                yield from secret.encoded_in(data)

    def _found(self, data: bytes, besides: Set[int] | None = None) -> list[tuple[int, int, bytes | Kind]]:
        """Return where secrets are in a text, without overlaps: with what stands for them, or else what they are.

        :param besides: where addresses begin that do not count, in several texts as one: base64 ends with each.
        """
        found: list[tuple[int, int, bytes | Kind]] = [*self._known(data, is_base64=besides is None)]
        found += [(start, end, "key") for start, end in _keys(data)]
        found += [(start, end, "e-mail") for start, end in _addresses(data) if start not in (besides or ())]
        if not found:
            return found
        if b"redacted-" in data:
            taken = [match.span() for match in _PLACEHOLDER.finditer(data)]
            found = [f for f in found if not any(f[0] < end and start < f[1] for start, end in taken)]
        return _merged(found)

    def _is_secret(self, data: bytes) -> bool:
        return bool(self._found(data))

    def _stands(self, value: bytes, what: bytes | Kind) -> bytes:
        if isinstance(what, bytes):
            return what
        if what == "e-mail":
            return self._place(unquote_to_bytes(value).lower(), "e-mail", is_everywhere=False)
        return self._place(value, what)

    def _edits(self, data: bytes) -> list[Edit]:
        return [(start, end, self._stands(data[start:end], what)) for start, end, what in self._found(data)]


# What secrets look like


def _keys(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where something is that looks like a key."""
    for start, pattern in _LOOKS:
        if start in data:
            for match in pattern.finditer(data):
                first = match.start()
                if start in (b"k_live_", b"k_test_"):
                    first -= 1
                elif start == b"_sk_":
                    before = _BEFORE_KEY.search(data, max(0, first - 32), first)
                    first = before.start() if before else first
                yield first, match.end()
    if b"=" in data and (b"?" in data or b"&" in data):
        for match in _IN_URL.finditer(data):
            yield match.span(1)


def _addresses(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where e-mail addresses are."""
    if b"@" not in data and b"%40" not in data:
        return
    for match in _DOMAIN.finditer(data):
        before = _LOCAL.search(data, max(0, match.start() - _LOCAL_PART), match.start())
        if before is not None:
            local = before[0].lstrip(_LOCAL_EDGE)
            if local:
                yield match.start() - len(local), match.end()


def is_secret_name(name: str) -> bool:
    """Whether what a field or parameter of this name holds travels as a credential."""
    return name.lower().translate(_NOT_IN_NAMES) in _SECRET_PARAMETERS


def concealed(text: str) -> str:
    """Return a text for a message, without what looks like a key or an e-mail address."""
    data = text.encode("utf-8", "surrogatepass")
    for start, end in sorted({*_keys(data), *_addresses(data)}, reverse=True):
        if PLACEHOLDER.fullmatch(data[start:end].decode("utf-8", "replace")) is None:
            data = data[:start] + b"(not shown)" + data[end:]
    return data.decode("utf-8", "replace")


def _is_unlikely(value: bytes) -> bool:
    """Tell whether a value is no word that stands in any text, so that it can be looked for everywhere."""
    return not (len(value) < _SHORTEST_WORD and (value.isalpha() or value.isdigit()))


def _is_token(value: bytes) -> bool:
    return len(value) >= 20 and re.search(rb"[0-9]", value) is not None and re.search(rb"\s", value) is None


# JSON


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _unquoted(token: bytes) -> bytes:
    if b"\\" not in token:
        return token[1:-1]
    text: str = json.loads(token)
    return text.encode("utf-8", "surrogatepass")


def _quoted(plain: bytes, like: bytes) -> bytes:
    """Return a text as a token of JSON, escaped as another is."""
    text = plain.decode("utf-8", "surrogatepass")
    is_ascii = b"\\u" in like or any("\ud800" <= c <= "\udfff" for c in text)
    return json.dumps(text, ensure_ascii=is_ascii).encode()


def _texts(data: bytes) -> Iterator[_Leaf]:
    """Yield the texts of JSON, keys among them."""
    for match in _STRING.finditer(data):
        yield _Leaf(match.start(), match.end(), (), "", False, False)


def _leaves(data: bytes, is_chosen: Callable[[str], bool]) -> Iterator[_Leaf]:
    """Yield the texts, numbers and keys of JSON, with where they are."""
    stack: list[tuple[bool, tuple[str, ...], bool]] = []  # whether an object, its path, whether below a chosen name
    path: tuple[str, ...] = ()
    name, chosen, is_key = "", False, False
    for match in _TOKEN.finditer(data):
        token = match[0]
        first = token[:1]
        if first in b"{[":
            stack.append((is_key, path, chosen))
            path = (*path, name)
            chosen = chosen or is_chosen(name)
            is_key = first == b"{"
            stack[-1] = (is_key, path, chosen)
            name = ""
        elif first in b"}]":
            stack.pop()
            if stack:
                _, path, chosen = stack[-1]
            name, is_key = "", False
        elif first == b",":
            is_key = bool(stack) and stack[-1][0]
            if is_key:
                name = ""
        elif first == b":":
            is_key = False
        elif first == b'"':
            if is_key:
                name = _unquoted(token).decode("utf-8", "surrogatepass")
                yield _Leaf(match.start(), match.end(), path, name, True, False)
            else:
                yield _Leaf(match.start(), match.end(), (*path, name), name, False, chosen or is_chosen(name))
        elif first not in b"tfn":
            yield _Leaf(match.start(), match.end(), (*path, name), name, False, chosen or is_chosen(name))


# Edits


def _applied(data: bytes, edits_of: Callable[[bytes], list[Edit]]) -> bytes:
    return _spliced(data, edits_of(data))


def _spliced(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return data after edits that are in order and do not overlap."""
    if not edits:
        return data
    pieces, at = [], 0
    for start, end, new in edits:
        pieces += [data[at:start], new]
        at = end
    return b"".join([*pieces, data[at:]])


def _shifted(edits: Sequence[Edit], by: int) -> list[Edit]:
    return [(start + by, end + by, new) for start, end, new in edits]


def _merged(found: Sequence[tuple[int, int, T]]) -> list[tuple[int, int, T]]:
    """Return spans in order, those that overlap as one: what the longest of them is."""
    merged: list[tuple[int, int, T]] = []
    longest = 0
    for start, end, what in sorted(found, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            before = merged[-1]
            if end - start > longest:
                longest, before = end - start, (before[0], before[1], what)
            merged[-1] = (before[0], max(end, before[1]), before[2])
        else:
            merged.append((start, end, what))
            longest = end - start
    return merged


def _resized(pieces: tuple[Piece, ...], edits: Sequence[Edit]) -> tuple[Piece, ...]:
    """Return pieces of a body whose sizes add up again after edits; what was within an edit ends with it."""
    if not edits:
        return pieces
    resized: list[Piece] = []
    at = moved = before = 0
    rest = list(reversed(edits))
    for piece in pieces:
        at += piece.size
        end = at + moved
        while rest and rest[-1][0] < at:
            start, stop, new = rest.pop()
            moved += len(new) - (stop - start)
            end = max(at, stop) + moved
        end = max(end, before)
        resized.append(Piece(piece.wait_us, end - before))
        before = end
    return tuple(resized)
