"""Wishes for new tasks: made in the vendor's dashboard, by people, never with an API key."""

from __future__ import annotations

from typing import NoReturn

from mockserver.kernel.call import Call
from mockserver.vendors.pareta.domain.errors import NotAllowed


def create(call: Call) -> NoReturn:
    """Refuse: an API key is no dashboard session.

    :raises NotAllowed: always.

    Source: pareta/tasks "POST /v1/task-requests" (session only: documented; 403: assumed).
    """
    raise NotAllowed("task requests need a dashboard session; an API key cannot make them")
