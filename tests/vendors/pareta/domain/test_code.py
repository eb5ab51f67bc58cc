"""Functions put together from what a prompt says they do; what runs is run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.code import block, function


def run(text: str, *arguments: Any) -> Any:
    """Run the function a prompt is answered with."""
    scope: dict[str, Any] = {}
    exec(function(text), scope)
    (made,) = (value for name, value in scope.items() if name != "__builtins__")
    return made(*arguments)


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("Write a function that checks whether a string is a palindrome", ("A man, a plan, a canal: Panama",), True),
        ("factorial of a number", (5,), 120),
        ("the n-th fibonacci number", (10,), 55),
        ("is it a prime?", (97,), True),
        ("is it a prime?", (1,), False),
        ("greatest common divisor", (12, 18), 6),
        ("check whether two strings are anagrams", ("Listen", "silent"), True),
        ("count the vowels", ("Education",), 5),
        ("count the words of a text", ("one two three",), 3),
        ("reverse a list", ([1, 2],), [2, 1]),
        ("reverse a string", ("ab",), "ba"),
        ("remove duplicates", ([1, 1, 2],), [1, 2]),
        ("flatten a list of lists", ([[1], [2, 3]],), [1, 2, 3]),
        ("sum of squares", ([1, 2],), 5),
        ("second largest", ([3, 1, 2],), 2),
        ("average of numbers", ([1, 2],), 1.5),
        ("average of numbers", ([],), 0.0),
        ("median", ([3, 1, 2],), 2),
        ("median", ([4, 1, 2, 3],), 2.5),
        ("largest element", ([1, 3],), 3),
        ("smallest element", ([1, 3],), 1),
        ("the even numbers", ([1, 2],), [2]),
        ("the odd numbers", ([1, 2],), [1]),
        ("tell whether a number is even", (2,), True),
        ("make it upper case", ("a",), "A"),
        ("sort a list", ([2, 1],), [1, 2]),
        ("add two numbers", (2, 3), 5),
        ("sum a list of numbers", ([1, 2],), 3),
        ("multiply a and b", (2, 3), 6),
        ("subtract b from a", (2, 3), -1),
        ("plus", (2, 3), 5),
        ("length of a list", ([1, 2],), 2),
        ("fizz buzz", (5,), ["1", "2", "Fizz", "4", "Buzz"]),
        ("do something with a string", ("x",), "x"),
        ("do something with a list", ([1],), [1]),
        ("do something with an integer", (1,), 1),
        ("do something", (1,), 1),
    ],
)
def test_what_a_function_is_to_do_is_what_it_does(text: str, arguments: tuple[Any, ...], expected: Any) -> None:
    assert run(text, *arguments) == expected


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        ("Write a function called add_up(x, y) that adds two numbers", "def add_up(x, y):"),
        ("a function named `mirror` that reverses a string", "def mirror(text):"),
        ("a function that sorts", "def sort_values(values):"),
        ("a function parse_it for text", "def parse_it(text):"),
        ("write code to parse a log file", "def parse_log_file(value):"),
        ("?", "def solve(value):"),
        (
            "def f(a: list[int], *, b: str = 'x') -> int:\n    '''Return the sum of the numbers.'''",
            "def f(a: list[int], *, b: str = 'x') -> int:",
        ),
        ("def f(self, values):\n    '''Return the largest.'''", "def f(self, values):"),
        ("def f():\n    pass", "def f():"),
        ("def nothing_known(a):", "def nothing_known(a):"),
        ("def gcd(a, b): ...", "def gcd(a, b):"),
        ("def factorial(): ...", "def factorial():"),
    ],
)
def test_names_and_signatures_are_kept(text: str, first_line: str) -> None:
    source = function(text)

    assert source.split("\n")[0] == first_line
    compile(source, "answer", "exec")


def test_a_signature_says_what_its_name_and_text_say() -> None:
    assert run('def f(a: list[int]) -> int:\n    """Return the sum of the numbers."""', [1, 2]) == 3
    assert run("def reverse_string(s):\n    pass", "ab") == "ba"
    assert run("def f():\n    '''Return the largest.'''") is None
    assert run("def f(x, y):\n    '''Add x and y.'''", 2, 3) == 5


def test_arguments_that_are_missing_are_filled_in() -> None:
    compile(function("a function called add(x) that adds two numbers"), "answer", "exec")


@pytest.mark.parametrize("language", ["JavaScript", "TypeScript", "node"])
def test_other_languages_get_their_own_form(language: str) -> None:
    assert block(f"Write a {language} function that reverses a string") == (
        "```javascript\nfunction reverseString(text) {\n  return [...text].reverse().join('');\n}\n```"
    )
    assert "return value;" in block(f"Write {language} to do something")


def test_answers_are_fenced() -> None:
    assert block("reverse a string") == "```python\ndef reverse_string(text):\n    return text[::-1]\n```"
    assert block("def f(s):\n  '''In JavaScript'''").startswith("```python\n")


@given(st.text())
def test_any_text_becomes_a_function(text: str) -> None:
    assert "return" in function(text)
    assert "return" in function(f"def f(a):\n    '''{text}'''")
