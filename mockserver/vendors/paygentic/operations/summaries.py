"""What a cost came to over a window of time."""

from __future__ import annotations

from mockserver.kernel.call import Call
from mockserver.vendors.paygentic.domain import costing
from mockserver.vendors.paygentic.domain.costing import Cost, Question, Summary
from mockserver.vendors.paygentic.operations import costs
from mockserver.vendors.paygentic.operations.access import Body, Parameters, may_read_costs
from mockserver.vendors.paygentic.operations.readings import Cut, cells

READ_DELETED = "paygentic.read_deleted"
ZERO_FILL = "paygentic.zero_fill"


def may_summarise(call: Call, parameters: Parameters, query: Body) -> None:
    """Check the permission, that the cost exists, and that it has the dimensions that are named.

    :raises InvalidRequest: it has not.
    """
    may_read_costs(call, parameters, query)
    cost = _readable(call, parameters[0])
    costing.dimensions(cost).check(query or {})


def _readable(call: Call, identifier: str) -> Cost:
    return costs.must_exist(call, identifier, even_deleted=call.world.is_on(READ_DELETED))


def summary(call: Call, identifier: str, question: Question) -> Summary:
    """Return what a cost came to over a window of time.

    :raises InvalidRequest: the question names a dimension the cost does not have.
    :raises Refused: the window is empty, or has too many buckets.

    Source: paygentic/cost-tracking "Step 3: Query Cost Summary" (documented).
    """
    cost = _readable(call, identifier)
    filters = costing.filters_for(cost, question)
    cut = Cut(
        question.start, question.end, question.subject, filters, question.window,
        by_labels=question.group_by is not None,
    )  # fmt: skip
    found = [(cell.bucket, cell.labels, cell.tally) for cell in cells(call.world, cost, cut)]
    return costing.summarise(cost, question, found, fill=call.world.is_on(ZERO_FILL))
