"""The page of an alert over HTTP: GET shows it and changes nothing, POST does what one form says."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from usage_pipeline.alerts.kinds.budget import BUDGET
from usage_pipeline.inputs import InputError
from usage_pipeline.links import Form, LinkError, form_token, read_form
from usage_pipeline.reports import labels
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.web import deeds
from usage_pipeline.web.alert_page import AlertPage, HistoryStep, alert_page
from usage_pipeline.web.configured import Configured
from usage_pipeline.web.deeds import NotOfferedError, SentForm, UsedError
from usage_pipeline.web.rendering import page, root_path, sorry
from usage_pipeline.web.visit import Visit, visit_of
from usage_pipeline.web.words import WORDS

_log = logging.getLogger("usage_pipeline.web")
_LARGEST_FORM = 20_000
_MOST_FIELDS = 20


def visitor(request: Request, settings: Settings) -> Visit:
    """Returns who asks for the page of a link. Raises LinkError."""
    header = settings.web.trusted_header if settings.web else None
    return visit_of(
        settings,
        request.path_params["token"],
        request.client.host if request.client else "",
        request.headers.getlist(header) if header else [],
        request.query_params.get("lang"),
    )


async def alert(request: Request) -> Response:
    """GET and HEAD show the alert; POST does a deed."""
    configured: Configured = request.app.state.configured
    if request.method == "POST":
        typed = await _typed(request)
        return await run_in_threadpool(_do, request, configured, typed)
    return await run_in_threadpool(_show, request, configured)


async def _typed(request: Request) -> Mapping[str, str]:
    """The form's fields; none when there are more, or larger ones, than any page of ours has."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            return {}
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def _show(request: Request, configured: Configured) -> Response:
    settings = configured.settings
    visit = visitor(request, settings)
    with connected(configured.warehouse_url) as connection:
        found = alert_page(connection, settings, visit, datetime.now(UTC))
    said = WORDS[visit.language].get(f"done_{request.query_params.get('done', '')}", "")
    return _page(settings, found, said=said)


def _do(request: Request, configured: Configured, typed: Mapping[str, str]) -> Response:
    configuration = configured.active()
    settings = configuration.settings
    visit = visitor(request, settings)
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise LinkError("a page of another site sent it")
    form = read_form(typed.get("form", ""))
    if (form.link, form.person, form.known_by) != (visit.link, visit.person, visit.known_by):
        raise LinkError("it was shown to somebody else, or is of another alert")
    now = datetime.now(UTC)
    with connected(configured.warehouse_url) as connection:
        found = alert_page(connection, settings, visit, now)
        try:
            deeds.do(SentForm(connection, configuration, visit, found.matter, form, typed, now))
        except (UsedError, NotOfferedError) as error:
            which = "used" if isinstance(error, UsedError) else "not_offered"
            return sorry(settings, visit.language, which, status=410, back=f"{root_path(settings)}/a/{visit.token}")
        except InputError as error:
            said = _mistake(settings, WORDS[visit.language], error)
            return _page(settings, found, said=said, wrong=True, typed=typed, status=400)
    _log.info("%s by %s (%s) for alert %s", form.deed, visit.person, visit.known_by, visit.link.alert_id)
    address = f"{root_path(settings)}/a/{visit.token}?done={form.deed}&lang={visit.language}"
    return RedirectResponse(address, status_code=303, background=BackgroundTask(_follow, configured, form))


def _mistake(settings: Settings, text: Mapping[str, str], error: InputError) -> str:
    approvals = settings.approvals
    explained = text["error_wrong_text"].format(
        error=error, percent=approvals.highest_percent, days=approvals.longest_days
    )
    return f"{text['error_wrong']}: {explained}"


def _follow(configured: Configured, form: Form) -> None:
    """After the answer has left: Dify may take its time. What is not done here is done by the next pass."""
    with connected(configured.warehouse_url) as connection:
        deeds.follow(connection, configured.active(), form)


def _page(
    settings: Settings,
    found: AlertPage,
    *,
    said: str = "",
    wrong: bool = False,
    typed: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    visit, text = found.visit, WORDS[found.visit.language]

    tokens = {
        offer: form_token(visit.link, offer.deed, offer.subject, visit.person, visit.known_by) for offer in found.offers
    }
    return page(
        "alert",
        settings,
        visit.language,
        status=status,
        page=found,
        visit=visit,
        tokens=tokens,
        said=said,
        said_of=lambda step: _said(step, visit.language),
        detail_of=lambda step: _detail(step, visit.language),
        by_whom=lambda step: text["the_pipeline"] if step.is_automatic else step.by or text["somebody_else"],
        wrong=wrong,
        typed={name: (typed or {}).get(name, "") for name in ("amount", "unit", "until", "reason", "hours")},
        approvers=", ".join(settings.approvals.approvers) or "–",
        pending=any(override.state == "pending" for override in found.matter.overrides),
    )


def _detail(step: HistoryStep, language: str) -> str:
    """What people wrote, and reasons in words; what the pipeline noted of itself is for its own log."""
    if step.what == "resolved":
        return BUDGET.words[language].why_ended.get(step.detail, step.detail)
    if step.what == "raise requested":
        return step.detail.partition(": ")[2]
    return "" if step.is_automatic or step.detail == f"by {step.by}" else step.detail


def _said(step: HistoryStep, language: str) -> str:
    text = WORDS[language]
    action, _, kind = step.what.partition(": ")
    if kind:
        about = f" · {step.about}" if step.about else ""
        done = text.get(f"step_{kind}") or labels.action_state(kind, language)
        return f"{labels.action(action, language)}: {done}{about}"
    return text.get(f"what_{step.what}", step.what)
