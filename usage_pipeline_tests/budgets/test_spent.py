"""What budgets spent equals a plain account of the events, whatever is configured, renamed, added and taken away."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.settings import Settings
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.plain_budgets import (
    MEASURES,
    Event,
    World,
    spent,
    write_events,
    write_version,
    write_world,
)

ZONES = ("Asia/Shanghai", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC",
         "Pacific/Auckland", "America/Havana")  # fmt: skip
NAMES = ("support-bot", "sales-bot", "crm", "crm-test", "search_1", "100%")
LIMIT = dict.fromkeys(MEASURES, 1000)
many = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

globs = {
    "tenant": ["Tenant 0", "t1", "Tenant *", "*"],
    "environment": ["dev", "prod", "d*"],
    "project": ["*-bot", "crm*", "a1", "search?1", "100%", "*"],
    "api_key": ["k0", "app-1*", "*"],
    "caller": ["alice", "b*"],
    "provider": ["openai"],
    "model": ["gpt-*", "qwen"],
    "node": ["llm*", "Node x"],
}


def some(dimension: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(globs[dimension]), min_size=1, max_size=2)


scopes = st.fixed_dictionaries({}, optional={dimension: some(dimension) for dimension in globs})
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.integers(0, 364 * 86400).map(lambda seconds: FIRST + timedelta(seconds=seconds))
periods = st.sampled_from(["hour", "day", "week", "month", "quarter", "year", {"rolling": "5h"}, {"rolling": "48h"},
                           {"rolling": "9d"}, {"from": "2026-02-01", "to": "2026-10-15"}])  # fmt: skip


@st.composite
def budgets(draw: st.DrawFn, number: int) -> dict[str, object]:
    scope: dict[str, object] = dict(draw(st.one_of(st.just({}), scopes)))
    if draw(st.booleans()):
        scope["not"] = draw(st.sampled_from(sorted(globs)).flatmap(lambda name: some(name).map(lambda g: {name: g})))
    per = draw(st.lists(st.sampled_from(sorted(globs)), max_size=2, unique=True))
    budget = {"id": f"b{number}", "scope": scope, "per": per, "period": draw(periods), "limit": LIMIT,
              "include_estimated": draw(st.booleans())}  # fmt: skip
    if per and draw(st.booleans()):
        budget["except"] = {per[0]: draw(some(per[0]))}
    return budget


@st.composite
def configurations(draw: st.DrawFn) -> Settings:
    zone = draw(st.sampled_from(ZONES))
    own = [{"tenant": "Tenant 0", "timezone": draw(st.sampled_from(ZONES))}]
    made = [draw(budgets(number)) for number in range(draw(st.integers(1, 5)))]
    return Settings.model_validate({"version": 1, "timezone": zone, "tenants": own, "budgets": made})


@st.composite
def histories(draw: st.DrawFn, moment: datetime, first: int, tenants: int = 2) -> list[Event]:
    found = []
    for number in range(first, first + draw(st.integers(0, 12))):
        project = draw(st.integers(0, len(NAMES) - 1))
        age = draw(st.one_of(st.floats(-0.1, 3), st.floats(-26, 400))) * 86400
        found.append(Event(
            number=number, project=project, tenant=project % tenants, key=draw(st.sampled_from([None, project])),
            caller=draw(st.sampled_from([None, "alice", "bob"])), model=draw(st.sampled_from([None, "gpt-5", "qwen"])),
            node=draw(st.sampled_from([None, "llm1", "x"])), occurred_at=moment - timedelta(seconds=int(age)),
            input_tokens=draw(st.integers(0, 50)), output_tokens=draw(st.integers(0, 50)),
            cost=draw(st.sampled_from([None, Decimal("0.1"), Decimal("0.0000000000000001"), Decimal("12.34")])),
            kind=draw(st.sampled_from(["message", "message", "residual", "estimated"])),
        ))  # fmt: skip
    return found


@pytest.fixture
def version(warehouse: Connection) -> int:
    """A version of a configuration, for foreign keys."""
    return write_version(warehouse)


def roll(connection: Connection, world: World, events: list[Event]) -> None:
    roll_up(connection, sorted({world.day_of(event) for event in events}))


def assert_plain(connection: Connection, world: World, config: Settings, events: list[Event], moment: datetime) -> None:
    """budget_status holds what the plain account says, and nothing else but zeros."""
    for budget in config.budgets:
        wanted = {
            (value, name): amount
            for value, sums in spent(world, config, budget, events, moment).items()
            for name, amount in sums.items()
        }
        rows = connection.execute(
            "SELECT scope_value, measures, spent, \"limit\", ratio FROM usage.budget_status WHERE budget_id = %s"
            " AND period = %s AND period_start <= %s AND period_end > %s"
            " AND (period NOT LIKE 'rolling%%' OR as_of = %s)",
            [budget.id, budget.period_key, moment, moment, moment],
        ).fetchall()  # fmt: skip
        found = {
            (str(value), name): Decimal(facts["spent"])
            for value, measures, *_ in rows
            if isinstance(measures, dict)
            for name, facts in measures.items()
        }
        assert {key: amount for key, amount in found.items() if key in wanted} == wanted, budget
        assert not any(amount for key, amount in found.items() if key not in wanted), budget
        for value, *_, ratio in rows:
            assert ratio == max(found[str(value), name] / 1000 for name in MEASURES)


@many
@given(data=st.data(), config=configurations(), moment=moments, zones=st.tuples(*[st.sampled_from(ZONES)] * 2))
def test_spent_equals_a_plain_account(
    warehouse: Connection, version: int, data: st.DataObject, config: Settings, moment: datetime, zones: tuple[str, str]
) -> None:
    world = World((config.tenants[0].timezone or "UTC", zones[1]), NAMES)
    with warehouse.transaction(force_rollback=True):
        write_world(warehouse, world)
        events = data.draw(histories(moment, 0))
        write_events(warehouse, world, events)
        roll(warehouse, world, events)
        evaluate_budgets(warehouse, config, version, moment)
        assert_plain(warehouse, world, config, events, moment)

        # A project is renamed, events come late or go, the file changes: only what changed is counted anew.
        world = world.renamed(data.draw(st.integers(0, len(NAMES) - 1)), data.draw(st.sampled_from(NAMES)))
        write_world(warehouse, world)
        more = data.draw(histories(moment, 100))
        write_events(warehouse, world, more)
        gone = events[: data.draw(st.integers(0, len(events)))]
        for event in gone:
            warehouse.execute("DELETE FROM usage.usage_event WHERE event_id LIKE %s", [f"%:{event.number}"])
        roll(warehouse, world, more + gone)
        events = [event for event in events if event not in gone] + more
        if data.draw(st.booleans()):
            config = data.draw(configurations()).model_copy(update={"tenants": config.tenants})
            warehouse.execute("DELETE FROM usage.budget_status")
        later = moment + timedelta(minutes=data.draw(st.integers(0, 3000)))
        evaluate_budgets(warehouse, config, version, later)
        assert_plain(warehouse, world, config, events, later)


@many
@given(data=st.data(), moment=moments, dimension=st.sampled_from(["tenant", "environment", "project"]),
       period=periods, zone=st.sampled_from(ZONES))  # fmt: skip
def test_a_parent_is_the_sum_of_its_children(
    warehouse: Connection,
    version: int,
    data: st.DataObject,
    moment: datetime,
    dimension: str,
    period: object,
    zone: str,
) -> None:
    config = Settings.model_validate({"version": 1, "timezone": zone, "budgets": [
        {"id": "company", "period": period, "limit": LIMIT},
        {"id": "child", "parent": "company", "per": dimension, "period": period, "limit": LIMIT},
        {"id": "grandchild", "parent": "child", "per": ["project", "environment"], "period": period, "limit": LIMIT},
    ]})  # fmt: skip
    world = World((zone, zone), NAMES)
    with warehouse.transaction(force_rollback=True):
        write_world(warehouse, world)
        events = data.draw(histories(moment, 0))
        write_events(warehouse, world, events)
        roll(warehouse, world, events)
        evaluate_budgets(warehouse, config, version, moment)
        rows = warehouse.execute(
            "SELECT budget_id, sum((measures -> 'tokens' ->> 'spent')::numeric),"
            " sum((measures -> 'cost' ->> 'spent')::numeric),"
            " sum((measures -> 'calls' ->> 'spent')::numeric) FROM usage.budget_status"
            " WHERE period_start <= %s AND period_end > %s AND (period NOT LIKE 'rolling%%' OR as_of = %s)"
            " GROUP BY budget_id", [moment, moment, moment],
        ).fetchall()  # fmt: skip
        sums = {str(name): tuple(amounts) for name, *amounts in rows}
        nothing = (Decimal(0),) * 3
        assert sums.get("child", nothing) == sums.get("company", nothing) == sums.get("grandchild", nothing)


def test_a_renamed_project_takes_its_spending_with_it(warehouse: Connection, version: int) -> None:
    """No day is rolled up between: only the name has changed."""
    config = Settings.model_validate({"version": 1, "budgets": [
        {"id": "bots", "scope": {"project": "*-bot"}, "period": "month", "limit": LIMIT},
        {"id": "others", "scope": {"not": {"project": "*-bot"}}, "period": "month", "limit": LIMIT},
    ]})  # fmt: skip
    moment = datetime(2026, 5, 20, 12, tzinfo=UTC)
    world = World(("UTC",), ("crm",))
    events = [Event(number=1, tenant=0, project=0, key=None, caller=None, model=None, node=None,
                    occurred_at=moment - timedelta(days=9), input_tokens=7, output_tokens=0, cost=None)]  # fmt: skip
    write_world(warehouse, world)
    write_events(warehouse, world, events)
    roll(warehouse, world, events)
    for name, spent_then in (("crm", (0, 7)), ("crm-bot", (7, 0)), ("crm", (0, 7))):
        write_world(warehouse, world.renamed(0, name))
        with warehouse.transaction():
            evaluate_budgets(warehouse, config, version, moment)
        rows = warehouse.execute(
            "SELECT (measures -> 'tokens' ->> 'spent')::int FROM usage.budget_status ORDER BY budget_id"
        ).fetchall()
        assert tuple(row[0] for row in rows) == spent_then, name
