"""Appends interactions to cassette files, each in one write, so that a file is whole at any moment.

New files are readable by their owner only: keys are taken out of them, but not what people said to a model.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from mockserver.cassettes.files import FORMAT, SUFFIXES, Library
from mockserver.cassettes.format import interaction_of, to_vcr
from mockserver.cassettes.index import LARGEST_INTERACTION, item_of
from mockserver.cassettes.interaction import BadCassette, Interaction
from mockserver.cassettes.looks import PLACEHOLDER
from mockserver.kernel.clock import machine_now
from mockserver.kernel.windows import format_instant

try:
    import fcntl
except ImportError:  # Windows: no advisory lock, two recorders on one file are not noticed
    fcntl = None  # type: ignore[assignment]

RecordMode = Literal["once", "new_episodes", "all"]

_PERMISSIONS = 0o600
_PLACEHOLDER = re.compile(PLACEHOLDER.pattern.encode())
_JSON_END = b"\n]}\n"
_BLOCK = 1 << 20


class CannotWrite(Exception):
    """An interaction was not written, and the file is as before; the message is one line."""


class CassetteWriter:
    """One cassette file that is recorded into; it is made when the first interaction is there.

    What is given to it must have been redacted. Nobody else can record into the file meanwhile. Where the last
    interaction of a file that is appended to was cut short, because whoever wrote it was killed, it is taken off; and a
    file that cannot be appended to, such as VCR.py's own, is brought into a form in which it can be.

    :param recorded_from: origins of the upstreams.
    :param mode: `once` refuses a file that exists, `new_episodes` appends to it, `all` takes its place.
    :param metadata: more to say beside the interactions, below `mockserver`.
    :raises BadCassette: the file cannot be recorded into.
    """

    def __init__(
        self,
        path: Path,
        *,
        recorded_from: Sequence[str] = (),
        mode: RecordMode = "once",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = path
        self.written = 0
        self.placeholders: frozenset[bytes] = frozenset()
        """What stands in the file in place of secrets: a `Redactor` numbers `after` them."""
        self._file: int | None = None
        self._is_replacing = mode == "all"
        self._form: _Yaml | _Json
        if path.suffix.lower() not in SUFFIXES:
            raise BadCassette(f"{path}: a cassette's name ends in one of {', '.join(SUFFIXES)}")
        self._form = _Json() if path.suffix.lower() == ".json" else _Yaml()
        said = {"format": FORMAT, "recorded_at": format_instant(machine_now()), "recorded_from": [*recorded_from]}
        self._metadata = {"mockserver": {**said, **(metadata or {})}}
        try:
            if path.exists() and not path.is_file():
                raise BadCassette(f"{path} is no file")
            is_there = path.exists() and path.stat().st_size > 0
            if is_there and mode == "once":
                raise BadCassette(
                    f"{path} is there already, and record mode once adds nothing to it: "
                    "new_episodes appends, all replaces it"
                )
            if is_there and mode == "new_episodes":
                self._take_up()
            elif is_there and _is_in_use(path):
                raise BadCassette(f"{path} is being recorded into by another process")
            above = next(folder for folder in path.absolute().parents if folder.exists())
            if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
                raise BadCassette(f"{path} cannot be recorded into: nothing can be written to {above}")
        except OSError as error:
            raise BadCassette(f"{path} cannot be recorded into: {error.strerror}") from None

    def add(self, interaction: Interaction) -> None:
        """Append an interaction.

        :raises CannotWrite: there is no room for it, or the form of the file cannot hold its body.
        """
        data = to_vcr(interaction)
        try:
            interaction_of(data)
        except ValueError as error:  # one that cannot be read again would spoil all the others
            raise CannotWrite(f"{self.path} cannot hold it: {' '.join(str(error).split())}") from None
        try:
            item = self._form.item(data)
        except (TypeError, ValueError):
            raise CannotWrite(f"{self.path} cannot hold bytes that are no text: a .yaml file could") from None
        if len(item) > LARGEST_INTERACTION:
            raise CannotWrite(f"{self.path}: it is too large to be read again")
        try:
            if self._file is None:
                self._create(item)
            else:
                self._append(self._file, item)
        except OSError as error:
            raise CannotWrite(f"{self.path}: {error.strerror}") from None
        self.written += 1

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _create(self, item: bytes) -> None:
        """Put a file with one interaction where the path says, whole at once.

        :raises CannotWrite: since this began, somebody else has put one there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if _is_in_use(self.path):
            raise CannotWrite(f"{self.path} is being recorded into by another process")
        if not self._is_replacing and self.path.exists() and self.path.stat().st_size > 0:
            raise CannotWrite(f"{self.path} was not there when this recording began, and is not overwritten")
        self._replace(self._form.head(self._metadata) + self._form.first(item), _PERMISSIONS)

    def _replace(self, content: bytes, permissions: int) -> None:
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, permissions)
        try:
            os.fchmod(handle, permissions)
            _lock(handle)
            _write(handle, content, 0)
            os.rename(beside, self.path)
        except BaseException:
            os.close(handle)
            with suppress(OSError):
                beside.unlink()
            raise
        self.close()
        self._file = handle

    def _append(self, handle: int, item: bytes) -> None:
        size = os.fstat(handle).st_size
        start = size - len(self._form.end)
        try:
            _write(handle, self._form.next(item), start)
        except BaseException:
            os.ftruncate(handle, start)
            os.pwrite(handle, self._form.end, start)  # the blocks of these bytes are there
            raise

    def _take_up(self) -> None:
        """Open a file that exists, in a form to which can be appended."""
        handle = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        self._file = handle
        try:
            if not _lock(handle):
                raise BadCassette(f"{self.path} is being recorded into by another process")
            content = _all_of(handle)
            self.placeholders = frozenset(match[0] for match in _PLACEHOLDER.finditer(content))
            whole = self._form.whole(content)
            if whole is None:
                interactions, metadata = self._loaded()
                self._metadata = {**metadata, **self._metadata}
                now = self._form.rewritten(interactions, self._metadata)
                self._replace(now, os.fstat(handle).st_mode & 0o777)
            elif whole != content:
                os.ftruncate(handle, len(whole))
                _write(handle, self._form.end, len(whole) - len(self._form.end))
        except BaseException:
            self.close()
            raise

    def _loaded(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        library = Library([self.path])
        metadata = dict(library.files[0].metadata) if library.files else {}
        return [to_vcr(library.read(number)) for number in range(len(library))], metadata


class _Yaml:
    """Each interaction is an item of the last key's list, and begins with `- ` where its line does."""

    end = b""

    def head(self, metadata: Mapping[str, Any]) -> bytes:
        return b"version: 1\n" + _yaml({"metadata": dict(metadata)}) + b"interactions:\n"

    def item(self, data: dict[str, Any]) -> bytes:
        return _yaml([data])

    def first(self, item: bytes) -> bytes:
        return item

    next = first

    def rewritten(self, interactions: Sequence[dict[str, Any]], metadata: Mapping[str, Any]) -> bytes:
        if not interactions:
            return b"version: 1\n" + _yaml({"metadata": dict(metadata)}) + b"interactions:\n"
        return self.head(metadata) + b"".join(map(self.item, interactions))

    def whole(self, content: bytes) -> bytes | None:
        """Return a file up to its last whole interaction; `None` if nothing can be appended to it as it is."""
        start = re.search(rb"^interactions:[ ]*\n", content, re.MULTILINE)
        if start is None or not re.search(rb"^version: 1 *\n", content[: start.start()], re.MULTILINE):
            return None
        if re.search(rb"^[^\s#-]|^-[^ ]", content[start.end() :], re.MULTILINE):
            return None  # another key comes after the interactions
        items = [match.start() for match in re.finditer(rb"^-(?: |\Z)", content[start.end() :], re.MULTILINE)]
        if not items:
            return None if content[start.end() :].strip() else content[: start.end()]
        last = start.end() + items[-1]
        if _is_whole(content[last:]):
            return content
        if len(items) > 1 and not _is_whole(content[start.end() + items[-2] : last]):
            return None  # that is not the work of somebody who was killed
        return content[:last]


class _Json:
    """Each interaction is a line, and the last is followed by `]}` on one."""

    end = _JSON_END

    def head(self, metadata: Mapping[str, Any]) -> bytes:
        return b'{"version": 1, "metadata": %s, "interactions": [\n' % json.dumps(dict(metadata)).encode()

    def item(self, data: dict[str, Any]) -> bytes:
        return json.dumps(data).encode()

    def first(self, item: bytes) -> bytes:
        return item + self.end

    def next(self, item: bytes) -> bytes:
        return b",\n" + item + self.end

    def rewritten(self, interactions: Sequence[dict[str, Any]], metadata: Mapping[str, Any]) -> bytes:
        return self.head(metadata) + b",\n".join(map(self.item, interactions)) + self.end

    def whole(self, content: bytes) -> bytes | None:
        """Return a file up to its last whole interaction; `None` if nothing can be appended to it as it is."""
        lines = content.split(b"\n")
        if not lines[0].startswith(b'{"version": 1, "metadata": {') or not lines[0].endswith(b'"interactions": ['):
            return None
        items: list[bytes] = []
        for line in lines[1:]:
            item = line.removesuffix(b",")
            if line in (b"", b"]}") or not _is_item(item):
                break
            items.append(item)
        return lines[0] + b"\n" + b",\n".join(items) + self.end if items else None


def _is_item(line: bytes) -> bool:
    try:
        item = json.loads(line)
    except ValueError:
        return False
    return isinstance(item, dict) and "request" in item and "response" in item


def _is_whole(item: bytes) -> bool:
    """Tell whether one interaction in YAML is all there."""
    try:
        data = item_of("yaml", item)
        interaction_of(data)
    except ValueError:
        return False
    status = data["response"].get("status") or {}  # its last line is what is written last, but for `timing`
    return item.endswith(b"\n") and "message" in status


def _yaml(value: object) -> bytes:
    from vcr.serializers import yamlserializer

    text: str = yamlserializer.serialize(value)
    return text.encode()


def _is_in_use(path: Path) -> bool:
    """Whether somebody else records into a file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Take a file for this process; tell whether no other has it."""
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _write(handle: int, content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        count = os.pwrite(handle, view, at)
        view, at = view[count:], at + count


def _all_of(handle: int) -> bytes:
    def blocks() -> Iterator[bytes]:
        at = 0
        while block := os.pread(handle, _BLOCK, at):
            yield block
            at += len(block)

    return b"".join(blocks())
