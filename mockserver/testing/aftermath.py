"""What a world is held to once whoever used it is done, for those who do not test with pytest."""

from __future__ import annotations

from mockserver.kernel.world import NOBODY
from mockserver.testing.assertions import told
from mockserver.testing.remote import HttpWire
from mockserver.testing.wire import Refused

_CHECKS = ("unmatched", "unused", "invariants")
_NOT_FOUND = 404


def findings(url: str, world: str) -> list[str]:
    """Return what is not as it must be, each with a table of what shows it; nothing when all is well.

    That is a request for no operation there is, also under a key that names no world; a fault or a stub that is not
    used up; and an invariant that does not hold.

    :param url: of a server that is there for this world alone.
    """
    wire = HttpWire(url)
    try:
        strays = wire.call("requests.verify", NOBODY, body={"check": "unmatched"})
        verdicts = [wire.call("requests.verify", world, body={"check": check}) for check in _CHECKS]
    except Refused as refused:
        if refused.status != _NOT_FOUND:  # only known worlds are let in, and this is none
            raise
        verdicts = []
    finally:
        wire.close()
    found = [told(verdict) for verdict in verdicts if not verdict["holds"]]
    return found if strays["holds"] else [*found, f"with a key that names no world, {told(strays)}"]
