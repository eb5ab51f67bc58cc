"""Cassette files: found, indexed at once, and read one interaction at a time.

The format is VCR.py's version 1, in YAML or JSON. What we add stands where VCR.py does not look:

    version: 1
    metadata:
      mockserver: {format: 1, recorded_from: [https://api.pareta.ai], ...}
    interactions:
    - recorded_at: '2026-05-01T12:00:00.000000Z'
      request: {method, uri, headers, body}
      response: {status: {code, message}, headers, body: {string}}
      timing: {first_byte_ms: 12.5, pieces: [[0.0, 120], [35.2, 88]]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mockserver.cassettes.interaction import Interaction

FORMAT = 1
"""Of our additions; a cassette that says a higher one is refused."""


@dataclass(frozen=True, slots=True)
class CassetteFile:
    """One file.

    :param first: number of its first interaction among all of the library's; they are consecutive.
    :param metadata: what we or others wrote beside the interactions.
    """

    path: Path
    first: int
    count: int
    metadata: Mapping[str, Any]


class Library:
    """The interactions of several files, numbered from 0 in order of files and within them.

    Only where each one is, and its method and path, is held in memory; the rest is read when asked for.

    :param paths: files, and folders that are searched for `.yaml`, `.yml` and `.json` files, by name.
    :raises BadCassette: one of them is no cassette that can be used.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        raise NotImplementedError

    files: tuple[CassetteFile, ...]

    def __len__(self) -> int:
        raise NotImplementedError

    def file_of(self, number: int) -> CassetteFile:
        """Return the file an interaction is in."""
        raise NotImplementedError

    def place(self, number: int) -> str:
        """Return where an interaction is, for messages: `chat.yaml, interaction 3`."""
        raise NotImplementedError

    def method_and_path(self, number: int) -> tuple[str, str]:
        """Return what an interaction asked for, without reading it; the path is decoded and without query."""
        raise NotImplementedError

    def find(self, method: str, path: str) -> Sequence[int]:
        """Return the numbers of the interactions with a method and path, in order."""
        raise NotImplementedError

    def read(self, number: int) -> Interaction:
        """Return an interaction; those that were read last are kept, up to a bound in bytes.

        :raises BadCassette: it cannot be read.
        """
        raise NotImplementedError
