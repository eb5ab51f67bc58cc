"""A recording whose requests happen in the simulation as well, so that what was not recorded is answered from there."""

from __future__ import annotations

from dataclasses import replace

from mockserver.cassettes.identities import Identities
from mockserver.cassettes.interaction import Answer
from mockserver.cassettes.player import Played, Player
from mockserver.http.messages import Reply, Request


class Carrying:
    """A tape that plays what was recorded and simulates everything, in whose answers recorded ids stay valid."""

    is_carrying = True

    def __init__(self, player: Player) -> None:
        self.player = player
        self.simulated = 0
        """How many requests were not recorded, and answered by the simulation."""
        self._identities = Identities()

    def rewind(self) -> None:
        """Begin anew, for a world that begins anew: nothing has been played, and no ids are known."""
        self.player.rewind()
        self.simulated = 0
        self._identities = Identities()

    def play(self, request: Request) -> Reply | None:
        """Return the recorded answer; `None` for a request that was not recorded."""
        return self.player.take(request)

    def ours(self, request: Request) -> Request:
        """Return a request in the simulation's ids."""
        return self._identities.ours(request)

    def heard(self, request: Request, played: Reply | None, simulated: Reply) -> Reply:
        """Learn from the simulation's answer how it calls what was recorded, or return it in recorded ids."""
        answer = Answer(simulated.status, "", simulated.headers, simulated.body)
        if isinstance(played, Played):
            self._identities.learn(self.player.library.read(played.number).answer, answer)
        if played is not None:
            return played
        self.simulated += 1
        theirs = self._identities.theirs(answer)
        return replace(simulated, headers=theirs.headers, body=theirs.body)
