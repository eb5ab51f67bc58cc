"""Runs the Python of a documentation tree as its readers would, and prints what became of each block as JSON.

A program of its own, so that each version of the client has a process: `pages.py FOLDER URL WORLD`. The blocks of one
page run in order in one namespace, in an organisation of their own. What a reader would fill in is filled in by rule:
the host and the key, files that a page names, `messages=[...]`; of a thousand of something there are a hundred. A block
that needs more than that is passed over, with the reason; every other exception that leaves a block is a failure.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import functools
import importlib
import importlib.util
import inspect
import io
import json
import os
import re
import signal
import socket
import ssl
import struct
import sys
import tempfile
import time
import traceback
import urllib.request
import wave
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

LIMIT_S = 60
"""How long a block may take; one that never ends, such as a watch, is passed over."""

MAX_ROUNDS = 100
"""How many of something a block makes at most; one page sends two batches of a thousand chats."""

CONTRACT = "This Agreement is effective as of January 1, 2026 and is governed by the laws of Delaware."


@dataclass
class Outcome:
    """What became of one block.

    :param result: `ran`, `skipped` or `failed`.
    """

    page: str
    line: int
    result: str
    reason: str = ""


class Passed(Exception):
    """A block needs something that is not on its page."""


class Endless(BaseException):
    """A block went on for too long; no handler of a page may catch it."""


# Blocks


def blocks(page: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every Python block of a page; a script is one block."""
    text = page.read_text("utf-8")
    if page.suffix == ".py":
        yield 1, text
        return
    for found in re.finditer(r"^( *)```python[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        indent, source = found[1], found[2]
        lines = [line.removeprefix(indent) for line in source.splitlines()]
        yield text[: found.start(2)].count("\n") + 1, "\n".join(lines) + "\n"


def parsed(source: str) -> ast.Module:
    """Return a block's statements.

    :raises Passed: they are none: a signature, a fragment of something larger, or nothing that runs.
    """
    try:
        tree = ast.parse(source)
        compile(tree, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        raise Passed(f"no statements ({error.msg})") from None
    if all(isinstance(node, ast.AnnAssign) and node.value is None for node in tree.body):
        raise Passed("a list of fields")
    if all(_is_hollow(node) for node in tree.body):
        raise Passed("a signature")
    return tree


def _is_hollow(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return all(_is_hollow(part) for part in node.body)
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value in (...,)
    )


class Filled(ast.NodeTransformer):
    """Fills in what a page leaves out with three dots, and makes fewer of what it makes many of."""

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if _is_dots(node.value):
            if node.arg == "messages":
                node.value = _literal([{"role": "user", "content": CONTRACT}])
            elif node.arg == "items":
                node.value = _literal([{"input": {"contract_text": CONTRACT}, "expected_output": {"party_a": "Acme"}}])
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(func=ast.Name("range"), args=[ast.Constant(int() as rounds)]) if rounds > MAX_ROUNDS:
                node.args = [_literal(MAX_ROUNDS)]
        return self.generic_visit(node)

    def visit_Set(self, node: ast.Set) -> ast.AST:
        return _literal({"effective_date": "2026-01-01"}) if _is_dots(node) else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if node.value is ...:
            raise Passed("leaves something out with ...")
        return node


def _is_dots(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.List | ast.Set)
        and len(node.elts) == 1
        and isinstance(node.elts[0], ast.Constant)
        and node.elts[0].value is ...
    )


def _literal(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


# What a reader has


FILES: dict[str, Callable[[], bytes]] = {}


def made(*suffixes: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Register what a file of some kind holds."""

    def registered(make: Callable[[], bytes]) -> Callable[[], bytes]:
        FILES.update(dict.fromkeys(suffixes, make))
        return make

    return registered


@made(".pdf")
def pdf() -> bytes:
    """Return a page that says something, with a table of contents that readers of the format insist on."""
    words = b"BT /F1 18 Tf 40 700 Td (Invoice 2291. Total due: 1240.00) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(words), words),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, part in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table, len(body),
    )  # fmt: skip


@made(".png", ".jpg", ".jpeg", ".tiff", ".tif", ".webp")
def picture() -> bytes:
    """Return a small picture."""
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(97 * 32))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@made(".wav", ".mp3", ".m4a", ".webm", ".ogg", ".flac")
def sound() -> bytes:
    """Return two seconds of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(32000))
    return file.getvalue()


@made(".txt", ".md")
def words() -> bytes:
    """Return a few lines."""
    return f"{CONTRACT}\nThe kitchen closes at ten.\n".encode()


@made(".jsonl")
def rows() -> bytes:
    """Return rows for an eval."""
    row = {"input": {"contract_text": CONTRACT}, "expected_output": {"effective_date": "2026-01-01"}}
    return "\n".join([json.dumps(row)] * 5).encode()


def give_files(tree: ast.Module) -> None:
    """Create the files that a block names, in the folder it runs in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
            make = FILES.get(Path(name).suffix)
            if (
                make
                and re.fullmatch(r"[\w./ -]+", name)
                and not name.startswith(("/", ".."))
                and not Path(name).exists()
            ):
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_bytes(make())


# Running


class Reader:
    """Somebody who tries out the blocks of one page, one after the other."""

    def __init__(self, page: Path, name: str, url: str, key: str) -> None:
        self.page = page
        self.name = name
        self.url = url
        self.key = key
        self.text = page.read_text("utf-8")
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}

    def outcomes(self) -> Iterator[Outcome]:
        with asyncio.Runner() as runner:
            for line, source in blocks(self.page):
                result, reason = self.tried(source, runner)
                yield Outcome(self.name, line, result, reason)

    def tried(self, source: str, runner: asyncio.Runner) -> tuple[str, str]:
        """Return what became of a block, run again where it was only wrong about something its reader would have."""
        for _ in range(4):
            before = dict(self.names)
            try:
                self.run(source, runner)
                return "ran", ""
            except BaseException as error:
                self.names = before
                if "missing API key" in str(error) and "Pareta()" in source:
                    source = source.replace("Pareta()", "Pareta.from_env()")
                elif not (self.give_name(error) or self.give_endpoint(error, source)):
                    return self.judged(error, source)
        return "failed", "still wants more"

    def judged(self, error: BaseException, source: str) -> tuple[str, str]:
        """Tell what a page leaves to its readers from what should have worked."""
        where = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(where) if frame.filename == "block"), 0)
        said = f"{type(error).__name__}: {error} (line {line} of the block)"
        if isinstance(error, Passed):
            return "skipped", str(error)
        if isinstance(error, Endless):
            return "skipped", f"does not end within {LIMIT_S} s"
        if isinstance(error, ModuleNotFoundError):
            return "skipped", f"needs the package {error.name}"
        if isinstance(error, SystemExit) and error.code in (None, 0):
            return "ran", ""
        if isinstance(error, NameError):
            return "skipped", f"needs {error.name!r}, which no block made"
        if isinstance(error, AttributeError) and type(error.obj).__module__.startswith("pareta"):
            return "skipped", f"this version of the client has no such thing: {error}"
        if isinstance(error, TypeError) and "unexpected keyword argument" in str(error):
            return "skipped", f"this version of the client has no such thing: {error}"
        if isinstance(error, AttributeError) and type(error.obj) is dict:
            return "skipped", f"takes for an object what its page has made a dict: {error}"
        if isinstance(error, AssertionError) and where[-1].filename == "block":
            return "skipped", "asserts a figure of its reader's own"
        if "is stopped" in str(error) and ".stop(" in self.text:
            return "skipped", "uses the endpoint that its page has stopped"
        if (missing := re.search(r"eval (?:set|run) '(.+)' not found", str(error))) and missing[1] in source:
            return "skipped", f"needs {missing[1]!r}, something of its reader's own"
        if OUTSIDE:
            return "skipped", f"speaks to {OUTSIDE[0]}"
        return "failed", said

    def give_name(self, error: BaseException) -> bool:
        """Give what every organisation has to a name that no block of the page makes."""
        import pareta

        if not isinstance(error, NameError) or error.name is None:
            return False
        name = error.name
        if re.search(rf"^{name} = ", self.text, re.MULTILINE):
            return False
        value: Any
        if name in sys.stdlib_module_names:
            self.names[name] = importlib.import_module(name)
            return True
        with pareta.Pareta.from_env() as client:
            if name.isupper() or name.endswith("_summary"):
                value = CONTRACT
            elif name.endswith("_texts"):
                value = [CONTRACT] * 3
            elif name in ("eval_set", "es"):
                value = client.evals.sets.retrieve("es_contracts")
            elif name == "my_set":
                value = "es_contracts"
            elif name in ("run", "run_id"):
                models = ["qwen-2", "llama-1"] if hasattr(client, "endpoints") else ["auto"]
                value = client.evals.runs.create(
                    eval_set="es_contracts", models=models, frontier="benchmarked", wait=True
                )
                value = value if name == "run" else value.id
            elif name in ("ep", "endpoint") and hasattr(client, "endpoints"):
                value = client.endpoints.retrieve("ep-contract-key-fields")
            else:
                return False
        self.names[name] = value
        return True

    def give_endpoint(self, error: BaseException, source: str) -> bool:
        """Deploy the endpoint that a block names and nobody has, such as `ep_a1b2c3`."""
        detail = getattr(error, "detail", None) or (getattr(error, "body", None) or {}).get("detail", "")
        missing = re.fullmatch(r"endpoint '(.+)' not found", str(detail))
        if missing is None or repr(missing[1])[1:-1] not in source:
            return False
        request = urllib.request.Request(
            f"{self.url}/v1/endpoints",
            json.dumps({"task": "contract-key-fields", "name": missing[1]}).encode(),
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return b"event: complete" in answer.read()

    def run(self, source: str, runner: asyncio.Runner) -> None:
        source = re.sub(r"https://api(-staging)?\.pareta\.ai", self.url, source)
        source = re.sub(r"""(["'])pareta_sk_[^"'\s]*\1""", repr(self.key), source)
        tree = ast.fix_missing_locations(Filled().visit(parsed(source)))
        give_files(tree)
        code = compile(tree, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        is_async = bool(code.co_flags & inspect.CO_COROUTINE)
        self.give_clients(is_async)
        OUTSIDE.clear()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), limited():
            if is_async:
                runner.run(self.awaited(code))
            else:
                exec(code, self.names)

    async def awaited(self, code: Any) -> None:
        await eval(code, self.names)

    def give_clients(self, is_async: bool) -> None:
        """Give a client to every name that had one, open and of the kind that the block wants."""
        import pareta

        for name, value in list(self.names.items()):
            if isinstance(value, pareta.Pareta | pareta.AsyncPareta):
                self.names[name] = (pareta.AsyncPareta if is_async else pareta.Pareta).from_env()
        for name in ("pa", "client"):
            self.names.setdefault(name, (pareta.AsyncPareta if is_async else pareta.Pareta).from_env())


@contextlib.contextmanager
def limited() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Endless

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


OUTSIDE: list[str] = []
"""Hosts other than this machine that a block wanted."""


def stay_inside() -> None:
    """Let nothing leave this machine, and note who wanted to."""
    look_up = socket.getaddrinfo

    def looked_up(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in ("127.0.0.1", "localhost"):
            OUTSIDE.append(str(name))
            raise socket.gaierror(f"{name} is not on this machine")
        return look_up(host, *args, **options)

    socket.getaddrinfo = looked_up


def hurry() -> None:
    """Let nobody wait: a page that sleeps between two looks would take minutes, and each client reads certificates."""
    ssl.create_default_context = functools.cache(ssl.create_default_context)  # type: ignore[assignment]
    sleep = asyncio.sleep
    time.sleep = lambda _seconds: None
    asyncio.sleep = lambda _seconds, result=None: sleep(0, result)


def main(folder: Path, url: str, world: str) -> None:
    """Run every page below a folder and print the outcomes."""
    spec = importlib.util.find_spec("pareta")
    assert spec is not None
    import pareta._client

    pareta._client.DEFAULT_BASE_URL = url
    stay_inside()
    hurry()
    outcomes: list[Outcome] = []
    pages = [folder / "README.md", *sorted(folder.glob("docs/**/*")), *sorted(folder.glob("skills/**/*"))]
    for page in pages:
        if page.suffix not in (".md", ".py"):
            continue
        name = str(page.relative_to(folder))
        key = f"pareta_sk_test_{world}-{re.sub(r'[^A-Za-z0-9]+', '-', name)[-40:]}"
        os.environ.update(PARETA_API_KEY=key, PARETA_BASE_URL=url, OPENAI_API_KEY=key)
        with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
            sys.argv = [name]
            outcomes += Reader(page, name, url, key).outcomes()
    print(json.dumps([asdict(outcome) for outcome in outcomes]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
