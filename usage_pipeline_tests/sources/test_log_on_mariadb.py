"""A completion log in MariaDB is read as one in SQLite or PostgreSQL is: times, money, read-only, in time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.completion_logs import source as completion_logs
from usage_pipeline.sources.completion_logs.database import connect_to_log
from usage_pipeline.sources.registry import open_source
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.logs import read, settings_for
from usage_pipeline_tests.support.mariadb import on_mariadb, running_mariadb

pytestmark = on_mariadb

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime.now(UTC).replace(microsecond=0)
TIMES = {"DATETIME": "Asia/Shanghai", "TIMESTAMP NULL": "UTC", "BIGINT": "UTC", "VARCHAR(40)": "UTC"}


@pytest.fixture(scope="module")
def server() -> Iterator[object]:
    """A real server, whose own zone is Berlin."""
    with running_mariadb() as running:
        with running.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE gateway")
        yield running


def written(moment: datetime, kind: str) -> object:
    """A moment as a column of the kind holds it, in a session whose zone is UTC."""
    if kind == "BIGINT":
        return int(moment.timestamp()) * 1000
    if kind == "DATETIME":
        return moment.astimezone(SHANGHAI).replace(tzinfo=None)
    return moment.isoformat() if kind.startswith("VARCHAR") else moment.replace(tzinfo=None)


def test_times_and_figures_and_todays_total(
    server: object, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_URL", server.url("gateway"))  # type: ignore[attr-defined]
    monkeypatch.setattr(completion_logs, "_ROWS_A_WINDOW", 25)
    truth = {f"r{n}": NOW - timedelta(hours=72) * n / 80 - timedelta(seconds=5) for n in range(80)}
    sources = []
    with server.connect("gateway") as connection, connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SET time_zone = '+00:00'")
        for number, (kind, zone) in enumerate(TIMES.items()):
            cursor.execute(f"CREATE TABLE log_{number} (id VARCHAR(36) PRIMARY KEY, created_at {kind}, input_tokens INT"
                           " UNSIGNED, output_tokens INT, cost DECIMAL(20, 7), KEY at (created_at))")  # fmt: skip
            cursor.executemany(
                f"INSERT INTO log_{number} VALUES (%s, %s, %s, NULL, 0.1000001)",
                [(key, written(moment, kind), 7) for key, moment in truth.items()],
            )
            sources.append({"id": f"log_{number}", "kind": "completion_logs", "url_env": "LOG_URL", "timezone": zone,
                            "table": f"log_{number}", "columns": {"cost": "cost"}})  # fmt: skip
        settings = settings_for("Asia/Shanghai", more={"sources": sources})
        assert read(warehouse, settings) == len(truth) * len(TIMES)
        assert read(warehouse, settings) == 0
        for number in range(len(TIMES)):
            found = warehouse.execute(
                "SELECT event_id, occurred_at, usage_date, cost FROM usage.usage_event WHERE source = %s",
                [f"log_{number}"],
            ).fetchall()
            assert {row[0]: row[1:] for row in found} == {
                key: (moment, moment.astimezone(SHANGHAI).date(), Decimal("0.1000001")) for key, moment in truth.items()
            }
        cursor.execute("SET time_zone = '+08:00'")
        cursor.execute(
            "SELECT SUM(input_tokens + coalesce(output_tokens, 0)) FROM log_1 WHERE created_at >= CURRENT_DATE"
        )
        theirs = cursor.fetchone()[0]
    ours = warehouse.execute(
        "SELECT sum(total_tokens) FROM usage.daily_usage WHERE source = 'log_1'"
        " AND usage_date = (now() AT TIME ZONE 'Asia/Shanghai')::date"
    ).fetchone()
    assert ours == (theirs,)


def test_the_session_cannot_write_and_a_slow_statement_ends(server: object) -> None:
    connection = connect_to_log(server.url("gateway"), timedelta(seconds=1))  # type: ignore[attr-defined]
    with pytest.raises(sa.exc.DBAPIError, match="READ ONLY"):
        connection.exec_driver_sql("CREATE TABLE x (y int)")
    connection.rollback()
    with pytest.raises(sa.exc.DBAPIError, match="max_statement_time"):
        connection.exec_driver_sql("SELECT sleep(5) FROM (SELECT 1 UNION SELECT 2) AS t")
    connection.close()


def test_a_wrong_password_is_said_without_it(server: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_URL", server.url("gateway", "nobody", "hidden-s3cr3t"))  # type: ignore[attr-defined]
    settings = settings_for()
    with pytest.raises(SourceError, match="the user or its password is wrong") as raised:
        open_source(settings.sources[0], settings)
    assert "hidden-s3cr3t" not in str(raised.value)
