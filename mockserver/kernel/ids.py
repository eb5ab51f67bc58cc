"""Seeded identifiers and draws: the only source of randomness.

Every draw is a pure function of (seed, purpose, subject, counter), so nothing that happens elsewhere
in a world, and no order of concurrent requests, can change it.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Callable, Iterator
from itertools import count

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Maps any byte to a base-62 character: ids need to be distinct, not perfectly uniform.
_TO_BASE62 = bytes(ord(_BASE62[byte % 62]) for byte in range(256))
_HEX64 = float(2**53)
# Tokens of a series that one hash makes: it costs about as much as two of them made singly.
_BLOCK = 64


class Draws:
    """The random source of one world."""

    __slots__ = ("_key", "_keyed", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._key = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
        # By digest size: copying a hash that has taken in the key costs half of making one.
        self._keyed: dict[int, hashlib.blake2b] = {}

    def _digest(self, purpose: str, subject: str, counter: int, size: int) -> bytes:
        keyed = self._keyed.get(size)
        if keyed is None:
            keyed = self._keyed[size] = hashlib.blake2b(digest_size=size, key=self._key)
        digest = keyed.copy()
        digest.update(f"{purpose}\x1f{subject}\x1f{counter}".encode())
        return digest.digest()

    def bits(self, purpose: str, subject: str = "", counter: int = 0) -> int:
        """Return 64 uniform bits."""
        return int.from_bytes(self._digest(purpose, subject, counter, 8), "big")

    def uniform(self, purpose: str, subject: str = "", counter: int = 0) -> float:
        """Return a float in [0, 1) with 53 bits."""
        return (self.bits(purpose, subject, counter) >> 11) / _HEX64

    def uniforms(self, count: int, purpose: str, subject: str = "", counter: int = 0) -> tuple[float, ...]:
        """Return several independent floats in [0, 1) for the price of one draw (at most 8)."""
        digest = self._digest(purpose, subject, counter, 8 * count)
        return tuple([(bits >> 11) / _HEX64 for bits in struct.unpack(f">{count}Q", digest)])

    def stream(self, purpose: str, subject: str = "", counter: int = 0) -> Callable[[], float]:
        """Return a source of any number of floats in [0, 1), each of them the next: cheap by the thousand, dear by one.

        Of Python's generator only what it promises to keep is used: the same seed gives the same floats.
        """
        return random.Random(self._digest(purpose, subject, counter, 32)).random

    def token(self, purpose: str, subject: str = "", counter: int = 0, length: int = 16) -> str:
        """Return `length` characters of `[0-9A-Za-z]` (at most 64)."""
        return self._digest(purpose, subject, counter, length).translate(_TO_BASE62).decode("ascii")

    def tokens(self, purpose: str, subject: str, start: int, end: int) -> list[str]:
        """Return the tokens of 16 characters that stand from place `start` to before `end` of a long series."""
        first = start // _BLOCK
        text = "".join(
            [
                hashlib.shake_256(self._key + f"{purpose}\x1f{subject}\x1f{block}".encode())
                .digest(_BLOCK * 16)
                .translate(_TO_BASE62)
                .decode("ascii")
                for block in range(first, (end - 1) // _BLOCK + 1)
            ]
        )
        origin = first * _BLOCK
        return [text[place : place + 16] for place in range((start - origin) * 16, (end - origin) * 16, 16)]

    def tokens_from(self, purpose: str, subject: str, start: int) -> Iterator[str]:
        """Yield the tokens of such a series from place `start` on; none is made much before it is asked for."""
        first = start // _BLOCK
        for block in count(first):
            yield from self.tokens(purpose, subject, max(start, block * _BLOCK), (block + 1) * _BLOCK)


def fingerprint(*parts: str | bytes) -> str:
    """Return a short digest of content, for telling two bodies apart and as a draw's subject."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\x1f")
    return digest.hexdigest()
