"""Models and endpoints."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import endpoints
from mockserver.vendors.pareta.schemas import endpoints as wire

ENDPOINTS = (
    Endpoint(
        "GET", "/v1/models", "models.list", endpoints.models,
        present=wire.model_list, response="endpoints.ModelsResponse", errors=(401,),
        source="pareta/models",
    ),
    Endpoint(
        "POST", "/v1/endpoints", "endpoints.deploy", endpoints.deploy,
        body=wire.DeployRequest, present=wire.deployment, errors=(400, 401, 409, 422), replayable=True, streams=True,
        source="pareta/endpoints",
    ),
    Endpoint(
        "GET", "/v1/endpoints", "endpoints.list", endpoints.list_all,
        present=wire.endpoint_list, response="endpoints.EndpointsResponse", errors=(401,),
        source="pareta/endpoints",
    ),
    Endpoint(
        "GET", "/v1/endpoints/{endpoint_id}", "endpoints.retrieve", endpoints.retrieve,
        present=wire.endpoint, response="endpoints.EndpointResponse", errors=(401, 404),
        source="pareta/endpoints",
    ),
    Endpoint(
        "DELETE", "/v1/endpoints/{endpoint_id}", "endpoints.delete", endpoints.delete,
        status=204, errors=(401, 404, 409),
        source="pareta/endpoints",
    ),
    Endpoint(
        "POST", "/v1/endpoints/{endpoint_id}/start", "endpoints.start", endpoints.start,
        present=wire.endpoint_action, response="endpoints.EndpointActionResponse", errors=(401, 404, 409),
        source="pareta/endpoints",
    ),
    Endpoint(
        "POST", "/v1/endpoints/{endpoint_id}/stop", "endpoints.stop", endpoints.stop,
        present=wire.endpoint_action, response="endpoints.EndpointActionResponse", errors=(401, 404, 409),
        source="pareta/endpoints",
    ),
)  # fmt: skip
