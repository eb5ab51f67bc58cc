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

import os
import stat
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from zlib import crc32

from mockserver.cassettes.format import interaction_of
from mockserver.cassettes.index import Index, Layout, Misplaced, item_of, request_of, scan, whole
from mockserver.cassettes.interaction import BadCassette, Interaction
from mockserver.http.messages import Request

FORMAT = 1
"""Of our additions; a cassette that says a higher one is refused."""

VERSION = 1
"""Of VCR.py's format."""

SUFFIXES = (".yaml", ".yml", ".json")
"""What the name of a cassette ends in, in any case of letters; a path that ends otherwise is a folder."""

KEPT_BYTES = 32 * 1024 * 1024
"""Of interactions that were read, kept in memory."""

_OVERHEAD_BYTES = 4096
_STEP = 1024 * 1024
_AHEAD_BYTES = 64 * 1024


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
        self._index = Index()
        self._sources: list[_Source] = []
        self._firsts: list[int] = []
        self._kept: OrderedDict[int, tuple[Interaction, int]] = OrderedDict()
        self._kept_bytes = 0
        # The number of a file, a place in it, and what stands from there.
        self._ahead: tuple[int, int, bytes] = (-1, 0, b"")
        self._lock = Lock()
        files: list[CassetteFile] = []
        for path, name in cassette_paths(paths):
            source, file = _opened(path, name, len(self._index.starts), self._index)
            self._sources.append(source)
            self._firsts.append(file.first)
            files.append(file)
        self.files: tuple[CassetteFile, ...] = tuple(files)

    def __len__(self) -> int:
        return len(self._index.starts)

    def file_of(self, number: int) -> CassetteFile:
        """Return the file an interaction is in."""
        return self.files[self._place_of(number)]

    def place(self, number: int) -> str:
        """Return where an interaction is, for messages, counted from 1 in its file: `chat.yaml, interaction 3`."""
        at = self._place_of(number)
        return f"{self._sources[at].name}, interaction {number - self._firsts[at] + 1}"

    def method_and_path(self, number: int) -> tuple[str, str]:
        """Return what an interaction asked for, without reading it; the path is decoded and without query."""
        return self._index.request(number)

    def find(self, method: str, path: str) -> Sequence[int]:
        """Return the numbers of the interactions with a method and path, in order."""
        return self._index.find((method, path))

    def read(self, number: int) -> Interaction:
        """Return an interaction, not to be changed; those that were read last are kept, up to a bound in bytes.

        :raises BadCassette: it cannot be read, or its file is not what it was.
        """
        with self._lock:
            kept = self._kept.get(number)
            if kept is not None:
                self._kept.move_to_end(number)
                return kept[0]
        at = self._place_of(number)
        source, first = self._sources[at], self._firsts[at]
        if source.layout == "whole":
            return self._read_whole(source, first, number)
        index = self._index
        start, size = index.starts[number], index.sizes[number]
        text = source.read(start, size)
        if len(text) != size or crc32(text) != index.sums[number]:
            raise source.changed()
        try:
            interaction = interaction_of(item_of(source.layout, text))
        except ValueError as error:
            line = source.lines_before(start) + (getattr(error, "line", None) or 0) + 1
            reason = getattr(error, "reason", str(error))
            raise source.bad(reason, line, number - first + 1) from None
        self._keep(number, interaction, size)
        return interaction

    def request(self, number: int) -> Request:
        """Return what an interaction asked for, not to be changed; quick, for looking through many.

        Of its headers only those may be there that its body is read by. Nothing is kept.

        :raises BadCassette: it cannot be read, or its file is not what it was.
        """
        with self._lock:
            kept = self._kept.get(number)
            if kept is not None:
                return kept[0].request
        at = self._place_of(number)
        source, index = self._sources[at], self._index
        if source.layout != "whole":
            text = self._read_ahead(at, index.starts[number], index.sizes[number])
            if crc32(text) == index.sums[number]:
                try:
                    request = request_of(source.layout, text)
                except ValueError:
                    request = None  # it is told with its place below
                if request is not None:
                    return request
        return self.read(number).request

    def _read_ahead(self, at: int, start: int, size: int) -> bytes:
        """Return a part of a file, and keep some of what follows."""
        file, begin, held = self._ahead
        if file != at or not begin <= start <= start + size <= begin + len(held):
            begin, held = start, self._sources[at].read(start, max(size, _AHEAD_BYTES))
            self._ahead = (at, begin, held) if len(held) <= _AHEAD_BYTES else (-1, 0, b"")
        return held[start - begin : start - begin + size]

    def _place_of(self, number: int) -> int:
        if not 0 <= number < len(self._index.starts):
            raise IndexError(number)
        # Of files without interactions, which have the number of the next one, the last counts.
        return bisect_right(self._firsts, number) - 1

    def _read_whole(self, source: _Source, first: int, number: int) -> Interaction:
        try:
            items = whole(source.read(0, source.size))["interactions"]
            interactions = [interaction_of(item) for item in items]
        except ValueError:  # it was good when it was indexed
            raise source.changed() from None
        size = source.size // max(1, len(interactions))
        for place, interaction in enumerate(interactions):
            self._keep(first + place, interaction, size)
        return interactions[number - first]

    def _keep(self, number: int, interaction: Interaction, size: int) -> None:
        cost = _OVERHEAD_BYTES + 2 * size
        if cost > KEPT_BYTES:
            return
        with self._lock:
            before = self._kept.pop(number, None)
            self._kept[number] = (interaction, cost)
            self._kept_bytes += cost - (before[1] if before else 0)
            while self._kept_bytes > KEPT_BYTES:
                self._kept_bytes -= self._kept.popitem(last=False)[1][1]


@dataclass(frozen=True, slots=True)
class _Source:
    """A file as it was when it was indexed."""

    path: Path
    name: str
    layout: Layout
    size: int
    stamp: tuple[int, ...]

    def read(self, start: int, size: int) -> bytes:
        """Return a part of it.

        :raises BadCassette: it is not the file that was indexed.
        """
        descriptor = _descriptor(self.path)
        try:
            if _stamp(os.fstat(descriptor)) != self.stamp:
                raise self.changed()
            return os.pread(descriptor, size, start)
        finally:
            os.close(descriptor)

    def lines_before(self, offset: int) -> int:
        """Return how many lines end before an offset."""
        descriptor = _descriptor(self.path)
        try:
            return _lines_before(descriptor, offset)
        finally:
            os.close(descriptor)

    def changed(self) -> BadCassette:
        """Return the error of a file that is another one by now."""
        return BadCassette(f"{shown(self.path)} has changed since it was opened; start again to read it anew")

    def bad(self, reason: str, line: int | None, ordinal: int | None) -> BadCassette:
        """Return an error at a place of it."""
        return _bad(self.path, reason, line, ordinal)


def _bad(path: Path, reason: str, line: int | None = None, ordinal: int | None = None) -> BadCassette:
    at = "" if line is None else f", line {line}"
    of = "" if ordinal is None else f" (interaction {ordinal})"
    return BadCassette(f"{shown(path)}{at}{of}: {' '.join(reason.split())}")


def shown(path: Path) -> str:
    """Return a path as one printable line."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev


def _descriptor(path: Path) -> int:
    """Open a file for reading, and nothing but a file: a pipe would be waited for, a device has no end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise BadCassette(f"{shown(path)}: there is no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadCassette(f"{shown(path)} cannot be opened: {reason}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadCassette(f"{shown(path)} is not a file, but a pipe, a device or the like")
    return descriptor


def _lines_before(descriptor: int, offset: int) -> int:
    lines = 0
    for start in range(0, offset, _STEP):
        lines += os.pread(descriptor, min(_STEP, offset - start), start).count(b"\n")
    return lines


def _opened(path: Path, name: str, first: int, index: Index) -> tuple[_Source, CassetteFile]:
    """Index a file."""
    descriptor = _descriptor(path)
    try:
        stamp = _stamp(os.fstat(descriptor))
        try:
            scanned = scan(descriptor, index)
            metadata = _metadata(scanned.head)
        except Misplaced as error:
            line = error.line
            if error.offset is not None:
                line = (line or 0) + _lines_before(descriptor, error.offset)
            raise _bad(path, error.reason, None if line is None else line + 1, error.ordinal) from None
        if _stamp(os.fstat(descriptor)) != stamp:
            raise BadCassette(f"{shown(path)} was written to while it was read; wait until it is whole")
    except OSError as error:
        raise BadCassette(f"{shown(path)} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    count = len(index.starts) - first
    return _Source(path, name, scanned.layout, stamp[0], stamp), CassetteFile(path, first, count, metadata)


def _metadata(head: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a cassette's metadata, if its version and format are ones that can be read."""
    version = head.get("version")
    if version is None:
        raise Misplaced("it has no version, which VCR.py writes last: it is cut short, or `version: 1` is missing")
    if version != VERSION or not isinstance(version, int) or isinstance(version, bool):
        raise Misplaced(f"its version is {version!r:.40}; only {VERSION} can be read (`version: {VERSION}`)")
    metadata = head.get("metadata")
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise Misplaced("its metadata is no mapping")
    ours = metadata.get("mockserver")
    if ours is None:
        return metadata
    format_ = ours.get("format", FORMAT) if isinstance(ours, Mapping) else None
    if not isinstance(format_, int) or isinstance(format_, bool) or format_ < 1:
        raise Misplaced("its metadata.mockserver has no format that is a whole number from 1")
    if format_ > FORMAT:
        raise Misplaced(
            f"its metadata.mockserver.format is {format_}, from a newer mockserver; this one reads up to {FORMAT}: "
            "update it"
        )
    return metadata


def cassette_paths(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Return the files that paths stand for, by name in each folder, each with a short name that tells it apart.

    Links in a folder are followed to files in it, and nowhere else; names that begin with a dot are passed over.

    :raises BadCassette: there is none, or a link in a folder leads out of it.
    """
    found: dict[Path, str] = {}
    for path in paths:
        if not path.is_dir():
            found.setdefault(path, path.name)
            continue
        inside = _files_in(path)
        if not inside:
            raise BadCassette(f"{shown(path)}: no file in this folder ends in {', '.join(SUFFIXES)}")
        for file in inside:
            found.setdefault(file, str(file.relative_to(path)))
    names = Counter(found.values())
    return [(path, name if names[name] == 1 else str(path)) for path, name in found.items()]


def _files_in(folder: Path) -> list[Path]:
    root = Path(os.path.realpath(folder))
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                raise BadCassette(f"{shown(path)} is a link that leads out of the folder; name the file itself")
            found.append(path)
    return found


def _refuse(error: OSError) -> None:
    raise BadCassette(f"{shown(Path(error.filename))} cannot be searched: {error.strerror}")
