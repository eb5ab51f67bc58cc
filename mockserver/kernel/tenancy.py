"""API key -> world name: the key alone says which world a request belongs to."""

from __future__ import annotations

import re
from functools import lru_cache

from mockserver.kernel.errors import Unauthenticated

WORLD_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
# Longest first, so that what is left after stripping never begins with a mode word.
_MODES = ("live_", "test_", "")


@lru_cache(maxsize=1024)
def world_of(authorization: bytes | None, prefix: str, *, bare: bool) -> str:
    """Return the world that an `Authorization` header names.

    :raises Unauthenticated: it names none.
    """
    return world_named(bearer(authorization), prefix, bare=bare)


def world_named(key: str, prefix: str, *, bare: bool) -> str:
    """Return the world a key names: what is left after `<prefix>live_`, `<prefix>test_` or the bare prefix.

    :param bare: whether the prefix alone, without a mode word, is a key too.
    :raises Unauthenticated: another prefix, or the rest is not a world's name.
    """
    for mode in _MODES if bare else _MODES[:2]:
        start = prefix + mode
        if key.startswith(start):
            name = key[len(start) :]
            if WORLD_NAME.fullmatch(name):
                return name
            raise Unauthenticated("the key names no possible world")
    raise Unauthenticated(f"the key does not start with '{prefix}'")


def bearer(header: bytes | None) -> str:
    """Return the credential of an `Authorization: Bearer` header; the scheme is matched in any letter case.

    :raises Unauthenticated: no header, another scheme, or nothing behind it.
    """
    if not header:
        raise Unauthenticated("no Authorization header")
    scheme, _, credential = header.decode("latin-1").partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        raise Unauthenticated("the Authorization header is not 'Bearer <key>'")
    return credential
