"""Path -> endpoint: an exact table first, patterns only for paths that carry ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mockserver.http.endpoint import Api, Endpoint
from mockserver.kernel.errors import MethodNotAllowed, MockError, UnknownRoute, Unusable

_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Match:
    """Where a request goes: an endpoint with its parameters, or the error that stands in its place."""

    api: Api | None
    endpoint: Endpoint | None = None
    parameters: tuple[str, ...] = ()
    error: MockError | None = None


class Router:
    """The routes of every vendor, at the root and below each vendor's own mount.

    :raises Unusable: two vendors claim one prefix, or two endpoints one method and path.
    """

    def __init__(self, apis: Sequence[Api]) -> None:
        self._apis = tuple(apis)
        self._exact: dict[str, dict[str, Match]] = {}
        self._patterns: dict[tuple[str, int], list[tuple[re.Pattern[str], str]]] = {}
        self._by_template: dict[str, dict[str, Match]] = {}
        owners: dict[str, str] = {}
        for api in apis:
            for prefix in (*api.prefixes, api.mount):
                if owners.setdefault(prefix, api.name) != api.name or prefix == "/_mock":
                    raise Unusable(f"{prefix} is claimed by {api.name} and by {owners[prefix]}")
            for endpoint in api.endpoints:
                self._add(api, endpoint)

    def _add(self, api: Api, endpoint: Endpoint) -> None:
        template = endpoint.path
        methods = self._by_template.setdefault(template, {})
        if endpoint.method in methods:
            raise Unusable(f"{endpoint.method} {template} is routed twice")
        methods[endpoint.method] = Match(api, endpoint)
        if "{" not in template:
            self._exact[template] = methods
            self._exact[api.mount + template] = methods
            return
        if len(methods) == 1:
            first = template.split("/", 2)[1]
            literals = _PARAMETER.sub("\0", template).split("\0")
            pattern = re.compile("([^/]+)".join(map(re.escape, literals)))
            self._patterns.setdefault((f"/{first}", template.count("/")), []).append((pattern, template))

    def find(self, method: str, path: str) -> Match:
        """Return where a request goes; never raises."""
        methods = self._exact.get(path)
        parameters: tuple[str, ...] = ()
        if methods is None:
            api = self.owner(path)
            if api is None:
                return Match(None, error=UnknownRoute(method, path, self.nearest(method, path)))
            inner = path[len(api.mount) :] if path.startswith(api.mount + "/") else path
            first = inner.split("/", 2)[1] if "/" in inner else ""
            for pattern, template in self._patterns.get((f"/{first}", inner.count("/")), ()):
                found = pattern.fullmatch(inner)
                if found:
                    methods, parameters = self._by_template[template], found.groups()
                    break
            else:
                return Match(api, error=UnknownRoute(method, path, self.nearest(method, path)))
        match = methods.get(method)
        if match is not None:
            return Match(match.api, match.endpoint, parameters) if parameters else match
        api = next(iter(methods.values())).api
        return Match(api, error=MethodNotAllowed(method, path, tuple(sorted(methods))))

    def owner(self, path: str) -> Api | None:
        """Return the vendor whose part of the port a path is in."""
        for api in self._apis:
            for prefix in (*api.prefixes, api.mount):
                if path == prefix or path.startswith(prefix + "/"):
                    return api
        return None

    def nearest(self, method: str, path: str) -> tuple[str, ...]:
        """Return up to three operations whose method and path look most like these."""
        import difflib  # only a request that goes nowhere needs it

        rows = [f"{m} {template}" for template, methods in self._by_template.items() for m in methods]
        return tuple(difflib.get_close_matches(f"{method} {path}", rows, n=3, cutoff=0.5))
