"""Billable metrics, what they measured, and which events."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.paygentic.errors import DENIED
from mockserver.vendors.paygentic.operations import access, billable_metrics, meters
from mockserver.vendors.paygentic.schemas import billable_metrics as wire
from mockserver.vendors.paygentic.schemas import meters as meter_wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v0/billableMetrics", "billable_metrics.create", billable_metrics.create,
        body=wire.CreateBillableMetricRequest, response="billable_metrics.BillableMetricResponse",
        present=wire.present_billable_metric,
        prepare=billable_metrics.may_create, status=201, errors=(400, *DENIED, 404, 413),
        summary="Define what is billed, and how it is measured",
        source='paygentic/openapi "createBillableMetric"',
    ),
    Endpoint(
        "GET", "/v0/billableMetrics", "billable_metrics.list", billable_metrics.page,
        query=wire.ListBillableMetricsQuery, response="billable_metrics.BillableMetricListResponse",
        present=wire.present_billable_metrics,
        prepare=access.in_own_organization(access.may_read_billable_metrics), errors=(400, *DENIED),
        summary="List billable metrics",
        source='paygentic/openapi "listBillableMetrics"',
    ),
    Endpoint(
        "GET", "/v0/billableMetrics/{id}", "billable_metrics.get", billable_metrics.must_exist,
        response="billable_metrics.BillableMetricResponse", present=wire.present_billable_metric,
        prepare=access.may_read_billable_metrics, errors=(*DENIED, 404),
        summary="Get one billable metric",
        source='paygentic/openapi "getBillableMetric"',
    ),
    Endpoint(
        "PATCH", "/v0/billableMetrics/{id}", "billable_metrics.update", billable_metrics.update,
        body=wire.UpdateBillableMetricRequest, response="billable_metrics.BillableMetricResponse",
        present=wire.present_billable_metric,
        prepare=billable_metrics.may_change, errors=(400, *DENIED, 404, 409, 413),
        summary="Change a billable metric",
        source='paygentic/openapi "updateBillableMetric"',
    ),
    Endpoint(
        "GET", "/v0/billableMetrics/{id}/meter", "billable_metrics.meter", meters.usage,
        query=meter_wire.MeterQuery, response="meters.MeterResponse", present=meter_wire.present_meter,
        prepare=meters.may_measure_usage, errors=(400, *DENIED, 404),
        summary="Aggregate what a billable metric measured over a window of time",
        source='paygentic/openapi "getBillableMetricMeter"',
    ),
    Endpoint(
        "GET", "/v0/billableMetrics/{id}/events", "billable_metrics.list_events", meters.events,
        query=meter_wire.ListMeterEventsQuery, response="meters.MeterEventListResponse",
        present=meter_wire.present_meter_events,
        prepare=billable_metrics.may_measure, errors=(400, *DENIED, 404),
        summary="List the events that a billable metric measured",
        source='paygentic/openapi "listBillableMetricEvents"',
    ),
)  # fmt: skip
