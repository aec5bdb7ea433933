"""`/metrics` for Prometheus and `/healthz` for whoever starts us anew."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from usage_pipeline.warehouse.statements import statement
from usage_pipeline.web.machine_tokens import machine_of

_PREFIX = "usage_pipeline_"
# By the names of sql/web/measurements.sql: what each says, and its labels.
_KINDS = {
    "budget_spent": (
        "Spent in the current period, in the unit of the measure",
        ("budget", "scope", "scope_value", "measure"),
    ),
    "budget_limit": (
        "Limit in the current period, with active overrides",
        ("budget", "scope", "scope_value", "measure"),
    ),
    "passes_last_hour": ("Passes that began within the hour, by how they ended", ("outcome",)),
    "last_pass_timestamp_seconds": ("When a pass last came to its end", ()),
    "source_lag_seconds": ("How far back the newest row that was read lies", ("source",)),
    "alerts_waiting": ("Alerts of which a delivery is still to be made", ()),
    "channel_failures_last_hour": ("Attempts within the hour that a channel did not accept", ("channel",)),
}


@dataclass(frozen=True)
class _Measurement:
    name: str
    labels: list[str]
    value: float


async def metrics(request: Request) -> Response:
    """Answers whoever has a token that sees every tenant: the labels are names of budgets and projects."""
    machine = machine_of(request.app.state.configured.seen(), request.headers.get("authorization", ""))
    if machine is None or machine.tenant is not None:
        said = "send Authorization: Bearer with a token of web.tokens that has no tenant\n"
        return PlainTextResponse(said, status_code=401, headers={"WWW-Authenticate": "Bearer"})
    try:
        found = await request.app.state.readers.rows(_Measurement, statement("web/measurements"), {})
    except (psycopg.Error, TimeoutError):
        return PlainTextResponse("the warehouse does not answer\n", status_code=503)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(found))
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def healthz(request: Request) -> Response:
    """Answers 200 while the warehouse answers. It shows nothing, so that it needs no token."""
    try:
        await request.app.state.readers.rows(
            _Measurement, "SELECT 'alive' AS name, '{}'::text[] AS labels, 1.0::float8 AS value", {}
        )
    except (psycopg.Error, TimeoutError):
        return PlainTextResponse("the warehouse does not answer\n", status_code=503)
    return PlainTextResponse("ok\n")


class _Found(Collector):
    """Hands measurements that were read already to the library."""

    def __init__(self, found: Sequence[_Measurement]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        """Returns a family a name."""
        for name, (said, labels) in _KINDS.items():
            family = GaugeMetricFamily(f"{_PREFIX}{name}", said, labels=labels)
            for measurement in self._found:
                if measurement.name == name:
                    family.add_metric(measurement.labels, measurement.value)
            yield family
