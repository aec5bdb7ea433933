"""What the page of an alert shows: the facts then and now, who burnt it, what happened, and what can be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from usage_pipeline.alerts.history import RecordedAlert, recorded_alert
from usage_pipeline.alerts.kinds.facts import number
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.recipient_view import facts_for, tenants_of
from usage_pipeline.alerts.recipients import TenantName
from usage_pipeline.alerts.silences import RecordedSilence
from usage_pipeline.alerts.text.texts import deeds_of, lines_of, summary, title_of
from usage_pipeline.budgets.audit_log import THE_PIPELINE
from usage_pipeline.budgets.current import CurrentStatus, current_status
from usage_pipeline.budgets.explain import Explanation
from usage_pipeline.settings import Budget, Settings
from usage_pipeline.settings.environment import run_page
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement
from usage_pipeline.web.concerned import ConcernedProject, projects_of, silenced_by
from usage_pipeline.web.course import course_of, parts_of
from usage_pipeline.web.offers import Matter, Offer, matter_of, offers
from usage_pipeline.web.pictures import Picture, StandingBar, bar, picture
from usage_pipeline.web.visit import NotYoursError, Visit, must_be_theirs

_STORY_AFTER = timedelta(days=7)
_AUTOMATIC = ("raised", "resolved")


@dataclass(frozen=True)
class HistoryStep:
    """Something that happened; ``by`` is a person, or the pipeline itself. Times aware UTC."""

    at: datetime
    what: str
    by: str
    known_by: str | None
    about: str
    detail: str
    tenant_id: str | None
    tenant_name: str | None

    @property
    def is_automatic(self) -> bool:
        """Returns whether no person did it."""
        return self.known_by is None and (self.by == THE_PIPELINE or self.what in _AUTOMATIC)


@dataclass(frozen=True)
class AlertPage:
    """All that the page of an alert shows."""

    visit: Visit
    matter: Matter
    title: str
    summary: str
    lines: Sequence[tuple[str, str]]
    zone: str
    currency: str
    now: datetime
    then_bar: StandingBar | None
    then: Mapping[str, Decimal | None]
    status: CurrentStatus | None
    now_bar: StandingBar | None
    explained: Explanation | None
    picture: Picture | None
    story: Sequence[HistoryStep]
    offers: Sequence[Offer]
    budget: Budget | None
    projects: Sequence[ConcernedProject]
    silenced: RecordedSilence | None
    run: str | None

    @property
    def alert(self) -> RecordedAlert:
        """Returns the alert."""
        return self.matter.alert


def alert_page(connection: Connection, settings: Settings, visit: Visit, now: datetime) -> AlertPage:
    """Returns what the visitor sees of the link's alert. Raises NotYoursError when it was not sent to its recipient."""
    alert = recorded_for(connection, visit)
    matter = matter_of(connection, settings, visit, alert)
    budget = next((each for each in settings.budgets if each.id == matter.budget_id), None)
    status = _status(connection, matter)
    explained = _explained(connection, budget, matter, now) if budget and matter.is_visible else None
    facts = facts_for(settings, visit.link.recipient, alert.facts, visit.language)
    shown = Alert(alert.alert_id, alert.kind, alert.level, facts)
    # The page itself is where all of its deeds are done.
    shown = replace(shown, links=[(deed, "") for deed in deeds_of(shown, "trigger")])
    message = Message("", alert.alert_id, alert.kind, alert.level, facts, visit.language)
    story = _story(connection, settings, visit, matter, now)
    then = {name: number(facts.get(name)) for name in ("spent", "limit", "forecast", "ratio")}
    return AlertPage(
        visit=visit,
        matter=matter,
        title=title_of(shown, message),
        summary=summary(shown, visit.language),
        lines=lines_of(shown, visit.language),
        zone=str(facts.get("timezone") or settings.timezone),
        currency=settings.currency,
        now=now,
        then_bar=bar(then["spent"], then["limit"], then["forecast"]) if then["spent"] and then["limit"] else None,
        then=then,
        status=status,
        now_bar=bar(status.spent, status.limit, status.forecast) if status else None,
        explained=explained,
        picture=_picture(connection, budget, status, explained) if budget else None,
        story=story,
        offers=offers(connection, settings, visit, matter, now),
        budget=budget,
        projects=projects_of(connection, settings, matter, status),
        silenced=silenced_by(connection, matter, now),
        run=_run(settings, story) if matter.sight.everything else None,
    )


def recorded_for(connection: Connection, visit: Visit) -> RecordedAlert:
    """Returns the link's alert. Raises NotYoursError when it was not sent to the link's recipient."""
    must_be_theirs(connection, visit.link)
    alert = recorded_alert(connection, visit.link.alert_id)
    if alert is None:
        raise NotYoursError
    return alert


def _status(connection: Connection, matter: Matter) -> CurrentStatus | None:
    """Where the alert's value stands now: what its recipient was told of, they may see."""
    if not matter.budget_id:
        return None
    found = current_status(connection, [matter.budget_id])
    return next((status for status in found if status.scope_value == matter.scope_value), None)


def _explained(connection: Connection, budget: Budget, matter: Matter, now: datetime) -> Explanation | None:
    at = now if matter.alert.kind != "budget" else min(now, _end_of_alert(matter) or now)
    return parts_of(connection, budget, matter.scope_value, at)


def _end_of_alert(matter: Matter) -> datetime | None:
    """Within its period: afterwards the page shows the period that the alert was of."""
    end = _moment(matter.alert, "period_end")
    return end - timedelta(seconds=1) if end else None


def _moment(alert: RecordedAlert, name: str) -> datetime | None:
    """A time of the alert's facts; None for what is none: a row may be of an older version."""
    try:
        found = datetime.fromisoformat(str(alert.facts.get(name)))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _picture(
    connection: Connection, budget: Budget, status: CurrentStatus | None, explained: Explanation | None
) -> Picture | None:
    if explained is None or status is None:
        return None
    scope = {str(key): str(part) for key, part in (status.scope_ids or {}).items()}
    course = course_of(connection, budget, scope, explained)
    if course is None:
        return None
    return picture([each.spent for each in course.buckets], [each.usual for each in course.buckets], course.begun)


def _story(
    connection: Connection, settings: Settings, visit: Visit, matter: Matter, now: datetime
) -> list[HistoryStep]:
    """What happened, without what is another tenant's; a recipient of another tenant has no name in it."""
    parameters = {
        "alert_id": matter.alert.alert_id,
        "budget_id": matter.budget_id,
        "scope_value": matter.scope_value,
        "actions": [] if matter.budget_id else [action.action_id for action in matter.actions],
        "from": _moment(matter.alert, "period_start") or matter.alert.created_at - _STORY_AFTER,
        "until": max(now, matter.alert.created_at + _STORY_AFTER),
    }
    found = rows(connection, HistoryStep, statement("web/story_of_alert"), parameters)
    seen = [
        step
        for step in found
        if step.tenant_id is None or matter.sight.sees(TenantName(step.tenant_id, step.tenant_name or ""))
    ]
    return [replace(step, by=_shown_name(settings, visit, matter, step.by)) for step in seen]


def _run(settings: Settings, story: Sequence[HistoryStep]) -> str | None:
    """The address of the run that raised the alert, else of Dagster's UI; None where neither is known."""
    address = settings.web.dagster_url if settings.web else None
    by = next((step.by for step in story if step.what == "raised"), "")
    try:
        run_id = str(UUID(by))
    except ValueError:
        return address
    return f"{address}/runs/{run_id}" if address else run_page(run_id)


def _shown_name(settings: Settings, visit: Visit, matter: Matter, name: str) -> str:
    """A person's name, but not that of another tenant's recipient."""
    if matter.sight.everything or name in (visit.person, visit.link.recipient):
        return name
    return name if not tenants_of(settings, name) or tenants_of(settings, name) & matter.sight.tenants else ""
