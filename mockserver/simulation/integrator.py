"""What an integrator reports of the calls its clients saw answered, and what becomes of each report (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from mockserver.simulation.mishaps import Contracts, Mishap
from mockserver.simulation.script import Script
from mockserver.simulation.usage import Ask
from mockserver.vendors.intake import Sent

Kind = Literal["missing", "doubled", "wrong_amount", "unknown"]
"""The differences that a reconciliation finds, as `mockserver.control.reconciling` calls them."""


class Answered(NamedTuple):
    """A call whose client saw an answer.

    :param at: when it had the answer, in microseconds.
    :param id: of the answer, as it really is.
    :param seen: the answer as its client saw it: `answer()`, with whatever was edited since. It is not changed.
    :param customer: external id; `subject` is the customer's id with who takes the events in.
    :param is_kept: whether anything was debited; not of a false acknowledgement.
    """

    ask: Ask
    at: int
    id: str
    seen: Mapping[str, Any]
    endpoint: str
    customer: str
    subject: str
    latency_us: int
    cost_micro_usd: int
    is_kept: bool = True


class Report(NamedTuple):
    """One event on its way, and what became of the attempts to send it so far.

    :param at: when it is sent next; `None` when that is over.
    :param name: unique among all reports of a scenario, and the same in every run.
    :param attempt: how many attempts were made.
    :param resends: how often it is still to be sent although it was acknowledged.
    :param arrived: what was or will be taken in: (when, idempotency key, whether it says something wrong).
    :param counts: whether a reconciliation looks for it: it is the event that tells the call's cost.
    :param is_named: whether it says which call it is about.
    :param is_owed: whether something was debited for the call; `is_free` that it was nothing.
    """

    at: int | None
    name: str
    sent: Sent
    attempt: int = 0
    resends: int = 0
    arrived: tuple[tuple[int, str | None, bool], ...] = ()
    counts: bool = True
    is_named: bool = True
    is_owed: bool = True
    is_free: bool = False
    is_wrong: bool = False

    def dump(self) -> str:
        """Return the report as JSON text, which `load` reads."""
        raise NotImplementedError

    @classmethod
    def load(cls, text: str) -> Report:
        """Undo `dump`."""
        raise NotImplementedError

    @property
    def kept(self) -> int:
        """How many copies were recorded: those under a key that had not been used within 24 hours."""
        raise NotImplementedError

    @property
    def planted(self) -> tuple[Kind, ...]:
        """The differences a reconciliation is to find for the call, once the report is over; none when all is right."""
        raise NotImplementedError


class Attempt(NamedTuple):
    """What came of one attempt to send a report.

    :param arrivals: what is to be taken in, as (when, event); often later than the attempt.
    :param report: as it is from now on.
    """

    arrivals: Sequence[tuple[int, Sent]]
    report: Report


class Integrator:
    """Who reports the calls of one script.

    :param contracts: what is drifting about what is sent.
    """

    def __init__(self, script: Script, contracts: Contracts) -> None:
        raise NotImplementedError

    def reports(self, call: Answered) -> list[Report]:
        """Return the events that are to be sent about a call, one for each of the script's that apply to it.

        A forgotten one is over at once (`at` is `None`): it is only there to tell what it plants.
        """
        raise NotImplementedError

    def unseen(self, endpoint: str, cost_micro_usd: int) -> tuple[Kind, ...]:
        """Return the differences that a call plants which was debited but whose client saw no answer."""
        raise NotImplementedError

    def send(self, report: Report, event: Sent, mishap: Mishap | None, *, is_heard: bool = True) -> Attempt:
        """Return what comes of an attempt to send a report, at its `at`.

        :param event: what `event` returned for this attempt.
        :param is_heard: whether anything listens to its type; else it is refused, and never sent again.
        """
        raise NotImplementedError

    def event(self, report: Report) -> Sent:
        """Return what the next attempt sends."""
        raise NotImplementedError


def answer(identifier: str, model: str, prompt_tokens: int, completion_tokens: int, at: int) -> dict[str, Any]:
    """Return an answer as its client sees it, without what was said.

    :param at: when it was made, in microseconds.
    """
    raise NotImplementedError
