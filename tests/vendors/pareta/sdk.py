"""The vendor's published clients, several versions side by side, each run sync or async."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_loaded: dict[str, dict[str, ModuleType]] = {}


def _modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name == "pareta" or name.startswith("pareta.")}


@contextmanager
def installed(version: str) -> Iterator[ModuleType]:
    """Make one version of the `pareta` package the importable one for the length of a block."""
    folder = Path(sys.prefix) / "sdks" / f"pareta-{version}"
    if not folder.is_dir():
        pytest.skip(f"pareta {version} is not installed; `make test` puts it at {folder.name} beside the environment")
    before = _modules()
    for name in before:
        del sys.modules[name]
    sys.modules.update(_loaded.get(version, {}))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module("pareta")
        assert Path(str(module.__file__)).is_relative_to(folder)
        yield module
    finally:
        sys.path.remove(str(folder))
        _loaded[version] = _modules()
        for name in _modules():
            del sys.modules[name]
        sys.modules.update(before)


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
