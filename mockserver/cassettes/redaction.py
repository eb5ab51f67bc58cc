"""Secrets taken out of what was recorded, before any of it is written (pure)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from mockserver.cassettes.interaction import Interaction

PLACEHOLDER = re.compile(rb"redacted-(?:(key|cookie|value)-(\d+)|(\d+)@example\.com)")
"""What stands in a secret's place; in a cassette each kind is numbered from 1."""


class CannotRedact(Exception):
    """Something secret is where nothing can be put in its place; the message is one line without it."""


class Redactor:
    """Takes secrets out of the interactions of one recording; what it has seen once it finds in all later ones.

    :param fields: names of fields of JSON, forms, multipart and queries whose values are secrets, in any case of letters.
    :param keep_headers: request headers that are kept besides those that always are, in any case of letters.
    :param after: placeholders that are taken: numbering goes on after them.
    """

    def __init__(
        self, fields: Iterable[str] = (), keep_headers: Iterable[str] = (), after: Iterable[bytes] = ()
    ) -> None:
        self.counts: Counter[str] = Counter()
        """How many different secrets of each kind were found: `key`, `cookie`, `e-mail`, `value`."""

    def redacted(self, interaction: Interaction) -> Interaction:
        """Return an interaction without its secrets, and with the headers that are kept only.

        :raises CannotRedact: a secret is in a body of bytes that are no text; the interaction is not to be kept.
        """
        raise NotImplementedError
