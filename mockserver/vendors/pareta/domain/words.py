"""Words as search takes them: letter case and endings do not matter, and some words mean nearly the same."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from mockserver.vendors.pareta.domain.generation import CHARACTERS_PER_TOKEN

MAX_TOKENS = 512
"""How much of a text search looks at.

Source: pareta/embeddings "each is truncated at 512 tokens", pareta/rerank "the first ~512 tokens" (documented).
"""

_MAX_CHARACTERS = MAX_TOKENS * CHARACTERS_PER_TOKEN
# Scripts that set no spaces: every letter is a word. Elsewhere what goes on without end is cut into pieces.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[^\W_{_UNSPACED}]{{1,32}}|[{_UNSPACED}]|[^\w\s]|_")
_REMEMBERED = 4_096

_DULL = frozenset(
    "a about above after again all also am an and any are as at be because been before being below between both but "
    "by can could d did do does doing don done during each either else ever every for from further had has have "
    "having he her here hers him his how i if in into is it its just let ll m may me might more most must my no nor "
    "not of off on once only or other our out over own please re s same shall she should so some such t than that the "
    "their them then there these they this those through to too under until up upon us ve very was we were what when "
    "where whether which while who whom whose why will with would you your".split()
)
_COMMON = frozenset(
    "ask back become call case come day find first full get give go good great happen help keep kind know last like "
    "long look made make many much need new next now often old part people place put say see show start still take "
    "tell thing think time try turn use want way well work year".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """One word of a text.

    :param text: in lower case, as written.
    :param stem: what remains without its endings.
    :param family: a name it shares with words that mean nearly the same; its stem if there are none.
    :param weight: how much it says: 0 for words every text is full of, up to 1.
    :param grams: its groups of three neighbouring letters, ends marked.
    """

    text: str
    stem: str
    family: str
    weight: float
    grams: frozenset[str]


def cut(text: str) -> str:
    """Return as much of a text as counts."""
    return text[:_MAX_CHARACTERS]


def words(text: str) -> list[str]:
    """Return the words and signs of a text, in order, as far as it counts; each is a token at least.

    Different ways of writing the same letter are one.
    """
    text = cut(text)
    if not text.isascii():
        text = cut(unicodedata.normalize("NFKC", text).casefold())
    return _WORD.findall(text.lower())[:MAX_TOKENS]


@lru_cache(maxsize=_REMEMBERED)
def word(text: str) -> Word:
    """Return what is known about a word in lower case."""
    if not text.isalnum():
        return Word(text, text, text, 0.0, frozenset())
    stem = stem_of(text)
    marked = f"<{text}>"
    grams = frozenset([marked[at : at + 3] for at in range(len(marked) - 2)])
    return Word(text, stem, _FAMILIES.get(stem, stem), _weight(text, stem), grams)


def _weight(text: str, stem: str) -> float:
    """Return how much a word says: figures most, then long words, because those are rare."""
    if text in _DULL:
        return 0.0
    if text in _COMMON or stem in _COMMON:
        return 0.3
    if not text.isalpha():
        return 1.0
    return min(1.0, 0.5 + 0.06 * len(stem))


_VOWEL = re.compile(r"[aeiouy]")
# Endings, the longest of each kind first, with how many letters must remain.
_ENDINGS = (
    ("ization", 3), ("isation", 3), ("ation", 4), ("ition", 4), ("ement", 4), ("ment", 4), ("ness", 3), ("ingly", 4),
    ("edly", 4), ("able", 4), ("ible", 4), ("ably", 4), ("ance", 4), ("ence", 4), ("ity", 4), ("ize", 4), ("ise", 4),
    ("ing", 3), ("ion", 4), ("ful", 4), ("ant", 4), ("ent", 4), ("ive", 4), ("ied", 2), ("ate", 4), ("at", 5),
    ("ed", 3), ("er", 4), ("or", 4), ("al", 4), ("ly", 4), ("e", 3),
)  # fmt: skip


def stem_of(text: str) -> str:
    """Return an English word without its endings; other words lose little, and always the same.

    It need not be a word itself: `policy` and `policies` are both `polici`.
    """
    if not text.isascii() or not text.isalpha():
        return text
    stem = _singular(text)
    while (shorter := _without_ending(stem)) != stem:
        stem = shorter
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "aeious":
        stem = stem[:-1]
    return f"{stem[:-1]}i" if stem.endswith("y") and len(stem) > 3 else stem


def _singular(text: str) -> str:
    if len(text) < 4 or not text.endswith("s") or text.endswith(("ss", "us", "is")):
        return text
    if text.endswith("ies"):
        return f"{text[:-3]}y"
    return text[:-2] if text.endswith(("xes", "ches", "shes", "sses", "zes")) else text[:-1]


def _without_ending(stem: str) -> str:
    for ending, kept in _ENDINGS:
        if stem.endswith(ending):
            shorter = stem[: -len(ending)]
            if len(shorter) >= kept and _VOWEL.search(shorter):
                return f"{shorter}y" if ending == "ied" else shorter
    return stem


_RELATED = """
agreement contract covenant
terminate cancel end expire quit unsubscribe
law legal statute legislation jurisdiction
govern regulate apply application
party parties signatory
refund reimburse reimbursement repay repaid money cashback
pay paid payment payable remit charge charged
price cost fee rate tariff expense
invoice bill receipt
buy bought purchase
sell sold sale vendor supplier merchant
annual yearly
monthly month
weekly week
daily
subscription plan membership
customer client buyer user subscriber
company firm corporation business organization organisation enterprise
employee worker staff personnel
hire recruit employ
salary wage paycheck compensation
dismiss layoff redundancy
delete remove erase purge
create make build
change modify amend update edit alter
fix repair resolve remedy
error bug fault failure fail failed defect crash broken
fast quick rapid speed speedy swift
slow sluggish latency delay lag
big large huge
small tiny little
begin start commence
password credential passphrase login
account profile
secret confidential confidentiality private nondisclosure privacy
email mail
phone telephone mobile
ship shipping deliver delivery dispatch send sent
return returned
car vehicle automobile
doctor physician clinician
medicine drug medication pharmaceutical
illness disease sickness ailment
child kid
house home dwelling residence
rent lease tenancy tenant landlord
insure insurance coverage policyholder
buyout acquisition merger takeover acquire
liable liability responsible responsibility
damage harm loss injury
lawsuit litigation dispute arbitration
notice notify notification
film movie
photo picture image photograph
cook bake roast recipe
eat food meal
aeroplane airplane aircraft flight fly
holiday vacation
rain rainfall precipitation
hot warm heat
cold chilly freezing
database datastore db
data information record
query search lookup retrieve
server host backend
backup snapshot
encrypt encryption cipher
authenticate authentication
permission access authorize authorise
limit cap maximum quota exceed
renew renewal extend extension
deadline due
tax vat levy
profit earnings margin
revenue income turnover
effective commencement
summary summarize overview
hospital clinic
teach teacher instructor
student pupil
zero 0
one 1
two 2 twice double
three 3
four 4
five 5
six 6
seven 7
eight 8
nine 9
ten 10
twelve 12
thirty 30
sixty 60
ninety 90
hundred 100
"""


def _families() -> dict[str, str]:
    families: dict[str, str] = {}
    for line in _RELATED.split("\n"):
        related = [stem_of(each) for each in line.split()]
        for stem in related:
            families.setdefault(stem, related[0])
    return families


_FAMILIES = _families()
