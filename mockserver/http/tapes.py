"""What may answer in a world's place: a recording."""

from __future__ import annotations

from typing import Protocol

from mockserver.http.messages import Reply, Request


class Tape(Protocol):
    """Answers requests of one world from a recording; what it does not answer is simulated.

    :param is_carrying: whether what it answers happens in the simulation as well, so that what it does not answer
        finds the state that the recording had. Then every request is simulated, in the simulation's ids.
    """

    is_carrying: bool

    def play(self, request: Request) -> Reply | None:
        """Return the recorded answer, or the refusal of a request that was not recorded; `None` to simulate."""

    def ours(self, request: Request) -> Request:
        """Return a request in the simulation's ids; only asked where `is_carrying`."""

    def heard(self, request: Request, played: Reply | None, simulated: Reply) -> Reply:
        """Take note of what the simulation answered, with its whole body, and return what the client is to get.

        Only asked where `is_carrying`, and where `play` returned `None`.
        """
