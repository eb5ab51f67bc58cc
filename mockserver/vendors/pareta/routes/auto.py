"""The surroundings of `auto`."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import auto
from mockserver.vendors.pareta.schemas import auto as wire

ENDPOINTS = (
    Endpoint(
        "GET", "/v1/auto/metrics", "auto.metrics", auto.metrics,
        present=wire.rollup, response="auto.AutoMetricsResponse", errors=(401,),
        source="pareta/auto",
    ),
    Endpoint(
        "POST", auto.LANE, auto.COMPARE, auto.compare,
        body=wire.CompareRequest, present=wire.compared, response="auto.CompareResponse",
        errors=(400, 401, 402, 422, 501, 502), replayable=True, is_delayable=True, stub="TextStub",
        source="pareta/auto",
    ),
)  # fmt: skip
