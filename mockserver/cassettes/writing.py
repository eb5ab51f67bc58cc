"""Appends interactions to cassette files, each in one write, so that a file is whole at any moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mockserver.cassettes.interaction import Interaction

RecordMode = Literal["once", "new_episodes", "all"]


class CannotWrite(Exception):
    """An interaction was not written, and the file is as before; the message is one line."""


class CassetteWriter:
    """One cassette file that is recorded into; it is made when the first interaction is there.

    What is given to it must have been redacted.

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

    @property
    def placeholders(self) -> frozenset[bytes]:
        """What stands in the file in place of secrets: a `Redactor` numbers `after` them."""
        raise NotImplementedError

    def add(self, interaction: Interaction) -> None:
        """Append an interaction.

        :raises CannotWrite: there is no room for it, or the form of the file cannot hold its body.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file."""
