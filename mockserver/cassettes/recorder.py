"""A proxy in front of the vendors that writes down what passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mockserver.cassettes.redaction import Redactor
from mockserver.cassettes.writing import RecordMode

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class Recorder:
    """ASGI application: passes each request to its vendor's upstream, and writes what came back into a cassette.

    :param upstreams: URL by vendor.
    :param target: a file that ends in .yaml, .yml or .json, or a folder that gets one file for each vendor.
    :param only: what is kept, each such as `POST /v1/*`; everything where there is none.
    :raises Unusable: an upstream, the target or a pattern cannot be used.
    """

    def __init__(
        self,
        upstreams: Mapping[str, str],
        target: Path,
        *,
        mode: RecordMode = "once",
        redactor: Redactor | None = None,
        only: Sequence[str] = (),
        timeout_s: float = 120.0,
    ) -> None:
        self.written: Counter[Path] = Counter()
        self.passed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of files and connections."""
