"""The server itself: is it up, what is it, and how does one speak to it."""

from __future__ import annotations

from typing import Any

from mockserver import __version__
from mockserver.control.control import Control
from mockserver.control.page import docs_page
from mockserver.http.messages import Reply
from mockserver.kernel.errors import NotFound

OWN_DOCUMENT = "control"


def health(control: Control) -> dict[str, Any]:
    """Answer at once, whatever the worlds are doing."""
    return {"status": "ok"}


def show_version(control: Control) -> dict[str, Any]:
    """Return what runs here."""
    vendors = [{"name": v.name, "title": v.api.title, "version": v.api.version} for v in control.vendors]
    return {"name": "mockserver", "version": __version__, "vendors": vendors}


def own_document(control: Control) -> dict[str, Any]:
    """Return the control API's document."""
    return control.documents[OWN_DOCUMENT]()


def named_document(control: Control, name: str) -> dict[str, Any]:
    """Return a vendor's document, or `control`.

    :raises NotFound: there is no such API.
    """
    if name not in control.documents:
        raise NotFound("API", name)
    return control.documents[name]()


def docs(control: Control) -> Reply:
    """Return a page that lists every operation."""
    html = docs_page([make() for make in control.documents.values()])
    # The page loads nothing, and must not be made to.
    policy = b"default-src 'none'; style-src 'unsafe-inline'"
    return Reply(
        200,
        html.encode(),
        [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy)],
    )
