"""Embeddings: texts as directions, near each other when the texts share words, stems, meanings or spelling.

Every feature of a text is a random pattern of signs that follows from the feature alone, and a text is the weighted
sum of its features' patterns. Patterns of different features are nearly at right angles, so the cosine of two texts is
about the share of the features that they have in common. Nothing is learnt, and nothing depends on any world.

A pattern is one long integer with a lane of 16 bits for each number, so that adding two patterns is one addition.

Source: pareta/embeddings (1024 unit-length numbers, queries unlike documents: documented; the geometry: assumed).
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from operator import mul

from mockserver.vendors.pareta.domain.words import word, words

MODEL = "qwen-embed-1"
DIMENSIONS = 1024
DECIMALS = 8

_UNIT = 10**DECIMALS

# Weights of a text's features. All are even and the beginning's is odd, so that no lane ever sums up to zero.
_BEGINNING = 1
_DULL = 2
_STEM = 10
_FAMILY = 10
_GRAM = 4
_PAIR = 6

# The last number tells queries from documents, which have 0 there: a query's other numbers point where the same text
# does as a document, so that adding what a query is never changes which document is nearest.
_QUERY = 0.25
_HASHED = DIMENSIONS - 1
_LANE_BITS = 16
_LANES = struct.Struct(f"<{DIMENSIONS}H")
_FLOATS = struct.Struct(f"<{DIMENSIONS}f")
# The lanes of each byte of a hash, one bit in each.
_SPREAD = [b"".join(bytes([byte >> bit & 1, 0]) for bit in range(8)) for byte in range(256)]

Vector = Sequence[float]


def embed(text: str, *, is_query: bool = False) -> list[float]:
    """Return a text as `DIMENSIONS` numbers of unit length (to 1e-6), each rounded to `DECIMALS`.

    The empty text has a direction too. Only as much of a text counts as `words` looks at.

    :param is_query: whether it is what is looked for, not where.
    """
    summed, total = _summed(words(text))
    lanes = _LANES.unpack(summed.to_bytes(_LANES.size, "little"))[:_HASHED]
    # A lane counts the weight of the features that are positive there; the others' weight is what is missing.
    squares = 4 * sum(map(mul, lanes, lanes)) - 4 * total * sum(lanes) + _HASHED * total * total
    length = math.sqrt(squares)
    if is_query:
        length /= math.sqrt(1 - _QUERY * _QUERY)
    # Many lanes are alike, so that each number is only computed once.
    scale = _UNIT / length
    numbers = {lane: round((2 * lane - total) * scale) / _UNIT for lane in set(lanes)}
    vector = [numbers[lane] for lane in lanes]
    vector.append(_QUERY if is_query else 0.0)
    return vector


def packed(vector: Vector) -> bytes:
    """Return a vector as little-endian 32-bit floats."""
    return _FLOATS.pack(*vector)


def cosine(one: Vector, other: Vector) -> float:
    """Return how near two vectors of unit length are, from -1 to 1."""
    nearness: float = sum(map(mul, one, other))
    return nearness


def _summed(text: Sequence[str]) -> tuple[int, int]:
    """Return the sum of all patterns of a text's words, and the sum of their weights."""
    lanes, total = _pattern("") * _BEGINNING, _BEGINNING
    for each, count in Counter(text).items():
        pattern, weight = _features(each)
        if count == 1:
            lanes += pattern
            total += weight
        else:
            times = count.bit_length()  # what is said four times counts three times, and so on
            lanes += pattern * times
            total += weight * times
    pairs = set(pairwise(family for each in text if (family := _family(each))))
    lanes += _PAIR * sum(_bound(one, other) for one, other in pairs)
    total += _PAIR * len(pairs)
    assert total < 1 << _LANE_BITS  # else a lane could spill into the next
    return lanes, total


def _family(text: str) -> str:
    """Return the name of a word's meaning, empty if it has none to speak of."""
    known = word(text)
    return known.family if known.weight else ""


@lru_cache(maxsize=4_096)
def _features(text: str) -> tuple[int, int]:
    """Return the sum of all patterns of a word by itself, and the sum of their weights."""
    known = word(text)
    if not known.weight:
        return _pattern(f" {text}") * _DULL, _DULL
    stem, family = 2 * round(_STEM / 2 * known.weight), 2 * round(_FAMILY / 2 * known.weight)
    lanes = _pattern(f"{known.stem}-") * stem + _pattern(known.family) * family
    lanes += _GRAM * sum(_bound(*gram) for gram in known.grams)
    return lanes, stem + family + _GRAM * len(known.grams)


def _bound(*features: str) -> int:
    """Return the pattern of features in this order: unlike any of them, and unlike every other order."""
    pattern = 0
    for feature in features:
        pattern = (pattern >> _LANE_BITS) ^ _pattern(feature)
    return pattern


@lru_cache(maxsize=4_096)
def _pattern(feature: str) -> int:
    """Return a feature's signs, one bit in each lane."""
    name = feature.encode()
    digests = blake2b(name, person=b"first half").digest() + blake2b(name, person=b"second half").digest()
    return int.from_bytes(b"".join(map(_SPREAD.__getitem__, digests)), "little")
