"""Secrets taken out of what was recorded, before any of it is written (pure).

A secret is what travelled as a credential (by the name of its header, cookie or field), what a user chose by name, and
what looks like a key or an e-mail address wherever it is. What travelled as one is looked for everywhere, in any
spelling, in its own interaction and in all later ones.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from typing import Literal
from urllib.parse import quote_plus, unquote_to_bytes

from mockserver.cassettes import bodies
from mockserver.cassettes.edits import Edit, applied, merged, resized, shifted, spliced
from mockserver.cassettes.interaction import Answer, Interaction
from mockserver.cassettes.json_tokens import Leaf, is_json, leaves, quoted, texts, unquoted
from mockserver.cassettes.looks import (
    NOT_IN_NAMES,
    NOT_SECRET_HEADERS,
    PLACEHOLDER,
    SECRET_FIELDS,
    SECRET_HEADER,
    SECRET_PARAMETERS,
    STEMS,
    addresses,
    is_token,
    is_unlikely,
    keys,
)
from mockserver.cassettes.spellings import Values
from mockserver.http.messages import Headers, Request

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

_PLACEHOLDER = re.compile(PLACEHOLDER.pattern.encode())
_TAKEN = re.compile(rb"redacted-(?:(key|cookie|value)-)?(\d+)")
_MOST_PASSES = 12
_EVENT_DATA = re.compile(rb"^data: ?", re.MULTILINE)


class CannotRedact(Exception):
    """Something secret is where nothing can be put in its place; the message is one line without it."""


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
        self._secrets = Values()
        self._stems = (*STEMS, *(name.casefold().encode() for name in self.fields))
        self._is_hinted = all(name.isascii() for name in self.fields)

    def redacted(self, interaction: Interaction) -> Interaction:
        """Return an interaction without its secrets, and with the headers that are kept only.

        Numbers under a chosen name become text; `true`, `false` and `null` stay. Bodies are to be without compression.

        :raises CannotRedact: a secret is in a body of bytes that are no text, or there are too many; the interaction is
            not to be kept.
        """
        for _ in range(_MOST_PASSES):
            known = len(self._secrets)
            result = self._once(interaction)
            if len(self._secrets) == known:
                return result
            # What was found late in it may stand before that too.
        raise CannotRedact("what is secret in it changes whenever it is looked for")

    def _once(self, interaction: Interaction) -> Interaction:
        request, answer = interaction.request, interaction.answer
        headers = {name: self._header(name, value) for name, value in request.headers.items()}
        path = applied(request.path.encode("utf-8", "surrogateescape"), self._edits)
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
            pieces=resized(interaction.pieces, edits),
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
            if self._secrets.is_full:
                raise CannotRedact("there are more secrets in this recording than can be looked for")
            self._secrets.add(value, known)
            try:  # a header's bytes are often Latin-1, what quotes it is UTF-8
                wide = value.decode("utf-8")
                narrow = wide.encode("latin-1", "ignore")
                if len(narrow) == len(wide) and narrow != value:
                    self._secrets.add(narrow, known)
            except UnicodeDecodeError:
                self._secrets.add(value.decode("latin-1").encode(), known)
        return known

    # By name

    def _header(self, name: bytes, value: bytes) -> bytes:
        if name in (b"authorization", b"proxy-authorization"):
            return self._authorization(value)
        if name == b"cookie":
            return b"; ".join(self._cookie(pair.strip()) for pair in value.split(b";"))
        if name == b"set-cookie":
            pair, mark, attributes = value.partition(b";")
            return self._cookie(pair.strip()) + mark + applied(attributes, self._edits)
        if name.decode("latin-1").casefold() in self._fields:
            return self._place(value, "value")
        if SECRET_HEADER.fullmatch(name) and name not in NOT_SECRET_HEADERS:
            return self._place(value, "key")
        return applied(value, self._edits)

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
        for said in re.findall(rb'="?([^",\s]{8,})"?', rest):
            self._place(said, "key")
        return scheme + b" " + self._place(rest, "key")

    def _cookie(self, pair: bytes) -> bytes:
        name, mark, value = pair.partition(b"=")
        if not mark:
            return self._place(name, "cookie", is_everywhere=is_unlikely(name))
        bare = value.strip(b'"')
        plain = unquote_to_bytes(bare)
        if plain != bare:
            self._place(plain, "cookie", is_everywhere=is_unlikely(plain))
        return name + b"=" + self._place(bare, "cookie", is_everywhere=is_unlikely(bare))

    def _kind_of(self, name: str, names: frozenset[str]) -> Kind | None:
        """Return what a field of this name holds, if that is a secret."""
        folded = name.casefold()
        if folded in self._fields:
            return "value"
        return "key" if folded.translate(NOT_IN_NAMES) in names else None

    def _parameters(self, data: bytes) -> bytes:
        """Return a query or a form without secrets; fields that hold none stay as they were written."""
        fields = []
        for field in data.split(b"&"):
            name, mark, value = field.partition(b"=")
            plain = unquote_to_bytes(value.replace(b"+", b" "))
            key = unquote_to_bytes(name.replace(b"+", b" "))
            kind = self._kind_of(key.decode("utf-8", "replace"), SECRET_PARAMETERS)
            now = self._place(plain, kind) if kind else applied(plain, self._edits)
            name_now = applied(key, self._edits)
            fields.append(
                (name if name_now == key else quote_plus(name_now).encode())
                + mark
                + (value if now == plain else quote_plus(now).encode())
            )
        return b"&".join(fields)

    # Bodies

    def _body(self, content_type: bytes, data: bytes) -> tuple[bytes, list[Edit]]:
        edits = self._body_edits(content_type, data)
        return spliced(data, edits), edits

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
        if self._secrets.are_in(data) or next(keys(data), None) is not None:
            raise CannotRedact("a body of bytes that are no text holds a key or another secret")

    def _recoded_edits(self, charset: str, data: bytes) -> list[Edit]:
        try:
            plain = data.decode(charset).encode("utf-8")
            now = spliced(plain, self._text_edits(plain))
            return [] if now == plain else [(0, len(data), now.decode("utf-8").encode(charset))]
        except (UnicodeError, LookupError):
            self._refuse(data)
            return []

    def _part_edits(self, parts: Sequence[bodies.Part], data: bytes) -> list[Edit]:
        edits: list[Edit] = []
        at = 0
        for part in parts:
            edits += shifted(self._edits(data[at : part.start]), at)
            at = part.start + len(part.body)
            kind = self._kind_of(part.name.decode("utf-8", "replace"), SECRET_PARAMETERS)
            if kind is not None and part.body:
                edits.append((part.start, at, self._place(part.body, kind)))
            else:
                edits += shifted(self._body_edits(part.content_type or b"", part.body), part.start)
        return edits + shifted(self._edits(data[at:]), at)

    def _text_edits(self, data: bytes) -> list[Edit]:
        """Return the edits of a text: JSON, lines of JSON, or anything."""
        if data.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"{", b"[", b'"'):
            if is_json(data):
                return self._json_edits(data)
            lines = data.splitlines(keepends=True)
            if len(lines) > 1 and lines[0].lstrip()[:1] in (b"{", b"["):
                edits, at = [], 0
                for line in lines:
                    edits += shifted(self._json_edits(line) if is_json(line) else self._edits(line), at)
                    at += len(line)
                return edits
        return self._edits(data)

    def _json_edits(self, data: bytes) -> list[Edit]:
        """Return the edits of JSON, each a whole token, so that JSON it stays."""
        is_named = self._may_name(data)
        if not is_named and b"\\" not in data and not self._is_secret(data):
            return []
        edits: list[Edit] = []
        for leaf in leaves(data, self._is_chosen) if is_named else texts(data):
            now = self._leaf(data, leaf)
            if now is not None:
                edits.append((leaf.start, leaf.end, now))
        return edits

    def _may_name(self, data: bytes) -> bool:
        """Tell whether JSON may have fields that are secret by their name."""
        lower = data.lower()
        return not self._is_hinted or any(stem in lower for stem in self._stems) or self._secrets.has_numbers

    def _is_chosen(self, name: str) -> bool:
        return name.casefold() in self._fields

    def _leaf(self, data: bytes, leaf: Leaf) -> bytes | None:
        """Return what is to stand in place of a token of JSON; `None` where it stays."""
        token = data[leaf.start : leaf.end]
        if token[:1] != b'"':
            if leaf.is_chosen:
                return b'"' + self._place(token, "value") + b'"'
            found = self._secrets.get(token.lstrip(b"-"))
            return None if found is None else b'"' + found + b'"'
        plain = unquoted(token)
        if leaf.is_chosen and not leaf.is_key:
            return quoted(self._place(plain, "value"), token)
        if not leaf.is_key:
            kind = self._kind_of(leaf.name, SECRET_FIELDS)
            if kind is None and leaf.name.casefold() == "token" and is_token(plain):
                kind = "key"
            if kind is not None and plain:
                return quoted(self._place(plain, kind, is_everywhere=is_unlikely(plain)), token)
        now = applied(plain, self._nested_edits)
        return None if now == plain else quoted(now, token)

    def _nested_edits(self, data: bytes) -> list[Edit]:
        """Return the edits of a text in JSON, which may be JSON itself."""
        if data[:1] in (b"{", b"[") and data[-1:] in (b"}", b"]") and is_json(data):
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
            if mark is not None and payload.lstrip()[:1] in (b"{", b"[") and is_json(payload):
                start = at + mark.end()
                edits += shifted(self._json_edits(payload), start)
                for leaf in leaves(payload, self._is_chosen):
                    token = payload[leaf.start : leaf.end]
                    if not leaf.is_key and token[:1] == b'"':
                        series.setdefault(leaf.path, []).append((start + leaf.start, start + leaf.end, unquoted(token)))
            else:
                edits += shifted(self._edits(line), at)
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
            first = min(bisect_right(bounds, start), len(tokens)) - 1
            last = min(bisect_left(bounds, end), len(tokens)) - 1
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
            both = merged([*spread, *((s, e, self._stands(text[s:e], x)) for s, e, x in own[n])])
            replaced[start, end] = quoted(spliced(text, both), data[start:end])
        return [(start, end, new) for (start, end), new in replaced.items()]

    # Texts

    def _found(self, data: bytes, besides: Set[int] | None = None) -> list[tuple[int, int, bytes | Kind]]:
        """Return where secrets are in a text, without overlaps: with what stands for them, or else what they are.

        :param besides: where addresses begin that do not count, in several texts as one: base64 ends with each.
        """
        found: list[tuple[int, int, bytes | Kind]] = [*self._secrets.found_in(data, is_base64=besides is None)]
        found += [(start, end, "key") for start, end in keys(data)]
        found += [(start, end, "e-mail") for start, end in addresses(data) if start not in (besides or ())]
        if not found:
            return found
        if b"redacted-" in data:
            taken = [match.span() for match in _PLACEHOLDER.finditer(data)]
            ends = [end for _, end in taken]
            found = [f for f in found if not _overlaps(f, taken, ends)]
        return merged(found)

    def _is_secret(self, data: bytes) -> bool:
        looks = (keys(data), addresses(data))
        return any(next(each, None) is not None for each in looks) or self._secrets.are_in(data)

    def _stands(self, value: bytes, what: bytes | Kind) -> bytes:
        if isinstance(what, bytes):
            return what
        if what == "e-mail":
            return self._place(unquote_to_bytes(value).lower(), "e-mail", is_everywhere=False)
        return self._place(value, what)

    def _edits(self, data: bytes) -> list[Edit]:
        return [(start, end, self._stands(data[start:end], what)) for start, end, what in self._found(data)]


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _overlaps(found: tuple[int, int, object], taken: Sequence[tuple[int, int]], ends: Sequence[int]) -> bool:
    """Tell whether a span overlaps one of those that are taken, which are in order."""
    after = bisect_right(ends, found[0])
    return after < len(taken) and taken[after][0] < found[1]
