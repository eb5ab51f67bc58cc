"""OpenAPI 3.1 documents, made from the rows and models that serve and validate, so that they cannot disagree."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from mockserver.http.endpoint import Answer, Api, Endpoint, WireModel
from mockserver.http.forms import Upload
from mockserver.http.schema import without_null

Json = dict[str, Any]

_REF = "#/components/schemas/"
_PARAMETER = re.compile(r"{(\w+)}")
_SCHEME = "bearer"
_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A second request with the same key and body is given the first one's answer; empty is no key.",
    "schema": {"type": "string", "maxLength": 255},
}


@dataclass(frozen=True, slots=True)
class Surface:
    """What a document says besides its operations.

    :param error_models: body of a refusal, by status.
    :param answers: module of the models that are named by text.
    :param key_description: what the bearer credential is.
    :param is_key_optional: whether the server may have been started without wanting one.
    """

    title: str
    version: str
    description: str
    error_models: Mapping[int, Answer]
    error_media_type: str = "application/json"
    key_description: str = ""
    is_key_optional: bool = False
    answers: str = ""

    def model(self, answer: Answer) -> type[BaseModel]:
        """Return the model of an answer."""
        if not isinstance(answer, str):
            return answer
        module, _, name = f"{self.answers}.{answer}".rpartition(".")
        found: type[BaseModel] = getattr(importlib.import_module(module), name)
        return found


def vendor_document(api: Api) -> Json:
    """Return the document of everything a vendor's simulation answers."""
    surface = Surface(
        title=f"{api.title} (simulated)",
        version=api.version,
        description=f"What the local simulation of {api.title} accepts and answers.",
        error_models=api.error_models,
        key_description=api.scheme_description,
        answers=api.answers,
    )
    return document(surface, api.endpoints)


def document(surface: Surface, endpoints: Sequence[Endpoint]) -> Json:
    """Return an OpenAPI 3.1 document with one operation per row."""
    schemas = _Schemas(surface, endpoints)
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(surface, endpoint, schemas)
    scheme = {"type": "http", "scheme": "bearer"}
    if surface.key_description:
        scheme["description"] = surface.key_description
    return {
        "openapi": "3.1.0",
        "info": {"title": surface.title, "version": surface.version, "description": surface.description},
        "servers": [{"url": "/"}],
        "security": [{_SCHEME: []}, {}] if surface.is_key_optional else [{_SCHEME: []}],
        "paths": paths,
        "components": {"securitySchemes": {_SCHEME: scheme}, "schemas": schemas.components()},
    }


_FILE: Json = {"type": "string", "contentMediaType": "application/octet-stream"}


class _Generator(GenerateJsonSchema):
    """Pydantic's schemas, with an uploaded file as the bytes it travels as."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default", 0) is None:
            del described["default"]  # what is left out is not sent as null
        return described

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return dict(_FILE) if schema["cls"] is Upload else super().dataclass_schema(schema)


class _Schemas:
    """The schemas of every model in a document, by reference."""

    def __init__(self, surface: Surface, endpoints: Sequence[Endpoint]) -> None:
        answers = [endpoint.response for endpoint in endpoints if endpoint.response is not None]
        refusals = [status for endpoint in endpoints for status in _refusals(surface, endpoint)]
        answers += [surface.error_models[status] for status in refusals if status in surface.error_models]
        bodies: set[type[BaseModel]] = {surface.model(answer) for answer in answers}
        bodies |= {endpoint.body for endpoint in endpoints if endpoint.body is not None}
        queries = {model for e in endpoints for model in (e.query, e.headers) if model is not None}
        models = sorted(bodies | queries, key=lambda model: (model.__module__, model.__qualname__))
        # Answers too are described as they would be read back: a field with a default may be left out of them.
        self._surface = surface
        self._refs, definitions = models_json_schema(
            [(model, "validation") for model in models], ref_template=_REF + "{model}", schema_generator=_Generator
        )
        self._definitions: dict[str, Json] = definitions.get("$defs", {})
        # Queries and headers are spread over parameters; their model is not a schema of anything that travels.
        self._unused = {self._name(model) for model in queries - bodies}

    def components(self) -> dict[str, Json]:
        """Return everything that is referred to, in order of name."""
        return {name: self._definitions[name] for name in sorted(self._definitions) if name not in self._unused}

    def ref(self, answer: Answer) -> Json:
        """Return a reference to a model's schema."""
        return dict(self._refs[self._surface.model(answer), "validation"])

    def resolved(self, model: type[BaseModel]) -> Json:
        """Return a model's schema itself."""
        return self._definitions[self._name(model)]

    def _name(self, model: type[BaseModel]) -> str:
        reference: str = self._refs[model, "validation"]["$ref"]
        return reference.removeprefix(_REF)


def _operation(surface: Surface, endpoint: Endpoint, schemas: _Schemas) -> Json:
    operation: Json = {"operationId": endpoint.operation}
    if endpoint.summary:
        operation["summary"] = endpoint.summary
    if endpoint.source:
        operation["x-source"] = endpoint.source
    parameters = [_path_parameter(name) for name in _PARAMETER.findall(endpoint.path)]
    if endpoint.query is not None:
        parameters += _parameters(schemas.resolved(endpoint.query), "query")
    if endpoint.headers is not None:
        parameters += _parameters(schemas.resolved(endpoint.headers), "header")
    if endpoint.replayable:
        parameters.append(_IDEMPOTENCY_KEY)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        media_type = "multipart/form-data" if endpoint.form else "application/json"
        operation["requestBody"] = {
            "required": _wants_something(endpoint.body),
            "content": {media_type: {"schema": schemas.ref(endpoint.body)}},
        }
    if endpoint.raw:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": {}}}}
    if endpoint.key is not None:
        operation["security"] = []
    successes = [status for status in (endpoint.status, endpoint.other_status) if status is not None]
    operation["responses"] = {
        **{str(status): _success(endpoint, status, schemas) for status in successes},
        **{str(status): _refusal(surface, status, schemas) for status in _refusals(surface, endpoint)},
    }
    return operation


def _refusals(surface: Surface, endpoint: Endpoint) -> list[int]:
    """Return the statuses of refusals: an operation's own, and those that any could meet before or behind it."""
    anywhere = {500} if endpoint.body is None and not endpoint.raw else {413, 500}
    return sorted({*endpoint.errors, *(anywhere & surface.error_models.keys())})


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _parameters(schema: Json, place: str) -> list[Json]:
    required = schema.get("required", ())
    return [_parameter(name, place, dict(spec), name in required) for name, spec in schema["properties"].items()]


def _parameter(name: str, place: str, schema: Json, is_required: bool) -> Json:
    # Null cannot be said here: leaving the parameter out says it.
    schema = without_null(schema)
    schema.pop("title", None)
    parameter: Json = {"name": name, "in": place, "required": is_required, "schema": schema}
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    return parameter


def _wants_something(body: type[WireModel]) -> bool:
    """Return whether leaving the body out would be refused."""
    return any(field.is_required() for field in body.model_fields.values())


def _success(endpoint: Endpoint, status: int, schemas: _Schemas) -> Json:
    answer: Json = {"description": HTTPStatus(status).phrase}
    content: Json = {}
    if endpoint.response is not None:
        content[endpoint.media_type] = {"schema": schemas.ref(endpoint.response)}
    elif endpoint.media_type != "application/json":
        content[endpoint.media_type] = {"schema": {"type": "string"}}
    if endpoint.streams:
        # No type: some readers take this for the schema of one event, others for that of the whole text.
        content["text/event-stream"] = {
            "schema": {"description": "Server-sent events, one JSON object in each `data` line."}
        }
    if content:
        answer["content"] = content
    return answer


def _refusal(surface: Surface, status: int, schemas: _Schemas) -> Json:
    answer: Json = {"description": HTTPStatus(status).phrase}
    model = surface.error_models.get(status)
    if model is not None:
        answer["content"] = {surface.error_media_type: {"schema": schemas.ref(model)}}
    return answer
