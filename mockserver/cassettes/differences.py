"""What a difference between a recorded answer and a simulated one is, and how much it matters (pure).

What is compared, and how it is graded:

- *Status.* Another one is breaking, and then nothing else is compared: it has one cause.
- *Headers.* Their names, but for those that say where an answer came from and by which way. A missing one is breaking,
  a further one additive; another number in one is a value. Another content type is breaking.
- *JSON.* A member of ours that is missing, another type, and a value that is not among those documented are breaking; a
  further member is additive; numbers, documented values, instants that are off, ids of something else, the length and
  the order of a list are values. A null where the document allows one is a value. Texts are compared by form only:
  instants and decimals; what they say is not, nor whether they say anything.
- *Lists* of one length are compared item by item, others by what their items look like. In maps, whose keys are data,
  values that stand under the same key are compared; other keys are one difference.
- *Streams.* A missing kind of event and another order are breaking, a further kind is additive; numbers of the last
  event that has them are values.
- *Bytes.* Their kind only.

Each cause is one difference: what is missing is not missing again for each of its members.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mockserver.cassettes import bodies
from mockserver.cassettes.described import NOWHERE, Descriptions, Place, Schema
from mockserver.cassettes.finding import Difference, Findings, Grade, Kind, cut
from mockserver.cassettes.interaction import Answer
from mockserver.cassettes.streams import compare_streams, events_of
from mockserver.cassettes.values import Values
from mockserver.kernel.windows import Instant

__all__ = [
    "NOTHING_KNOWN",
    "Descriptions",
    "Difference",
    "Grade",
    "Kind",
    "Knowledge",
    "Schema",
    "compare",
]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known about an interaction beside its two answers.

    :param schema: of the documented JSON body of the simulated status; of a stream, of what a whole answer would be.
    :param asked_at: when the request was recorded; instants are not compared where it is not known.
    :param ids: recorded ids, and what the simulation calls the same thing.
    :param noise: what a world of another seed answered. Where it differs from the simulated answer, chance speaks, and
        only forms are compared.
    """

    schema: Schema | None = None
    asked_at: Instant | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    noise: Answer | None = None


NOTHING_KNOWN = Knowledge()


def compare(recorded: Answer, simulated: Answer, knowledge: Knowledge = NOTHING_KNOWN) -> list[Difference]:
    """Return how a simulated answer differs from the recorded one, each cause once."""
    noise = knowledge.noise
    if recorded.status != simulated.status:
        if noise is None or noise.status != recorded.status:
            return [Difference("status", "breaking", "status", f"{recorded.status}", f"{simulated.status}")]
        simulated, noise = noise, None  # chance refuses, and refused this one
    others = [simulated] if noise is None or noise.status != simulated.status else [simulated, noise]
    findings = Findings()
    _compare_headers(recorded, others, findings)
    _compare_bodies(recorded, others, knowledge, findings)
    return findings.differences()


# Headers

_CONTENT_TYPE = "content-type"
_PASSED_OVER = frozenset(
    # Who sent it, when and by which way, what may be done with it; and what goes with compression or a framing.
    "accept-ranges age alt-svc cache-control connection content-encoding content-language content-length date etag "
    "expires keep-alive last-modified link nel pragma priority proxy-authenticate report-to reporting-endpoints "
    "referrer-policy permissions-policy origin-agent-cluster request-id server server-timing set-cookie "
    "strict-transport-security timing-allow-origin traceparent tracestate trailer transfer-encoding upgrade vary via "
    "x-cache x-cache-hits x-content-type-options x-correlation-id x-dns-prefetch-control x-download-options "
    "x-frame-options x-permitted-cross-domain-policies x-powered-by x-process-time x-real-ip x-request-id "
    "x-response-time x-robots-tag x-runtime x-served-by x-timer x-trace-id x-ua-compatible x-xss-protection".split()
)
_PASSED_OVER_STARTS = (
    "access-control-",
    "cf-",
    "content-security-policy",
    "cross-origin-",
    "fly-",
    "rndr-",
    "x-amz",
    "x-azure-",
    "x-b3-",
    "x-cloud-trace",
    "x-datadog-",
    "x-envoy-",
    "x-fastly-",
    "x-forwarded-",
    "x-goog-",
    "x-ms-",
    "x-railway-",
    "x-render-",
    "x-vercel-",
)


def _compare_headers(recorded: Answer, others: Sequence[Answer], findings: Findings) -> None:
    theirs, *ours = (_headers(answer) for answer in (recorded, *others))
    if not recorded.body or not all(answer.body for answer in others):
        for each in (theirs, *ours):
            each.pop(_CONTENT_TYPE, None)  # nothing is of no type; that there is nothing is the body's difference
    for name, value in ours[0].items():
        if all(name in each for each in ours):
            if name not in theirs:
                findings.add("header", "breaking", name, "", cut(value) if _is_plain(name, value) else "sent")
            elif name == _CONTENT_TYPE:
                _compare_media_types(theirs[name], [each[name] for each in ours], findings)
            elif all(each[name] == value for each in ours) and _are_other_numbers(theirs[name], value):
                findings.add("header", "value", name, cut(theirs[name]), cut(value))
    for name, value in theirs.items():
        if not any(name in each for each in ours):
            findings.add("header", "additive", name, cut(value) if _is_plain(name, value) else "sent", "")


def _headers(answer: Answer) -> dict[str, str]:
    """Return the headers that count, each with its last value."""
    found = {}
    for raw, value in answer.headers:
        name = cut(raw.decode("latin-1").lower())
        if name not in _PASSED_OVER and not name.startswith(_PASSED_OVER_STARTS):
            found[name] = value.decode("latin-1").strip()
    return found


def _compare_media_types(recorded: str, others: Sequence[str], findings: Findings) -> None:
    theirs, *ours = (bodies.media_type(value.encode("latin-1")) for value in (recorded, *others))
    if theirs not in ours:
        findings.add("header", "breaking", _CONTENT_TYPE, cut(theirs), cut(ours[0]))


def _is_plain(name: str, value: str) -> bool:
    return name == _CONTENT_TYPE or _number(value) is not None


def _are_other_numbers(recorded: str, simulated: str) -> bool:
    one, other = _number(recorded), _number(simulated)
    return one is not None and other is not None and one != other


def _number(text: str) -> float | None:
    try:
        return float(text) if len(text) < 40 and text[:1] in "-+.0123456789" else None
    except ValueError:
        return None


# Bodies


def _compare_bodies(recorded: Answer, others: Sequence[Answer], knowledge: Knowledge, findings: Findings) -> None:
    if any(recorded.body == each.body and _media_type(recorded) == _media_type(each) for each in others):
        return
    try:
        theirs = bodies.decoded(recorded.headers, recorded.body)
        ours = [bodies.decoded(each.headers, each.body) for each in others]
    except ValueError as error:
        findings.add("body", "breaking", "body", cut(f"{error}"), "", "cannot be decoded")
        return
    if not theirs or not all(ours):
        if bool(theirs) not in map(bool, ours):
            grade: Grade = "additive" if theirs else "breaking"
            findings.add("body", grade, "body", *("some" if each else "empty" for each in (theirs, ours[0])))
        return
    kinds = {_class(each) for each in (recorded, *others)}
    if len(kinds) != 1:
        return  # which the header said
    place = knowledge.schema.place if knowledge.schema is not None else NOWHERE
    values = Values(findings, knowledge.asked_at, knowledge.ids, is_refusal=recorded.status >= 400)
    kind = kinds.pop()
    if kind == "stream":
        compare_streams(events_of(theirs), [events_of(each) for each in ours], place, values, findings)
    elif kind in _READERS:
        _compare_json(theirs, ours, _READERS[kind], place, values, findings)
    elif _look(theirs) not in map(_look, ours):
        findings.add("body", "breaking", "body", _look(theirs), _look(ours[0]))


def _media_type(answer: Answer) -> str:
    return bodies.media_type(answer.header(b"content-type"))


def _class(answer: Answer) -> str:
    kind = _media_type(answer)
    if kind == "text/event-stream":
        return "stream"
    if bodies.is_json(kind):
        return "JSON"
    return "lines" if kind in ("application/x-ndjson", "application/jsonl", "application/x-jsonlines") else "other"


def _lines(body: bytes) -> Any:
    return [json.loads(line) for line in body.splitlines() if line.strip()]


_READERS: Mapping[str, Callable[[bytes], Any]] = {"JSON": json.loads, "lines": _lines}


def _compare_json(
    recorded: bytes,
    others: Sequence[bytes],
    read: Callable[[bytes], Any],
    place: Place,
    values: Values,
    findings: Findings,
) -> None:
    ours = []
    for body in others:
        try:
            ours.append(read(body))
        except (ValueError, RecursionError):
            return  # a fault's doing
    try:
        theirs = read(recorded)
    except (ValueError, RecursionError):
        findings.add("body", "breaking", "body", _look(recorded), "JSON", "is not the JSON it is said to be")
        return
    values.compare(theirs, ours, place, "$", exact=True)


_MAGIC = (
    (b"\x89PNG", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"%PDF", "PDF"),
    (b"ID3", "MP3 sound"),
    (b"\xff\xfb", "MP3 sound"),
    (b"\xff\xf3", "MP3 sound"),
    (b"OggS", "Ogg sound"),
    (b"fLaC", "FLAC sound"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
)


def _look(body: bytes) -> str:
    """Return roughly what some bytes are."""
    if body[:4] == b"RIFF":
        return {b"WAVE": "WAV sound", b"WEBP": "WebP image"}.get(body[8:12], "bytes")
    known = next((kind for magic, kind in _MAGIC if body.startswith(magic)), None)
    if known is not None:
        return known
    start = body[:512]
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:
            return "bytes"
        text = start[: error.start].decode("utf-8")
    if any(each < " " and each not in "\t\r\n\f" for each in text):
        return "bytes"
    return "HTML" if text.lstrip()[:1] == "<" and "html" in text.lower() else "text"
