"""Events."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import events
from mockserver.vendors.paygentic.schemas import events as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v0/events", "events.ingest", events.ingest,
        body=wire.IngestEventRequest, response="events.EventResponse", present=wire.present_event,
        prepare=events.may_ingest, status=202, errors=(400, *DENIED, 413, 422),
        is_delayable=True,
        summary="Record that something billable or costly happened",
        source='paygentic/cost-tracking "Step 2: Send Cost Events"',
    ),
)  # fmt: skip
