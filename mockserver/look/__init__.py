"""How our pages look: one style sheet, and markup that is escaped unless it was made here. Knows nothing it shows.

Every page is whole in itself: it loads nothing, and its policy lets a browser run its own style and script alone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files

_VOID = frozenset({"br", "hr", "input", "link", "meta"})


class Html(str):
    """Markup; any other text is escaped where it becomes part of some."""

    __slots__ = ()


Content = str | int | float | Iterable["Content"] | None
"""What markup is made of: text, numbers, markup, nothing, or a series of these."""


def html(*content: Content) -> Html:
    """Return content as markup."""
    return Html("".join(_pieces(content)))


def _pieces(content: Iterable[Content]) -> Iterable[str]:
    for each in content:
        if isinstance(each, Html):
            yield each
        elif isinstance(each, str):
            yield escape(each)
        elif isinstance(each, int | float):
            yield escape(str(each))
        elif each is not None:
            yield from _pieces(each)


def tag(name: str, /, *content: Content, **attributes: str | int | float | bool | None) -> Html:
    """Return an element.

    :param attributes: `class_` is `class`, `aria_label` is `aria-label`; true ones stand without a value, and what is
        `None` or false is left out.
    """
    said = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{said}>" if name in _VOID else f"<{name}{said}>{html(*content)}</{name}>")


def table(caption: str, heads: Iterable[Content], rows: Iterable[Iterable[Content]], **attributes: str) -> Html:
    """Return a table that scrolls sideways where there is no room for it.

    :param rows: cells; one that is not a `td` or `th` element becomes one.
    """
    body = [tag("tr", *(cell if _is_cell(cell) else tag("td", cell) for cell in row)) for row in rows]
    head = [each if _is_cell(each) else tag("th", each, scope="col") for each in heads]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", *head)),
            tag("tbody", *body),
            **attributes,
        ),
        class_="wide", tabindex="0", role="region", aria_label=caption,
    )  # fmt: skip


def _is_cell(content: Content) -> bool:
    return isinstance(content, Html) and content.startswith(("<td", "<th"))


def number(value: Content, **attributes: str | int) -> Html:
    """Return a cell whose figures stand below one another."""
    return tag("td", value, class_="number", **attributes)


def moment(text: str) -> Html:
    """Return an instant as people read it; it is ISO 8601 in UTC."""
    return tag("time", text.replace("T", " ").removesuffix("Z"), datetime=text, title=text)


def badge(text: Content, tone: str = "") -> Html:
    """Return a word in a frame; the tones are `good`, `bad`, `warn` and none."""
    return tag("span", text, class_=f"badge {tone}".strip())


def status_badge(status: int | None) -> Html:
    """Return what a request was answered, in its tone."""
    if status is None:
        return badge("cut", "bad")
    return badge(status, "good" if status < 400 else "warn" if status < 500 else "bad")


def facts(*pairs: tuple[str, Content]) -> Html:
    """Return names with their values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_="facts")


def page(title: str, *content: Content, script: str = "", is_live: bool = False) -> str:
    """Return a whole page.

    :param is_live: whether its script may ask its own server for more.
    """
    head = html(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(script, is_live=is_live)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Html(style())),
    )
    end = tag("script", Html(script)) if script else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{html(*content)}\n{end}\n</body>\n</html>\n'
    )


def policy(script: str = "", *, is_live: bool = False) -> str:
    """Return the content security policy of a page with a script: what a browser may do with it."""
    scripts = _digest(script) if script else "'none'"
    connections = "'self'" if is_live else "'none'"
    return (
        f"default-src 'none'; style-src {_digest(style())}; script-src {scripts}; connect-src {connections};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def style() -> str:
    """Return the style sheet of every page."""
    return read(__name__, "look.css")


def read(package: str, name: str) -> str:
    """Return the text of a file that lies beside the code."""
    return files(package).joinpath(name).read_text("utf-8")
