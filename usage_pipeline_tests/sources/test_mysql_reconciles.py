"""A Dify on MariaDB is held against its own sums as one on PostgreSQL is: found, named, put right, and never twice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pymysql
import pytest

from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.reconciliation.reconcile import DayResult, reconcile
from usage_pipeline.settings import load_settings
from usage_pipeline.sources.dify_mysql.zone import ServerZone
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.reconciliation.conftest import rare_calls
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal
from usage_pipeline_tests.support.dify_on_mysql import create_dify_on_mysql, read, write_history_to_mysql
from usage_pipeline_tests.support.mariadb import ZONE_OF_MACHINE, MariaDB, on_mariadb

pytestmark = on_mariadb
SHANGHAI = timezone(timedelta(hours=8))
BERLIN = ZoneInfo(ZONE_OF_MACHINE)
SETTINGS = load_settings(EXAMPLE)


@dataclass
class Place:
    """A company whose Dify is on MariaDB, which has been read."""

    company: Company
    dify: pymysql.Connection
    warehouse: Connection

    def run(self) -> list[DayResult]:
        """Reconciles every day of the history."""
        today = SETTINGS.today(self.company.history.now)
        return reconcile(self.warehouse, SETTINGS, [today - timedelta(days=number) for number in range(5, -1, -1)])

    def one(self) -> DayResult:
        """The only day that is not green."""
        (found,) = [result for result in self.run() if result.state != "green"]
        return found

    def ask(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """The rows of a query on the warehouse."""
        return self.warehouse.execute(query.encode(), list(parameters)).fetchall()

    def old_id(self, kind: str) -> str:
        """The id of a row with tokens that no pass reads again."""
        ((event_id,),) = self.ask(
            "SELECT event_id FROM usage.usage_event WHERE event_id LIKE %s AND total_tokens > 0 AND cost > 0"
            " AND occurred_at < %s AND (run_id IS NULL) = %s AND node_type IS DISTINCT FROM 'agent'"
            " AND coalesce(run_id, split_part(event_id, ':', 2)) NOT IN (SELECT row_id FROM usage.open_row)"
            " ORDER BY event_id LIMIT 1",
            f"{kind}:%", self.company.history.now - timedelta(days=3), kind == "message",
        )  # fmt: skip
        return str(event_id).split(":")[1]


@pytest.fixture
def build(
    mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Place]]:
    """Makes a place of a history that ends at a moment, on a server in a zone."""
    opened: list[pymysql.Connection | Connection] = []

    def make(
        now: datetime, zone: tzinfo = SHANGHAI, days: int = 4, *, fractions: bool = True, then: str | None = None
    ) -> Place:
        history = build_history(31, now, days, 8.0, 30)
        history.calls += rare_calls(history)
        name = new_mysql_database()
        if zone is BERLIN:
            with mariadb.connect() as server:
                read(server, "SET GLOBAL time_zone = 'SYSTEM'")
        dify, warehouse = mariadb.connect(name), connect(warehouse_url)
        opened.extend((dify, warehouse))
        create_dify_on_mysql(dify, fractions=fractions)
        write_history_to_mysql(dify, history, history.now, zone)
        if then:
            read(dify, then)
        company = Company(mariadb.url(name), warehouse_url, history)
        monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
        assert not company.run().source_errors
        return Place(company, dify, warehouse)

    yield make
    for connection in opened:
        connection.close()


def test_days_fit_to_the_last_token_and_what_does_not_is_named_and_put_right(build: Callable[..., Place]) -> None:
    place = build(datetime.now(UTC))
    results = place.run()
    assert [result.says for result in results if result.state != "green"] == []
    units = place.company.history.truth(place.company.history.now, KEY_RULES)
    sums = [result.sums for result in results if result.sums]
    assert_events_equal(place.warehouse, units)
    assert sum(day.our_tokens for day in sums) == sum(unit.total_tokens for unit in units)
    for part in ("rolled_up_tokens", "nested_tokens", "thought_tokens", "single_step_tokens", "container_tokens"):
        assert any(getattr(day, part) for day in sums), part

    # A row changed there after the look-back, and one that came since.
    message, node, new = place.old_id("message"), place.old_id("node"), "0b5f0c1e-0000-4000-8000-000000000003"
    read(place.dify, "UPDATE messages SET answer_tokens = answer_tokens + 1000 WHERE id = %s", [message])
    found = place.one()
    assert (found.state, [(m.event_id, m.what) for m in found.misfits]) == (
        "healed", [(f"message:{message}", "changed at the source")])  # fmt: skip
    read(place.dify, "UPDATE messages SET answer_tokens = answer_tokens - 1000 WHERE id = %s", [message])
    assert place.one().state == "healed"
    read(place.dify, "CREATE TABLE late AS SELECT * FROM messages WHERE id = %s", [message])
    read(place.dify, "UPDATE late SET id = %s", [new])
    read(place.dify, "INSERT INTO messages SELECT * FROM late")
    assert [(m.event_id, m.what) for m in place.one().misfits] == [(f"message:{new}", "not counted")]
    read(place.dify, "UPDATE workflow_node_executions SET execution_metadata = "
         "JSON_SET(execution_metadata, '$.total_tokens', 999999) WHERE id = %s", [node])  # fmt: skip
    assert f"node:{node}" in [m.event_id for m in place.one().misfits]
    assert place.ask("SELECT total_tokens FROM usage.usage_event WHERE event_id = %s", f"node:{node}") == [(999999,)]

    # Another hand in the warehouse: put right where the source explains it, red where it does not.
    before = place.ask("SELECT cost FROM usage.usage_event WHERE event_id = %s", f"message:{message}")
    place.ask("UPDATE usage.usage_event SET cost = cost + 1 WHERE event_id = %s RETURNING 1", f"message:{message}")
    found = place.one()
    assert (found.state, [m.what for m in found.misfits]) == ("healed", ["changed in the warehouse"])
    assert place.ask("SELECT cost FROM usage.usage_event WHERE event_id = %s", f"message:{message}") == before
    # What Dify deletes stays counted, and is said to be gone.
    read(place.dify, "DELETE FROM messages WHERE id = %s", [new])
    assert {result.state for result in place.run()} == {"green"}
    assert place.ask("SELECT event_id FROM usage.usage_event WHERE gone_at_source IS NOT NULL") == [(f"message:{new}",)]
    twin = "message:0b5f0c1e-0000-4000-8000-000000000002"
    place.ask("UPDATE usage.usage_event SET event_id = %s WHERE event_id = %s RETURNING 1", twin, f"message:{new}")
    found = place.one()
    assert (found.state, [m.event_id for m in found.misfits]) == ("red", [twin])


def test_a_day_on_which_the_servers_clocks_go_back_fits(build: Callable[..., Place]) -> None:
    """Messages of the hour that comes twice are all read as of its first time, by a pass and by the sums."""
    now = datetime(2026, 10, 25, 6, 30, tzinfo=UTC)
    # The night is quiet: some calls of the evening are moved into it.
    place = build(
        now, BERLIN, days=2, fractions=False,
        then="UPDATE messages SET created_at = '2026-10-25 02:10:00' + INTERVAL MOD(CRC32(id), 3000) SECOND"
             " WHERE created_at >= '2026-10-24 18:00:00'",
    )  # fmt: skip
    days = [date(2026, 10, day) for day in (24, 25, 26)]
    results = reconcile(place.warehouse, SETTINGS, days)
    assert [result.says for result in results if result.state != "green"] == []
    moved = place.ask(
        "SELECT count(*) > 3 FROM usage.usage_event WHERE event_id LIKE 'message:%%'"
        " AND occurred_at BETWEEN '2026-10-25 00:00+00' AND '2026-10-25 01:00+00'"
    )
    assert moved == [(True,)], "or this would show nothing"


@pytest.mark.parametrize("zone", [BERLIN, ZoneInfo("Australia/Lord_Howe"), SHANGHAI, ZoneInfo("America/New_York")])
def test_each_local_time_lies_in_one_window(zone: tzinfo) -> None:
    """Windows of any ends cut local times as the moments cut what they are read as, also where clocks change."""
    server = ServerZone(zone)
    for text in (
        "2026-03-28 12:07:31",
        "2026-10-24 12:07:31",
        "2026-04-04 03:00",
        "2026-03-07 22:00",
        "2026-10-31 23:01",
    ):
        begin = datetime.fromisoformat(text)
        ends = [begin.replace(tzinfo=UTC) + timedelta(minutes=101 * number) for number in range(15)]
        for since, until in pairwise(ends):
            first, last = server.first(since), server.first(until)
            for minutes in range(0, 48 * 60, 17):
                local = begin - timedelta(hours=12) + timedelta(minutes=minutes)
                if local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
                    continue  # left out when clocks go forward: no server shows it
                assert (first <= local < last) == (since <= server.to_utc(local) < until), (since, until, local)
        offsets = server.offsets(begin, begin + timedelta(hours=30))
        for local in (begin + timedelta(minutes=minutes) for minutes in range(30 * 60)):
            ahead = [ahead for start, ahead in offsets if start <= local][-1]
            assert local - ahead == server.to_utc(local).replace(tzinfo=None)
