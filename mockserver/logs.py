"""Where warnings and errors go: standard error, as text or as one JSON object a line."""

from __future__ import annotations

import json
import logging
from typing import Literal

from mockserver.kernel.windows import format_instant

LogForm = Literal["text", "json"]


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": format_instant(int(record.created * 1000) * 1000),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(form: LogForm) -> None:
    """Send everything from warnings up to standard error, in place of whatever was configured before."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines() if form == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
