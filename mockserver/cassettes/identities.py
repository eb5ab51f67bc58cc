"""What the recorded world and the simulated one call the same thing."""

from __future__ import annotations

from mockserver.cassettes.interaction import Answer
from mockserver.http.messages import Request


class Identities:
    """Pairs of ids, recorded and simulated, learnt from answers to one and the same request."""

    def learn(self, recorded: Answer, simulated: Answer) -> None:
        """Note which id stands where which does in two answers to one request."""
        raise NotImplementedError

    def ours(self, request: Request) -> Request:
        """Return a request with the simulation's ids in place of recorded ones: in path, query and body."""
        raise NotImplementedError

    def theirs(self, answer: Answer) -> Answer:
        """Return a simulated answer with recorded ids in place of the simulation's, as far as there are any."""
        raise NotImplementedError
