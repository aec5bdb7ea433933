"""Past days are made by several sessions at once: other days do not wait, and all comes out as if one had made it."""

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
from usage_pipeline.ingest.recount import prepare_recount, recount
from usage_pipeline.ingest.source_lock import source_lock
from usage_pipeline.pipeline import book_again, correct_again
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.locks import DayLock, lock_days_until_commit
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.support.company import Company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of
from usage_pipeline_tests.support.days_again import backfill, build_nightly, changed_config, days_of, rows_of
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world

WORLD = World(("UTC",), ("sales-bot",))
FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(20)]


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
            # As a whole a source is prepared alone: nobody has it shared then.
            waiting = threads.submit(prepare_recount, second, settings)
            assert waits(counted, second.info.backend_pid)
            assert not waiting.done()
        waiting.result(timeout=60)
        with source_lock(first, "main", shared=True), first.transaction():
            # As whoever books the fifth day.
            lock_days_until_commit(first, DayLock.BOOKING, DAYS[4:7])
            apart = [DAYS[1], DAYS[7]]
            assert recount(second, settings, apart, prepared=True) == 2, "their calls are booked by the rules"
            waiting = threads.submit(recount, second, settings, [DAYS[2]], prepared=True)
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
    budgets = """budgets:
  - {id: bots, per: project, period: month, limit: {tokens: 500}}
  - {id: sales, scope: {project: "sales-*"}, period: month, limit: {tokens: 500}}
"""
    now = active(counted, tmp_path, budgets)
    correct_days(counted, now, DAYS)
    with counted.transaction():
        lock_evaluation(counted)
        what_if_days(other, now, DAYS)
        spent = other.execute(
            "SELECT usage_date, spent FROM usage.budget_status_what_if WHERE budget_id = 'bots' ORDER BY 1"
        ).fetchall()
        assert spent == [(day, 100 * number) for number, day in enumerate(DAYS, start=1)]
        assert value(other, int, "SELECT count(*) FROM usage.budget_rhythm") == 0, "of a past day none is kept"
    fits = "SELECT count(*) FROM usage.budget_condition"
    counted.execute("INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment)"
                    " VALUES ('main', 'new', 't0', 'sales-new', 'chat', 'prod')")  # fmt: skip
    with counted.transaction():
        lock_evaluation(counted)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            what_if_days(other, now, DAYS[5:6])
        assert value(counted, int, fits) == 1, "that another project fits is for whoever holds the lock to write"
    what_if_days(other, now, DAYS[5:6])
    assert value(counted, int, fits) == 2
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


@pytest.fixture(scope="module")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company of eight days, counted."""
    with company_to_copy(postgres, build_nightly) as company:
        yield company


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
        prepare_recount(connection, now.settings)
        at_once(company.warehouse_url, parts, lambda session, part: book_again(session, now, part, prepared=True))
        assert not correct_again(connection, now, days)
        assert not changed_days(connection)
        at_once(company.warehouse_url, parts, lambda session, part: what_if_days(session, now, part))
        found = rows_of(connection)
    for table, rows in wanted.items():
        assert found[table] == rows, table


@pytest.mark.parametrize("first", ["earlier", "later"])
def test_whichever_range_is_made_first_takes_along_what_moves_between_them(
    first: str, postgres: EmbeddedServer, pattern: Company, tmp_path: Path
) -> None:
    with copy_of(postgres, pattern) as company, connected(company.warehouse_url) as connection:
        now = active_configuration(connection, changed_config(tmp_path))
        days = days_of(connection)
        earlier, later = days[: len(days) // 2], days[len(days) // 2 :]
        book_again(connection, now, earlier if first == "earlier" else later)
        assert changed_days(connection) == (later[:1] if first == "earlier" else earlier[-1:])
        book_again(connection, now, later if first == "earlier" else earlier)
        assert changed_days(connection) == []
        assert not correct_again(connection, now, days)
