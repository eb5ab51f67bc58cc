"""What a prompt plainly asks for: fields as JSON, one of some labels, SQL, code, a summary, or just an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from mockserver.vendors.pareta.domain.formats import words_of
from mockserver.vendors.pareta.domain.generation import Form
from mockserver.vendors.pareta.domain.reading import KINDS, Reader, best_label, keywords, likeliest
from mockserver.vendors.pareta.domain.structured import Field


@dataclass(frozen=True, slots=True)
class Asked:
    """What a prompt wants.

    :param fields: of an object, in order; empty if none are named.
    :param is_list: whether a list of such objects is wanted.
    :param labels: to choose from, each with what is said about it.
    :param passage: what is to be read, without the instructions where they can be told apart.
    """

    form: Form
    fields: tuple[Field, ...] = ()
    is_list: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    passage: str = ""


_MAX_INSTRUCTIONS = 8_000
_REMEMBERED_CHARACTERS = 4_000

_WANTS_JSON = re.compile(
    r"\b(?:as|in|only|valid|strict|bare|raw|return|respond|output|reply|produce|give|into|single|one|an?)\b"
    r"[^.\n]{0,60}\bjson\b",
    re.I,
)
_WANTS_LIST = re.compile(r"\b(?:json )?(?:array|list) of\b[^.\n]{0,20}[{]|\bjson (?:array|list)\b", re.I)
_QUOTED_NAME = re.compile(r"[\"'`]([A-Za-z_][\w .-]{0,40})[\"'`]")
_NAMED_FIELDS = re.compile(
    r"\b(?:keys|fields|properties|attributes|columns)\b(?:\s+(?:are|named|called|should be|must be|only))?\s*:?\s+"
    r"([^\n.:]{1,300})",
    re.I,
)
_BETWEEN_NAMES = re.compile(r"\s*(?:,|;|\band\b|\bor\b|\|)\s*")
_CLASSIFYING = ("classif", "label", "categor", "sentiment", "intent", "one of", "which of")
_LABEL_LISTS = (
    re.compile(
        r"\b(?:exactly )?(?:one|any|either)(?: of)?(?: the| these)?(?: following)?(?: [\w-]{1,20}){0,3}?"
        r"(?: (?:labels?|categor(?:y|ies)|class(?:es)?|intents?|options?|values?|words?))?[^:\n.]{0,24}:\s*",
        re.I,
    ),
    re.compile(r"\b(?:labels?|categories|classes|intents|options|sentiments?)\b[^:\n.]{0,40}[:=]\s*", re.I),
    re.compile(
        r"\b(?:classif\w*|label|categori[sz]e|tag|rate)\b[^.\n:]{0,120}?\b(?:as|into|is)\s+(?:either\s+|one of\s+)?",
        re.I,
    ),
    re.compile(r"\b(?:either|one of)\s+(?=[\w\"'`\[(])", re.I),
)
_LABEL_LINE = re.compile(
    r"^[ \t]*([-*•]|\d{1,2}[.)])?[ \t]*[\"'`]?(\w[\w /-]{0,39}?)[\"'`]?[ \t]*"
    r"(?:[\u2014\u2013:=-][ \t]+([^\n]{0,300}))?$"
)
_LISTED_END = re.compile(r"[.:](?=\s|$)|\n|;(?=\s*(?:reply|respond|answer|return))", re.I)
_MAX_LABEL_WORDS = 3
_MAX_LISTS = 20
_LABEL = re.compile(r"[\w][\w /+-]{0,39}")
_TEXT_LABEL = re.compile(
    r"(?:^|\n|\. )\s*(?:the )?(?:text|message|review|input|sentence|utterance|comment|tweet|email|document|query"
    r"|transcript|article|notes?|question)\s*(?:to [a-z]+ )?:\s*",
    re.I,
)
_SQL_WANTED = re.compile(
    r"\b(?:write|generate|create|give|produce|translate|convert|build|compose|return|using|in|into|as|to|valid)\b"
    r"[^.\n]{0,60}\bsql\b|\bsql (?:query|statement|for)\b|\bcreate table\b"
    r"|\b(?:write|generate|create|give me)\b[^.\n]{0,30}\bquery\b",
    re.I,
)
_CODE_WANTED = re.compile(
    r"^\s*def\s+\w+\s*\(|\b(?:write|implement|create|complete|generate|code|give me|need)\b[^.\n]{0,60}"
    r"\b(?:function|method|code|script|program|snippet|class)\b",
    re.I | re.M,
)
_SUMMARY_WANTED = re.compile(r"\bsummar(?:i[sz]e|y)\b|\btl;?dr\b|\bkey points\b", re.I)

_NUMBER_NAMES = frozenset(
    "total amount price cost subtotal tax balance quantity qty count age year score rating salary revenue size "
    "weight height width length duration population percent percentage".split()
)
_LIST_NAMES = frozenset("parties items names people tags keywords topics entities emails dates numbers".split())
_FLAG_NAMES = frozenset("is has should can was are".split())


def asked(last: str, instructions: str = "") -> Asked:
    """Return what a conversation's last message asks for, given its instructions.

    Only plain requests count: a message that merely mentions JSON or SQL is a question like any other.
    """
    if len(last) + len(instructions) <= _REMEMBERED_CHARACTERS:
        return _remembered(last, instructions)
    return _asked(last, instructions)


def _asked(last: str, instructions: str) -> Asked:
    said = f"{instructions[-_MAX_INSTRUCTIONS:]}\n{last[:_MAX_INSTRUCTIONS]}\n{last[-_MAX_INSTRUCTIONS:]}"
    lowered = said.lower()
    if "json" in lowered and _WANTS_JSON.search(said):
        fields = _fields_in(said)
        return Asked("fields", fields, _WANTS_LIST.search(said) is not None, passage=_passage(last))
    if any(word in lowered for word in _CLASSIFYING):
        labels = _labels_in(said)
        if len(labels) > 1:
            passage = _to_classify(last, instructions)
            return Asked("label", labels=labels, passage=last if _listed(passage) else passage)
    if _SQL_WANTED.search(said) and (_SQL_WANTED.search(last) or "select" not in lowered):
        return Asked("sql", passage=f"{instructions}\n{last}" if instructions else last)
    if _CODE_WANTED.search(last[-_MAX_INSTRUCTIONS:]):
        return Asked("code", passage=last)
    if _SUMMARY_WANTED.search(said):
        passage = passage_of(last)
        if passage.count(".") + passage.count("\n") > 2:
            return Asked("summary", passage=passage)
    return Asked("chat", passage=last)


# Clients repeat themselves; what long texts ask is not kept, so that memory stays bounded.
_remembered = lru_cache(maxsize=512)(_asked)


# Fields


def _fields_in(said: str) -> tuple[Field, ...]:
    """Return the fields a text names: by a sample or a schema in JSON, in braces, or in words."""
    for segment in _braced(said):
        try:
            sample = json.loads(segment)
        except (ValueError, RecursionError):
            names = _QUOTED_NAME.findall(segment) or [
                part
                for part in _BETWEEN_NAMES.split(segment.strip("{} \n"))
                if re.fullmatch(r"[A-Za-z_]\w{0,40}", part)
            ]
            if names:
                return tuple(_field(name) for name in dict.fromkeys(names))
            continue
        if isinstance(sample, dict) and sample:
            properties = sample.get("properties")
            if isinstance(properties, dict) and properties:
                return tuple(_declared(name, schema) for name, schema in properties.items())
            return tuple(_sampled(name, value) for name, value in sample.items())
    match = _NAMED_FIELDS.search(said)
    if match:
        parts = [part.strip(" \"'`:()[]{}") for part in _BETWEEN_NAMES.split(match[1])]
        return tuple(_field(part) for part in dict.fromkeys(parts) if part and len(part.split()) <= 4)
    return ()


def _braced(text: str) -> list[str]:
    """Return the outermost parts of a text in braces, at most a few and none endless."""
    found, depth, start = [], 0, 0
    for at, sign in enumerate(text):
        if sign == "{":
            start = at if depth == 0 else start
            depth += 1
        elif sign == "}" and depth:
            depth -= 1
            if depth == 0:
                found.append(text[start : at + 1])
                if len(found) == 8:
                    break
    return found


def _field(name: str) -> Field:
    """Return a field of which only the name is known: its name says what type it has."""
    words = words_of(name)
    if words and words[0] in _FLAG_NAMES and len(words) > 1:
        return Field(name, ("boolean",), is_wanted=False)
    if _LIST_NAMES & set(words):
        return Field(name, ("array",), is_wanted=False)
    if "date" in words or words[-1:] in (["on"], ["at"]):
        return Field(name, ("string",), "date", is_wanted=False)
    if _NUMBER_NAMES & set(words) and not {"id", "no", "currency", "name"} & set(words):
        return Field(name, ("number",), is_wanted=False)
    likely = KINDS["place"] | KINDS["person"] | KINDS["firm"]
    return Field(name, ("string",), is_wanted=bool(likely & set(words)))


def _sampled(name: str, value: Any) -> Field:
    """Return a field that a sample shows."""
    if isinstance(value, bool):
        return Field(name, ("boolean",), is_wanted=False)
    if isinstance(value, int | float):
        return Field(name, ("number",), is_wanted=False)
    if isinstance(value, list):
        return Field(name, ("array",), is_wanted=False)
    return _field(name)


def _declared(name: str, schema: Any) -> Field:
    kinds = schema.get("type", "string") if isinstance(schema, dict) else "string"
    types = (kinds,) if isinstance(kinds, str) else tuple(kind for kind in kinds if kind != "null")
    options = schema.get("enum", ()) if isinstance(schema, dict) else ()
    form = schema.get("format", "") if isinstance(schema, dict) else ""
    return Field(name, types, form, tuple(options), is_wanted=bool(options))


def _passage(last: str) -> str:
    """Return a message without the lines that say which JSON is wanted, unless nothing else is in it."""
    for segment in _braced(last):
        last = last.replace(segment, " ", 1) if _QUOTED_NAME.search(segment) else last
    lines = last.split("\n")
    rest = "\n".join(line for line in lines if "json" not in line.lower()).strip()
    if rest:
        return rest
    _, _, after = last.partition(":")
    return after.strip() or last


def found(fields: Sequence[Field], texts: Sequence[str]) -> dict[str, Any]:
    """Return what texts say about fields, null where they say nothing."""
    reader = Reader(*texts)
    return {each.name: reader.first(each) for each in fields}


# Labels


def _labels_in(said: str) -> dict[str, str]:
    """Return the labels a text lists, each with what it says about it."""
    for pattern in _LABEL_LISTS:
        for match in islice(pattern.finditer(said), _MAX_LISTS):
            labels = _listed(said[match.end() : match.end() + 4_000])
            if len(labels) > 1:
                return labels
    return {}


def _listed(text: str) -> dict[str, str]:
    """Return the labels a text begins with: one on each line, or in one sentence."""
    described = {}
    for line in text.lstrip("\n").split("\n"):
        match = _LABEL_LINE.match(line)
        if match is None or not (match[1] or match[3]) or len(match[2].split()) > _MAX_LABEL_WORDS:
            break
        described[match[2].strip()] = match[3] or ""
    if len(described) > 1:
        return described
    sentence = _LISTED_END.split(text.strip(), maxsplit=1)[0].strip(" []()")
    parts = [part.strip(" \"'`[]()*") for part in re.split(r"\s*(?:,|\||;|\bor\b|\band\b|(?<=\w)/(?=\w))\s*", sentence)]
    parts = [part for part in parts if part]
    if not all(_LABEL.fullmatch(part) and len(part.split()) <= _MAX_LABEL_WORDS for part in parts):
        return {}
    return dict.fromkeys(parts, "")


def _to_classify(last: str, instructions: str) -> str:
    """Return the text a label is wanted for."""
    if instructions and _labels_in(instructions):
        return last
    return passage_of(last)


def passage_of(last: str) -> str:
    """Return what an instruction is about: what follows a word such as `Text:`, a blank line or a colon."""
    match = _TEXT_LABEL.search(last)
    if match and last[match.end() :].strip():
        return last[match.end() :]
    head, _, rest = last.partition("\n\n")
    if rest.strip() and len(head) < 1_000:
        return rest
    head, found_colon, rest = last.rpartition(": ")
    return rest if found_colon and len(head) < 400 else last


def label_for(text: str, labels: Mapping[str, str], examples: Sequence[tuple[str, str]] = ()) -> str:
    """Return the label that fits a text best.

    :param labels: with what is said about each.
    :param examples: texts that were given their label before.
    """
    words = {word[:6] for word in keywords(text)}
    scores: dict[str, float] = dict.fromkeys(labels, 0.0)
    for label, meaning in labels.items():
        scores[label] += len(words & {word[:6] for word in keywords(meaning)})
    for given, label in examples:
        if label in scores:
            shared = words & {word[:6] for word in keywords(given)}
            scores[label] += 1.5 * len(shared) / (1 + 0.2 * len(words)) if shared else 0.0
    nearest = likeliest(text, tuple(labels))
    scores[nearest or best_label(text, tuple(labels))] += 1.2 if nearest else 0.4
    return max(labels, key=lambda label: scores[label])


# Diagnoses, which are labels too many to list

_DIAGNOSES = {
    name: code
    for code, names in {
        "J20.9": "acute bronchitis", "J40": "bronchitis", "J18.9": "pneumonia", "K37": "appendicitis",
        "I10": "hypertension, high blood pressure", "E11.9": "type 2 diabetes, diabetes", "E10.9": "type 1 diabetes",
        "N39.0": "urinary tract infection",
        "I50.9": "heart failure", "J44.9": "copd, chronic obstructive pulmonary disease", "R55": "syncope",
        "I48.91": "atrial fibrillation", "I21.9": "myocardial infarction, heart attack",
        "J45.909": "asthma", "M54.50": "low back pain", "R07.9": "chest pain", "R51.9": "headache", "R05.9": "cough",
        "G43.909": "migraine", "K21.9": "gerd, gastroesophageal reflux", "N17.9": "acute kidney injury",
        "N18.9": "chronic kidney disease", "D64.9": "anemia", "F32.A": "depression", "F41.9": "anxiety",
        "A41.9": "sepsis", "I63.9": "stroke", "E78.5": "hyperlipidemia", "E78.00": "high cholesterol",
        "E03.9": "hypothyroidism", "U07.1": "covid-19", "J11.1": "influenza", "L03.90": "cellulitis",
        "I26.99": "pulmonary embolism", "I82.409": "deep vein thrombosis", "K80.20": "gallstones", "R50.9": "fever",
        "M19.90": "osteoarthritis", "E66.9": "obesity", "J32.9": "sinusitis", "J02.9": "pharyngitis",
        "K52.9": "gastroenteritis", "E86.0": "dehydration", "E87.6": "hypokalemia", "R53.83": "fatigue",
        "R11.0": "nausea",
    }.items()
    for name in names.split(", ")
}  # fmt: skip
_ILLNESS_UNSPECIFIED = "R69"
"""What ICD-10-CM calls an illness nobody named. Source: the classification itself, a public document."""


def diagnoses(text: str) -> list[tuple[str, str]]:
    """Return the conditions a clinical text names, as ICD-10-CM code and name, in order of mention."""
    lowered = text.lower()
    found_at: list[tuple[int, int, str]] = []
    for name in sorted(_DIAGNOSES, key=len, reverse=True):
        at = lowered.find(name)
        if at >= 0 and not any(start <= at < end for start, end, _ in found_at):
            found_at.append((at, at + len(name), name))
    named = {_DIAGNOSES[name]: name for _, _, name in sorted(found_at)}
    return list(named.items()) or [(_ILLNESS_UNSPECIFIED, "illness, unspecified")]
