"""The vendor's published clients, several versions side by side, each run sync or async, and what they offer."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from tests import sdks

VERSIONS = ("0.1.0", "0.2.1", "0.3.1", "1.0.0", "1.3.0", "2.1.0", "3.0.4")
"""The versions that `make test` installs; at least one of each shape the wire has had."""

Member = tuple[str, str]
"""A class of the client and the name of something public in it."""


def major(version: str) -> int:
    """Return the generation of a version."""
    return int(version.partition(".")[0])


def versions(since: str = "0.1.0", until: str = "9") -> list[str]:
    """Return the installed versions of a span, both ends included."""
    return sdks.between(VERSIONS, since, until)


def folder_of(version: str) -> Path:
    """Return where a version lies, skipping the test where it does not."""
    return sdks.folder_of("pareta", version)


def installed(version: str) -> AbstractContextManager[ModuleType]:
    """Make one version of the `pareta` package the importable one for the length of a block."""
    return sdks.installed("pareta", folder_of(version))


class Client:
    """Runs a piece of work with a fresh client of one version, sync or async, and returns what it returned."""

    def __init__(self, module: ModuleType, url: str, key: str, *, is_async: bool) -> None:
        self.module = module
        self.url = url
        self.key = key
        self.is_async = is_async

    def __call__(self, work: Callable[[Any], Any]) -> Any:
        options = {"api_key": self.key, "base_url": self.url, "max_retries": 0}
        if not self.is_async:
            with self.module.Pareta(**options) as client:
                return work(client)
        return asyncio.run(self._awaited(work, options))

    async def _awaited(self, work: Callable[[Any], Any], options: dict[str, Any]) -> Any:
        async with self.module.AsyncPareta(**options) as client:
            result = work(client)
            return await result if inspect.isawaitable(result) else result

    def texts(self, **request: Any) -> list[str]:
        """Return the pieces of a streamed answer."""

        async def collected() -> list[str]:
            async with self.module.AsyncPareta(api_key=self.key, base_url=self.url, max_retries=0) as client:
                stream = await client.chat.completions.create(stream=True, **request)
                return [chunk.choices[0].delta.content or "" async for chunk in stream]

        if self.is_async:
            return asyncio.run(collected())
        with self.module.Pareta(api_key=self.key, base_url=self.url, max_retries=0) as client:
            stream = client.chat.completions.create(stream=True, **request)
            return [chunk.choices[0].delta.content or "" for chunk in stream]


# A client of either kind, spoken to in one way


class Plain:
    """An async client of Pareta or OpenAI, or one of its resources, used as if it were sync.

    Calls are waited for, and streams are read to their end before anything of them is seen.
    """

    def __init__(self, subject: Any, runner: asyncio.Runner) -> None:
        self._subject = subject
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._subject, name)
        return Plain(value, self._runner) if _is_resource(value) or callable(value) else value

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._finished(self._subject(*args, **options))

    def _finished(self, result: Any) -> Any:
        if inspect.isawaitable(result):
            result = self._runner.run(self._awaited(result))
        if isinstance(result, AsyncIterable):
            return iter(self._runner.run(self._collected(result)))
        return Plain(result, self._runner) if _is_resource(result) else result

    @staticmethod
    async def _awaited(result: Awaitable[Any]) -> Any:
        return await result

    @staticmethod
    async def _collected(stream: AsyncIterable[Any]) -> list[Any]:
        return [item async for item in stream]


def _is_resource(value: Any) -> bool:
    return type(value).__module__.startswith(("pareta.resources", "openai.resources"))


# What a version offers, and what of it was used


def _classes(module: ModuleType) -> list[type]:
    """Return every public class of a client: the two clients, the resources and the models."""
    resources = importlib.import_module(f"{module.__name__}.resources")
    rooms = ["_client", "_models", *(f"resources.{found.name}" for found in pkgutil.iter_modules(resources.__path__))]
    classes: list[type] = []
    for room in (importlib.import_module(f"{module.__name__}.{name}") for name in rooms):
        for name, value in vars(room).items():
            if inspect.isclass(value) and value.__module__ == room.__name__ and not name.startswith("_"):
                classes.append(value)
    return classes


_CONSTRUCTION = {"__init__", "__repr__"}


def _members(cls: type) -> dict[str, Any]:
    """Return the functions, properties and operators that a class of the client itself defines."""
    return {
        name: value
        for name, value in vars(cls).items()
        if isinstance(value, FunctionType | property | classmethod)
        and (not name.startswith("_") or (name.startswith("__") and name not in _CONSTRUCTION))
    }


def _family(cls: type, module: ModuleType) -> list[type]:
    return [each for each in cls.__mro__ if each.__module__.startswith(module.__name__ + ".")]


def surface(module: ModuleType) -> set[Member]:
    """Return everything public of a version, found by looking: methods, properties and operators of every class."""
    return {
        (cls.__name__, name) for cls in _classes(module) for each in _family(cls, module) for name in _members(each)
    }


@contextmanager
def recorded(module: ModuleType) -> Iterator[set[Member]]:
    """Note everything public that is used during a block, unless the client itself used it."""
    used: set[Member] = set()
    home = module.__name__

    def noting(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def noted(subject: Any, *args: Any, **options: Any) -> Any:
            caller = str(sys._getframe(1).f_globals.get("__name__"))
            if caller != home and not caller.startswith(home + "."):
                used.add(((subject if isinstance(subject, type) else type(subject)).__name__, name))
            return function(subject, *args, **options)

        return noted

    before: list[tuple[type, str, Any]] = []
    for cls in {each for public in _classes(module) for each in _family(public, module)}:
        for name, value in _members(cls).items():
            before.append((cls, name, value))
            if isinstance(value, property):
                assert value.fget is not None
                setattr(cls, name, property(noting(value.fget, name)))
            elif isinstance(value, classmethod):
                setattr(cls, name, classmethod(noting(value.__func__, name)))
            else:
                setattr(cls, name, noting(value, name))
    try:
        yield used
    finally:
        for cls, name, value in before:
            setattr(cls, name, value)


def resources_of(client: Any) -> set[str]:
    """Return the names of the classes that a client's attributes, and theirs, are of."""
    found: set[str] = set()
    for name, value in vars(client).items():
        if not name.startswith("_") and type(value).__module__.startswith("pareta."):
            found |= {type(value).__name__} | resources_of(value)
    return found


def expect(thing: Any, **wanted: Any) -> None:
    """Hold every property of a returned model to what is wanted of it, and its raw form to what it was made of.

    A wanted type is the type to be had, a wanted function says whether a value will do, anything else is the value.
    A property that nothing is said about fails; what this version does not know yet is passed over.
    """
    cls = type(thing)
    properties = [name for name in dir(cls) if not name.startswith("_") and isinstance(getattr(cls, name), property)]
    for name in properties:
        assert name in wanted, f"nobody said what {cls.__name__}.{name} must be"
        value, want = getattr(thing, name), wanted[name]
        if isinstance(want, type):
            assert type(value) is want, f"{cls.__name__}.{name} is {value!r}, not of type {want.__name__}"
        elif callable(want):
            assert want(value), f"{cls.__name__}.{name} is {value!r}"
        else:
            assert value == want, f"{cls.__name__}.{name} is {value!r}, not {want!r}"
    raw = thing.to_dict()
    assert isinstance(raw, dict)
    assert {name: thing[name] for name in raw} == {name: thing.get(name) for name in raw} == raw
    assert thing.get("no-such-field", 7) == 7
    assert repr(thing).startswith(f"{cls.__name__}(")
