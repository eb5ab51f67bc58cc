"""Markup is escaped unless it was made as markup."""

from __future__ import annotations

import pytest

from mockserver.look import Content, facts, html, moment, page, policy, status_badge, table, tag
from mockserver.look.money import usd


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('<b> & "it\'s"', "&lt;b&gt; &amp; &quot;it&#x27;s&quot;"),
        (tag("b", "<i>"), "<b>&lt;i&gt;</b>"),
        (["<", None, 1, [2.5, tag("br")]], "&lt;12.5<br>"),
        (None, ""),
    ],
)
def test_text_is_escaped_and_markup_is_not(content: Content, expected: str) -> None:
    assert html(content) == expected


def test_attributes_are_escaped_and_left_out_when_they_say_nothing() -> None:
    element = tag("a", "x", href='"><script>', class_="c", aria_label="l", hidden=True, open=False, title=None, n=1)

    assert element == '<a href="&quot;&gt;&lt;script&gt;" class="c" aria-label="l" hidden n="1">x</a>'


def test_cells_are_told_from_what_belongs_into_one() -> None:
    made = table("c", ["h", tag("th", "n")], [["<td>", tag("td", "1")]])

    assert "<tr><td>&lt;td&gt;</td><td>1</td></tr>" in made
    assert '<tr><th scope="col">h</th><th>n</th></tr>' in made


def test_a_page_is_whole_and_says_what_it_may_do() -> None:
    made = page("<t>", facts(("a", "<")), script="let x = 1 < 2;")

    assert "<title>&lt;t&gt;</title>" in made
    assert "<script>let x = 1 < 2;</script>" in made
    assert policy("let x = 1 < 2;").replace("'", "&#x27;") in made
    assert "connect-src 'none'" in policy()
    assert "connect-src 'self'" in policy(is_live=True)
    assert "script-src 'none'" in policy()


def test_figures_read_as_people_write_them() -> None:
    assert [usd(amount) for amount in (90, -90, 0, 1_500_000)] == ["$0.00009", "-$0.00009", "$0.00", "$1.50"]
    assert ">2026-02-10 12:00:00<" in moment("2026-02-10T12:00:00Z")
    tones = {status: status_badge(status).partition(">")[0] for status in (200, 404, 503, None)}
    assert [tone.rpartition(" ")[2] for tone in tones.values()] == ['good"', 'warn"', 'bad"', 'bad"']
