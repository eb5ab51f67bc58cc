"""A guard that lets nothing out of this machine: any other connection fails with the name of where it was to go."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__tracebackhide__ = True  # a test that is refused something is shown its own line, not ours

_LOCAL_NAMES = {"", "localhost", "ip6-localhost", "ip6-loopback", "localhost.localdomain"}

_lock = threading.Lock()
_depth = 0
_undo: list[Callable[[], None]] = []
_allowed: dict[str, int] = {}


class NetworkBlocked(RuntimeError):
    """A connection to another machine was tried while that is forbidden.

    No `OSError`, so that a client does not take it for a network that is down and try again.
    """

    def __init__(self, host: str, port: object) -> None:
        self.host = host
        self.port = port
        where = host if port in (None, "", 0) else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__(
            f"a connection to {where} was blocked: tests may only reach this machine"
            " (block_network; point the client at the mockserver fixture's url)"
        )


@contextmanager
def blocked(*allowed: str) -> Iterator[None]:
    """Let nobody in this process connect to another machine for the length of a block; blocks may nest.

    :param allowed: hosts that may be reached nevertheless.
    """
    global _depth
    with _lock:
        for host in allowed:
            _allowed[host] = _allowed.get(host, 0) + 1
        _depth += 1
        if _depth == 1:
            _put_up()
    try:
        yield
    finally:
        with _lock:
            for host in allowed:
                _allowed[host] -= 1
                if not _allowed[host]:
                    del _allowed[host]
            _depth -= 1
            if not _depth:
                while _undo:
                    _undo.pop()()


def is_local(host: object) -> bool:
    """Whether a host is this machine, by an address or a name that never leaves it."""
    if host is None:
        return True
    name = (host.decode("utf-8", "replace") if isinstance(host, bytes | bytearray) else str(host)).lower().rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or address.is_unspecified


def _judge(host: object, port: object) -> None:
    if is_local(host):
        return
    name = host.decode("utf-8", "replace") if isinstance(host, bytes | bytearray) else str(host)
    if name not in _allowed:
        raise NetworkBlocked(name, port.decode() if isinstance(port, bytes) else port)


def _judge_address(family: int, address: Any) -> None:
    if family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple) and address:
        _judge(address[0], address[1] if len(address) > 1 else None)


def _put_up() -> None:
    def guard(owner: Any, name: str, judge: Callable[..., None]) -> None:
        real = getattr(owner, name)
        own = vars(owner).get(name)

        def guarded(*arguments: Any, **options: Any) -> Any:
            judge(*arguments, **options)
            return real(*arguments, **options)

        setattr(owner, name, guarded)
        if own is None:
            _undo.append(lambda: delattr(owner, name))
        else:
            _undo.append(lambda: setattr(owner, name, own))

    def by_address(sock: socket.socket, address: Any, *_more: Any) -> None:
        _judge_address(sock.family, address)

    def by_last(sock: socket.socket, _data: Any, *more: Any) -> None:
        if more:
            _judge_address(sock.family, more[-1])

    def by_name(host: Any, port: Any = None, *_more: Any, **_options: Any) -> None:
        _judge(host, port)

    guard(socket.socket, "connect", by_address)
    guard(socket.socket, "connect_ex", by_address)
    guard(socket.socket, "sendto", by_last)
    guard(socket, "getaddrinfo", by_name)
    guard(socket, "gethostbyname", by_name)
    guard(socket, "gethostbyname_ex", by_name)
    uvloop = sys.modules.get("uvloop")
    if uvloop is not None:  # its sockets are libuv's own, which nothing above sees
        guard(uvloop.Loop, "create_connection", _by_loop)
        guard(uvloop.Loop, "getaddrinfo", _by_loop_name)
        guard(uvloop.Loop, "sock_connect", _by_loop_socket)


def _by_loop(
    _loop: asyncio.AbstractEventLoop, _factory: Any, host: Any = None, port: Any = None, **_options: Any
) -> None:
    _judge(host, port)


def _by_loop_name(_loop: asyncio.AbstractEventLoop, host: Any, port: Any, **_options: Any) -> None:
    _judge(host, port)


def _by_loop_socket(_loop: asyncio.AbstractEventLoop, sock: socket.socket, address: Any) -> None:
    _judge_address(sock.family, address)
