"""Prose: a few plain, coherent sentences about what a conversation asks, put together by repeatable chance."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from mockserver.vendors.pareta.domain.predictions import Roll
from mockserver.vendors.pareta.domain.reading import DULL, keywords

T = TypeVar("T")

_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])[\"')\]]?\s+|\s*\n\s*")
_ASKING = re.compile(
    r"^(?:(?:please|can you|could you|would you|i want you to|i'd like you to|help me|now|so|and|but|ok)\b[ ,]*){0,4}"
    r"(?:(?:briefly|shortly|quickly|simply)\s+)?"
    r"(?:(explain|describe|discuss|outline|tell me(?: more)?(?: about)?|talk about|say something about|summari[sz]e|"
    r"write(?: me)?|draft|compose|create|give me|show me|list|name|what (?:is|are|was|were)|who (?:is|are|was)|"
    r"what about|how about|compare|define|teach me(?: about)?)\b)?\s*"
    r"(?:(?:an?|the|one|two|three|four|five|some|\d{1,2})?\s?(?:short |brief |one-paragraph |simple |detailed )?"
    r"(?:paragraphs?|essay|article|overview|introduction|poem|haiku|story|note|update|email|summary|description|"
    r"explanation|definition|example|tips?|reasons?|facts?|ideas?|ways|steps|uses?|points?|things|benefits|advantages)"
    r"\s+(?:about|of|on|for|to|why|that)\s+)?(?:about\s+)?",
    re.I,
)
_CLAUSE = re.compile(r"^(?:how|why|what|when|where|whether|who|which)\b", re.I)
# What asks by its order of words, not by a clause: "How do magnets work" speaks of how magnets work.
_INVERTED = re.compile(
    r"^(how|why|when|where|what|who)\s+(do|does|did|can|could|should|would|will|is|are|was|were)\s+"
    r"((?:(?:the|a|an|this|that|these|those|my|your|our|his|her|their|its)\s+)?\S+)(?:\s+(\S+)(.*))?$",
    re.I | re.S,
)
_MANNER = re.compile(
    r"[ ,]+(?:in (?:one|two|three|four|five|a few|\d{1,3}|a single|simple|plain|your own) (?:short )?"
    r"(?:sentences?|words?|lines?|paragraphs?|terms|english)|step[- ]by[- ]step|briefly|shortly|please|in detail"
    r"|as a list|in bullet points|for (?:a )?(?:beginners?|child(?:ren)?))\b[ .?!]*$",
    re.I,
)
_GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|how are you)\b[^.?!\n]{0,30}[.!?]?\W*$",
    re.I,
)
_COUNTED = re.compile(
    r"\b(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten)\s+(?:[a-z-]{2,20}\s+)?"
    r"(?:tips?|reasons?|facts?|ideas?|ways|steps|uses|points?|things|benefits|advantages|examples?|bullets?|items)\b",
    re.I,
)
_SENTENCES_WANTED = re.compile(r"\b(one|two|three|four|five|a single|\d{1,2})[ -](?:short )?sentences?\b", re.I)
_BRIEF = re.compile(r"\b(?:brief|briefly|concise|concisely|short|shortly|terse|one line|one-liner)\b", re.I)
_BULLETED = re.compile(r"\bbullet(?:ed|s| points?)?\b|\bas a list\b|\blist of\b", re.I)
_STEPS = re.compile(r"\bstep[- ]by[- ]step\b|\bsteps\b|\bhow (?:do|can) (?:i|we|you)\b", re.I)
_VERSE = re.compile(r"\b(?:haiku|poem|verse|limerick)\b", re.I)
_ONE_WORD = re.compile(r"\b(?:one|single) word\b", re.I)
_NUMBERS = {w: n for n, w in enumerate("one two three four five six seven eight nine ten".split(), 1)} | {"a single": 1}
_MAX_SUBJECT_WORDS = 14
_MAX_READ_CHARACTERS = 20_000

_ASPECTS = (
    "the purpose", "the setting", "the cost", "the timing", "the material at hand", "the order of the steps",
    "the starting point", "the scale", "the team behind it", "the evidence", "the weakest link", "the margin for error",
    "the history behind it", "the way it is measured", "the environment", "the quality of the input", "the upkeep",
    "the trade-off between effort and result", "the rate of change", "the reach of the tools", "the routine around it",
    "the definition one starts from", "the balance of the parts", "the pressure it is under",
)  # fmt: skip
_OPENINGS_NOUN = (
    "When it comes to {s}, {a} matters most.",
    "A useful way into {s} is to start from {a}.",
    "Most questions about {s} turn on {a}.",
    "There are two sides to {s}: {a} and {b}.",
    "The short answer on {s}: it comes down to {a} and {b}.",
    "Anyone who looks closely at {s} meets {a} first.",
    "The best place to begin with {s} is {a}.",
    "Much of what is said about {s} is really about {a}.",
)
_OPENINGS_CLAUSE = (
    "In short, {s} comes down to {a} and {b}.",
    "To see {s}, look at {a} first.",
    "Two things explain {s}: {a} and {b}.",
    "{S} depends mainly on {a}.",
    "The usual explanation of {s} begins with {a}.",
    "If one thing decides {s}, it is {a}.",
    "It is easier to follow {s} once {a} is clear.",
    "Behind the question of {s} stands {a}.",
)
_MIDDLES = (
    "{A} sets the limits, and {b} decides what happens within them.",
    "Get {a} right, and {b} usually follows.",
    "In practice {a} is checked first, because a mistake there is the most expensive to undo.",
    "A change in {a} shows up in {b} sooner or later.",
    "{A} is easy to overlook, although it is easy to observe.",
    "Compare {a} before and after, and the effect of {b} becomes visible.",
    "Where {a} is uncertain, a small test tells more than a long argument.",
    "{A} and {b} pull in different directions, so neither can be judged alone.",
    "What looks like a matter of {b} is often settled by {a}.",
    "As long as {a} stays the same, {b} can vary a good deal without harm.",
    "It helps to write down {a}, since memory tends to flatter it.",
    "{A} changes slowly, which is why {b} gets more attention than it deserves.",
)
_ENDINGS = (
    "Start small, check the result, and adjust.",
    "With that settled, the rest is routine.",
    "If you share more detail about {k}, the answer can be more specific.",
    "That is the part worth remembering about {k}.",
    "From there, {k} can be judged on its own merits.",
    "Everything else about {k} can wait until this is clear.",
    "Keep an eye on {a}, and review the rest when it moves.",
    "Seen this way, {k} is less of a puzzle than it seems.",
    "Ask again with figures, and the estimate for {k} becomes firmer.",
    "When in doubt, go back to {a} and work forward.",
)
_LINKS = (
    "Following on from {e}:", "Building on what was said about {e}:", "With {e} in mind:", "Coming from {e}:",
    "As a next step after {e}:",
)  # fmt: skip
_POINTS = (
    "Clarify {a} before anything else.", "Check {a} against {b}.", "Write down {a} in one line.",
    "Watch how {a} changes over a week.", "Leave room for {a}.", "Ask who depends on {a}.",
    "Measure {a} once, then again after a change.", "Do not let {b} hide {a}.", "Keep {a} as simple as possible.",
    "Agree on {a} early.", "Treat {a} as a limit, not as a goal.", "Review {a} when {b} moves.",
)  # fmt: skip
_GREETINGS = (
    "Hello! What would you like to work on?", "Hi there. How can I help today?",
    "Good to hear from you. What shall we look at first?", "Hello. Tell me what you need, and I will get started.",
    "Hi! Ask away, whatever it is.", "Welcome. Which question is on your mind?",
    "Hello again. Where shall we begin?", "Hi. Give me a task or a question, and off we go.",
    "Glad you are here. What can I do for you?", "Hello! A question, a text, a table: what have you got?",
)  # fmt: skip
_VERSES = (
    ("{K} in the dawn", "{a} is waiting", "nothing left unsaid"),
    ("Quiet, the {k}", "a page turned over slowly", "{a} remains"),
    ("Line after line, {k}", "small sums become the evening", "the light still on"),
    ("First frost on the {k}", "{a}, counted once again", "and then the river"),
)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a request is about.

    :param subject: as it may stand in a sentence: `copper wiring`, `how copper wiring resists corrosion`.
    :param key: its most telling word.
    """

    subject: str
    key: str
    is_clause: bool


_NOTHING = Topic("the question", "the question", is_clause=False)


def topic_of(text: str) -> Topic:
    """Return what a request speaks of."""
    return _remembered_topic(text) if len(text) <= _REMEMBERED_CHARACTERS else _topic(text[-_MAX_READ_CHARACTERS:])


def _topic(text: str) -> Topic:
    sentences = sentences_of(text)
    asking = (s for s in sentences if (match := _ASKING.match(s)) and match[1])
    line = next((s for s in reversed(sentences) if s.endswith("?")), None) or next(asking, "".join(sentences[:1]))
    asked = _ASKING.match(line)
    rest = (line[asked.end() :] if asked else line).strip(_SIGNS) or line.strip(_SIGNS)
    rest = _MANNER.sub("", rest)
    inverted = _INVERTED.match(rest)
    if inverted is not None:
        rest = _straight(*inverted.groups(""))
    words = rest.split()[:_MAX_SUBJECT_WORDS]
    if not words:
        return _NOTHING
    if not _is_name(words[0]):
        words[0] = words[0][0].lower() + words[0][1:]
    subject = " ".join(words).rstrip(_SIGNS)
    telling = keywords(subject) or keywords(text)
    is_clause = len(words) > 2 and _CLAUSE.match(subject) is not None
    return Topic(subject, _as_written(telling[-1], text) if telling else _NOTHING.key, is_clause)


_SIGNS = " .?!:;,\"'"
# Clients repeat themselves; what long texts say is not kept, so that memory stays bounded.
_REMEMBERED_CHARACTERS = 4_000
_remembered_topic = lru_cache(maxsize=512)(_topic)


def _straight(asked: str, verb: str, subject: str, first: str, rest: str) -> str:
    """Return a question as a clause: `why is the sky blue` as `why the sky is blue`."""
    asked, verb = asked.lower(), verb.lower()
    if verb == "does" and first:
        return f"{asked} {subject} {first}{'es' if first.endswith(('s', 'sh', 'ch', 'x', 'o')) else 's'}{rest}"
    if verb in ("do", "does", "did"):
        return f"{asked} {subject} {first}{rest}".rstrip()
    return f"{asked} {subject} {verb} {first}{rest}".rstrip()


def _is_name(word: str) -> bool:
    """Whether a word is written with capitals because it is a name, not because it comes first."""
    return word[1:] != word[1:].lower() or (word[0].isupper() and word.lower() not in _FUNCTION_WORDS | DULL)


_FUNCTION_WORDS = frozenset("a an how in on of at if is it to as by or my so we he".split())


def _as_written(word: str, text: str) -> str:
    at = text.lower().find(word)
    return text[at : at + len(word)] if at >= 0 else word


@dataclass(frozen=True, slots=True)
class _Wish:
    """How an answer is to be written.

    :param form: `greeting`, `word`, `verse`, `list`, `steps` or `text`.
    :param count: of points or sentences; 0 leaves it to chance.
    """

    form: str
    count: int = 0


def _wish(request: str, instructions: str) -> _Wish:
    wishes = f"{instructions[-4_000:]}\n{request[:2_000]}\n{request[-2_000:]}"
    if _GREETING.match(request[:200]):
        return _Wish("greeting")
    if _ONE_WORD.search(wishes):
        return _Wish("word")
    if _VERSE.search(request[-2_000:]):
        return _Wish("verse")
    counted = _COUNTED.search(wishes)
    is_ordered = _STEPS.search(request[-2_000:]) is not None
    if counted or is_ordered or _BULLETED.search(wishes):
        return _Wish("steps" if is_ordered else "list", _number(counted[1]) if counted else 0)
    wanted = _SENTENCES_WANTED.search(wishes)
    return _Wish("text", _number(wanted[1]) if wanted else 2 if _BRIEF.search(wishes) else 0)


_remembered_wish = lru_cache(maxsize=512)(_wish)


def write(request: str, roll: Roll, *, instructions: str = "", earlier: str = "") -> str:
    """Return an answer in prose to a request.

    The same arguments and rolls give the same text.

    :param instructions: what else says how to answer, such as a system message.
    :param earlier: what was asked before, which the answer then refers to.
    """
    is_short = len(request) + len(instructions) <= _REMEMBERED_CHARACTERS
    wish = (_remembered_wish if is_short else _wish)(request, instructions)
    dice = _Dice(roll)
    if wish.form == "greeting" and not earlier:
        return dice.pick(_GREETINGS)
    topic = topic_of(request)
    if wish.form == "word":
        return f"{_raised(topic.key)}."
    parts = _Parts(topic, dice)
    if wish.form == "verse":
        return "\n".join(parts.fill(line) for line in dice.pick(_VERSES))
    first = parts.sentence(_OPENINGS_CLAUSE if topic.is_clause else _OPENINGS_NOUN)
    if earlier:
        link = dice.pick(_LINKS).format(e=topic_of(earlier).subject)
        first = f"{link} {first if first.startswith(topic.subject) else first[0].lower() + first[1:]}"
    if wish.form in ("list", "steps"):
        count = wish.count or 3 + dice.number(3)
        marks = (f"{n}. " if wish.form == "steps" else "- " for n in range(1, count + 1))
        return "\n".join([first, *(mark + parts.sentence(_POINTS) for mark in marks)])
    count = wish.count or 3 + dice.number(3)
    sentences = [first, *(parts.sentence(_MIDDLES) for _ in range(count - 2))]
    if count > 1:
        sentences.append(parts.sentence(_ENDINGS))
    return " ".join(sentences)


class _Dice:
    """Many small throws from few rolls: what a roll leaves after one throw decides the next."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll
        self._left = 0
        self._sides = 1
        self._rolled = 0

    def number(self, sides: int) -> int:
        """Return a number below `sides`."""
        if self._sides < 64 * sides:  # too little is left to be fair
            self._rolled += 1
            self._left, self._sides = int(self._roll(f"prose {self._rolled}") * _ROLL), _ROLL
        self._left, number = divmod(self._left, sides)
        self._sides //= sides
        return number

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.number(len(options))]


_ROLL = 2**53


class _Parts:
    """Hands out sentences and what stands in their gaps, each once before any comes again."""

    def __init__(self, topic: Topic, dice: _Dice) -> None:
        self._topic = topic
        self._dice = dice
        self._used: set[str] = set()
        self._at = dice.number(len(_ASPECTS))
        self._stride = dice.pick(_STRIDES)

    def sentence(self, options: Sequence[str]) -> str:
        chosen = self._dice.number(len(options))
        while options[chosen] in self._used and len(self._used) < len(options):
            chosen = (chosen + 1) % len(options)
        self._used.add(options[chosen])
        return self.fill(options[chosen])

    def fill(self, text: str) -> str:
        s, k = self._topic.subject, self._topic.key
        a = self._aspect()
        b = self._aspect() if "{b}" in text else ""
        return text.format(s=s, S=_raised(s), k=k, K=_raised(k), a=a, A=f"T{a[1:]}", b=b)

    def _aspect(self) -> str:
        self._at = (self._at + self._stride) % len(_ASPECTS)
        return _ASPECTS[self._at]


# Steps that go through all aspects before they come back: they share no divisor with their number.
_STRIDES = (1, 5, 7, 11, 13, 17, 19, 23)


def pick(options: Sequence[T], number: float) -> T:
    """Return the option a number in [0, 1) falls on."""
    return options[int(number * len(options))]


def _raised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _number(text: str) -> int:
    return _NUMBERS.get(text.lower()) or max(1, min(20, int(text)))


# Answers that are in the text


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, line by line."""
    return [sentence for part in _BETWEEN_SENTENCES.split(text) if (sentence := part.strip())]


def summary(text: str, count: int = 3) -> str:
    """Return the sentences of a text that say most of what it says, in their order."""
    sentences = [s for s in sentences_of(text[:_MAX_READ_CHARACTERS]) if len(s) > 15]
    weights = Counter(word for s in sentences for word in set(keywords(s)))

    def weight(sentence: str) -> float:
        words = keywords(sentence)
        return sum(weights[word] for word in words) / (len(words) + 3)

    best = sorted(range(len(sentences)), key=lambda n: (-weight(sentences[n]), n))[:count]
    return " ".join(s if s[-1] in ".!?" else f"{s}." for s in (sentences[n] for n in sorted(best)))


_QUESTION = re.compile(
    r"\b(?:what|who|when|where|which|whose|how (?:much|many|old|long|far))\b[^?\n]{2,300}\?|\bextract the [^:\n]{2,80}",
    re.I,
)
_ASKED_WORD = re.compile(r"[A-Za-z]{3,40}|\d+")
_ASKING_WORDS = frozenset(
    "what who when where which whose how much many old long far is are was were the does did has have had can could "
    "would should will you your tell extract there for from with and our this that they them its".split()
)
_TOO_COMMON = frozenset("name kind type thing use used using work works mean means best about question".split())
_PERSONAL = re.compile(r"\b(?:my|I|we|our)\b")


def found_answer(question: str, context: Sequence[str]) -> str | None:
    """Return the sentence that answers a question, `None` if no text holds one.

    :param context: texts to look in, the most telling first; a question is never its own answer.
    """
    asked = list(_QUESTION.finditer(question[-_MAX_READ_CHARACTERS:]))
    if not asked:
        return None
    words = asked[-1][0]
    wanted = _stems(words) - _ASKING_WORDS
    telling = wanted if _PERSONAL.search(words) else wanted - _TOO_COMMON
    for text in context:
        best: tuple[int, str] | None = None
        for sentence in sentences_of(text[:_MAX_READ_CHARACTERS]):
            stems = _stems(sentence)
            hits = len(wanted & stems)
            if sentence.endswith("?") or not telling & stems or not stems - wanted - _ASKING_WORDS or words in sentence:
                continue
            if hits * 2 >= len(wanted) and (best is None or hits > best[0]):
                best = (hits, sentence)
        if best is not None:
            return best[1]
    return None


def _stems(text: str) -> set[str]:
    words = (word.lower() for word in _ASKED_WORD.findall(text))
    return {word if word in _ASKING_WORDS else word[:6] for word in words}


_TOOL_OPENINGS = (
    "According to {tool}, {result}.", "{Tool} reports that {result}.", "Here is what {tool} found: {result}.",
    "Based on {tool}: {result}.", "From {tool}: {result}.",
)  # fmt: skip
_TOLD = ("That answers the question about {k}.", "So much for {k}.", "That is the state of {k}.")
_MAX_RESULT_CHARACTERS = 600


def told(results: Sequence[tuple[str, str]], request: str, roll: Roll) -> str:
    """Return what tools said, as an answer to a request.

    :param results: name of each tool and what it returned, JSON or any text.
    """
    lines = []
    for n, (tool, content) in enumerate(results):
        name = f"`{tool}`" if tool else "the tool"
        said = _in_words(content)
        if not said:
            lines.append(f"{_raised(name)} returned nothing.")
            continue
        template = pick(_TOOL_OPENINGS, roll(f"tool {n}"))
        lines.append(template.format(tool=name, Tool=_raised(name), result=said.rstrip(". ")))
    topic = topic_of(request) if request.strip() else None
    if topic is not None and topic.key != "the question":
        lines.append(
            pick(
                ("That answers the question about {k}.", "So much for {k}.", "That is the state of {k}."), roll("told")
            ).format(k=topic.key)
        )
    return " ".join(lines)


def _in_words(content: str) -> str:
    """Return a tool's result as a part of a sentence."""
    text = content.strip()
    if text[:1] in '{["' and len(text) <= 100_000:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
    else:
        value = text
    words = _spoken(value, 0)
    return (
        words
        if len(words) <= _MAX_RESULT_CHARACTERS
        else f"{words[:_MAX_RESULT_CHARACTERS].rsplit(' ', 1)[0]} and so on"
    )


def _spoken(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        parts = [f"{name.replace('_', ' ')} is {_spoken(part, depth + 1)}" for name, part in list(value.items())[:12]]
        text = _joined(parts)
        return f"({text})" if depth and len(parts) > 1 else text
    if isinstance(value, list):
        return _joined([_spoken(part, depth + 1) for part in value[:8]]) if value else "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else str(value)


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else "nothing"
