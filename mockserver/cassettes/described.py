"""What OpenAPI documents say about the bodies of answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mockserver.cassettes.finding import Type, type_of

Json = dict[str, Any]

_REF = "#/components/schemas/"
_TYPES: dict[str, Type] = {
    "null": "null",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "string": "text",
    "array": "list",
    "object": "object",
}
_EVERY = frozenset(_TYPES.values())


@dataclass(frozen=True)
class Schema:
    """A JSON schema, with what it refers to."""

    schema: Json
    definitions: Mapping[str, Json]

    @cached_property
    def place(self) -> Place:
        """What it says about a whole body."""
        return Place(_branches([self.schema], self.definitions), self.definitions)


class Descriptions:
    """What OpenAPI documents say of the bodies of answers.

    :param documents: by vendor, as `http.openapi.vendor_document` makes them.
    """

    def __init__(self, documents: Mapping[str, Json]) -> None:
        self._answers: dict[str, Mapping[str, Json]] = {}
        self._definitions: dict[str, Mapping[str, Json]] = {}
        self._schemas: dict[tuple[str, int], Schema | None] = {}
        for vendor, document in documents.items():
            self._definitions[vendor] = document.get("components", {}).get("schemas", {})
            for methods in document.get("paths", {}).values():
                for row in methods.values():
                    self._answers[f"{vendor}.{row['operationId']}"] = row.get("responses", {})

    def schema(self, operation: str, status: int) -> Schema | None:
        """Return the schema of an operation's JSON body for a status, `None` where there is none.

        :param operation: its name, with the vendor: `pareta.chat.completions.create`.
        """
        key = (operation, status)
        if key not in self._schemas:
            self._schemas[key] = self._schema(operation, status)
        return self._schemas[key]

    def _schema(self, operation: str, status: int) -> Schema | None:
        answer = self._answers.get(operation, {}).get(str(status), {})
        for media_type, content in answer.get("content", {}).items():
            if "json" in media_type and "schema" in content:
                return Schema(content["schema"], self._definitions[operation.partition(".")[0]])
        return None


class Place:
    """What is known about the values at one place of a body: any of some schemas, or nothing at all.

    :param branches: without references or choices in them; none where nothing is known.
    """

    def __init__(self, branches: Sequence[Json], definitions: Mapping[str, Json]) -> None:
        self._branches = branches
        self._definitions = definitions
        self._members: dict[str, Place] = {}

    @cached_property
    def is_known(self) -> bool:
        """Whether anything is known."""
        return bool(self._branches)

    @cached_property
    def types(self) -> frozenset[Type]:
        """Which types may be here."""
        found: set[Type] = set()
        for branch in self._branches:
            found |= _types(branch)
        return frozenset(found) if self._branches else _EVERY

    @cached_property
    def is_whole(self) -> bool:
        """Whether a number here has no fraction."""
        said = [branch["type"] for branch in self._branches if branch.get("type") in ("integer", "number")]
        return bool(said) and "number" not in said and all("type" in branch for branch in self._branches)

    @cached_property
    def values(self) -> Sequence[Any] | None:
        """The only values that a text or number here may have, `None` where there is no such list."""
        found: list[Any] = []
        for branch in self._branches:
            if "const" in branch:
                found.append(branch["const"])
            elif "enum" in branch:
                found += branch["enum"]
            elif branch.get("type") not in ("null", "object", "array", "boolean"):
                return None
        return found or None

    @cached_property
    def is_map(self) -> bool:
        """Whether the keys of an object here are data."""
        objects = [branch for branch in self._branches if _types(branch) >= {"object"}]
        return bool(objects) and all(
            not branch.get("properties") and branch.get("additionalProperties", False) is not False
            for branch in objects
        )

    @cached_property
    def required(self) -> frozenset[str]:
        """Members that an object here always has."""
        sets = [frozenset(branch.get("required", ())) for branch in self._branches if "properties" in branch]
        return frozenset.intersection(*sets) if sets else frozenset()

    @cached_property
    def known(self) -> frozenset[str]:
        """Members that an object here may have."""
        return frozenset(name for branch in self._branches for name in branch.get("properties", ()))

    @cached_property
    def is_open(self) -> bool:
        """Whether an object here may have members that nobody knows."""
        return not self._branches or any(
            branch.get("additionalProperties", False) is not False or branch.get("type") is None
            for branch in self._branches
        )

    def member(self, name: str) -> Place:
        """Return the place of a member of an object, or of a value of a map."""
        key = f".{name}" if name in self.known else "*"  # keys that are data come without end
        found = self._members.get(key)
        if found is None:
            schemas = []
            for branch in self._branches:
                more = branch.get("additionalProperties")
                if name in branch.get("properties", ()):
                    schemas.append(branch["properties"][name])
                elif isinstance(more, dict):
                    schemas.append(more)
            found = self._members[key] = self._place(schemas)
        return found

    def item(self) -> Place:
        """Return the place of an item of a list."""
        found = self._members.get("[]")
        if found is None:
            schemas = [branch["items"] for branch in self._branches if isinstance(branch.get("items"), dict)]
            found = self._members["[]"] = self._place(schemas)
        return found

    def _place(self, schemas: Sequence[Json]) -> Place:
        return Place(_branches(schemas, self._definitions), self._definitions) if schemas else NOWHERE


NOWHERE = Place((), {})


def _types(branch: Json) -> frozenset[Type]:
    said = branch.get("type")
    if said is None:
        if "const" in branch:
            return frozenset({type_of(branch["const"])})
        return frozenset(map(type_of, branch["enum"])) if "enum" in branch else _EVERY
    return frozenset(_TYPES[each] for each in ([said] if isinstance(said, str) else said) if each in _TYPES)


def _branches(schemas: Iterable[Json], definitions: Mapping[str, Json]) -> tuple[Json, ...]:
    """Return schemas with their references and choices taken apart; nothing where one of them admits anything."""
    found: list[Json] = []
    waiting, seen = list(schemas), set()
    while waiting:
        schema = waiting.pop(0)
        reference = schema.get("$ref")
        if reference is not None:
            if reference not in seen:
                seen.add(reference)
                waiting.insert(0, definitions.get(reference.removeprefix(_REF), {}))
            continue
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if choices:
            waiting[:0] = choices
        elif schema.keys() & {"type", "const", "enum", "properties"}:
            found.append(schema)
        else:
            return ()
    return tuple(found)
