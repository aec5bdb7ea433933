"""The pages of a budget and of a project over HTTP, by the link of an alert: they only show."""

from datetime import UTC, datetime
from decimal import Decimal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from usage_pipeline import inputs
from usage_pipeline.inputs import InputError
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.web.alert_routes import visitor
from usage_pipeline.web.budget_page import budget_page
from usage_pipeline.web.configured import Configured
from usage_pipeline.web.project_page import project_page
from usage_pipeline.web.rendering import page


async def budget_view(request: Request) -> Response:
    """Shows a budget; `value` chooses one of its values, `limit` is tried on its periods."""
    return await run_in_threadpool(_budget, request)


async def project_view(request: Request) -> Response:
    """Shows a project."""
    return await run_in_threadpool(_project, request)


def _budget(request: Request) -> Response:
    configured: Configured = request.app.state.configured
    settings = configured.settings
    visit = visitor(request, settings)
    query = request.query_params
    with connected(configured.warehouse_url) as connection:
        found = budget_page(
            connection,
            settings,
            visit,
            request.path_params["budget_id"],
            query.get("value"),
            _limit(query.get("limit", "")),
        )
    return page("budget", settings, visit.language, page=found, visit=visit)


def _limit(typed: str) -> Decimal | None:
    """What cannot be read is as if nothing had been tried."""
    try:
        return inputs.number("limit", typed)
    except InputError:
        return None


def _project(request: Request) -> Response:
    configured: Configured = request.app.state.configured
    settings = configured.settings
    visit = visitor(request, settings)
    source, app_id = request.path_params["source"], request.path_params["app_id"]
    with connected(configured.warehouse_url) as connection:
        found = project_page(connection, settings, visit, source, app_id, datetime.now(UTC))
    return page("project", settings, visit.language, page=found, visit=visit)
