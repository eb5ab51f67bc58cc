"""Holds real answers to an OpenAPI document: every path, status, media type and field must be in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, ValidationError

from mockserver.http.gateway import Gateway
from mockserver.http.messages import Reply, Request
from mockserver.http.openapi import vendor_document
from mockserver.vendors.registry import vendors


class Undocumented(AssertionError):
    """An answer that the document does not describe."""


class Documented:
    """A document, as a judge of answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        closed: dict[str, Any] = json.loads(json.dumps(document))  # ten times as fast as copying it
        _close(closed["components"].get("schemas", {}))
        self._components = closed["components"]
        self._operations: dict[str, dict[str, Any]] = {
            operation["operationId"]: operation
            for methods in closed["paths"].values()
            for operation in methods.values()
        }
        self._paths = {
            re.compile(re.sub(r"{\w+}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))): methods
            for path, methods in closed["paths"].items()
        }
        # Made once for each answer there is: the whole test run is checked, and reading schemas takes the time.
        self._validator = cache(self._new_validator)

    def check(self, method: str, path: str, status: int, media_type: str, body: Any) -> str:
        """Return the operation that answered.

        :raises Undocumented: its document does not say that it would answer like this.
        """
        for pattern, methods in self._paths.items():
            if pattern.fullmatch(path) and method.lower() in methods:
                name: str = methods[method.lower()]["operationId"]
                self.check_answer(name, status, media_type, body)
                return name
        raise Undocumented(f"{method} {path} is not in the document")

    def check_answer(self, operation: str, status: int, media_type: str, body: Any) -> None:
        """Hold one answer of an operation to what is documented of it.

        :raises Undocumented: it is another status, media type or body.
        """
        answer = self._operations[operation]["responses"].get(str(status))
        if answer is None:
            raise Undocumented(f"{operation} does not say that it answers {status}: {body!s:.300}")
        content = answer.get("content", {})
        media_type = media_type.partition(";")[0]
        if media_type not in content and (content or media_type):
            raise Undocumented(f"{operation} answers {media_type!r}, which {status} does not list")
        if "json" in media_type:
            try:
                self._validator(operation, status, media_type).validate(body)
            except ValidationError as error:
                place = ".".join(map(str, ["$", *error.instance_path]))
                raise Undocumented(f"{operation} {status}: {place}: {error.message}: {body!s:.300}") from None

    def _new_validator(self, operation: str, status: int, media_type: str) -> Draft202012Validator:
        schema = self._operations[operation]["responses"][str(status)]["content"][media_type]["schema"]
        return Draft202012Validator({**schema, "components": {"schemas": self._needed(schema)}})

    def _needed(self, schema: Any) -> dict[str, Any]:
        """Return the schemas that one leads to; a validator of all of them takes ten times as long to make."""
        schemas = self._components.get("schemas", {})
        found: dict[str, Any] = {}
        left = [schema]
        while left:
            names = re.findall(r'"#/components/schemas/([^"/]+)', json.dumps(left.pop()))
            new = {name: schemas[name] for name in names if name not in found}
            found |= new
            left += new.values()
        return found


def _close(schema: Any) -> None:
    """Forbid the fields that a schema does not list, so that one missing from it is noticed."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


@contextmanager
def judged() -> Iterator[list[str]]:
    """Hold every answer that a vendor gives in this process, over whatever wire, to the vendor's document.

    Collects what is not documented. What is routed nowhere is in no document, and of a stream only the head is
    judged.
    """
    apis = {vendor.api.name: vendor.api for vendor in vendors()}
    documented = cache(lambda name: Documented(vendor_document(apis[name])))
    faults: list[str] = []
    handle = Gateway.handle

    def judging(gateway: Gateway, request: Request, *more: Any) -> Reply:
        reply = handle(gateway, request, *more)
        match = gateway.router.find(request.method, request.path)
        is_ours = not (reply.is_spoilt or reply.is_recorded)  # what a fault or a cassette answers is in no document
        if is_ours and match.endpoint is not None and match.api is not None and apis.get(match.api.name) is match.api:
            media_type = dict(reply.headers).get(b"content-type", b"").decode()
            body = json.loads(reply.body) if "json" in media_type else None
            try:
                documented(match.api.name).check_answer(match.endpoint.operation, reply.status, media_type, body)
            except Undocumented as fault:
                faults.append(f"{request.method} {request.path}: {fault}")
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gateway, "handle", judging)
        yield faults
