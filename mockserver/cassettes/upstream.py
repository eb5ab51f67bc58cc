"""The one door out: speaks to the upstreams that were given, and to nothing else. Needs httpx, of the extra `record`."""

from __future__ import annotations

from mockserver.cassettes.interaction import Interaction
from mockserver.http.messages import Request


class UpstreamFailed(Exception):
    """No whole answer came; the message is one line for a person.

    :param status: what a proxy says of it, 502 or 504.
    """

    def __init__(self, message: str, status: int = 502) -> None:
        self.status = status
        super().__init__(message)


class Upstream:
    """One vendor's real address.

    :param url: scheme, host and, if it has one, a path before the vendor's own.
    :raises Unusable: it is no such URL, or httpx is not installed.
    """

    def __init__(self, url: str, *, timeout_s: float = 120.0) -> None:
        self.url = url

    def send(self, request: Request) -> Interaction:
        """Send a request as it is and return it with its whole answer and its timing; nothing is redacted.

        :param request: `path` without our mount; `origin` is not looked at.
        :raises UpstreamFailed: no whole answer came.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close its connections."""
