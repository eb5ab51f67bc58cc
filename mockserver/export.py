"""Where an export comes from: a database file that no server holds, or a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from mockserver.kernel.errors import MockError, Unusable
from mockserver.kernel.store import APPLICATION_ID

if TYPE_CHECKING:
    from mockserver.control.control import Control

Format = Literal["csv", "jsonl"]

_CHUNK = 64 * 1024
_TIMEOUT_S = 60  # between two pieces, not for the whole
_SQLITE = b"SQLite format 3\0"


def from_file(db: Path, world: str, what: str, form: Format) -> Iterator[bytes]:
    """Yield an export of a world in a file, which is opened and held as a server would.

    :raises Unusable: the file is missing, in use or not ours, or it has no such world.
    """
    from mockserver.control.operations import export

    with held(db) as control:
        yield from (export.as_csv if form == "csv" else export.as_jsonl)(control, world, what)


@contextmanager
def held(db: Path) -> Iterator[Control]:
    """Open and hold a database file as a server would, for the length of a block.

    :raises Unusable: the file is missing, in use or not ours, or it lacks what the block asks for.
    """
    from mockserver.app import Simulator
    from mockserver.config import Settings
    from mockserver.control.control import Control

    _refuse_foreign(db)
    simulator = Simulator(Settings(db))
    try:
        yield Control(simulator.worlds, simulator.vendors, {})
    except MockError as error:
        raise Unusable(f"{db}: {error}") from None
    finally:
        simulator.close()


def _refuse_foreign(db: Path) -> None:
    """Look at a file's header before anything opens it: opening makes a database of whatever is empty or missing.

    :raises Unusable: it is no database of ours.
    """
    try:
        with db.open("rb") as file:
            head = file.read(72)
    except OSError as error:
        raise Unusable(f"cannot read {db}: {error.strerror}") from None
    if not head.startswith(_SQLITE) or int.from_bytes(head[68:]) != APPLICATION_ID:
        raise Unusable(f"{db} is not one of mockserver's databases")


def from_server(url: str, world: str, what: str, form: Format, admin_token: str | None) -> Iterator[bytes]:
    """Yield an export of a world in a running server.

    :raises Unusable: nobody of ours answers there, there is no such world, or the answer breaks off.
    """
    return answered(url, f"worlds/{quote(world, safe='')}/export/{quote(what, safe='')}.{form}", "export", admin_token)


def answered(url: str, path: str, what: str, admin_token: str | None) -> Iterator[bytes]:
    """Yield what a running server answers to a read below `/_mock`.

    :param what: what to call it in messages.
    :raises Unusable: nobody of ours answers there, the server refuses, or the answer breaks off.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    if not url.startswith(("http://", "https://")):
        raise Unusable(f"'{url}' is not an http URL")
    headers = {} if admin_token is None else {"Authorization": f"Bearer {admin_token}"}
    direct = build_opener(ProxyHandler({}))  # a proxy in the environment is for other hosts than this one
    try:
        with direct.open(Request(f"{url.rstrip('/')}/_mock/{path}", headers=headers), timeout=_TIMEOUT_S) as answer:
            while piece := answer.read(_CHUNK):
                yield piece
    except HTTPError as refused:
        raise Unusable(f"{url}: {_reason(refused.read())}") from None
    except (OSError, ValueError, HTTPException) as error:
        raise Unusable(f"no {what} from {url}: {error}") from None


def _reason(problem: bytes) -> str:
    try:
        return str(json.loads(problem)["detail"])
    except (ValueError, KeyError, TypeError):
        return "no mockserver answers there"
