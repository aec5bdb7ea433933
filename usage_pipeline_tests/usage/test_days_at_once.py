"""Past days are made by several sessions at once: other days do not wait, and all comes out as if one had made it."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest

from usage_pipeline.budgets.evaluate import lock_evaluation
from usage_pipeline.budgets.past_days import correct_days, evaluate_days, what_if_days
from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_basic import basic_call
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.ingest.recount import recount
from usage_pipeline.ingest.source_lock import source_lock
from usage_pipeline.pipeline import backfill, book_again, correct_again
from usage_pipeline.usage.roll_up import DAILY_TABLES, changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.locks import DayLock, lock_days_until_commit
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world

WORLD = World(("UTC",), ("sales-bot",))
FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(20)]
# What a backfill makes, and by what its rows are told; moments at which it was made are left out.
MADE = {
    **dict.fromkeys(DAILY_TABLES, "*"),
    "daily_hour_usage": "*",
    "usage_event": "source, event_id, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind,"
    " caller_id, input_tokens, output_tokens, total_tokens, cost, currency, base_cost, price_source, usage_date,"
    " logged_api_key_id, seal",
    "budget_status": "budget_id, scope_value, period_start, measures, spent, \"limit\", ratio, level, tier_at,"
    " allowance, config_version, terms, judged_by, cost",
    "budget_status_what_if": "budget_id, scope_value, period_start, usage_date, config_version, spent, \"limit\","
    " ratio, level, tier_at, in_force_limit, in_force_level",
}  # fmt: skip


def rows_of(connection: Connection) -> dict[str, list[str]]:
    """Every row that a backfill makes, as text, by table."""
    return {
        table: sorted(
            str(row) for row in connection.execute(f"SELECT {columns} FROM usage.{table}".encode()).fetchall()
        )
        for table, columns in MADE.items()
    }


@pytest.fixture
def counted(warehouse: Connection) -> Connection:
    """A warehouse with a call on each day, rolled up."""
    write_world(warehouse, WORLD)
    write_events(warehouse, WORLD, [
        Event(number=number, tenant=0, project=0, key=None, caller=None, model=None, node=None,
              occurred_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC), input_tokens=100, output_tokens=0,
              cost=Decimal(1))
        for number, day in enumerate(DAYS)])  # fmt: skip
    warehouse.execute("INSERT INTO usage.source_state (source, kind) VALUES ('main', 'dify') ON CONFLICT DO NOTHING")
    roll_up(warehouse, DAYS)
    return warehouse


@pytest.fixture
def other(warehouse_url: str) -> Iterator[Connection]:
    """A second session, which waits for no lock for longer than a moment."""
    with connected(warehouse_url) as connection:
        connection.execute("SET lock_timeout = '300ms'")
        yield connection


def test_days_are_rolled_up_beside_others_and_each_by_one_at_a_time(counted: Connection, other: Connection) -> None:
    with counted.transaction():
        lock_days_until_commit(counted, DayLock.ROLL_UP, DAYS[:2])
        roll_up(other, DAYS[2:])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            roll_up(other, [DAYS[5], DAYS[1]])
    roll_up(other, DAYS)


def test_a_day_that_was_never_locked_is_made_by_one_too(warehouse: Connection, other: Connection) -> None:
    """There is no row to lock yet: that one makes it is the lock."""
    with warehouse.transaction():
        roll_up(warehouse, [FIRST])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            roll_up(other, [FIRST])


def waits(connection: Connection, session: int) -> bool:
    """Whether a session comes to wait for a lock within a minute."""
    end = monotonic() + 60
    query = "SELECT wait_event_type IS NOT DISTINCT FROM 'Lock' FROM pg_stat_activity WHERE pid = %s"
    while not (found := value(connection, bool, query, [session])) and monotonic() < end:
        sleep(0.02)
    return found


def test_days_are_booked_beside_others_and_never_those_that_events_may_move_to(
    counted: Connection, warehouse_url: str, tmp_path: Path
) -> None:
    settings = active(counted, tmp_path, "").settings
    with connected(warehouse_url) as first, connected(warehouse_url) as second, ThreadPoolExecutor(1) as threads:
        with source_lock(first, "main", shared=True), first.transaction():
            lock_days_until_commit(first, DayLock.BOOKING, DAYS[:5])
            # As a whole a source is prepared alone: nobody has it shared then.
            waiting = threads.submit(recount, second, settings, [DAYS[9]])
            assert waits(counted, second.info.backend_pid)
            assert not waiting.done()
        assert waiting.result(timeout=60) == 1, "the call of the day is booked by the rules"
        with first.transaction():
            lock_days_until_commit(first, DayLock.BOOKING, DAYS[:5])
            recount(second, settings, [DAYS[9]])
            waiting = threads.submit(recount, second, settings, [DAYS[6]])
            assert waits(counted, second.info.backend_pid)
            assert not waiting.done()
        assert waiting.result(timeout=60) == 1


def active(connection: Connection, folder: Path, budgets: str) -> ActiveConfiguration:
    """An active configuration with these budgets."""
    path = folder / "c.yaml"
    path.write_text(
        "version: 1\ncurrency: USD\nrecipients: {ops: {channel: wecom, secret_env: OPS}}\n"
        f"tiers: [{{at: 100, level: emergency, notify: [ops]}}]\n{budgets}",
        encoding="utf-8",
    )
    return active_configuration(connection, path)


def test_what_would_have_been_waits_for_evaluations_only_where_days_are_to_be_counted(
    counted: Connection, other: Connection, tmp_path: Path
) -> None:
    now = active(counted, tmp_path, "budgets: [{id: bots, per: project, period: month, limit: {tokens: 500}}]\n")
    correct_days(counted, now, DAYS)
    with counted.transaction():
        lock_evaluation(counted)
        what_if_days(other, now, DAYS)
        spent = other.execute("SELECT usage_date, spent FROM usage.budget_status_what_if ORDER BY 1").fetchall()
        assert spent == [(day, 100 * number) for number, day in enumerate(DAYS, start=1)]
        assert value(other, int, "SELECT count(*) FROM usage.budget_rhythm") == 0, "of a past day none is kept"
    roll_up(counted, DAYS[3:4])
    with counted.transaction():
        lock_evaluation(counted)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            what_if_days(other, now, DAYS[5:6])
    what_if_days(other, now, DAYS[5:6])


def test_what_a_day_leaves_to_the_next_is_right_however_many_are_evaluated_at_once(
    counted: Connection, tmp_path: Path
) -> None:
    """Each day leaves 900 of its 1,000 tokens, up to half the limit, once it is known what it left."""
    now = active(counted, tmp_path, "budgets: [{id: all, period: day, limit: {tokens: 1000}, rollover: {up_to: 50}}]\n")
    evaluate_days(counted, now, DAYS[:4])
    limits = counted.execute('SELECT "limit" FROM usage.budget_status ORDER BY period_start').fetchall()
    assert limits == [(1000,), (1500,), (1500,), (1500,)]


def calls_by_night(history: History) -> Iterator[CallScript]:
    """Some each night, in the small hours of Berlin: in America it is the day before."""
    rng, app = random.Random(5), history.world.apps["support-bot"]
    for number in range(1, 9):
        for minute in range(5):
            moment = (history.now - timedelta(days=number)).replace(hour=3, minute=minute)
            caller = caller_for(history.world, rng, app, "web")
            yield basic_call(history.world, rng, app, caller, moment, tokens=(300, 100))


@pytest.fixture(scope="module")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company of eight days, counted."""
    with company_to_copy(
        postgres, lambda make, url: build_company(make, url, seed=67, days=8, calls_a_day=8, also=calls_by_night)
    ) as company:
        yield company


def changed_config(folder: Path) -> Path:
    """The example with another zone, rate and price: events move to other days, and all cost something else."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in (
        ('"Support", timezone: Europe/Berlin', '"Support", timezone: America/Los_Angeles'),
        ("{USD: 7.10}", "{USD: 6.90}"),
        ("input_per_million: 2.0", "replace: true, input_per_million: 3.5"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / "changed.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def days_of(connection: Connection) -> list[date]:
    """Every day with events, and a day around them."""
    first, last = connection.execute(
        "SELECT min(usage_date) - 1, max(usage_date) + 1 FROM usage.usage_event"
    ).fetchall()[0]
    assert isinstance(first, date)
    assert isinstance(last, date)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def at_once(url: str, parts: list[list[date]], work: Callable[[Connection, list[date]], object]) -> None:
    """Does the work of each part in a session of its own, all begun at the same moment."""
    together = threading.Barrier(len(parts))

    def one(part: list[date]) -> None:
        with connected(url) as connection:
            together.wait(60)
            work(connection, part)

    with ThreadPoolExecutor(len(parts)) as threads:
        for done in [threads.submit(one, part) for part in parts]:
            done.result(timeout=240)


def test_two_sessions_make_what_one_makes(postgres: EmbeddedServer, pattern: Company, tmp_path: Path) -> None:
    config = changed_config(tmp_path)
    with copy_of(postgres, pattern) as alone, connected(alone.warehouse_url) as connection:
        before = rows_of(connection)
        days = days_of(connection)
        assert not backfill(connection, active_configuration(connection, config), days)
        wanted = rows_of(connection)
        assert not changed_days(connection)
    assert wanted["usage_event"] != before["usage_event"]
    assert wanted["budget_status_what_if"]
    with copy_of(postgres, pattern) as company, connected(company.warehouse_url) as connection:
        now = active_configuration(connection, config)
        # Neighbours belong to different sessions: events move from the days of one to those of the other.
        parts = [days[::2], days[1::2]]
        at_once(company.warehouse_url, parts, lambda session, part: book_again(session, now, part))
        assert not correct_again(connection, now, days)
        assert not changed_days(connection)
        at_once(company.warehouse_url, parts, lambda session, part: what_if_days(session, now, part))
        found = rows_of(connection)
    for table, rows in wanted.items():
        assert found[table] == rows, table
