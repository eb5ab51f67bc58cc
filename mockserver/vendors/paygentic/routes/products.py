"""Products."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import access, products
from mockserver.vendors.paygentic.schemas import products as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v0/products", "products.create", products.create,
        body=wire.CreateProductRequest, response="products.ProductResponse", present=wire.present_product,
        prepare=access.in_own_organization(access.may_write_products), status=201, errors=(400, *DENIED, 413),
        summary="Add a product",
        source='paygentic/openapi "createProduct"',
    ),
    Endpoint(
        "GET", "/v0/products", "products.list", products.page,
        query=wire.ListProductsQuery, response="products.ProductListResponse", present=wire.present_products,
        prepare=access.in_own_organization(access.may_read_products), errors=(400, *DENIED),
        summary="List products",
        source='paygentic/openapi "listProducts"',
    ),
    Endpoint(
        "GET", "/v0/products/{id}", "products.get", products.must_exist,
        response="products.ProductResponse", present=wire.present_product,
        prepare=access.may_read_products, errors=(*DENIED, 404),
        summary="Get one product",
        source='paygentic/openapi "getProduct"',
    ),
    Endpoint(
        "PATCH", "/v0/products/{id}", "products.update", products.update,
        body=wire.UpdateProductRequest, response="products.ProductResponse", present=wire.present_product,
        prepare=products.may_change, errors=(400, *DENIED, 404, 413),
        summary="Change a product's name or description",
        source='paygentic/openapi "updateProduct"',
    ),
)  # fmt: skip
