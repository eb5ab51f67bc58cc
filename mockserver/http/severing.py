"""Cutting and resetting a connection from inside an ASGI application, whichever server holds it.

No server offers this, so the socket is looked for among the process's own handles, by both of its addresses.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

_HANDLES = "/dev/fd"
_ANY_ADDRESS = struct.pack("=H14x", 0)
"""An address of family `AF_UNSPEC`."""
_LINGER_NOT = struct.pack("ii", 1, 0)

How = Literal["cut", "reset"]


def sever(client: Any, server: Any, how: How) -> bool:
    """End the connection between two addresses; the server that holds it finds it ended by the other side.

    `cut` closes it in an orderly way after what was sent, `reset` at once. Return whether it was found.

    :param client: address of the other side, as an ASGI scope has it; `server` of ours.
    """
    for connection in _ours(client, server):
        with connection, suppress(OSError):  # it may have ended by itself
            if how == "reset":
                _reset(connection)
            else:
                connection.shutdown(socket.SHUT_RDWR)
        return True
    return False


def _ours(client: Any, server: Any) -> Iterator[socket.socket]:
    """Yield the socket between two addresses, under a handle of its own."""
    if not client or not server or not os.path.isdir(_HANDLES):
        return
    peer, port = (str(client[0]), int(client[1])), int(server[1])  # one of the servers has ports as text
    for name in os.listdir(_HANDLES):
        try:
            handle = os.dup(int(name))
        except OSError:
            continue  # the one that was open for listing them
        try:
            found = socket.socket(fileno=handle)
        except OSError:
            os.close(handle)  # no socket
            continue
        try:
            # Ours may be told as it was bound, with a host that stands for all.
            is_inet = found.family in (socket.AF_INET, socket.AF_INET6)
            if is_inet and found.getpeername()[:2] == peer and found.getsockname()[1] == port:
                yield found
                return
        except OSError:
            pass  # it listens, or has ended
        found.close()


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    if sys.platform == "linux":
        # Connecting it to nowhere resets it without closing: a server that is told of an end first says goodbye.
        if ctypes.CDLL(None).connect(connection.fileno(), _ANY_ADDRESS, len(_ANY_ADDRESS)) == 0:
            return
    connection.shutdown(socket.SHUT_RD)
