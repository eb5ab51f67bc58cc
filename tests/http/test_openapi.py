from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel, Field
from pydantic_core import from_json

from mockserver.http.endpoint import Api, Endpoint, WireModel
from mockserver.http.forms import Upload
from mockserver.http.messages import Reply
from mockserver.http.openapi import vendor_document
from mockserver.vendors.registry import vendors
from mockserver.vendors.vendor import Vendor
from tests.conformance import Documented, Undocumented
from tests.http.conftest import Toy, toy_api


class Line(WireModel):
    sku: str
    count: int = 1


class OrderRequest(WireModel):
    customer_id: str = Field(alias="customerId")
    lines: list[Line]

    def to_domain(self) -> None: ...


class OrderQuery(WireModel):
    page_size: int = Field(20, alias="pageSize", ge=1, le=100, description="How many.")
    state: Literal["open", "closed"] | None = None
    tags: list[str] | None = None
    since: int | str | None = None
    like: Line | None = None
    shop: str

    def to_domain(self) -> None: ...


class ImportRequest(WireModel):
    title: str
    file: Upload
    extra: Annotated[Upload | None, Field(description="Optional.")] = None

    def to_domain(self) -> None: ...


class OrderResponse(BaseModel):
    id: str
    note: str | None = None


class Failure(BaseModel):
    code: str


def _unused(*_: Any) -> None:
    """Stand in for an operation: a document is made without running one."""


ENDPOINTS = (
    Endpoint(
        "POST", "/v9/orders", "orders.create", _unused, "shop/orders", body=OrderRequest, response=OrderResponse,
        status=201, errors=(400, 402, 500), replayable=True, summary="Order.",
    ),
    Endpoint("GET", "/v9/orders", "orders.list", _unused, "shop/orders", query=OrderQuery, response=OrderResponse),
    Endpoint("DELETE", "/v9/orders/{order_id}", "orders.delete", _unused, "shop/orders", status=204),
    Endpoint("POST", "/v9/imports", "imports.create", _unused, "shop/imports", body=ImportRequest, form=True),
    Endpoint("POST", "/v9/talk", "talk", _unused, "shop/talk", body=OrderRequest, response=OrderResponse, streams=True),
    Endpoint("GET", "/v9/label", "label", _unused, "", media_type="application/pdf"),
)  # fmt: skip

API = Api(
    name="shop",
    title="Shop",
    version="9",
    prefixes=("/v9",),
    endpoints=ENDPOINTS,
    key_prefix="shop_",
    bare_keys=True,
    render=lambda error: Reply.json({"code": str(error)}, 400),
    crash=lambda: Reply.json({"code": "crash"}, 500),
    parse_json=from_json,
    error_models={400: Failure, 402: Failure},
    max_body_bytes=1000,
    scheme_description="A shop key.",
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return vendor_document(API)


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    operations: Iterator[dict[str, Any]] = (
        operation
        for methods in document["paths"].values()
        for operation in methods.values()
        if operation["operationId"] == name
    )
    return next(operations)


def test_the_document_is_openapi_with_every_operation(document: dict[str, Any]) -> None:
    validate(document)

    served = {(endpoint.method.lower(), endpoint.path) for endpoint in ENDPOINTS}
    assert {(method, path) for path, methods in document["paths"].items() for method in methods} == served
    assert document["openapi"] == "3.1.0"
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["description"] == "A shop key."


def test_an_operation_says_where_the_vendor_describes_it(document: dict[str, Any]) -> None:
    create = operation(document, "orders.create")

    assert create["summary"] == "Order."
    assert create["x-source"] == "shop/orders"
    assert "x-source" not in operation(document, "label")


def test_what_any_operation_may_meet_is_documented_where_there_is_a_body_for_it(document: dict[str, Any]) -> None:
    everywhere = vendor_document(replace(API, error_models=dict.fromkeys((400, 402, 413, 500), Failure)))

    assert set(operation(document, "imports.create")["responses"]) == {"200"}
    assert set(operation(everywhere, "imports.create")["responses"]) == {"200", "413", "500"}
    assert set(operation(everywhere, "orders.delete")["responses"]) == {"204", "500"}


def test_a_second_kind_of_success_has_the_same_body() -> None:
    create = next(endpoint for endpoint in ENDPOINTS if endpoint.operation == "orders.create")
    document = vendor_document(replace(API, endpoints=[replace(create, other_status=200)]))

    answers = operation(document, "orders.create")["responses"]
    assert answers["200"] == {"description": "OK", "content": answers["201"]["content"]}


def test_headers_an_operation_looks_at_are_parameters() -> None:
    document = vendor_document(toy_api(Toy()))

    assert operation(document, "greetings.show")["parameters"] == [
        {
            "name": "x-toy-session",
            "in": "header",
            "required": False,
            "schema": {"enum": ["one", "two"], "type": "string"},
        }
    ]
    assert "SessionHeaders" not in document["components"]["schemas"]


def test_a_body_refers_to_the_model_that_validates_it(document: dict[str, Any]) -> None:
    body = operation(document, "orders.create")["requestBody"]
    schemas = document["components"]["schemas"]

    assert body == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderRequest"}}},
    }
    assert set(schemas["OrderRequest"]["properties"]) == {"customerId", "lines"}
    assert schemas["Line"]["required"] == ["sku"]


def test_statuses_and_error_models_are_listed(document: dict[str, Any]) -> None:
    responses = operation(document, "orders.create")["responses"]

    assert list(responses) == ["201", "400", "402", "500"]
    assert responses["402"]["description"] == "Payment Required"
    assert responses["402"]["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}
    assert "content" not in responses["500"]
    assert operation(document, "orders.delete")["responses"] == {"204": {"description": "No Content"}}


def test_a_replayable_operation_takes_a_key(document: dict[str, Any]) -> None:
    names = [parameter["name"] for parameter in operation(document, "orders.create")["parameters"]]

    assert names == ["Idempotency-Key"]
    assert "parameters" not in operation(document, "talk")


def test_a_query_is_spread_over_parameters(document: dict[str, Any]) -> None:
    parameters = operation(document, "orders.list")["parameters"]
    by_name = {parameter["name"]: parameter for parameter in parameters}

    assert by_name["pageSize"] == {
        "name": "pageSize",
        "in": "query",
        "required": False,
        "description": "How many.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    }
    assert by_name["state"]["schema"] == {"type": "string", "enum": ["open", "closed"]}
    assert by_name["tags"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert by_name["since"]["schema"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert by_name["like"]["schema"] == {"$ref": "#/components/schemas/Line"}
    assert by_name["shop"]["required"] is True
    assert "OrderQuery" not in document["components"]["schemas"]


def test_a_path_parameter_is_required_text(document: dict[str, Any]) -> None:
    assert operation(document, "orders.delete")["parameters"] == [
        {"name": "order_id", "in": "path", "required": True, "schema": {"type": "string"}}
    ]


def test_a_form_travels_as_multipart_and_a_file_as_bytes(document: dict[str, Any]) -> None:
    body = operation(document, "imports.create")["requestBody"]
    fields = document["components"]["schemas"]["ImportRequest"]["properties"]

    assert list(body["content"]) == ["multipart/form-data"]
    assert fields["file"] == {"$ref": "#/components/schemas/Upload"}
    assert document["components"]["schemas"]["Upload"]["contentMediaType"] == "application/octet-stream"


def test_a_stream_is_documented_beside_the_whole_answer(document: dict[str, Any]) -> None:
    content = operation(document, "talk")["responses"]["200"]["content"]

    assert list(content) == ["application/json", "text/event-stream"]


def test_an_answer_without_a_model_has_its_media_type(document: dict[str, Any]) -> None:
    content = operation(document, "label")["responses"]["200"]["content"]

    assert content == {"application/pdf": {"schema": {"type": "string"}}}


@pytest.mark.parametrize("vendor", vendors(), ids=lambda vendor: vendor.name)
def test_every_vendors_document_is_openapi(vendor: Vendor) -> None:
    document = vendor_document(vendor.api)

    validate(document)
    assert sum(len(methods) for methods in document["paths"].values()) == len(vendor.api.endpoints)


@pytest.mark.parametrize(
    ("exchange", "complaint"),
    [
        (("GET", "/v9/nothing", 200, "", None), "is not in the document"),
        (("POST", "/v9/orders", 418, "application/json", {}), "does not say that it answers 418"),
        (("POST", "/v9/orders", 201, "text/html", None), "which 201 does not list"),
        (("POST", "/v9/orders", 201, "application/json", {"note": "x"}), '"id" is a required property'),
        (("POST", "/v9/orders", 201, "application/json", {"id": "1", "new": 1}), "'new' was unexpected"),
        (("DELETE", "/v9/orders/1", 204, "application/json", {}), "which 204 does not list"),
    ],
)
def test_an_answer_that_is_not_documented_is_noticed(
    document: dict[str, Any], exchange: tuple[str, str, int, str, Any], complaint: str
) -> None:
    with pytest.raises(Undocumented, match=complaint):
        Documented(document).check(*exchange)


def test_an_answer_that_is_documented_passes(document: dict[str, Any]) -> None:
    documented = Documented(document)

    assert documented.check("POST", "/v9/orders", 201, "application/json", {"id": "1"}) == "orders.create"
    assert documented.check("DELETE", "/v9/orders/1", 204, "", None) == "orders.delete"
