"""Every control route, one row each; the application and the document are both made from these rows."""

from __future__ import annotations

from mockserver.control import drifts as drift_schemas
from mockserver.control import faults as fault_schemas
from mockserver.control import invoices as invoice_schemas
from mockserver.control import proof as proof_schemas
from mockserver.control import scenario as scenario_schemas
from mockserver.control import schemas
from mockserver.control import snapshots as snapshot_schemas
from mockserver.control import stream as live
from mockserver.control import stubs as stub_schemas
from mockserver.control.operations import (
    clock,
    credits,
    customers,
    drifts,
    export,
    faults,
    invoices,
    journal,
    proof,
    reconciliation,
    scenario,
    server,
    snapshots,
    stream,
    stubs,
    ui,
    worlds,
)
from mockserver.control.route import PREFIX, Route

_WORLD = f"{PREFIX}/worlds/{{world}}"

# Statuses besides success, each set adding to the one before: by the guard, by name, by body and state.
_GUARDED = (401, 403)
_READING = (*_GUARDED, 404)
_CHANGING = (*_READING, 400, 409, 413, 422)

ROUTES: tuple[Route, ...] = (
    # The server itself
    Route(
        "GET", f"{PREFIX}/health", "health", server.health,
        response=schemas.HealthResponse, errors=(403,),
        summary="Answers as long as the server does; wants no token.",
    ),
    Route(
        "GET", f"{PREFIX}/version", "version", server.show_version,
        response=schemas.VersionResponse, errors=_GUARDED,
        summary="What runs here.",
    ),
    Route(
        "GET", f"{PREFIX}/openapi.json", "openapi.control", server.own_document,
        response=schemas.OpenApiDocument, errors=_GUARDED,
        summary="This document.",
    ),
    Route(
        "GET", f"{PREFIX}/openapi/{{api}}.json", "openapi.get", server.named_document,
        response=schemas.OpenApiDocument, errors=_READING,
        summary="The document of one vendor.",
    ),
    Route(
        "GET", f"{PREFIX}/docs", "docs", server.docs,
        media_type="text/html", errors=_GUARDED,
        summary="Every operation on one page.",
    ),
    # Worlds
    Route(
        "GET", f"{PREFIX}/worlds", "worlds.list", worlds.list_worlds,
        query=schemas.PageQuery, response=schemas.WorldsPage, errors=(*_GUARDED, 422),
        summary="All worlds, oldest first.",
    ),
    Route(
        "POST", f"{PREFIX}/worlds", "worlds.create", worlds.create_world,
        body=schemas.CreateWorldRequest, response=schemas.WorldResponse, status=201,
        errors=(400, 401, 403, 409, 413, 422),
        summary="Make a world from the template.",
    ),
    Route(
        "GET", _WORLD, "worlds.get", worlds.show_world,
        response=schemas.WorldResponse, errors=_READING,
        summary="One world.",
    ),
    Route(
        "DELETE", _WORLD, "worlds.delete", worlds.delete_world,
        status=204, errors=(*_READING, 409), is_slow=True,
        summary="Remove a world and everything in it.",
    ),
    Route(
        "POST", f"{_WORLD}/reset", "worlds.reset", worlds.reset_world,
        response=schemas.WorldResponse, errors=(*_READING, 409), is_slow=True,
        summary="Put a world back to the template; its seed stays, its snapshots go.",
    ),
    Route(
        "POST", f"{_WORLD}/fork", "worlds.fork", worlds.fork_world,
        body=schemas.ForkRequest, response=schemas.WorldResponse, status=201,
        errors=_CHANGING, is_slow=True,
        summary="Copy a world whole, under a new name.",
    ),
    Route(
        "GET", f"{_WORLD}/snapshots", "snapshots.list", snapshots.list_snapshots,
        query=schemas.PageQuery, response=snapshot_schemas.SnapshotsPage, errors=(*_READING, 422),
        summary="A world's snapshots, oldest first; a fork starts without any.",
    ),
    Route(
        "POST", f"{_WORLD}/snapshots", "snapshots.create", snapshots.take_snapshot,
        body=snapshot_schemas.SnapshotRequest, response=snapshot_schemas.SnapshotResponse, status=201,
        errors=_CHANGING, is_slow=True,
        summary="Keep a world as it is, to come back to.",
    ),
    Route(
        "DELETE", f"{_WORLD}/snapshots/{{id}}", "snapshots.delete", snapshots.remove_snapshot,
        status=204, errors=(*_READING, 409), is_slow=True,
        summary="Remove a snapshot.",
    ),
    Route(
        "POST", f"{_WORLD}/restore", "worlds.restore", snapshots.restore_world,
        body=snapshot_schemas.RestoreRequest, response=schemas.WorldResponse, errors=_CHANGING, is_slow=True,
        summary="Put a world back whole to what it was when a snapshot was taken; the snapshot stays.",
    ),
    Route(
        "GET", f"{_WORLD}/switches", "switches.get", worlds.show_switches,
        response=schemas.SwitchesResponse, errors=_READING,
        summary="The state of every switch.",
    ),
    Route(
        "PUT", f"{_WORLD}/switches", "switches.set", worlds.flip_switches,
        body=schemas.SwitchesRequest, response=schemas.SwitchesResponse,
        errors=_CHANGING,
        summary="Set the switches that are named.",
    ),
    Route(
        "GET", f"{_WORLD}/scenario", "scenario.get", scenario.show_scenario,
        response=scenario_schemas.PlayResponse, errors=_READING,
        summary="The scenario that was played last, how far it is, and what came of it so far.",
    ),
    Route(
        "POST", f"{_WORLD}/scenario", "scenario.play", scenario.play_scenario,
        body=scenario_schemas.PlayRequest, response=scenario_schemas.PlayResponse, errors=_CHANGING, is_slow=True,
        summary="Bring a world to a scenario's start state and play its history; the rest comes as the clock moves.",
    ),
    Route(
        "POST", f"{_WORLD}/scenario/pause", "scenario.pause", scenario.pause_scenario,
        response=scenario_schemas.PlayResponse, errors=(*_READING, 409),
        summary="Stop the clock of a world that plays.",
    ),
    Route(
        "POST", f"{_WORLD}/scenario/resume", "scenario.resume", scenario.resume_scenario,
        response=scenario_schemas.PlayResponse, errors=(*_READING, 409),
        summary="Let a paused world's clock go on as before.",
    ),
    Route(
        "POST", f"{_WORLD}/scenario/step", "scenario.step", scenario.step_scenario,
        body=scenario_schemas.StepRequest, response=scenario_schemas.PlayResponse, errors=_CHANGING, is_slow=True,
        summary="Move a paused world's clock: by so much, or to the next instant at which anything happens.",
    ),
    # Time
    Route(
        "GET", f"{_WORLD}/clock", "clock.get", clock.show_clock,
        response=schemas.ClockResponse, errors=_READING,
        summary="A world's time, and how it passes.",
    ),
    Route(
        "PUT", f"{_WORLD}/clock", "clock.set", clock.set_clock,
        body=schemas.ClockRequest, response=schemas.ClockResponse,
        errors=_CHANGING, is_slow=True,
        summary="Freeze, free or scale a world's time, and set it.",
    ),
    Route(
        "POST", f"{_WORLD}/clock/advance", "clock.advance", clock.advance_clock,
        body=schemas.AdvanceRequest, response=schemas.ClockResponse,
        errors=_CHANGING, is_slow=True,
        summary="Move time forward; what falls due on the way has happened when this answers.",
    ),
    Route(
        "PUT", f"{_WORLD}/customers/{{customer}}/test_clock", "customers.test_clock.set", customers.set_test_clock,
        body=schemas.CustomerClockRequest, response=schemas.CustomerClockResponse,
        errors=_CHANGING,
        summary="Put a customer on a test clock, which then dates its events, or back on the world's clock.",
    ),
    # Money
    Route(
        "GET", f"{_WORLD}/credits", "credits.get", credits.show_credits,
        response=schemas.CreditsResponse, errors=_READING,
        summary="The prepaid balance.",
    ),
    Route(
        "PUT", f"{_WORLD}/credits", "credits.set", credits.set_credits,
        body=schemas.CreditsRequest, response=schemas.CreditsResponse,
        errors=_CHANGING,
        summary="Set the prepaid balance, by a grant of the difference.",
    ),
    Route(
        "POST", f"{_WORLD}/credits/grants", "credits.grant", credits.grant_credits,
        body=schemas.GrantRequest, response=schemas.GrantResponse, status=201,
        errors=_CHANGING,
        summary="Add credit.",
    ),
    Route(
        "GET", f"{_WORLD}/ledger", "ledger.list", credits.list_ledger,
        query=schemas.PageQuery, response=schemas.LedgerPage, errors=(*_READING, 422),
        summary="Every movement of credit, oldest first.",
    ),
    Route(
        "GET", f"{_WORLD}/invoices", "invoices.list", invoices.list_invoices,
        query=schemas.PageQuery, response=invoice_schemas.InvoicesPage, errors=(*_READING, 422),
        summary="What customers were billed, in the order it was recorded.",
    ),
    Route(
        "POST", f"{_WORLD}/invoices", "invoices.record", invoices.record_invoice,
        body=invoice_schemas.InvoiceRequest, response=invoice_schemas.InvoiceResponse, status=201,
        errors=_CHANGING,
        summary="Add an invoice; revenue and profitability are read from it.",
    ),
    Route(
        "GET", f"{_WORLD}/invoices/{{id}}", "invoices.get", invoices.show_invoice,
        response=invoice_schemas.InvoiceResponse, errors=_READING,
        summary="One invoice.",
    ),
    Route(
        "PATCH", f"{_WORLD}/invoices/{{id}}", "invoices.change", invoices.change_status,
        body=invoice_schemas.InvoiceStatusRequest, response=invoice_schemas.InvoiceResponse, errors=_CHANGING,
        summary="Say what became of an invoice.",
    ),
    Route(
        "DELETE", f"{_WORLD}/invoices/{{id}}", "invoices.delete", invoices.remove_invoice,
        status=204, errors=(*_READING, 409),
        summary="Take an invoice back as if it had never been.",
    ),
    Route(
        "POST", f"{_WORLD}/invoices/{{id}}/payments", "invoices.pay", invoices.pay_invoice,
        body=invoice_schemas.PaymentRequest, response=invoice_schemas.InvoiceResponse, status=201,
        errors=_CHANGING,
        summary="Add a payment; once what has come covers it, an outstanding invoice is paid.",
    ),
    Route(
        "POST", f"{_WORLD}/invoices/{{id}}/refunds", "invoices.refund", invoices.refund_invoice,
        body=invoice_schemas.RefundRequest, response=invoice_schemas.InvoiceResponse, status=201,
        errors=_CHANGING,
        summary="Give part of an invoice back.",
    ),
    Route(
        "GET", f"{_WORLD}/invariants", "invariants.check", credits.check_invariants,
        response=schemas.InvariantsResponse, errors=_READING, is_slow=True,
        summary="Check what must always hold, and name the rows that break it.",
    ),
    Route(
        "GET", f"{_WORLD}/reconciliation", "reconciliation.check", reconciliation.check,
        query=schemas.ReconciliationQuery, response=schemas.ReconciliationResponse, errors=(*_READING, 409, 422),
        is_slow=True,
        summary="Compare what was debited with the cost events about it, by customer, model and hour.",
    ),
    # What goes wrong
    Route(
        "POST", f"{_WORLD}/faults", "faults.add", faults.add_fault,
        body=fault_schemas.FaultRequest, response=fault_schemas.FaultResponse, status=201, errors=_CHANGING,
        summary="Arm a fault: which requests, which of these, and what goes wrong with them.",
    ),
    Route(
        "GET", f"{_WORLD}/faults", "faults.list", faults.list_faults,
        query=schemas.PageQuery, response=fault_schemas.FaultsPage, errors=(*_READING, 422),
        summary="The faults that are armed, and how often they matched and hit.",
    ),
    Route(
        "DELETE", f"{_WORLD}/faults", "faults.clear", faults.clear_faults,
        status=204, errors=(*_READING, 409),
        summary="Disarm every fault.",
    ),
    Route(
        "GET", f"{_WORLD}/faults/{{id}}", "faults.get", faults.show_fault,
        query=schemas.PageQuery, response=fault_schemas.FaultDetailResponse, errors=(*_READING, 422),
        summary="One fault, with every decision it made and why.",
    ),
    Route(
        "DELETE", f"{_WORLD}/faults/{{id}}", "faults.delete", faults.delete_fault,
        status=204, errors=(*_READING, 409),
        summary="Disarm a fault.",
    ),
    Route(
        "POST", f"{_WORLD}/stubs", "stubs.add", stubs.add_stub,
        body=stub_schemas.StubRequest, response=stub_schemas.StubResponse, status=201, errors=_CHANGING,
        summary="Give answers in place of generated ones; they cost what they would have cost.",
    ),
    Route(
        "GET", f"{_WORLD}/stubs", "stubs.list", stubs.list_stubs,
        query=schemas.PageQuery, response=stub_schemas.StubsPage, errors=(*_READING, 422),
        summary="The stubs there are, and how many answers each has given.",
    ),
    Route(
        "DELETE", f"{_WORLD}/stubs", "stubs.clear", stubs.clear_stubs,
        status=204, errors=(*_READING, 409),
        summary="Take every stub away.",
    ),
    Route(
        "GET", f"{_WORLD}/stubs/{{id}}", "stubs.get", stubs.show_stub,
        response=stub_schemas.StubResponse, errors=_READING,
        summary="One stub.",
    ),
    Route(
        "DELETE", f"{_WORLD}/stubs/{{id}}", "stubs.delete", stubs.delete_stub,
        status=204, errors=(*_READING, 409),
        summary="Take a stub away.",
    ),
    # What changes, and who notices
    Route(
        "POST", f"{_WORLD}/drifts", "drifts.add", drifts.add_drift,
        body=drift_schemas.DriftRequest, response=drift_schemas.DriftResponse, status=201, errors=_CHANGING,
        summary="Let something get worse, slower, dearer or different, from an instant on.",
    ),
    Route(
        "GET", f"{_WORLD}/drifts", "drifts.list", drifts.list_drifts,
        query=schemas.PageQuery, response=drift_schemas.DriftsPage, errors=(*_READING, 422),
        summary="A world's drifts, and how much of each there is now.",
    ),
    Route(
        "GET", f"{_WORLD}/truth", "truth.list", drifts.list_truth,
        query=schemas.PageQuery, response=drift_schemas.TruthPage, errors=(*_READING, 422),
        summary="What really changes in a world, from when to when, how far and why.",
    ),
    Route(
        "POST", f"{_WORLD}/alerts", "alerts.add", drifts.add_alerts,
        body=drift_schemas.AlertsRequest, response=drift_schemas.AlertsResponse, status=201, errors=_CHANGING,
        summary="Take what a monitor noticed: one alert, or a list.",
    ),
    Route(
        "GET", f"{_WORLD}/alerts", "alerts.score", drifts.score_alerts,
        query=drift_schemas.ScoreQuery, response=drift_schemas.ScoreResponse, errors=(*_READING, 422),
        summary="Score the alerts: which drifts were noticed, how soon, and which alerts were false.",
    ),
    # What happened
    Route(
        "GET", f"{_WORLD}/requests", "requests.list", journal.list_requests,
        query=schemas.RequestsQuery, response=schemas.RequestsPage, errors=(*_READING, 422),
        summary="The requests a world still remembers, newest last; `~` has those whose key names no world.",
    ),
    Route(
        "GET", f"{_WORLD}/stream", "stream", stream.listen,
        query=live.StreamQuery, headers=live.StreamHeaders, media_type="text/event-stream", errors=(*_READING, 422),
        summary="What happens in a world, as server-sent events: each `request`, and `clock`, `credits`, `faults` and"
        " `scenario` as they stand.",
    ),
    Route(
        "POST", f"{_WORLD}/requests/verify", "requests.verify", proof.verify,
        body=proof_schemas.VerifyRequest, response=proof_schemas.VerdictResponse, errors=_CHANGING, is_slow=True,
        summary="Judge a claim about what a client did, and show the calls that speak against it.",
    ),
    Route(
        "GET", f"{PREFIX}/ui", "ui.worlds", ui.show_worlds,
        query=schemas.PageQuery, media_type="text/html", errors=(*_GUARDED, 422),
        summary="All worlds, as a page for a browser.",
    ),
    Route(
        "GET", f"{PREFIX}/ui/worlds/{{world}}", "ui.world", ui.show_world,
        media_type="text/html", errors=_READING, is_slow=True,
        summary="One world as a page: clock, balance, spend, and its requests as they come.",
    ),
    Route(
        "GET", f"{PREFIX}/ui/worlds/{{world}}/requests/{{seq}}", "ui.request", ui.show_request,
        media_type="text/html", errors=_READING,
        summary="One request as a page, with its bodies.",
    ),
    Route(
        "GET", f"{PREFIX}/ui/worlds/{{world}}/{{section}}", "ui.section", ui.show_section,
        media_type="text/html", errors=_READING, is_slow=True,
        summary="A world's `scenario`, `ledger`, `faults`, `stubs`, `drifts`, `snapshots` or `invariants` as a page.",
    ),
    Route(
        "GET", f"{_WORLD}/export/{{what}}.csv", "export.csv", export.as_csv,
        media_type="text/csv", errors=_READING, is_slow=True,
        summary="Rows of a world, as CSV: `calls`, `events`, `costs`, `invoices`, `ledger`, `requests` or `truth`.",
    ),
    Route(
        "GET", f"{_WORLD}/export/{{what}}.jsonl", "export.jsonl", export.as_jsonl,
        media_type="application/jsonl", errors=_READING, is_slow=True,
        summary="The same rows, one JSON object a line.",
    ),
)  # fmt: skip
