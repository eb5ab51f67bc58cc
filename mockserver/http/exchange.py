"""One request on its way to a vendor, with all that is known and noted about it."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.http.endpoint import Api
from mockserver.http.facts import facts_of
from mockserver.http.messages import Request
from mockserver.http.router import Match
from mockserver.kernel.call import Call
from mockserver.kernel.errors import MockError
from mockserver.kernel.journal import Entry
from mockserver.kernel.matching import Facts


@dataclass(slots=True)
class Exchange:
    """A request that some vendor is to answer.

    :param entry: its journal entry, not yet written.
    :param error: what stands in its way before any operation is asked.
    :param is_awaited: whether somebody waits for the answer.
    :param is_keyed: whether its key is asked whether it may.
    :param is_undone: whether nothing of what it does is kept.
    """

    api: Api
    match: Match
    call: Call
    request: Request
    entry: Entry
    error: MockError | None
    is_awaited: bool = True
    is_keyed: bool = True
    is_undone: bool = False

    def facts(self) -> Facts:
        """Return what faults and stubs may match."""
        request, match = self.request, self.match
        return facts_of(
            self.api, match.endpoint, match.parameters,
            method=request.method, path=request.path, headers=request.headers, body=request.body, query=request.query,
        )  # fmt: skip


def boundary_of(request: Request) -> bytes:
    """Return what separates the parts of a form, which clients draw anew for each; nothing for other bodies."""
    content_type = request.headers.get(b"content-type", b"")
    if b"boundary=" not in content_type:
        return b""
    _, _, rest = content_type.partition(b"boundary=")
    return rest.partition(b";")[0].strip(b' "')
