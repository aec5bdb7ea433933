"""The web application: its addresses, and what becomes of an error on any of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from usage_pipeline.links import LinkError, LinkExpiredError
from usage_pipeline.web.alert_routes import alert
from usage_pipeline.web.configured import Configured
from usage_pipeline.web.machine_answers import budget
from usage_pipeline.web.measurements import healthz, metrics
from usage_pipeline.web.readers import Readers
from usage_pipeline.web.rendering import sorry
from usage_pipeline.web.view_routes import budget_view, project_view
from usage_pipeline.web.visit import NotYoursError

_log = logging.getLogger("usage_pipeline.web")


def web_app(warehouse_url: str) -> Starlette:
    """Returns the ASGI application on a migrated warehouse."""
    app = Starlette(
        routes=[
            Route("/a/{token}", alert, methods=["GET", "POST"]),
            Route("/a/{token}/budget/{budget_id}", budget_view),
            Route("/a/{token}/project/{source}/{app_id}", project_view),
            Route("/v1/budgets/{budget_id}", budget),
            Route("/metrics", metrics),
            Route("/healthz", healthz),
        ],
        lifespan=_closing,
        exception_handlers={
            LinkExpiredError: _answer("expired", 410),
            LinkError: _answer("altered", 403),
            NotYoursError: _answer("not_yours", 403),
            HTTPException: _http_error,
            Exception: _ours,
        },
    )
    app.state.configured = Configured(warehouse_url)
    app.state.readers = Readers(warehouse_url)
    return app


@asynccontextmanager
async def _closing(app: Starlette) -> AsyncIterator[None]:
    """Reads the configuration before the first question, looks after it while we run, and closes what is open."""
    configured: Configured = app.state.configured
    await run_in_threadpool(configured.active)
    watching = asyncio.create_task(configured.watch())
    try:
        yield
    finally:
        watching.cancel()
        await app.state.readers.close()


def _answer(which: str, status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, _: Exception) -> Response:
        return await run_in_threadpool(_sorry, request, which, status)

    return handle


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return await run_in_threadpool(_sorry, request, "not_found", status)


async def _ours(request: Request, error: Exception) -> Response:
    # The text of an error may hold what a page may not show.
    _log.error("a page could not be shown: %s", type(error).__name__)
    return await run_in_threadpool(_sorry, request, "ours", 500)


def _sorry(request: Request, which: str, status: int) -> Response:
    settings = request.app.state.configured.settings
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")[:2].lower()
    language = asked if asked in ("zh", "en") else settings.language
    return sorry(settings, language, which, status=status)
