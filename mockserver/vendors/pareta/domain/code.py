"""Code: a function a prompt asks for, put together from what it says the function does."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mockserver.vendors.pareta.domain.formats import words_of

_SIGNATURE = re.compile(
    r"\bdef\s+([A-Za-z_]\w{0,63})\s*\(([^()\n]{0,300}(?:\([^()\n]{0,100}\)[^()\n]{0,100}){0,4})\)\s*(?:->\s*([^:\n]{1,80}))?:"
)
_DOCSTRING = re.compile(r'"""(.{1,2000}?)"""|\'\'\'(.{1,2000}?)\'\'\'', re.S)
_CALLED = re.compile(
    r"\b(?:function|method)\s+(?:called\s+|named\s+)?`?([a-z_]\w{1,63})`?\s*(?:\(([\w, ]{0,100})\))?", re.I
)
_NOT_CALLED = frozenset("that which to for in with and the a is should takes given returns return of using".split())
_OTHER_LANGUAGES = re.compile(r"\b(javascript|typescript|js|ts|node)\b", re.I)
_SUBJECTS = (
    (re.compile(r"\b(?:strings?|text|words?|sentence|palindrome|vowels?|characters?|anagrams?)\b", re.I), "text"),
    (re.compile(r"\b(?:lists?|arrays?|numbers|integers|elements|values|items|sequence)\b", re.I), "values"),
    (re.compile(r"\b(?:number|integer|n\b|factorial|fibonacci|prime|even|odd)", re.I), "n"),
)


@dataclass(frozen=True, slots=True)
class _Idiom:
    """A thing functions do.

    :param asked: how prompts ask for it.
    :param takes: what it works on: `text`, `values`, `n` or two of them.
    :param python: its result as an expression, or lines that end in `return`; `{0}` and `{1}` are the arguments.
    :param script: the same in JavaScript.
    """

    asked: re.Pattern[str]
    takes: tuple[str, ...]
    name: str
    python: str
    script: str


def _idiom(asked: str, takes: str, name: str, python: str, script: str) -> _Idiom:
    return _Idiom(re.compile(asked, re.I | re.S), tuple(takes.split()), name, python, script)


_IDIOMS = (
    _idiom(r"palindrome", "text", "is_palindrome",
           "letters = [c.lower() for c in {0} if c.isalnum()]\nreturn letters == letters[::-1]",
           "const letters = [...{0}.toLowerCase()].filter((c) => /[a-z0-9]/.test(c));\n"
           "return letters.join('') === letters.reverse().join('');"),
    _idiom(r"factorial", "n", "factorial",
           "result = 1\nfor factor in range(2, {0} + 1):\n    result *= factor\nreturn result",
           "let result = 1;\nfor (let factor = 2; factor <= {0}; factor++) result *= factor;\nreturn result;"),
    _idiom(r"fibonacci", "n", "fibonacci",
           "a, b = 0, 1\nfor _ in range({0}):\n    a, b = b, a + b\nreturn a",
           "let [a, b] = [0, 1];\nfor (let i = 0; i < {0}; i++) [a, b] = [b, a + b];\nreturn a;"),
    _idiom(r"\bprime", "n", "is_prime",
           "if {0} < 2:\n    return False\nreturn all({0} % d for d in range(2, int({0} ** 0.5) + 1))",
           "if ({0} < 2) return false;\nfor (let d = 2; d * d <= {0}; d++) if ({0} % d === 0) return false;\n"
           "return true;"),
    _idiom(r"greatest common divisor|\bgcd\b", "n m", "gcd",
           "while {1}:\n    {0}, {1} = {1}, {0} % {1}\nreturn {0}",
           "while ({1}) [{0}, {1}] = [{1}, {0} % {1}];\nreturn {0};"),
    _idiom(r"anagram", "text other", "are_anagrams",
           "return sorted({0}.lower()) == sorted({1}.lower())",
           "const sorted = (s) => [...s.toLowerCase()].sort().join('');\nreturn sorted({0}) === sorted({1});"),
    _idiom(r"vowels?", "text", "count_vowels", "return sum(c in 'aeiou' for c in {0}.lower())",
           "return [...{0}.toLowerCase()].filter((c) => 'aeiou'.includes(c)).length;"),
    _idiom(r"count.{0,30}\bwords?\b|\bword count", "text", "count_words", "return len({0}.split())",
           "return {0}.split(/\\s+/).filter(Boolean).length;"),
    _idiom(r"revers.{0,40}(?:list|array|elements|numbers)", "values", "reverse_list", "return {0}[::-1]",
           "return [...{0}].reverse();"),
    _idiom(r"revers", "text", "reverse_string", "return {0}[::-1]", "return [...{0}].reverse().join('');"),
    _idiom(r"duplicates|\bunique\b|distinct", "values", "unique", "return list(dict.fromkeys({0}))",
           "return [...new Set({0})];"),
    _idiom(r"flatten", "values", "flatten", "return [item for part in {0} for item in part]", "return {0}.flat();"),
    _idiom(r"sum of (?:the )?squares|squares? .{0,20}sum", "values", "sum_of_squares",
           "return sum(x * x for x in {0})", "return {0}.reduce((sum, x) => sum + x * x, 0);"),
    _idiom(r"second[- ](?:largest|highest|biggest)", "values", "second_largest",
           "return sorted(set({0}))[-2]", "return [...new Set({0})].sort((a, b) => b - a)[1];"),
    _idiom(r"average|\bmean\b", "values", "average", "return sum({0}) / len({0}) if {0} else 0.0",
           "return {0}.length ? {0}.reduce((sum, x) => sum + x, 0) / {0}.length : 0;"),
    _idiom(r"median", "values", "median",
           "ordered = sorted({0})\nmiddle = len(ordered) // 2\nif len(ordered) % 2:\n    return ordered[middle]\n"
           "return (ordered[middle - 1] + ordered[middle]) / 2",
           "const ordered = [...{0}].sort((a, b) => a - b);\nconst middle = ordered.length >> 1;\n"
           "return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;"),
    _idiom(r"maximum|largest|\bmax\b|biggest|highest", "values", "largest", "return max({0})",
           "return Math.max(...{0});"),
    _idiom(r"minimum|smallest|\bmin\b|lowest", "values", "smallest", "return min({0})", "return Math.min(...{0});"),
    _idiom(r"\beven\b.{0,30}(?:numbers|values|elements)|(?:numbers|values).{0,30}\beven\b", "values", "even_numbers",
           "return [x for x in {0} if x % 2 == 0]", "return {0}.filter((x) => x % 2 === 0);"),
    _idiom(r"\bodd\b.{0,30}(?:numbers|values|elements)|(?:numbers|values).{0,30}\bodd\b", "values", "odd_numbers",
           "return [x for x in {0} if x % 2]", "return {0}.filter((x) => x % 2);"),
    _idiom(r"is (?:an? )?even", "n", "is_even", "return {0} % 2 == 0", "return {0} % 2 === 0;"),
    _idiom(r"(?:upper ?case|capital)", "text", "to_upper", "return {0}.upper()", "return {0}.toUpperCase();"),
    _idiom(r"sort", "values", "sort_values", "return sorted({0})",
           "return [...{0}].sort((a, b) => (a > b ? 1 : a < b ? -1 : 0));"),
    _idiom(r"\b(?:add|sum|plus)\w*\b.{0,20}\btwo\b", "a b", "add", "return {0} + {1}", "return {0} + {1};"),
    _idiom(r"(?:sum|add|total).{0,40}(?:list|array|numbers|values|elements|integers)", "values", "total",
           "return sum({0})", "return {0}.reduce((sum, x) => sum + x, 0);"),
    _idiom(r"multipl|product", "a b", "multiply", "return {0} * {1}", "return {0} * {1};"),
    _idiom(r"subtract|difference", "a b", "subtract", "return {0} - {1}", "return {0} - {1};"),
    _idiom(r"\badd|\bsum|\bplus", "a b", "add", "return {0} + {1}", "return {0} + {1};"),
    _idiom(r"length|\bcount|how many", "values", "count", "return len({0})", "return {0}.length;"),
    _idiom(r"fizz ?buzz", "n", "fizz_buzz",
           "return ['FizzBuzz' if i % 15 == 0 else 'Fizz' if i % 3 == 0 else 'Buzz' if i % 5 == 0 else str(i)"
           "\n        for i in range(1, {0} + 1)]",
           "return Array.from({{ length: {0} }}, (_, i) => (++i % 15 === 0 ? 'FizzBuzz' : i % 3 === 0 ? 'Fizz'"
           " : i % 5 === 0 ? 'Buzz' : String(i)));"),
)  # fmt: skip


def function(text: str) -> str:
    """Return the source of the function a prompt describes, in Python unless it asks for JavaScript.

    A signature the prompt gives is kept. What cannot be told from the prompt is handed back unchanged, so that the
    function runs in any case.
    """
    signature = _SIGNATURE.search(text)
    doc = _DOCSTRING.search(text, signature.end()) if signature else None
    purpose = (doc[1] or doc[2]) if doc else text
    named = " ".join(words_of(signature[1])) if signature else ""
    if signature is not None:
        names = _parameters(signature[2])
        return _completed(signature, names, _idiom_for(named, len(names)) or _idiom_for(purpose, len(names)))
    called = _CALLED.search(text)
    given = [part.strip() for part in (called[2] or "").split(",") if part.strip()] if called else []
    idiom = _idiom_for(purpose, len(given))
    name = called[1] if called and called[1].lower() not in _NOT_CALLED else idiom.name if idiom else _named_after(text)
    takes = given or (list(idiom.takes) if idiom else [_subject(text)])
    is_script = _OTHER_LANGUAGES.search(text) is not None
    if is_script:
        body = _filled(idiom.script, takes) if idiom else f"return {takes[0]};"
        return f"function {_camel(name)}({', '.join(takes)}) {{\n{_indented(body, 2)}\n}}"
    body = _filled(idiom.python, takes) if idiom else f"return {takes[0]}"
    return f"def {name}({', '.join(takes)}):\n{_indented(body, 4)}"


def block(text: str) -> str:
    """Return the answer to a request for code: a fenced block."""
    is_script = not _SIGNATURE.search(text) and _OTHER_LANGUAGES.search(text)
    return f"```{'javascript' if is_script else 'python'}\n{function(text)}\n```"


def _idiom_for(text: str, count: int) -> _Idiom | None:
    """Return what a text asks for: something that takes so many arguments, if it asks for more than one thing."""
    fitting = [idiom for idiom in _IDIOMS if idiom.asked.search(text[-4_000:])]
    return next((idiom for idiom in fitting if len(idiom.takes) == count), fitting[0] if fitting else None)


def _parameters(listed: str) -> list[str]:
    """Return the names of a signature's parameters."""
    parts = re.split(r",(?![^\[(]{0,100}[\])])", listed)
    names = [re.split(r"[:=]", part)[0].strip(" *\t") for part in parts]
    return [name for name in names if name not in ("self", "cls", "/", "")]


def _completed(signature: re.Match[str], names: list[str], idiom: _Idiom | None) -> str:
    """Return a given signature with a body."""
    if idiom is not None and len(names) >= len(idiom.takes):
        body = _filled(idiom.python, names)
    else:
        body = f"return {names[0] if names else None}"
    returns = f" -> {signature[3].strip()}" if signature[3] else ""
    return f"def {signature[1]}({signature[2].strip()}){returns}:\n{_indented(body, 4)}"


def _filled(body: str, names: list[str]) -> str:
    """Put arguments into a body; where it wants more of them than there are, the last one again."""
    return body.format(*names, *[names[-1]] * 2)


def _subject(text: str) -> str:
    return next((name for pattern, name in _SUBJECTS if pattern.search(text)), "value")


def _named_after(text: str) -> str:
    words = [word for word in re.findall(r"[a-z]{3,20}", text.lower()) if word not in _DULL]
    return "_".join(words[:3]) or "solve"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _indented(text: str, width: int) -> str:
    return "\n".join(" " * width + line for line in text.split("\n"))


_DULL = frozenset(
    "the and for that with which this write python function code implement program create make please can you should "
    "return returns returning takes given javascript typescript snippet script method def complete following".split()
)
