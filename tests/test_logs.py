from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest

from mockserver import logs


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """Put back what the test runner listens with."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("form", ["text", "json"])
def test_only_warnings_and_worse_are_written(form: Literal["text", "json"], capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(form)

    logging.getLogger("mockserver").info("quiet")
    logging.getLogger("mockserver").warning("loud")

    (line,) = capsys.readouterr().err.splitlines()
    assert "loud" in line


def test_a_json_line_holds_a_whole_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")

    try:
        raise ZeroDivisionError("oops\nand more")
    except ZeroDivisionError:
        logging.getLogger("mockserver").exception("it failed")

    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert entry["message"] == "it failed"
    assert "ZeroDivisionError: oops" in entry["traceback"]
