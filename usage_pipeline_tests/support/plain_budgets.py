"""A slow, plain account of what budgets spent, straight from events: what the set-based one is held against."""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from zoneinfo import ZoneInfo

from usage_pipeline.settings import Budget, Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value

Amounts = dict[str, Decimal]
MEASURES = ("tokens", "input_tokens", "output_tokens", "cost", "calls")


@dataclass(frozen=True)
class Event:
    """One row of usage_event, as far as budgets look at it."""

    number: int
    tenant: int
    project: int
    key: int | None
    caller: str | None
    model: str | None
    node: str | None
    occurred_at: datetime
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    kind: str = "message"  # or residual, estimated


@dataclass(frozen=True)
class World:
    """Tenants with their zones, and the names of projects; a project belongs to a tenant by its number."""

    zones: tuple[str, ...]
    project_names: tuple[str, ...]

    def tenant_of(self, project: int) -> int:
        """The tenant's number."""
        return project % len(self.zones)

    def environment_of(self, project: int) -> str:
        """dev for every third project."""
        return "dev" if project % 3 == 0 else "prod"

    def day_of(self, event: Event) -> date:
        """The usage date."""
        return event.occurred_at.astimezone(ZoneInfo(self.zones[event.tenant])).date()

    def renamed(self, project: int, name: str) -> "World":
        """The same world where a project has another name."""
        names = list(self.project_names)
        names[project] = name
        return replace(self, project_names=tuple(names))


def write_world(connection: Connection, world: World) -> None:
    """Tenants, projects and keys (one a project, and one more)."""
    for number, zone in enumerate(world.zones):
        connection.execute("INSERT INTO usage.tenant (source, tenant_id, name, timezone) VALUES ('main', %s, %s, %s)"
                           " ON CONFLICT (source, tenant_id) DO UPDATE SET timezone = excluded.timezone",
                           [f"t{number}", f"Tenant {number}", zone])  # fmt: skip
    for number, name in enumerate(world.project_names):
        values = [f"a{number}", f"t{world.tenant_of(number)}", name, world.environment_of(number)]
        connection.execute("INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment)"
                           " VALUES ('main', %s, %s, %s, 'chat', %s)"
                           " ON CONFLICT (source, app_id) DO UPDATE SET name = excluded.name", values)  # fmt: skip
        connection.execute("INSERT INTO usage.api_key (source, api_key_id, app_id, tenant_id, masked, created_at)"
                           " VALUES ('main', %s, %s, %s, %s, now()) ON CONFLICT DO NOTHING",
                           [f"k{number}", f"a{number}", f"t{world.tenant_of(number)}", f"app-{number}…"])  # fmt: skip


def write_version(connection: Connection) -> int:
    """A version of a configuration, for foreign keys; returns its number."""
    query = "INSERT INTO usage.config_version (hash, path, valid) VALUES ('x', 'x', true) RETURNING version_id"
    return value(connection, int, query)


def write_events(connection: Connection, world: World, events: Iterable[Event]) -> None:
    """The events, each on its tenant's day."""
    for event in events:
        prefix = "residual" if event.kind == "residual" else "message"
        connection.execute(
            "INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, node_id, node_title,"
            " api_key_id, key_attribution, caller_kind, caller_id, provider, model, input_tokens, output_tokens,"
            " total_tokens, base_cost, price_source, basis, status, occurred_at, usage_date) VALUES"
            " ('main', %s, %s, %s, %s, %s, %s, %s, 'sole', 'api', %s, %s, %s, %s, %s, %s, %s, 'dify', %s, 'succeeded',"
            " %s, %s)",
            [f"{prefix}:{event.number}", f"t{event.tenant}", world.environment_of(event.project), f"a{event.project}",
             event.node, event.node and f"Node {event.node}", None if event.key is None else f"k{event.key}",
             event.caller, event.model and "openai", event.model, event.input_tokens, event.output_tokens,
             event.input_tokens + event.output_tokens, event.cost,
             "estimated" if event.kind == "estimated" else "logged", event.occurred_at, world.day_of(event)],
        )  # fmt: skip


def cut(period: str, zone: str, moment: datetime) -> tuple[date, date, datetime, datetime] | None:
    """First day, day after the last, first moment, moment after the last of the period that a moment lies in."""
    local = moment.astimezone(ZoneInfo(zone))
    today = local.date()
    kind, _, rest = period.partition(":")
    if period == "hour" or (kind == "rolling" and rest.endswith("h")):
        hours = 1 if period == "hour" else int(rest[:-1])
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        ends = (moment - into).astimezone(UTC) + timedelta(hours=1)
        starts = ends - timedelta(hours=hours)
        return date.min, date.max, starts, ends
    if kind == "rolling":
        first, end = today - timedelta(days=int(rest[:-1]) - 1), today + timedelta(days=1)
    elif kind == "campaign":
        first, end = (date.fromisoformat(day) for day in rest.split(":"))
        if not first <= today < end:
            return None
    else:
        first, end = _calendar(kind, today)
    return first, end, first_moment(first, zone), first_moment(end, zone)


def _calendar(kind: str, today: date) -> tuple[date, date]:
    if kind == "day":
        return today, today + timedelta(days=1)
    if kind == "week":
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=7)
    months = {"month": 1, "quarter": 3, "year": 12}[kind]
    first = date(today.year, (today.month - 1) // months * months + 1, 1)
    end = first
    for _ in range(months):
        end += timedelta(days=calendar.monthrange(end.year, end.month)[1])
    return first, end


@cache
def first_moment(day: date, zone: str) -> datetime:
    """The first moment that the zone calls the day: looked for quarter by quarter, whatever clocks do at midnight."""
    moment = datetime.combine(day, time(), UTC) - timedelta(hours=16)
    while moment.astimezone(ZoneInfo(zone)).date() < day:
        moment += timedelta(minutes=15)
    return moment


def fits(world: World, budget: Budget, event: Event) -> bool:
    """Whether a budget takes an event in."""
    if event.kind == "estimated" and not budget.include_estimated:
        return False
    names = {
        "tenant": (f"t{event.tenant}", f"Tenant {event.tenant}"),
        "environment": (world.environment_of(event.project),),
        "project": (f"a{event.project}", world.project_names[event.project]),
        "api_key": () if event.key is None else (f"k{event.key}", f"app-{event.key}…"),
        "caller": () if event.caller is None else (event.caller,),
        "provider": () if event.model is None else ("openai",),
        "model": () if event.model is None else (event.model,),
        "node": () if event.node is None else (event.node, f"Node {event.node}"),
    }

    def among(dimension: str, globs: Sequence[str]) -> bool:
        return any(fnmatchcase(name, glob) for name in names[dimension] for glob in globs)

    return all(among(*item) for item in budget.scope.values().items()) and not any(
        among(*item) for item in budget.excluded().items()
    )


def value_of(budget: Budget, event: Event) -> str | None:
    """The value of the budget that an event belongs to; None: to none."""
    parts = {
        "tenant": f"tenant=main/t{event.tenant}",
        "project": f"project=main/a{event.project}",
        "api_key": None if event.key is None else f"api_key=main/k{event.key}",
        "caller": None if event.caller is None else f"caller=main/t{event.tenant}/api/{event.caller}",
        "provider": None if event.model is None else "provider=openai",
        "model": None if event.model is None else f"model={event.model}",
        "node": None if event.node is None else f"node=main/a{event.project}/{event.node}",
    }
    order = ("tenant", "environment", "project", "api_key", "caller", "provider", "model", "node")
    found = [
        f"environment={World(('UTC',), ()).environment_of(event.project)}" if name == "environment" else parts[name]
        for name in order
        if name in budget.per
    ]
    return None if None in found else "|".join(str(part) for part in found)


def spent(
    world: World, settings: Settings, budget: Budget, events: Iterable[Event], moment: datetime
) -> Mapping[str, Amounts]:
    """What each value spent in the period that a moment lies in."""
    found: dict[str, Amounts] = {}
    for event in events:
        value = value_of(budget, event) if fits(world, budget, event) else None
        if value is None:
            continue
        own_zone = {"tenant", "project", "api_key", "caller", "node"} & set(budget.per)
        zone = world.zones[event.tenant] if own_zone else _zone(settings, budget)
        bounds = cut(budget.period_key, zone, moment)
        if bounds is None:
            continue
        first, end, starts, ends = bounds
        inside = starts <= event.occurred_at < ends if budget.by_the_hour else first <= world.day_of(event) < end
        if not inside:
            continue
        sums = found.setdefault(value, dict.fromkeys(MEASURES, Decimal(0)))
        sums["tokens"] += event.input_tokens + event.output_tokens
        if event.kind != "estimated":
            sums["input_tokens"] += event.input_tokens
            sums["output_tokens"] += event.output_tokens
            sums["cost"] += event.cost or 0
            sums["calls"] += event.kind != "residual"
    return found


def _zone(settings: Settings, budget: Budget) -> str:
    names = budget.scope.values().get("tenant")
    rules = {rule.tenant: rule.timezone for rule in settings.tenants}
    return (rules.get(names[0]) if names and len(names) == 1 else None) or settings.timezone
