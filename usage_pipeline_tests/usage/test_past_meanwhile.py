"""A first reading of months keeps two sessions busy: parts side by side, and past days made while sources are read."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest

from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.ingest.read_source import Progress
from usage_pipeline.past_meanwhile import PastMeanwhile
from usage_pipeline.pipeline import EVALUATE, READ_SOURCES, ROLL_UP, Pass, run_steps
from usage_pipeline.usage.roll_up import changed_days, differences, roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value, values
from usage_pipeline.warehouse.sessions import in_parts
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world

WORLD = World(("UTC",), ("sales-bot",))
TODAY = datetime.now(UTC).date()
DAYS = [TODAY - timedelta(days=number) for number in range(40, 0, -1)]
CONFIG = """
version: 1
currency: USD
sources: [{id: main, kind: dify, url_env: DIFY}]
recipients: {ops: {channel: wecom, secret_env: OPS}}
tiers: [{at: 100, level: emergency, notify: [ops]}]
budgets:
  - {id: daily, scope: {}, period: day, limit: {tokens: 50}}
  - {id: monthly, scope: {}, period: month, limit: {tokens: 1000000}}
"""
STATUS = "SELECT budget_id, period_start, spent, level FROM usage.budget_status WHERE period_end < now() ORDER BY 1, 2"


@pytest.fixture
def configuration(warehouse: Connection, tmp_path: Path) -> ActiveConfiguration:
    """A budget a day that each day is over, and one a month."""
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return active_configuration(warehouse, path)


@pytest.fixture
def counted(warehouse: Connection) -> Connection:
    """A warehouse into which a call a day was read, up to two days ago; nothing is rolled up."""
    write_world(warehouse, WORLD)
    write_events(warehouse, WORLD, [
        Event(number=number, tenant=0, project=0, key=None, caller=None, model=None, node=None,
              occurred_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC), input_tokens=100 + number,
              output_tokens=0, cost=Decimal(1))
        for number, day in enumerate(DAYS)])  # fmt: skip
    warehouse.execute(
        "INSERT INTO usage.changed_day (source, usage_date, anew) SELECT 'main', unnest(%s::date[]), true"
        " ON CONFLICT DO NOTHING",
        [DAYS],
    )
    read_up_to(warehouse, DAYS[20])
    return warehouse


def read_up_to(warehouse: Connection, day: date) -> None:
    """The source was read so far."""
    warehouse.execute(
        "INSERT INTO usage.source_state (source, kind, read_up_to) VALUES ('main', 'dify', %s)"
        " ON CONFLICT (source) DO UPDATE SET read_up_to = excluded.read_up_to",
        [datetime(day.year, day.month, day.day, tzinfo=UTC)],
    )


def news(behind: timedelta) -> Progress:
    """What a reading says that is so far behind."""
    now = datetime.now(UTC)
    return Progress("main", now - behind, now, 1)


def wait_until_made(warehouse: Connection, days: list[date]) -> None:
    """Waits until none of the days is marked as changed."""
    end = monotonic() + 60
    while set(changed_days(warehouse)).intersection(days):
        assert monotonic() < end, "the days were not made"
        sleep(0.05)


def test_days_that_the_reading_has_passed_are_made_and_no_others(
    counted: Connection, configuration: ActiveConfiguration
) -> None:
    meanwhile = PastMeanwhile(counted, configuration)
    heard: list[Progress] = []
    meanwhile.hearing(heard.append)(news(timedelta(days=20)))
    closed = [day for day in DAYS if day < DAYS[20] - timedelta(days=2)]
    wait_until_made(counted, closed)
    assert meanwhile.end() == closed
    assert changed_days(counted) == DAYS[18:]
    assert len(heard) == 1
    assert values(counted, date, "SELECT DISTINCT usage_date FROM usage.daily_usage ORDER BY 1") == closed
    found = counted.execute(STATUS).fetchall()
    assert [row[2] for row in found if row[0] == "daily"] == [100 + number for number in range(18)]
    assert {row[3] for row in found if row[0] == "daily"} == {"emergency"}


def test_a_reading_that_is_near_its_end_starts_nothing(counted: Connection, configuration: ActiveConfiguration) -> None:
    meanwhile = PastMeanwhile(counted, configuration)
    meanwhile.hearing(None)(news(timedelta(days=6)))
    assert meanwhile.end() == []
    assert changed_days(counted) == DAYS


def test_a_source_that_was_never_read_holds_the_days_back(
    counted: Connection, configuration: ActiveConfiguration
) -> None:
    """All that it holds may be older."""
    counted.execute("UPDATE usage.source_state SET read_up_to = NULL")
    meanwhile = PastMeanwhile(counted, configuration)
    meanwhile.hearing(None)(news(timedelta(days=20)))
    sleep(0.5)
    assert meanwhile.end() == []


def test_all_stands_as_if_it_had_been_made_afterwards(
    counted: Connection, configuration: ActiveConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a day that changes again when it was made."""

    def reads(
        connection: Connection, *_: object, progress: object, **__: object
    ) -> tuple[list[object], dict[str, str]]:
        assert callable(progress)
        progress(news(timedelta(days=20)))
        wait_until_made(counted, DAYS[:18])
        more = "UPDATE usage.usage_event SET total_tokens = 7000, input_tokens = 7000 WHERE usage_date = %s"
        connection.execute(more, [DAYS[3]])
        connection.execute(
            "INSERT INTO usage.changed_day (source, usage_date, anew) VALUES ('main', %s, true)", [DAYS[3]]
        )
        return [], {}

    monkeypatch.setattr("usage_pipeline.pipeline.read_all_sources", reads)
    work = Pass(counted, lambda _: configuration, by="test", pass_id="p", anew=False)
    summary = run_steps(work, READ_SOURCES, ROLL_UP, EVALUATE)
    assert summary.days == DAYS
    assert work.made_meanwhile == [*DAYS[:3], *DAYS[4:18]]
    assert differences(counted, DAYS) == []
    spent = {
        row[0].date(): row[1]
        for row in counted.execute(
            "SELECT period_start AT TIME ZONE 'UTC', spent::int FROM usage.budget_status"
            " WHERE budget_id = 'daily' AND period_end <= now()"
        )
    }
    assert spent == {day: 7000 if number == 3 else 100 + number for number, day in enumerate(DAYS)}
    month = date(DAYS[0].year, DAYS[0].month, 1)
    in_month = sum(amount for day, amount in spent.items() if day.replace(day=1) == month)
    query = "SELECT spent::int FROM usage.budget_status WHERE budget_id = 'monthly' AND period_start = %s"
    assert value(counted, int, query, [month]) == in_month


def test_a_session_that_fails_leaves_the_days_to_their_turn(
    counted: Connection, configuration: ActiveConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def fails(*_: object, **__: object) -> None:
        failed.set()
        raise psycopg.OperationalError("the server is gone")

    monkeypatch.setattr("usage_pipeline.past_meanwhile.roll_up", fails)
    meanwhile = PastMeanwhile(counted, configuration)
    meanwhile.hearing(None)(news(timedelta(days=20)))
    assert failed.wait(60)
    assert meanwhile.end() == []
    assert changed_days(counted) == DAYS


def test_parts_are_done_side_by_side_and_progress_is_told(counted: Connection) -> None:
    told: list[tuple[int, int]] = []
    roll_up(counted, DAYS, progress=lambda done, of: told.append((done, of)))
    assert told in ([(20, 40), (40, 40)], [(40, 40)]), "both may be ready in the same moment"
    assert differences(counted, DAYS) == []
    together = threading.Barrier(2, timeout=60)
    sessions: set[int] = set()

    def meet(session: Connection, _: int) -> None:
        together.wait()
        sessions.add(session.info.backend_pid)

    in_parts(counted, [1, 2], meet)
    assert len(sessions) == 2


def test_what_fails_in_one_part_is_raised_when_the_others_are_done(counted: Connection) -> None:
    ended: list[int] = []
    begun = threading.Event()

    def work(session: Connection, part: int) -> None:
        if part == 1:
            begun.wait(20)  # what was not begun would be left
            session.execute("SELECT 1 / 0")
        begun.set()
        sleep(0.1)
        ended.append(part)

    with pytest.raises(psycopg.errors.DivisionByZero):
        in_parts(counted, [1, 2], work)
    assert ended == [2]


def test_who_ends_the_pass_does_not_wait_for_what_it_is_at(
    counted: Connection, configuration: ActiveConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way is rolled back: neither the days made meanwhile nor parts side by side go on."""
    under_way = threading.Event()

    def sleeps(connection: Connection, *_: object, **__: object) -> None:
        with connection.transaction():
            connection.execute("INSERT INTO usage.rolled_day (usage_date) VALUES ('1999-01-01')")
            under_way.set()
            connection.execute("SELECT pg_sleep(600)")

    def interrupted(*_: object, progress: object, **__: object) -> None:
        assert callable(progress)
        progress(news(timedelta(days=20)))
        assert under_way.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr("usage_pipeline.past_meanwhile.roll_up", sleeps)
    monkeypatch.setattr("usage_pipeline.pipeline.read_all_sources", interrupted)
    began = monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_steps(Pass(counted, lambda _: configuration, by="test", pass_id="p", anew=False), READ_SOURCES)
    with pytest.raises(KeyboardInterrupt):
        in_parts(counted, [1, 2, 3], sleeps_but_for_one, done=interrupt)
    assert monotonic() - began < 60
    counted.rollback()
    assert value(counted, int, "SELECT count(*) FROM usage.rolled_day") == 0


def sleeps_but_for_one(session: Connection, part: int) -> None:
    """The first part is ready at once."""
    if part > 1:
        session.execute("SELECT pg_sleep(600)")


def interrupt(_: int) -> None:
    """Somebody presses Ctrl-C when the first part is ready."""
    raise KeyboardInterrupt


def test_within_a_transaction_all_is_done_by_it(counted: Connection) -> None:
    """Another session would not see what it wrote."""
    with counted.transaction(force_rollback=True):
        roll_up(counted, DAYS)
        assert value(counted, int, "SELECT count(*) FROM usage.daily_usage") == len(DAYS)
    assert value(counted, int, "SELECT count(*) FROM usage.daily_usage") == 0
