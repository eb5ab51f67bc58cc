"""What a vendor's operation looks like from the outside: one row per method and path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast, runtime_checkable
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError

from mockserver.http.forms import Upload, parse_multipart
from mockserver.http.messages import Headers, Reply, Request
from mockserver.kernel.call import Call
from mockserver.kernel.errors import InvalidRequest, MalformedBody, MockError, Problem


class WireModel(BaseModel):
    """Base of everything that crosses the wire: strict types, and validators built at first use only."""

    model_config = ConfigDict(strict=True, defer_build=True, populate_by_name=True)


@runtime_checkable
class Input(Protocol):
    """A wire model that an operation's arguments are made of."""

    def to_domain(self) -> Any:
        """Return the plain value the operation takes."""


Present = Callable[[Any], Any]
"""Shapes an operation's result into JSON data, or into a whole `Reply`."""

Answer = type[BaseModel] | str
"""A model of an answer, or its name in `Api.answers` where it need not be loaded in order to serve."""

Prepare = Callable[[Call, tuple[str, ...], dict[str, Any] | None], None]
"""Looks at a request that could be read, before its fields are judged.

Called with the call, the path's parameters, and what was sent: the body, or the query where there is no body. If it
raises `InvalidRequest`, that is answered together with what is wrong with other fields.
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of a vendor.

    :param operation: named as the vendor's Python SDK names its method, without the vendor.
    :param run: called with the call, the path's parameters in order, then body, query and headers, if any.
    :param body: model of the body; `form` says that it travels as multipart.
    :param response: model of the success body, for the document and the tests; `present` makes the body.
    :param errors: statuses besides success that the document lists.
    :param other_status: of a second kind of success, with the same body; `present` chooses.
    :param raw: the body is bytes of any kind, given to `run` as an `Upload` without a file name.
    :param headers: model of the headers it looks at; each field's alias is a header's name in lower case.
    :param key: names the world by the path's parameters, where a signed address stands in for a key.
    :param prepare: refuses what must be refused whatever the fields say, such as a missing permission.
    :param replayable: whether an idempotency key makes a second request return the first answer.
    :param source: where the vendor describes it.
    :param media_type: of the success body.
    :param stub: model of what a stub may answer in the operation's place, or its name in `Api.stubs`; its `to_domain`
        is what `run` finds as `call.answer`. Without one the operation generates nothing that could be stubbed.
    :param is_delayable: whether it heeds `call.delay_us`.
    """

    method: str
    path: str
    operation: str
    run: Callable[..., Any]
    source: str
    body: type[WireModel] | None = None
    form: bool = False
    raw: bool = False
    key: Callable[[tuple[str, ...]], str] | None = None
    query: type[WireModel] | None = None
    headers: type[WireModel] | None = None
    response: Answer | None = None
    present: Present | None = None
    prepare: Prepare | None = None
    status: int = 200
    other_status: int | None = None
    errors: tuple[int, ...] = ()
    replayable: bool = False
    streams: bool = False
    summary: str = ""
    media_type: str = "application/json"
    stub: type[WireModel] | str | None = None
    is_delayable: bool = False


Describe = Callable[[Endpoint, tuple[str, ...], Any], Mapping[str, Any]]
"""Returns the facts in a request that faults, stubs and assertions may match: called with the operation, the path's
parameters, and the body as JSON data (a form's fields; `None` where it cannot be read).
"""


@dataclass(frozen=True, slots=True)
class Intake:
    """Where an operation that takes in events has what can go wrong with them on their way, by name of a body's member.

    :param data: an object in which every number counts something.
    """

    operation: str
    timestamp: str
    key: str
    data: str


@dataclass(frozen=True, slots=True)
class Api:
    """How one vendor speaks HTTP.

    :param prefixes: first path segments that are this vendor's at the root of the port.
    :param key_prefix: what its keys start with; `bare_keys` admits keys without a mode word.
    :param render: turns an error into the vendor's status and body.
    :param crash: the vendor's answer to a fault of our own.
    :param replayed: what a stored answer looks like the second time.
    :param refused: takes note of a refusal and its status, after everything the request wrote was undone.
    :param parse_json: reads a body; raises `MalformedBody`.
    :param error_models: body of a refusal, by status.
    :param answers: module of the models of answers that rows name by text; `stubs` of those of stubs.
    :param admit: refuses a request for its key alone, before anything else about it is looked at: called with the call,
        the operation and the `Authorization` header.
    :param failure: the vendor's body for a status that a fault asks for, with a text of its own or the usual one.
    :param facts: names of the facts `describe` may return.
    :param intake: its operation that takes in events, if there is one.
    """

    name: str
    title: str
    version: str
    prefixes: tuple[str, ...]
    endpoints: Sequence[Endpoint]
    key_prefix: str
    bare_keys: bool
    render: Callable[[MockError], Reply]
    crash: Callable[[], Reply]
    parse_json: Callable[[bytes], Any]
    error_models: Mapping[int, Answer]
    max_body_bytes: int
    replayed: Callable[[Reply], Reply] = field(default=lambda reply: reply)
    refused: Callable[[Call, MockError, int], None] = field(default=lambda call, error, status: None)
    scheme_description: str = ""
    answers: str = ""
    stubs: str = ""
    admit: Callable[[Call, str, bytes | None], None] = field(default=lambda call, operation, authorization: None)
    failure: Callable[[int, str | None], Reply] = field(default=lambda status, text: Reply.json({}, status))
    facts: tuple[str, ...] = ()
    describe: Describe = field(default=lambda endpoint, parameters, data: {})
    intake: Intake | None = None

    @property
    def mount(self) -> str:
        """The path below which the vendor answers too, for those who want the two apart."""
        return f"/{self.name}"

    def stub_model(self, endpoint: Endpoint) -> type[WireModel]:
        """Return the model of what a stub may answer in an operation's place; one must be said."""
        named = endpoint.stub
        assert named is not None
        model: type[WireModel] = getattr(import_module(self.stubs), named) if isinstance(named, str) else named
        return model


def serve(endpoint: Endpoint, api: Api, call: Call, parameters: tuple[str, ...], request: Request) -> Reply:
    """Validate a request, run its operation and shape the answer.

    :raises MockError: the request is refused; nothing it may have written must stay.
    """
    arguments: list[Any] = list(parameters)
    problems: list[Problem] = []
    data = None if endpoint.body is None else _read(endpoint, api, request)
    query = None if endpoint.query is None else _query(endpoint.query, request.query)
    seen_before: tuple[Problem, ...] = ()
    if endpoint.prepare is not None:
        try:
            endpoint.prepare(call, parameters, query if data is None else data)
        except InvalidRequest as error:
            seen_before = error.problems
    if endpoint.body is not None:
        arguments.append(_validated(endpoint.body, data, "body", problems))
    if endpoint.raw:
        mime = request.headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
        arguments.append(Upload("", mime, request.body))
    if endpoint.query is not None:
        arguments.append(_validated(endpoint.query, query, "query", problems))
    if endpoint.headers is not None:
        arguments.append(_validated(endpoint.headers, _headers(endpoint.headers, request.headers), "header", problems))
    if problems or seen_before:
        blamed = {problem.where for problem in problems}
        raise InvalidRequest(*problems, *(problem for problem in seen_before if problem.where not in blamed))
    result = endpoint.run(call, *arguments)
    shaped = endpoint.present(result) if endpoint.present else result
    if isinstance(shaped, Reply):
        return shaped
    if shaped is None:
        return Reply.empty(endpoint.status)
    return Reply.json(shaped, endpoint.status)


def _read(endpoint: Endpoint, api: Api, request: Request) -> dict[str, Any]:
    if endpoint.form:
        return dict(parse_multipart(request.headers.get(b"content-type", b""), request.body))
    data = api.parse_json(request.body)
    if not isinstance(data, dict):
        raise MalformedBody("the request body must be a JSON object")
    return data


def _query(model: type[WireModel], raw: bytes) -> dict[str, Any]:
    pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True) if raw else ()
    repeated = {field.alias or name for name, field in model.model_fields.items() if "list" in str(field.annotation)}
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in repeated:
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    return values


def _headers(model: type[WireModel], sent: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name: sent[raw].decode("latin-1") for name in named(model) if (raw := name.encode()) in sent}


def named(model: type[WireModel]) -> list[str]:
    """Return what a model's fields are called on the wire."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _validated(model: type[WireModel], data: Any, where: str, problems: list[Problem]) -> Any:
    try:
        return cast(Input, model.model_validate(data)).to_domain()
    except ValidationError as error:
        problems.extend(problems_of(error, where, model))
    except InvalidRequest as error:
        problems.extend(error.problems)
    return None


_CODES = {
    "missing": "required",
    "literal_error": "invalid_enum",
    "enum": "invalid_enum",
    "string_pattern_mismatch": "invalid_format",
    "string_too_short": "invalid_format",
    "string_too_long": "too_long",
    "too_short": "out_of_range",
    "too_long": "too_long",
    "value_error": "invalid_format",
    "extra_forbidden": "unknown_key",
}


def problems_of(error: ValidationError, where: str, model: type[BaseModel] | None = None) -> list[Problem]:
    """Turn pydantic's findings into ours, one per faulty field.

    :param model: what was validated; its field names are replaced by what they are called on the wire, because
        pydantic calls a member that is missing by the former when it validates defaults.
    """
    aliases: dict[str | int, str] = {}
    if model is not None:
        aliases = {name: field.alias for name, field in model.model_fields.items() if field.alias}
    found: dict[tuple[str | int, ...], Problem] = {}
    for item in error.errors(include_url=False, include_context=False):
        kind = item["type"]
        if kind in ("required", "invalid_type", "invalid_format", "invalid_enum", "out_of_range", "unknown_key"):
            code = kind
        elif kind in _CODES:
            code = _CODES[kind]
        elif kind.endswith(("_type", "_parsing")) or kind.startswith(("is_instance", "int_from", "decimal_")):
            code = "invalid_type"
        elif kind.startswith(("greater_than", "less_than", "finite_number")):
            code = "out_of_range"
        else:
            code = "invalid_format"
        message = item["msg"].removeprefix("Value error, ")
        location = (where, *(aliases.get(part, part) for part in item["loc"][:1]), *item["loc"][1:])
        found.setdefault(location, Problem(location, "field required" if kind == "missing" else message, code))
    return list(found.values())


def encode_headers(headers: Headers) -> bytes:
    """Pack headers for storing beside a remembered body."""
    return b"\n".join(name + b": " + value for name, value in headers)


def decode_headers(packed: bytes) -> Headers:
    """Undo `encode_headers`."""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in packed.split(b"\n")) if name]
