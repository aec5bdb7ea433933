"""Whatever one row of a Dify on MariaDB holds, it is set aside or counted; text of any collation is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pymysql
import pytest

from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.ingest.read_source import read_source
from usage_pipeline.settings import load_settings
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, a_failed_agent, assert_events_equal
from usage_pipeline_tests.support.dify_on_mysql import (
    create_dify_on_mysql,
    insert_rows,
    read,
    write_history_to_mysql,
)
from usage_pipeline_tests.support.hostile_values import (
    JSON_TEXTS,
    NAMES,
    STOPPERS,
    Hostile,
    assert_rest_is_counted,
    assert_sane,
    examples,
    figures,
    hostile_values,
    sample,
    some_knowledge,
)
from usage_pipeline_tests.support.mariadb import MariaDB, on_mariadb

pytestmark = on_mariadb
SHANGHAI = timezone(timedelta(hours=8))
_VALUES = {
    "uuid": (None, "", "not a uuid", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "character varying": (None, *NAMES),
    "text": (None, *NAMES, *JSON_TEXTS),
    "json": (None, "null", "[]", '"\\ud83d"'),
    "jsonb": (None, "null", "[]"),
    "integer": (None, "-2147483648", "2147483647", "-1"),
    "smallint": (None, "-32768", "32767"),
    "bigint": (None, "-9223372036854775808", "9223372036854775807", "9200000000000000000", "-1"),
    "boolean": (None, "1", "-128"),
    "double precision": (None, "1e308", "-1e308"),
    "numeric": (None, "-1", "9999999999999.9999999", "-0.0000001"),
    "timestamp": (None, "0000-00-00 00:00:00", "2026-00-00 00:00:00", "0001-01-01", "9999-12-31 23:59:59.999999",
                  "1970-01-01", "2200-01-01"),
}  # fmt: skip
_STOPPERS = [hostile for hostile in STOPPERS if hostile.value not in ("NaN", "infinity")]
_DATED = ("messages", "workflow_runs", "workflow_node_executions", "tool_model_invokes")


@dataclass
class Place:
    """A Dify on MariaDB, what reads it, and where it is read to."""

    dify: pymysql.Connection
    source: DifyMysql
    warehouse: Connection

    def read(self) -> None:
        """One pass over the source, with the sums that follow it."""
        read_source(self.warehouse, self.source, load_settings(EXAMPLE), sweep=True, wait_for_others=timedelta(0))
        roll_up(self.warehouse, changed_days(self.warehouse))


@pytest.fixture
def place(mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str) -> Iterator[Place]:
    """A small company that has been read."""
    history = build_history(98, datetime.now(UTC), 2, 20.0)
    history.calls.append(a_failed_agent(history))
    name = new_mysql_database()
    with mariadb.connect(name) as dify, connected(warehouse_url) as warehouse:
        # As a server does whose administrator has not asked it to be strict.
        read(dify, "SET sql_mode = ''")
        create_dify_on_mysql(dify)
        write_history_to_mysql(dify, history, history.now, SHANGHAI)
        insert_rows(dify, some_knowledge(history), SHANGHAI)
        source = DifyMysql("main", mariadb.url(name))
        try:
            found = Place(dify, source, warehouse)
            found.read()
            assert_events_equal(warehouse, history.truth(history.now, KEY_RULES))
            yield found
        finally:
            source.close()


def _parts(dify: pymysql.Connection, table: str, row_id: str) -> tuple[set[str], set[str]]:
    """The ids of rows and runs whose figures the row has a part in."""
    of = {
        "workflow_node_executions": "SELECT workflow_run_id FROM workflow_node_executions WHERE id = %s",
        "message_agent_thoughts": "SELECT message_id FROM message_agent_thoughts WHERE id = %s",
        "conversations": "SELECT id FROM messages WHERE conversation_id = %s",
    }.get(table)
    found = {str(name) for (name,) in read(dify, of, [row_id])} if of else set()
    return (found | {row_id}, found | {row_id})


def play(place: Place, hostile: Hostile, number: int) -> None:
    """Gives one row the value, reads, compares, puts it back and reads again."""
    recent = "WHERE created_at > NOW() - INTERVAL 40 HOUR" if hostile.table in _DATED else ""
    rows = read(place.dify, f"SELECT id FROM `{hostile.table}` {recent} ORDER BY MD5(CONCAT(id, %s)) LIMIT 1", [number])
    if not rows:
        return
    row_id = str(rows[0][0])
    before = figures(place.warehouse)
    row_ids, runs = _parts(place.dify, hostile.table, row_id)
    read(place.dify, "DROP TABLE IF EXISTS kept")
    read(place.dify, f"CREATE TABLE kept AS SELECT * FROM `{hostile.table}` WHERE id = %s", [row_id])
    try:
        statement = f"UPDATE `{hostile.table}` SET `{hostile.column}` = %s WHERE id = %s"
        read(place.dify, statement, [hostile.value, row_id])
    except (pymysql.Error, UnicodeEncodeError):
        return
    changed_id = str(hostile.value) if hostile.column == "id" else row_id
    try:
        place.read()
        others, other_runs = _parts(place.dify, hostile.table, changed_id)
        assert_rest_is_counted(
            before, figures(place.warehouse), row_ids | others | {changed_id}, runs | other_runs | {changed_id}
        )
        assert_sane(place.warehouse)
    finally:
        read(place.dify, f"DELETE FROM `{hostile.table}` WHERE id = %s", [changed_id])
        read(place.dify, f"INSERT INTO `{hostile.table}` SELECT * FROM kept")
    place.read()
    if changed_id != row_id:
        place.warehouse.execute("DELETE FROM usage.usage_event WHERE split_part(event_id, ':', 2) = %s", [changed_id])
    assert figures(place.warehouse) == before, "a row that is right again is counted as it was"


def test_any_value_in_any_row_costs_only_its_own_row(place: Place) -> None:
    for number, hostile in enumerate(sample(hostile_values(_VALUES), len(examples(30, 1_200)), _STOPPERS)):
        try:
            play(place, hostile, number)
        except Exception as error:
            raise AssertionError(
                f"example {number}: {hostile.table}.{hostile.column} = {str(hostile.value)[:80]!r}"
            ) from error


def test_ids_of_several_collations_are_joined(
    mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str
) -> None:
    """Tables that were made by servers of several versions, as upgrades leave them."""
    history = build_history(99, datetime.now(UTC), 2, 12.0)
    history.calls.append(a_failed_agent(history))
    name = new_mysql_database()
    kinds = ("utf8mb4_unicode_ci", "utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_520_ci")
    with mariadb.connect(name) as dify:
        create_dify_on_mysql(dify)
        write_history_to_mysql(dify, history, history.now, SHANGHAI)
        for number, (table,) in enumerate(sorted(read(dify, "SHOW TABLES"))):
            read(dify, f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {kinds[number % 4]}")
    company = Company(mariadb.url(name), warehouse_url, history)
    assert not company.run().source_errors
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, history.truth(history.now, KEY_RULES))
