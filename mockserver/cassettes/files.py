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

from mockserver.cassettes.format import from_vcr
from mockserver.cassettes.interaction import BadCassette, Interaction
from mockserver.cassettes.loading import Unreadable, from_json, from_yaml

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
        files: list[CassetteFile] = []
        self._interactions: list[Interaction] = []
        self._found: dict[tuple[str, str], list[int]] = {}
        for path in _found(paths):
            text = path.read_bytes()
            is_json = text.lstrip()[:1] == b"{"
            try:
                data = from_json(text) if is_json else from_yaml(text)
            except Unreadable as error:
                raise BadCassette(f"{path}: {error}") from None
            first = len(self._interactions)
            for count, item in enumerate(data["interactions"], 1):
                interaction = from_vcr(item, f"{path}, interaction {count}")
                request = interaction.request
                self._found.setdefault((request.method, request.path), []).append(len(self._interactions))
                self._interactions.append(interaction)
            files.append(CassetteFile(path, first, len(self._interactions) - first, data.get("metadata") or {}))
        self.files: tuple[CassetteFile, ...] = tuple(files)

    def __len__(self) -> int:
        return len(self._interactions)

    def file_of(self, number: int) -> CassetteFile:
        """Return the file an interaction is in."""
        return next(file for file in self.files if file.first <= number < file.first + file.count)

    def place(self, number: int) -> str:
        """Return where an interaction is, for messages, counted from 1 in its file: `chat.yaml, interaction 3`."""
        file = self.file_of(number)
        return f"{file.path.name}, interaction {number - file.first + 1}"

    def method_and_path(self, number: int) -> tuple[str, str]:
        """Return what an interaction asked for, without reading it; the path is decoded and without query."""
        request = self._interactions[number].request
        return request.method, request.path

    def find(self, method: str, path: str) -> Sequence[int]:
        """Return the numbers of the interactions with a method and path, in order."""
        return self._found.get((method, path), [])

    def read(self, number: int) -> Interaction:
        """Return an interaction, not to be changed; those that were read last are kept, up to a bound in bytes.

        :raises BadCassette: it cannot be read.
        """
        return self._interactions[number]


def _found(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(child for child in path.rglob("*") if child.suffix in (".yaml", ".yml", ".json"))
        else:
            found.append(path)
    return found
