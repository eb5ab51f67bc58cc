"""The control API's own OpenAPI document."""

from __future__ import annotations

from typing import Any

from mockserver import __version__
from mockserver.control.problem import MEDIA_TYPE
from mockserver.control.schemas import Problem
from mockserver.control.table import ROUTES
from mockserver.http.openapi import Surface, document

_STATUSES = {status for route in ROUTES for status in route.errors}


def control_document() -> dict[str, Any]:
    """Return the document of everything below `/_mock`."""
    surface = Surface(
        title="mockserver control",
        version=__version__,
        description="Moves clocks, sets balances, makes and resets worlds, and shows what they have seen.",
        error_models=dict.fromkeys(_STATUSES, Problem),
        error_media_type=MEDIA_TYPE,
        key_description="The admin token, where the server was started with one.",
        is_key_optional=True,
    )
    return document(surface, ROUTES)
