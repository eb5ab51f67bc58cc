"""Who may speak to `/_mock`: holders of the admin token, or without one programs on this machine.

A web page can make a browser send requests to this machine, even under a name of its own that it points at
127.0.0.1 (DNS rebinding). `Host` and `Origin` give such requests away.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mockserver.control.problem import problem, problem_of
from mockserver.control.route import PREFIX
from mockserver.kernel.errors import Unauthenticated
from mockserver.kernel.tenancy import bearer

_OPEN_PATH = f"{PREFIX}/health"
_PAGES = f"{PREFIX}/ui"


class Guard:
    """Lets a request through to the application behind it, or refuses it.

    :param admin_token: what `/_mock` wants as a bearer credential, or `None`. For reading, a browser may send it as a
        password, with any user's name.
    """

    def __init__(self, app: ASGIApp, admin_token: str | None) -> None:
        self._app = app
        self._token = admin_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        headers = Headers(scope=scope)
        if self._token is None:
            refusal = _refuse_foreign(headers)
        elif scope["path"] == _OPEN_PATH:
            refusal = None
        else:
            refusal = _refuse_stranger(headers, self._token, is_reading=scope["method"] in ("GET", "HEAD"))
            if refusal is not None and scope["path"].startswith(_PAGES):
                refusal.headers["www-authenticate"] = 'Basic realm="mockserver", charset="UTF-8"'
        await (refusal or self._app)(scope, receive, send)


def _refuse_foreign(headers: Mapping[str, str]) -> Response | None:
    host = headers.get("host", "")
    if not is_loopback(f"//{host}"):
        return problem(403, f"Host '{host}' is not this machine; start the server with an admin token to allow others")
    origin = headers.get("origin")
    if origin is not None and not is_loopback(origin):
        return problem(403, f"pages from '{origin}' may not use the control API")
    return None


def _refuse_stranger(headers: Mapping[str, str], token: str, *, is_reading: bool) -> Response | None:
    try:
        credential = _credential(headers.get("authorization", ""), is_reading=is_reading)
    except Unauthenticated as error:
        return problem_of(error)
    if not hmac.compare_digest(credential.encode("latin-1"), token.encode()):
        return problem_of(Unauthenticated("the bearer credential is not the admin token"))
    return None


def _credential(authorization: str, *, is_reading: bool) -> str:
    """Return what a request shows: a bearer credential, or the password somebody typed into a browser.

    The latter is for reading alone: a browser sends it along with whatever other pages make it send.
    """
    scheme, _, encoded = authorization.partition(" ")
    if is_reading and scheme.lower() == "basic":
        try:
            return b64decode(encoded, validate=True).partition(b":")[2].decode("latin-1")
        except ValueError:
            raise Unauthenticated("the basic credential is not base64") from None
    return bearer(authorization.encode("latin-1"))


def is_loopback(url: str) -> bool:
    """Return whether a URL's host is this machine by its loopback name or address."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
