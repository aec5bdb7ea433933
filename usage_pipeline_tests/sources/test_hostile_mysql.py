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
from usage_pipeline_tests.support.hostile_rows import Changed, Parts, play_all
from usage_pipeline_tests.support.hostile_values import (
    JSON_TEXTS,
    NAMES,
    STOPPERS,
    Hostile,
    examples,
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


# What a row has a part in besides itself; the ids are those of rows and of runs.
_OTHERS = {
    "workflow_node_executions": "SELECT workflow_run_id FROM workflow_node_executions WHERE id = %s",
    "message_agent_thoughts": "SELECT message_id FROM message_agent_thoughts WHERE id = %s",
    "conversations": "SELECT id FROM messages WHERE conversation_id = %s",
}


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

    def some_rows(self, hostile: Hostile, number: int) -> list[str]:
        """Rows of any kind."""
        recent = "WHERE created_at > NOW() - INTERVAL 40 HOUR" if hostile.table in _DATED else ""
        select = f"SELECT id FROM `{hostile.table}` {recent} ORDER BY MD5(CONCAT(id, %s)) LIMIT 20"
        return [str(row_id) for (row_id,) in read(self.dify, select, [number])]

    def parts(self, table: str, row_id: str) -> Parts:
        """Its run's too where it is a node, its messages' where it is a thought or a conversation."""
        select = _OTHERS.get(table)
        found = {str(name) for (name,) in read(self.dify, select, [row_id])} if select else set()
        return Parts(frozenset({row_id, *found}), frozenset({row_id, *found}))

    def change(self, hostile: Hostile, row_id: str) -> str | None:
        """The row as it was stands in a table of its own."""
        keep = f"CREATE TABLE `kept {row_id}` AS SELECT * FROM `{hostile.table}` WHERE id = %s"
        read(self.dify, keep, [row_id])
        change = f"UPDATE `{hostile.table}` SET `{hostile.column}` = %s WHERE id = %s"
        try:
            read(self.dify, change, [hostile.value, row_id])
        except (pymysql.Error, UnicodeEncodeError):
            read(self.dify, f"DROP TABLE `kept {row_id}`")
            return None
        # Where the server is not strict, an id that cannot be null becomes an empty one.
        return (hostile.value or "") if hostile.column == "id" else row_id

    def put_back(self, changed: Changed) -> None:
        """From the table that keeps it."""
        table = changed.hostile.table
        read(self.dify, f"DELETE FROM `{table}` WHERE id = %s", [changed.now_id])
        read(self.dify, f"INSERT INTO `{table}` SELECT * FROM `kept {changed.row_id}`")
        read(self.dify, f"DROP TABLE `kept {changed.row_id}`")


@pytest.fixture
def place(mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str) -> Iterator[Place]:
    """A small company that has been read."""
    history = build_history(98, datetime.now(UTC), 2, 5.0)
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


def test_any_value_in_any_row_costs_only_its_own_row(place: Place) -> None:
    played = list(sample(hostile_values(_VALUES), len(examples(50, 5_000)), _STOPPERS))
    assert play_all(place, played) > len(played) // 2, "too few were taken to mean anything"


def test_ids_of_several_collations_are_joined(
    mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str
) -> None:
    """Tables that were made by servers of several versions, as upgrades leave them."""
    history = build_history(99, datetime.now(UTC), 2, 4.0)
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
