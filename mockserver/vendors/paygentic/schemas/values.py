"""Kinds of values on the wire."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mockserver.http.endpoint import WireModel
from mockserver.http.schema import without_null
from mockserver.kernel.money import json_number
from mockserver.kernel.windows import parse_instant
from mockserver.vendors.paygentic.domain.aggregation import NEEDS_VALUE
from mockserver.vendors.paygentic.domain.costing import MAX_UNIT_COST, MIN_UNIT_COST
from mockserver.vendors.paygentic.domain.metering import PATH, control_character_in


class Wire(WireModel):
    """Base of these models: fields are known by their camelCase name and by no other."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)


def _not_null(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("invalid_type", "must not be null")
    return value


class _NotNull:
    """Refuses null where it is sent, and has the document say so."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_not_null, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return without_null(handler(schema))


def _number(value: Any) -> Decimal:
    if type(value) is int or type(value) is Decimal:
        return Decimal(value)
    raise PydanticCustomError("invalid_type", "must be a number")


def _unit_cost(value: Decimal) -> Decimal:
    if not MIN_UNIT_COST <= value <= MAX_UNIT_COST:
        raise PydanticCustomError("out_of_range", "must be from 0 to 1000000")
    return value


def _percent(value: Decimal) -> Decimal:
    if not 0 <= value <= 100:
        raise PydanticCustomError("out_of_range", "must be from 0 to 100")
    return value


def _rates(value: Any) -> dict[str, Decimal]:
    """One rate for all is kept under the name `default`."""
    rates = value if isinstance(value, dict) else {"default": value}
    return {name: _percent(_number(rate)) for name, rate in rates.items()}


def _instant(value: Any) -> int:
    if not isinstance(value, str):
        raise PydanticCustomError("invalid_type", "must be an ISO 8601 date-time string")
    try:
        return parse_instant(value)
    except ValueError:
        raise PydanticCustomError(
            "invalid_format", "must be an ISO 8601 date-time, such as 2026-02-01T00:00:00Z"
        ) from None


def _event_type(value: str) -> str:
    if control_character_in(value):
        raise PydanticCustomError("invalid_format", "must not contain control characters")
    return value


def _whole(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", value, re.ASCII):
        raise PydanticCustomError("invalid_type", "must be an integer")
    if len(value) > 18:  # what the store can count to
        raise PydanticCustomError("out_of_range", "must have at most 18 digits")
    return int(value)


def _flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise PydanticCustomError("invalid_type", "must be true or false")
    return value == "true"


def path_where_needed(value: str | None, info: ValidationInfo) -> str | None:
    """Refuse a missing path that the aggregation, which must be read before it, cannot do without."""
    aggregation = info.data.get("aggregation")
    if value is None and aggregation in NEEDS_VALUE:
        raise PydanticCustomError("required", "needed when aggregation is {aggregation}", {"aggregation": aggregation})
    return value


def dimension_keys(value: str) -> tuple[str, ...]:
    """Read names with commas between them; one named twice counts once."""
    keys = [key.strip() for key in value.split(",")]
    if not all(keys):
        raise PydanticCustomError("unknown_key", "must be dimension keys with commas between them")
    return tuple(dict.fromkeys(keys))


NotNull = _NotNull()
"""For optional members that may be left out but are not nullable in the vendor's schema."""

_PERCENT = {"type": "number", "minimum": 0, "maximum": 100}

Text = Annotated[str, StringConstraints(min_length=1)]
OptionalText = Annotated[str | None, NotNull]
EventType = Annotated[str, StringConstraints(min_length=1), AfterValidator(_event_type)]
Path = Annotated[str, StringConstraints(pattern=PATH)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
UnitCost = Annotated[
    Decimal,
    PlainValidator(_number),
    AfterValidator(_unit_cost),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000}),
]
Percent = Annotated[
    Decimal,
    PlainValidator(_number),
    AfterValidator(_percent),
    WithJsonSchema(_PERCENT),
]
Rates = Annotated[
    dict[str, Decimal],
    PlainValidator(_rates),
    WithJsonSchema({"anyOf": [_PERCENT, {"type": "object", "additionalProperties": _PERCENT}]}),
]
DateTime = Annotated[int, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Whole = Annotated[int, BeforeValidator(_whole)]
Flag = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
ExternalId = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=255)]
# The vendor's own example ids break its patterns with an underscore, so one is let through.
OrganizationId = Annotated[str, StringConstraints(pattern=r"^org_[a-zA-Z0-9_-]+$")]
ProductId = Annotated[str, StringConstraints(pattern=r"^prod_[a-zA-Z0-9_-]+$")]
ItemId = Annotated[str, StringConstraints(pattern=r"^itm_[a-zA-Z0-9_-]+$")]


def one_of_two(name: str, other: str) -> ConfigDict:
    """Have the document say that at least one of two members is needed."""
    return ConfigDict(json_schema_extra={"anyOf": [{"required": [name]}, {"required": [other]}]})


def sent(model: Wire) -> dict[str, Any]:
    """Return the members a request brought, null ones included, by their Python names."""
    return {name: getattr(model, name) for name in model.model_fields_set}


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is unset, because one of the vendor's clients refuses null."""
    return {name: value for name, value in members.items() if value is not None}


def optional_number(value: Decimal | None) -> int | float | None:
    """Write an amount as a JSON number, and nothing as null."""
    return None if value is None else json_number(value)
