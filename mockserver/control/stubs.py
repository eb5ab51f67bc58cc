"""What crosses the wire about stubs: which requests, and what these are answered in place of something generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

from mockserver.control.faults import MATCH_KEYS, MatchFields, asked, fact_names
from mockserver.control.reach import Site, nearest, operations, reach
from mockserver.control.schemas import MAX_TEXT
from mockserver.http.endpoint import Api, WireModel, problems_of
from mockserver.kernel.errors import InvalidRequest, Problem
from mockserver.kernel.matching import is_operation
from mockserver.kernel.stubs import Placed, Stub, Then

DEFAULT_OPERATION = "pareta.chat.completions.create"
MAX_ANSWERS = 1000
_SHOWN = 3


class StubFields(MatchFields):
    """Which requests a stub answers, and what comes when it has given its answers."""

    operation: str = Field(
        DEFAULT_OPERATION, max_length=4 * MAX_TEXT, description="The vendor may be left out; `*` stands for anything."
    )
    answers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_ANSWERS)] | None = Field(
        None, description="One for each request in turn."
    )
    then: Then = Field("last", description="After the last answer: it again, all again, or generated answers.")
    note: str = Field("", max_length=200, description="The user's own word for it.")
    optional: bool = Field(False, description="Whether it may remain unused.")


class StubRequest(StubFields):
    """A stub to place: what it answers stands beside the other members, or in `answers` where there are several."""

    model_config = ConfigDict(extra="allow")

    def to_stub(self, apis: Sequence[Api]) -> Stub:
        """Return the stub.

        :raises InvalidRequest: no request can match it, or it gives what the operation cannot answer.
        """
        sites = self._sites(apis)
        flat = dict(self.__pydantic_extra__ or {})
        answers = [flat] if self.answers is None else self.answers
        problems: list[Problem] = []
        if self.answers is not None:
            problems += [Problem(("body", name), "stands beside answers", "unknown_key") for name in flat]
        for number, answer in enumerate(answers):
            where = ("body",) if self.answers is None else ("body", "answers", number)
            problems += _faulty(answer, where, sites)
        if problems:
            raise InvalidRequest(*problems)
        spec = {name: wanted for name, wanted in self.spec().items() if name != "operation"}
        return Stub(self.operation, spec, fact_names(apis), tuple(answers), self.then, self.note, self.optional)

    def _sites(self, apis: Sequence[Api]) -> list[Site]:
        """Return the operations that are answered.

        :raises InvalidRequest: none is, for no request can match, or because what matches generates nothing.
        """
        everything = [Site(api, endpoint, endpoint.path) for api in apis for endpoint in api.endpoints]
        generators = operations(site for site in everything if _generates(site))
        meant = [name for name in operations(everything) if is_operation(name, self.operation)]
        if not any(name in generators for name in meant):
            named, listed = ", ".join(meant[:_SHOWN]), ", ".join(generators)
            reason = f"{named} generates nothing; there are: {listed}"
            if not meant:
                near = nearest(self.operation, generators)
                reason = f"no operation is '{self.operation}'; nearest that can be stubbed: {near}"
            raise InvalidRequest(Problem(("body", "operation"), reason, "invalid_enum"))
        sites = reach(self.conjuncts(fact_names(apis)), apis)
        found = [site for site in sites if _generates(site)]
        if not found:
            left = ", ".join(operations(sites)[:_SHOWN])
            raise InvalidRequest(Problem(("body", "operation"), f"{left} generates nothing", "invalid_enum"))
        return found


def _generates(site: Site) -> bool:
    return site.endpoint is not None and site.endpoint.stub is not None


def _faulty(answer: Mapping[str, Any], where: tuple[str | int, ...], sites: Sequence[Site]) -> Iterator[Problem]:
    """Yield what keeps an answer from being one of the operations it is for, of the first such operation."""
    for site in sites:
        assert site.endpoint is not None
        model = site.api.stub_model(site.endpoint)
        names = [field.alias or name for name, field in model.model_fields.items()]
        said = f"{site.operation} is answered by {', '.join(names)}"
        unknown = [name for name in answer if name not in names]
        for name in unknown:
            others = f"; of a stub there are: {_OTHERS}" if len(where) == 1 else ""
            yield Problem((*where, name), f"{said}{others}", "unknown_key")
        if unknown:
            return
        try:
            model.model_validate(answer)
        except ValidationError as error:
            for problem in problems_of(error, "body", model):
                is_whole = len(problem.where) == 1
                yield Problem(
                    (*where, *problem.where[1:]), f"{said}: {problem.message}" if is_whole else problem.message,
                    problem.code,
                )  # fmt: skip
            return


_OTHERS = ", ".join((*MATCH_KEYS, "match", "answers", "then", "note", "optional"))


# Answers


class StubResponse(StubFields):
    """A stub as it was asked for, and what it has done."""

    id: str
    given: int = Field(description="How many requests it answered.")
    left: int = Field(description="How many of its answers were never given.")


class StubsPage(WireModel):
    """Stubs, in the order they were placed; of those that match, the newest answers."""

    data: list[StubResponse]
    next: int | None = Field(description="`after` of the next page, or null at the end.")


def present_stub(placed: Placed) -> dict[str, Any]:
    """Shape a stub as it was asked for, with what it has done."""
    stub = placed.stub
    return {
        "id": placed.id,
        "operation": stub.operation,
        **asked(stub.match),
        "answers": stub.answers,
        "then": stub.then,
        "note": stub.note,
        "optional": stub.is_optional,
        "given": placed.given,
        "left": max(0, len(stub.answers) - placed.given),
    }
