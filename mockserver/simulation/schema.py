"""The JSON Schema of scenario files, for editors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from mockserver.control.faults import FaultRequest
from mockserver.control.operations.drifts import all_kinds
from mockserver.kernel.drifts import DriftKind
from mockserver.kernel.windows import format_duration
from mockserver.simulation import parts
from mockserver.simulation.parts import DriftPart, Part
from mockserver.simulation.planning import AS_TEXT
from mockserver.simulation.script import Script
from mockserver.vendors.vendor import Vendor

_PARAM = re.compile(r"\s*:param (\w+):\s*(.*)", re.DOTALL)


def document(vendors: Sequence[Vendor]) -> dict[str, Any]:
    """Return the schema of what may stand in a scenario file.

    What one field must be because of another is not in it: that is for `mockserver scenario validate` to say.
    """
    schema = Script.model_json_schema()
    definitions = schema["$defs"]
    classes = {name: found for name, found in vars(parts).items() if isinstance(found, type)}
    for name, model in {**{name: classes[name] for name in definitions if name in classes}, "": Script}.items():
        if issubclass(model, Part):
            _tell(definitions[name] if name else schema, model)
    _drift(definitions["DriftPart"], definitions, all_kinds(vendors))
    _fault(definitions["FaultPart"], definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A mockserver scenario",
        **{name: value for name, value in schema.items() if name not in ("title", "$defs")},
        "$defs": definitions,
    }


def _tell(schema: dict[str, Any], model: type[Part]) -> None:
    """Put the words of a docstring where editors look for them, and texts where numbers are no use to anybody."""
    text, told = _docstring(model)
    schema["description"] = text
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if name in told:
            field["description"] = told[name]
        default = field.get("default")
        if isinstance(default, dict) or (default is None and "default" in field):
            del field["default"]
        elif isinstance(default, int) and field.get("type") == "string":
            field["default"] = format_duration(default)
        if "patternProperties" in field:
            field["additionalProperties"] = False
    schema.pop("title", None)


def _docstring(model: type[Part]) -> tuple[str, dict[str, str]]:
    """Return what a docstring says about the whole, and about each field."""
    whole, *rest = re.split(r"\n\s*(?=:param )", model.__doc__ or "")
    told: dict[str, str] = {}
    for each in rest:
        match = _PARAM.match(each)
        assert match is not None
        told[match[1]] = " ".join(match[2].split())
    return " ".join(whole.split()), told


def _drift(schema: dict[str, Any], definitions: dict[str, Any], kinds: Mapping[str, DriftKind]) -> None:
    """Say what kinds of drift there are, and what each of them takes."""
    properties = schema["properties"]
    properties["kind"] = {
        "enum": sorted(kinds),
        "description": "What moves. " + " ".join(f"{name}: {kinds[name].summary}." for name in sorted(kinds)),
    }
    edits = _edits(definitions)
    for kind in kinds.values():
        for name, option in kind.options.items():
            properties[name] = {**edits.get(name, {}), "description": option.summary}
    schema["additionalProperties"] = False
    schema["allOf"] = [
        {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": _then(kinds[name])}
        for name in sorted(kinds)
    ]


def _then(kind: DriftKind) -> dict[str, Any]:
    size = {"minimum": kind.low, "maximum": kind.high, "not": {"const": kind.neutral}, "description": kind.unit}
    return {
        "properties": {"size": size, "subject": {"description": f"Glob of {kind.subject}."}},
        "propertyNames": {"enum": [*DriftPart.model_fields, *sorted(kind.options)]},
        "required": [] if kind.default_size is not None else ["size"],
    }


def _edits(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of a contract drift's edits, which are a fault's under other names."""
    fields = FaultRequest.model_json_schema()["properties"]
    return {name: _plain(fields[f"{name}_field"]) for name in ("drop", "add", "rename", "retype")}


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    """Return a field's schema without the null that stands for its absence."""
    known = {name: value for name, value in field.items() if name not in ("title", "default")}
    if "anyOf" in known:
        known["anyOf"] = [each for each in known["anyOf"] if each != {"type": "null"}]
        if len(known["anyOf"]) == 1:
            known |= known.pop("anyOf")[0]
    return known


def _fault(schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Say what a fault takes: as `POST faults`, but instants may be relative, and amounts need no quotes."""
    request = FaultRequest.model_json_schema()
    definitions |= request.get("$defs", {})
    moment = TypeAdapter(parts.Moment).json_schema()
    properties = {name: _plain(field) for name, field in request["properties"].items()}
    for name in AS_TEXT:
        properties[name] = {"type": ["string", "number"], "description": properties[name].get("description", "")}
    described = properties["between"].get("description", "")
    properties["between"] = {
        "type": "array", "minItems": 2, "maxItems": 2, "items": {"anyOf": [moment, {"type": "null"}]},
        "description": described,
    }  # fmt: skip
    schema["properties"] = properties
    schema["additionalProperties"] = False
