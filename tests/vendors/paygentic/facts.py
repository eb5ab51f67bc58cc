"""What an OpenAPI document says of operations, boiled down to words that can be compared: names, types and limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

Facts = dict[str, dict[str, str]]
"""By place (`query`, `path`, `body`, or the status of an answer) and field: its words, such as `R integer min=1`."""

_METHODS = {"get", "post", "patch", "put", "delete"}
_LIMITS = {
    "minimum": "min", "maximum": "max", "minLength": "min-length", "maxLength": "max-length", "pattern": "pattern",
    "format": "format",
}  # fmt: skip


class Reader:
    """Reads one document."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def operations(self) -> dict[str, Facts]:
        """Return the facts of every operation, by method and path."""
        found: dict[str, Facts] = {}
        for path, item in self._document["paths"].items():
            for method in _METHODS & item.keys():
                shared = item.get("parameters", [])
                found[f"{method.upper()} {path}"] = self._operation(item[method], shared)
        return found

    def _operation(self, operation: Json, shared: list[Json]) -> Facts:
        facts: Facts = {}
        for parameter in map(self._resolved, [*shared, *operation.get("parameters", [])]):
            words = [*(["R"] if parameter.get("required") else []), *self._words(parameter["schema"])]
            place = facts.setdefault(parameter["in"], {})
            place[parameter["name"]] = " ".join(words)
            place |= self._fields(parameter["schema"], f"{parameter['name']}.")
        if "requestBody" in operation:
            content = self._resolved(operation["requestBody"])["content"]["application/json"]
            facts["body"] = dict(self._fields(content["schema"]))
        for status, answer in operation["responses"].items():
            content = self._resolved(answer).get("content", {}).get("application/json", {"schema": {}})
            facts[status] = dict(self._fields(content["schema"]))
        return facts

    def _fields(self, schema: Json, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Yield the fields of a schema with their words: `name`, `name.inner`, `name[]` of lists, `name.*` of maps."""
        branches = self._branches(schema)
        objects = [branch for branch in branches if "properties" in branch]
        names = {name: None for branch in objects for name in branch["properties"]}
        for name in names:
            parts = [branch["properties"][name] for branch in objects if name in branch["properties"]]
            is_required = all(name in branch.get("required", ()) for branch in objects)
            part = parts[0] if len(parts) == 1 else {"anyOf": parts}
            yield f"{prefix}{name}", " ".join([*(["R"] if is_required else []), *self._words(part)])
            yield from self._fields(part, f"{prefix}{name}.")
        for branch in branches:
            if isinstance(branch.get("additionalProperties"), dict) and branch["additionalProperties"]:
                yield f"{prefix}*", " ".join(self._words(branch["additionalProperties"]))
            if "items" in branch:
                inner = prefix.removesuffix(".") + "[]"
                yield inner, " ".join(self._words(branch["items"]))
                yield from self._fields(branch["items"], f"{inner}.")

    def _words(self, schema: Json) -> Iterator[str]:
        types: set[str] = set()
        limits: set[str] = set()
        values: set[str] = set()
        is_closed = True
        for branch in self._branches(schema):
            kind = branch.get("type")
            types |= set(kind if isinstance(kind, list) else [kind] if kind else [])
            listed = branch.get("enum", [branch["const"]] if "const" in branch else [])
            values |= {str(value) for value in listed if value is not None}
            is_closed = is_closed and (kind == "null" or bool(listed))
            limits |= {f"{_LIMITS[name]}={branch[name]}" for name in _LIMITS.keys() & branch.keys()}
            limits |= {f"default={branch['default']}"} if branch.get("default") is not None else set()
        limits |= {"enum=" + "|".join(sorted(values))} if values and is_closed else set()
        yield "|".join(sorted(types)) or "any"
        yield from sorted(limits)

    def _branches(self, schema: Json) -> list[Json]:
        """Return the alternatives a schema leaves, none of which is a reference."""
        schema = self._resolved(schema)
        if len(schema.get("allOf", ())) == 1:
            schema = {**schema, **self._resolved(schema["allOf"][0])}
        for word in ("anyOf", "oneOf"):
            if word in schema and "properties" not in schema:
                own = {name: value for name, value in schema.items() if name in ("default", *_LIMITS)}
                inner = [branch for each in schema[word] for branch in self._branches(each)]
                return [branch if branch.get("type") == "null" else {**branch, **own} for branch in inner]
        return [schema]

    def _resolved(self, part: Json) -> Json:
        while "$ref" in part:
            target: Any = self._document
            for step in part["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            part = {**target, **{name: value for name, value in part.items() if name != "$ref"}}
        return part
