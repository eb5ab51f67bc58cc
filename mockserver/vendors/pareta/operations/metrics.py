"""The five dimensions of an endpoint: the database adds its calls up by hour or day, the rules do the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

from mockserver.kernel.call import Call
from mockserver.kernel.windows import DAY, HOUR
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.catalog import ServedEndpoint
from mockserver.vendors.pareta.domain.metrics import (
    Latency,
    Tally,
    Window,
    added,
    incidents_of,
    latency_of,
    window_of,
)
from mockserver.vendors.pareta.domain.pricing import mean_half_up
from mockserver.vendors.pareta.operations.endpoints import endpoint_named
from mockserver.vendors.pareta.tables.endpoints import CallsOf

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Series:
    """What an endpoint served in a window.

    :param width: of the buckets, in microseconds.
    :param buckets: by their start, oldest first, those without a call left out.
    """

    endpoint: ServedEndpoint
    window: Window
    width: int
    buckets: Mapping[int, Tally]
    whole: Tally


@dataclass(frozen=True, slots=True)
class Cost:
    """What an endpoint's calls cost.

    :param rate_micro_usd: of one request; where tokens are metered the mean of the window, `None` without requests.
    """

    series: Series
    rate_micro_usd: int | None


@dataclass(frozen=True, slots=True)
class Performance:
    """How long an endpoint's successful calls took, in all and by bucket."""

    series: Series
    whole: Latency
    buckets: Mapping[int, Latency]


@dataclass(frozen=True, slots=True)
class Uptime:
    """Whether an endpoint answered.

    :param incidents: runs of failures on the vendor's side as (first instant, last instant, failures).
    """

    series: Series
    incidents: list[tuple[int, int, int]] = field(default_factory=list)


def cost(call: Call, endpoint_id: str, params: Params) -> Cost:
    """Return what an endpoint's calls cost.

    :raises NotFound: there is no such endpoint.
    """
    series = _series(call, endpoint_id, window_of(params, call.now), DAY)
    endpoint, whole = series.endpoint, series.whole
    task = tables.catalog.find_task(call.world, endpoint.task)
    has_own_rate = endpoint.extra.get("cost_per_request_micro_usd") is not None
    if has_own_rate or task is None or not task.is_metered_by_token:
        return Cost(series, endpoint.cost_micro_usd)
    return Cost(series, mean_half_up(whole.total_micro_usd, whole.succeeded) if whole.succeeded else None)


def quality(call: Call, endpoint_id: str, params: Params) -> Series:
    """Return what the judge thought of an endpoint's answers, in the judge's own windows.

    :raises NotFound: there is no such endpoint.
    """
    window = window_of(params, call.now)
    return _series(call, endpoint_id, window, window.judge_width)


def performance(call: Call, endpoint_id: str, params: Params) -> Performance:
    """Return how fast an endpoint answered, by hour unless told otherwise.

    :raises NotFound: there is no such endpoint.
    """
    series = _series(call, endpoint_id, window_of(params, call.now), HOUR)
    times = tables.endpoints.latencies(call.world, _calls_of(series.endpoint), series.window, series.width)
    by_bucket = {start: latency_of(times.get(start, ())) for start in series.buckets}
    return Performance(series, latency_of(chain.from_iterable(times.values())), by_bucket)


def uptime(call: Call, endpoint_id: str, params: Params) -> Uptime:
    """Return whether an endpoint answered, by day unless told otherwise.

    :raises NotFound: there is no such endpoint.
    """
    series = _series(call, endpoint_id, window_of(params, call.now), DAY)
    if not series.whole.down:
        return Uptime(series)
    return Uptime(series, incidents_of(tables.endpoints.fates(call.world, _calls_of(series.endpoint), series.window)))


def activity(call: Call, endpoint_id: str, params: Params) -> Series:
    """Return how much an endpoint was used, by day unless told otherwise.

    :raises NotFound: there is no such endpoint.
    """
    return _series(call, endpoint_id, window_of(params, call.now), DAY)


def _series(call: Call, endpoint_id: str, window: Window, width: int) -> Series:
    endpoint = endpoint_named(call.world, endpoint_id)
    width = window.bucket or width
    buckets = tables.endpoints.tallies(call.world, _calls_of(endpoint), window, width)
    return Series(endpoint, window, width, buckets, added(buckets.values()))


def _calls_of(endpoint: ServedEndpoint) -> CallsOf:
    return CallsOf(endpoint.id, endpoint.first_call)
