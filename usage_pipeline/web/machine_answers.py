"""`GET /v1/budgets/ID?scope=…`: where a budget stands, for a workflow that looks before it calls a model."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from usage_pipeline.warehouse.statements import statement
from usage_pipeline.web.machine_tokens import machine_of
from usage_pipeline.web.readers import Readers

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class _Standing:
    """A row of sql/web/machine_budget.sql and machine_budget_alone.sql."""

    scope_value: str
    scope_name: str
    measure: str
    spent: Decimal
    limit: Decimal
    ratio: Decimal
    level: str
    forecast: Decimal | None
    as_of: datetime
    period_start: datetime
    period_end: datetime


async def budget(request: Request) -> Response:
    """Answers with JSON; amounts are numbers as text, since a float loses cents."""
    settings = request.app.state.configured.seen()
    machine = machine_of(settings, request.headers.get("authorization", ""))
    if machine is None:
        return _answer(401, {"error": "no token of web.tokens was sent; send Authorization: Bearer TOKEN"})
    budget_id, scope = request.path_params["budget_id"], request.query_params.get("scope") or None
    readers: Readers = request.app.state.readers
    parameters = {"budget_id": budget_id, "scope": scope, "tenant": machine.tenant}
    try:
        query = statement("web/machine_budget" if scope else "web/machine_budget_alone")
        found = await readers.rows(_Standing, query, parameters)
    except (psycopg.Error, TimeoutError):
        return _answer(503, {"error": "the warehouse does not answer; ask again in a moment"})
    of_one = {row.scope_value for row in found}
    if len(of_one) > 1:
        return _answer(400, {"error": "the budget has several values: say which with ?scope=, by name or scope value"})
    if not found and all(each.id != budget_id for each in settings.budgets):
        return _answer(404, {"error": f"there is no budget {budget_id[:63]!r}"})
    if not found:
        return _answer(
            404, {"error": "nothing of that scope was spent in the current period, or it is not yours to see"}
        )
    return _answer(200, _document(budget_id, found[0], settings.currency))


def _document(budget_id: str, found: _Standing, currency: str) -> dict[str, object]:
    return {
        "budget": budget_id,
        "scope": found.scope_name,
        "scope_value": found.scope_value,
        "measure": found.measure,
        "unit": currency if found.measure == "cost" else found.measure,
        "spent": _plain(found.spent),
        "limit": _plain(found.limit),
        "left": _plain(max(found.limit - found.spent, Decimal(0))),
        "ratio": _plain(found.ratio),
        "level": found.level,
        "forecast": None if found.forecast is None else _plain(found.forecast),
        "as_of": found.as_of.isoformat(),
        "as_of_ms": int(found.as_of.timestamp() * 1000),
        "period_start_ms": int(found.period_start.timestamp() * 1000),
        "period_end_ms": int(found.period_end.timestamp() * 1000),
        "answered_ms": int(datetime.now(UTC).timestamp() * 1000),
    }


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _answer(status: int, document: dict[str, object]) -> Response:
    headers = _NO_STORE | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
    body = json.dumps(document, ensure_ascii=False)
    return Response(body, status_code=status, media_type="application/json", headers=headers)
