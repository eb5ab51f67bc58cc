"""The documentation page: every operation of every API on one page that loads nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid #ddd; padding: .3rem .6rem; vertical-align: top; }
code { font-size: .9em; overflow-wrap: anywhere; }
.method { font-weight: 600; width: 4rem; }
"""


def docs_page(documents: Sequence[dict[str, Any]]) -> str:
    """Return an HTML page that lists the operations of OpenAPI documents."""
    sections = "\n".join(_section(document) for document in documents)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>mockserver</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>mockserver</h1>\n{sections}\n</body></html>\n"
    )


def _section(document: dict[str, Any]) -> str:
    info = document["info"]
    heading = f"<h2>{escape(info['title'])} <small>{escape(info['version'])}</small></h2>"
    rows = "\n".join(_rows(document["paths"]))
    return f"{heading}\n<p>{escape(info['description'])}</p>\n<table>\n{rows}\n</table>"


def _rows(paths: dict[str, dict[str, Any]]) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            cells = (
                f'<td class="method">{escape(method.upper())}</td>',
                f"<td><code>{escape(path)}</code></td>",
                f"<td><code>{escape(operation['operationId'])}</code></td>",
                f"<td>{escape(operation.get('summary', ''))}</td>",
            )
            yield f"<tr>{''.join(cells)}</tr>"
