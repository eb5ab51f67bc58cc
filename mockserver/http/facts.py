"""What is known about a request, for faults, stubs and assertions to match; the same from a request and its entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import from_json

from mockserver.http.endpoint import Api, Endpoint
from mockserver.http.forms import Upload, parse_multipart
from mockserver.http.router import Router
from mockserver.kernel.errors import MalformedBody
from mockserver.kernel.journal import REDACTED, Entry
from mockserver.kernel.matching import Facts


def facts_of(
    api: Api,
    endpoint: Endpoint | None,
    parameters: tuple[str, ...],
    *,
    method: str,
    path: str,
    headers: Mapping[bytes, bytes],
    body: bytes,
    query: bytes = b"",
) -> Facts:
    """Return the facts of a request; its body is only read when a pattern asks for what is in it.

    :param endpoint: where it goes, `None` for nowhere; then the vendor has nothing to say about it.
    :param headers: by lower-case name.
    """
    said = _Said(api, endpoint, parameters, headers, body, query)
    return Facts(
        {
            "vendor": api.name,
            "operation": None if endpoint is None else f"{api.name}.{endpoint.operation}",
            "method": method,
            "path": path,
            "key": _key(headers),
            "client": _text(headers.get(b"user-agent")),
        },
        said.facts,
    )


def facts_of_entry(router: Router, entry: Entry) -> Facts:
    """Return the facts of a journalled request: all but its key, and what a body says that is not kept whole."""
    match = router.find(entry.method, entry.path)
    if match.api is None:
        return Facts({"method": entry.method, "path": entry.path, "client": entry.client})
    return facts_of(
        match.api, match.endpoint, match.parameters,
        method=entry.method, path=entry.path, headers=entry.headers, body=entry.request_body,
        query=entry.query.encode("utf-8", "replace"),
    )  # fmt: skip


class _Said:
    """What a request's headers, query and body say."""

    __slots__ = ("_api", "_body", "_endpoint", "_headers", "_parameters", "_query")

    def __init__(
        self,
        api: Api,
        endpoint: Endpoint | None,
        parameters: tuple[str, ...],
        headers: Mapping[bytes, bytes],
        body: bytes,
        query: bytes,
    ) -> None:
        self._api = api
        self._endpoint = endpoint
        self._parameters = parameters
        self._headers = headers
        self._body = body
        self._query = query

    def facts(self) -> Mapping[str, Any]:
        """Return the facts that take a look at more than the request's first lines."""
        data = self._data()
        facts: dict[str, Any] = {
            "header": {_text(name): _text(value) for name, value in self._headers.items()},
            "json": data,
            "idempotency_key": self._idempotency_key(data),
        }
        endpoint = self._endpoint
        if endpoint is not None:
            asked = data if endpoint.body is not None else dict(parse_qsl(self._query.decode("utf-8", "replace")))
            facts.update(self._api.describe(endpoint, self._parameters, asked if isinstance(asked, dict) else None))
        return facts

    def _data(self) -> Any:
        if not self._body:
            return None
        if self._endpoint is not None and self._endpoint.form:
            try:
                fields = parse_multipart(self._headers.get(b"content-type", b""), self._body)
            except MalformedBody:
                return None
            return {name: value.filename if isinstance(value, Upload) else value for name, value in fields.items()}
        try:
            return from_json(self._body)
        except ValueError:
            return None

    def _idempotency_key(self, data: Any) -> str | None:
        key = _text(self._headers.get(b"idempotency-key"))
        intake = self._api.intake
        if key is not None or intake is None or self._endpoint is None or not isinstance(data, dict):
            return key
        value = data.get(intake.key) if self._endpoint.operation == intake.operation else None
        return value if isinstance(value, str) else None


def _key(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the API key, `None` where it is not told: journalled headers have none."""
    _, _, key = headers.get(b"authorization", b"").strip().partition(b" ")
    return None if not key or key == REDACTED else _text(key.strip())


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("latin-1")
