"""Days are cut in the tenant's zone, also those of 23 and 25 hours; clocks apart and crowded seconds lose nothing."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_basic import basic_call
from usage_pipeline.fake_dify.calls_workflow import workflow_call
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.fake_dify.world import World, build_world
from usage_pipeline.fake_dify.write import add_users, copy_rows, rows_as_of, write_history
from usage_pipeline.ingest.counting import counting_rules, open_staging
from usage_pipeline.settings import parse_settings
from usage_pipeline.sources.dify_postgres import source as dify_postgres
from usage_pipeline.warehouse.connection import Connection, connect, connected
from usage_pipeline.warehouse.statements import statement
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal

# Zone, the day on which clocks are changed, and how many hours it has.
CHANGES = [
    ("America/New_York", date(2026, 3, 8), 23),
    ("America/New_York", date(2026, 11, 1), 25),
    ("Europe/Berlin", date(2026, 3, 29), 23),
    ("Europe/Berlin", date(2026, 10, 25), 25),
    ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
    ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
    ("Asia/Shanghai", date(2026, 3, 8), 24),
]


def bounds(zone: str, day: date) -> tuple[datetime, datetime]:
    """First moment of the day and of the next, as UTC."""
    begin, end = (
        datetime.combine(d, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC) for d in (day, day + timedelta(days=1))
    )
    return begin, end


def booked(connection: Connection, zone: str, moments: list[datetime]) -> list[date]:
    """The usage dates of events at these moments, as counting attributes them."""
    rules = counting_rules(parse_settings(f"version: 1\ntimezone: {zone}\ncurrency: USD\n", "c.yaml"), "main")
    with connection.transaction():
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO stage_event (event_id, tenant_id, app_id, caller_kind, occurred_at)"
                " VALUES (%s, 't', 'a', 'web_app', %s)",
                [[f"{number:09}", moment] for number, moment in enumerate(moments)],
            )
        connection.execute(statement("ingest/attribute_events"), rules.booking_parameters())
        rows = connection.execute("SELECT usage_date FROM stage_event ORDER BY event_id").fetchall()
    return [day for (day,) in rows if isinstance(day, date)]


@pytest.fixture
def staged(warehouse_url: str) -> Connection:
    """A session with staging tables."""
    connection = connect(warehouse_url)
    open_staging(connection)
    return connection


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_a_day_on_which_clocks_change_has_its_own_length(
    staged: Connection, zone: str, day: date, hours: float
) -> None:
    begin, end = bounds(zone, day)
    assert (end - begin) == timedelta(hours=hours)
    tick = timedelta(microseconds=1)
    assert booked(staged, zone, [begin - tick, begin, end - tick, end]) == [
        day - timedelta(days=1), day, day, day + timedelta(days=1),
    ]  # fmt: skip
    every = [begin + timedelta(minutes=15 * n) for n in range(int(hours * 4))]
    assert set(booked(staged, zone, every)) == {day}


def test_any_moment_is_booked_on_the_day_that_a_calendar_says(staged: Connection) -> None:
    @settings(max_examples=20)
    @given(
        st.sampled_from(
            sorted({zone for zone, _, _ in CHANGES} | {"Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca"})
        ),
        st.lists(st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)), min_size=1, max_size=20),  # noqa: DTZ001
    )
    def holds(zone: str, moments: list[datetime]) -> None:
        aware = [moment.replace(tzinfo=UTC) for moment in moments]
        assert booked(staged, zone, aware) == [moment.astimezone(ZoneInfo(zone)).date() for moment in aware]

    holds()


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES[:4])
def test_a_daily_budget_takes_in_all_hours_of_such_a_day(
    staged: Connection, tmp_path: Path, zone: str, day: date, hours: float
) -> None:
    from usage_pipeline.budgets.evaluate import evaluate_budgets  # noqa: PLC0415
    from usage_pipeline.configuration import active_configuration  # noqa: PLC0415

    config = tmp_path / "c.yaml"
    config.write_text(
        f"version: 1\ntimezone: {zone}\ncurrency: USD\n"
        "budgets:\n  - {id: all, period: day, limit: {tokens: 1000}}\n"
        "  - {id: week, period: week, limit: {tokens: 1}}\n"
    )
    begin, end = bounds(zone, day)
    moment = end - timedelta(minutes=1)
    configuration = active_configuration(staged, config)
    with staged.transaction():
        evaluate_budgets(staged, configuration.settings, configuration.version, moment)
    rows = staged.execute(
        "SELECT budget_id, period_start, period_end FROM usage.budget_status"
        " WHERE period_start <= %s AND period_end > %s ORDER BY budget_id",
        [moment, moment],
    ).fetchall()
    assert rows[0] == ("all", begin, end)
    monday = day - timedelta(days=day.weekday())
    week = bounds(zone, monday)[0], bounds(zone, monday + timedelta(days=7))[0]
    assert rows[1] == ("week", *week)


def empty_company(new_database: Callable[[], str], warehouse_url: str, now: datetime) -> Company:
    """The demo's Dify before its first call."""
    rng = random.Random(111)
    world = build_world(rng, now - timedelta(days=40), lambda number: now - timedelta(days=40 - number))
    url = new_database()
    with connected(url) as connection:
        create_dify_schema(connection)
        write_history(connection, History(world, [], now), now)
    return Company(url, warehouse_url, History(world, [], now))


def write(company: Company, calls: list[CallScript], until: datetime) -> None:
    """Adds calls as they stand at a moment."""
    with connected(company.dify_url) as dify:
        known = {str(row[0]) for row in dify.execute("SELECT id FROM end_users")}
        add_users(dify, company.history.world, known)
        copy_rows(dify, rows_as_of(calls, until))
    company.history.calls.extend(calls)


def assert_counted(company: Company, until: datetime) -> None:
    """The ledger holds the truth, the daily tables its sums."""
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(until, KEY_RULES))
        assert connection.execute("SELECT count(*) FROM usage.changed_day").fetchone() == (0,)


@pytest.mark.parametrize("ahead", [timedelta(seconds=2), timedelta(minutes=5), timedelta(minutes=-5)])
def test_an_application_clock_that_is_off_loses_and_doubles_nothing(
    ahead: timedelta, new_database: Callable[[], str], warehouse_url: str
) -> None:
    """Runs and nodes are stamped by the application: their rows are there before or after their time has come."""
    now = datetime.now(UTC)
    company = empty_company(new_database, warehouse_url, now)
    world, rng = company.history.world, random.Random(112)
    later = now + timedelta(hours=1)
    company.run(sweep=False)
    for name in ("campaign-flow", "seo-chatflow", "triage-flow"):
        app = world.apps[name]
        stamped = datetime.now(UTC) + ahead
        write(company, [workflow_call(world, rng, app, caller_for(world, rng, app, "api"), stamped)], later)
        for sweep in (False, False, True):
            assert not company.run(sweep=sweep).source_errors
            assert_counted(company, later)


@pytest.mark.parametrize("window", [7, 50])
def test_more_rows_in_one_second_than_a_window_holds(
    window: int, monkeypatch: pytest.MonkeyPatch, new_database: Callable[[], str], warehouse_url: str
) -> None:
    monkeypatch.setattr(dify_postgres, "_MESSAGES_A_WINDOW", window)
    monkeypatch.setattr(dify_postgres, "_RUNS_A_WINDOW", window)
    now = datetime.now(UTC)
    company = empty_company(new_database, warehouse_url, now)
    world, rng = company.history.world, random.Random(113)
    app, flow = world.apps["copywriter"], world.apps["campaign-flow"]
    second = (now - timedelta(hours=1)).replace(microsecond=0)
    calls = [basic_call(world, rng, app, caller_for(world, rng, app, "api"), second) for _ in range(60)]
    calls += [
        basic_call(world, rng, app, caller_for(world, rng, app, "api"), second + timedelta(seconds=n)) for n in (-1, 1)
    ]
    calls += [workflow_call(world, rng, flow, caller_for(world, rng, flow, "web"), second) for _ in range(12)]
    write(company, calls, now)
    summary = company.run()
    assert summary.ingested[0].windows > 2
    assert_counted(company, now)
    assert sum(result.events_changed for result in company.run().ingested) == 0


def test_a_call_over_midnight_belongs_to_the_day_it_began(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    company = empty_company(new_database, warehouse_url, now)
    company.config = tmp_path / "c.yaml"
    company.config.write_text(
        EXAMPLE.read_text(encoding="utf-8").replace("timezone: Europe/Berlin", "timezone: America/New_York"), "utf-8"
    )
    world: World = company.history.world
    rng = random.Random(114)
    app = world.apps["support-bot"]
    day = (now - timedelta(days=5)).date()
    midnight = bounds("America/New_York", day)[1]
    for offset in (-2, -1, 0, 1):
        caller = caller_for(world, rng, app, "web")
        write(company, [basic_call(world, rng, app, caller, midnight + timedelta(seconds=offset))], now)
    company.run()
    with connected(warehouse_url) as connection:
        rows = connection.execute("SELECT usage_date, calls FROM usage.daily_project_usage ORDER BY 1").fetchall()
    assert rows == [(day, 2), (day + timedelta(days=1), 2)]
