"""Writing the answers to a chat request: in words, in JSON or as calls of tools. Loaded with the first conversation."""

from __future__ import annotations

from mockserver.kernel.ids import Draws
from mockserver.vendors.pareta.domain import writing
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generation import Prompt, ToolCall, form_of
from mockserver.vendors.pareta.domain.predictions import Roll, predict
from mockserver.vendors.pareta.domain.structured import Unsatisfiable
from mockserver.vendors.pareta.domain.tools import Plan, planned
from mockserver.vendors.pareta.domain.writing import Draft
from mockserver.vendors.pareta.operations.chat import PLAIN, Form, Server
from mockserver.vendors.pareta.operations.conformity import checked


class Writer:
    """Writes the answers to one request, as chance and the request's form want them.

    :param subject: with `counter` what the chance of its answers hangs on.
    """

    def __init__(self, draws: Draws, server: Server, form: Form, prompt: Prompt, subject: str, counter: int) -> None:
        self._draws = draws
        self._server = server
        self._form = form
        self._prompt = prompt
        self._subject = subject
        self._counter = counter

    def write(self, name: str) -> Draft:
        """Return one answer, whose chance hangs on its name too.

        :raises Refused: a schema is none, or nothing satisfies it.
        """

        def roll(what: str) -> float:
            return self._draws.uniform(f"{name}:{what}", self._subject, self._counter)

        form = self._form
        if form is not PLAIN:
            plans = self._plans()
            if plans:
                return Draft("", calls=tuple(self._call(plan, name, n, roll) for n, plan in enumerate(plans)))
            if form.schema is not None:
                return self._to_schema(roll)
            if form.wants_json:
                return self._any_object(roll)
        task, endpoint = self._server.task, self._server.endpoint
        if task is not None and endpoint is not None:
            return writing.for_task(task, self._prompt, endpoint.quality, roll)
        return Draft(writing.reply(self._prompt, roll), is_free=True)

    def _plans(self) -> list[Plan]:
        """Return the calls to make: none right after results, unless the request insists."""
        form, prompt = self._form, self._prompt
        if not form.tools or (prompt.results and form.choice.mode == "auto"):
            return []
        return planned(form.tools, form.choice, prompt.last)

    def _call(self, plan: Plan, name: str, number: int, roll: Roll) -> ToolCall:
        where = f"tools: parameters of '{plan.tool.name}'"
        schema = checked(plan.tool.parameters, where)
        try:
            given = writing.arguments(
                schema.schema, plan.words, self._prompt, schema.fits, lambda what: roll(f"call {number}:{what}")
            )
        except Unsatisfiable as error:
            raise Refused(f"{where} cannot be satisfied: {error}") from None
        identity = self._draws.token("call", f"{name}:{number}:{self._subject}", self._counter, 24)
        return ToolCall(f"call_{identity}", plan.tool.name, writing.to_json(given))

    def _to_schema(self, roll: Roll) -> Draft:
        """Return JSON that satisfies the request's schema, whatever mistakes the endpoint makes."""
        schema = checked(self._form.schema, "response_format: schema")
        try:
            right = writing.structure(schema.schema, self._prompt, schema.fits, roll)
            endpoint = self._server.endpoint
            if endpoint is None or not isinstance(right, dict):
                return Draft(writing.to_json(right), is_free=True)
            given = predict(right, endpoint.quality, lambda n: roll(str(n)))
            if not schema.fits(given, schema.schema):
                given = right
        except Unsatisfiable as error:
            raise Refused(f"response_format: schema cannot be satisfied: {error}") from None
        return Draft(writing.to_json(given), given, right, is_free=True)

    def _any_object(self, roll: Roll) -> Draft:
        task, endpoint = self._server.task, self._server.endpoint
        if task is not None and endpoint is not None and form_of(task) == "fields":
            return writing.for_task(task, self._prompt, endpoint.quality, roll)
        return Draft(writing.to_json(writing.loose_object(self._prompt, roll)), is_free=True)
