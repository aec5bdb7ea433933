"""A pass that evaluates only what spent, or nothing, leaves budgets as one that evaluates everything would."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.budgets.pace import LastEvaluation, pace
from usage_pipeline.settings import Settings
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_version, write_world

NAMES = ("support-bot", "sales-bot", "crm", "crm-test")
ZONES = ("Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "UTC")
LIMIT = {"tokens": 300, "cost": 40}
TIERS = [{"at": 50, "level": "warning"}, {"at": 100, "level": "emergency"}]
BUDGETS = [
    {"id": "company", "period": "month", "limit": LIMIT},
    {"id": "projects", "per": "project", "period": "day", "limit": LIMIT},
    {"id": "bots", "scope": {"project": "*-bot"}, "per": ["project", "caller"], "period": "week", "limit": LIMIT},
    {"id": "callers", "per": "caller", "period": "hour", "limit": LIMIT},
]
# Ten minutes into a quarter of an hour: minutes around it lie in the same one.
moments = st.integers(0, 300 * 96).map(
    lambda quarters: datetime(2026, 1, 1, 0, 10, tzinfo=UTC) + timedelta(minutes=15 * quarters)
)
_STANDING = (
    'SELECT budget_id, scope_value, period_start, spent, "limit", ratio, level, measures FROM usage.budget_status'
    " WHERE period_end > %s AND spent > 0 ORDER BY 1, 2, 3"
)


@st.composite
def calls(draw: st.DrawFn, moment: datetime, first: int) -> list[Event]:
    found = []
    for number in range(first, first + draw(st.integers(0, 4))):
        project = draw(st.integers(0, len(NAMES) - 1))
        ago = draw(st.one_of(st.integers(0, 3600), st.integers(0, 86400 * 20)))
        found.append(Event(
            number=number, project=project, tenant=project % 2, key=None, caller=draw(st.sampled_from([None, "alice"])),
            model="gpt-5", node=None, occurred_at=moment - timedelta(seconds=ago),
            input_tokens=draw(st.integers(0, 120)), output_tokens=0,
            cost=draw(st.sampled_from([None, Decimal("12.5")])),
        ))  # fmt: skip
    return found


@pytest.fixture
def version(warehouse: Connection) -> int:
    """A version of a configuration, for foreign keys."""
    return write_version(warehouse)


def _pass(connection: Connection, world: World, config: Settings, version: int, more: list[Event], at: datetime) -> str:
    write_events(connection, world, more)
    roll_up(connection, sorted({world.day_of(event) for event in more}))
    extent = pace(connection, version).extent(at)
    evaluate_budgets(connection, config, version, at, everything=False)
    return extent


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), moment=moments, zones=st.tuples(*[st.sampled_from(ZONES)] * 2))
def test_what_spent_alone_is_enough(
    warehouse: Connection, version: int, data: st.DataObject, moment: datetime, zones: tuple[str, str]
) -> None:
    config = Settings.model_validate({"version": 1, "timezone": zones[0], "tiers": TIERS, "budgets": BUDGETS})
    world = World(zones, NAMES)
    with warehouse.transaction(force_rollback=True):
        write_world(warehouse, world)
        extents = []
        for number in range(4):
            more, at = data.draw(calls(moment, 10 * number)), moment + number * timedelta(seconds=50)
            extents.append(_pass(warehouse, world, config, version, more, at))
        assert extents[0] == "everything"
        assert "everything" not in extents[1:]
        now = moment + timedelta(seconds=150)
        found = evaluate_budgets(warehouse, config, version, now, everything=False)
        stands = warehouse.execute(_STANDING, [now]).fetchall()
        whole = evaluate_budgets(warehouse, config, version, now)
        assert stands == warehouse.execute(_STANDING, [now]).fetchall()
        gravest = {level: number for level, number in whole.levels.items() if level != "ok"}
        assert {level: number for level, number in found.levels.items() if level != "ok"} == gravest


def test_each_pass_tells_what_was_reached_in_it(warehouse: Connection, version: int) -> None:
    config = Settings.model_validate({"version": 1, "timezone": "UTC", "tiers": TIERS, "budgets": BUDGETS[1:2]})
    world, moment = World(("UTC", "UTC"), NAMES), datetime(2026, 5, 20, 12, 10, tzinfo=UTC)
    write_world(warehouse, world)

    def tells(number: int, tokens: int) -> list[tuple[str, int]]:
        event = Event(number=number, project=0, tenant=0, key=None, caller=None, model=None, node=None,
                      occurred_at=moment, input_tokens=tokens, output_tokens=0, cost=None)  # fmt: skip
        write_events(warehouse, world, [event])
        roll_up(warehouse, [world.day_of(event)])
        with warehouse.transaction():
            found = evaluate_budgets(
                warehouse, config, version, moment + number * timedelta(seconds=20), everything=False
            )
        return [(reached.scope_name, int(reached.tier)) for reached in found.reached]

    assert tells(1, 100) == []
    assert tells(2, 60) == [("support-bot", 50)]
    # Nobody has written the alert yet: it is still to be told.
    assert tells(3, 200) == [("support-bot", 50), ("support-bot", 100)]


_KNOWN = LastEvaluation("terms", 5, "terms", 5, datetime(2026, 5, 20, 12, 10, tzinfo=UTC), {"ok": 3}, False, False)


@pytest.mark.parametrize(
    ("minutes", "changed", "extent"),
    [
        (1, {}, "nothing"),
        (1, {"touched": True}, "what spent"),
        (1, {"rolled": 6}, "what spent"),
        (1, {"inputs": "others"}, "everything"),
        (1, {"pending": True}, "everything"),
        (1, {"evaluated_at": None}, "everything"),
        (5, {}, "everything"),
        (-1, {}, "everything"),
        (-11, {"touched": True}, "everything"),
        # The hour is over at a quarter past in Kathmandu.
        (4, {"evaluated_at": datetime(2026, 5, 20, 12, 12, tzinfo=UTC)}, "nothing"),
        (5, {"evaluated_at": datetime(2026, 5, 20, 12, 12, tzinfo=UTC)}, "everything"),
    ],
)
def test_how_much_is_evaluated(minutes: int, changed: dict[str, object], extent: str) -> None:
    known = LastEvaluation(**{**vars(_KNOWN), **changed})
    assert known.extent(datetime(2026, 5, 20, 12, 10, tzinfo=UTC) + timedelta(minutes=minutes)) == extent


def test_a_raise_a_name_a_zone_and_a_file_evaluate_everything(warehouse: Connection, version: int) -> None:
    world = World(("UTC", "UTC"), NAMES)
    write_world(warehouse, world)
    seen = {pace(warehouse, version).inputs}
    for number, change in enumerate((
        lambda: write_world(warehouse, world.renamed(0, "other-bot")),
        lambda: warehouse.execute("UPDATE usage.tenant SET timezone = 'Asia/Tokyo' WHERE tenant_id = 't0'"),
        lambda: None,
    )):  # fmt: skip
        change()
        seen.add(pace(warehouse, version + (number == 2)).inputs)
    assert len(seen) == 4
