"""Completion logs for tests: a table of any shape in SQLite or PostgreSQL, and passes over it."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import psycopg

from usage_pipeline.ingest.read_all_sources import read_all_sources
from usage_pipeline.settings import Settings
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection

PLAIN = "id TEXT PRIMARY KEY, created_at {time}, input_tokens {number}, output_tokens {number}"


class Log:
    """A log's database; `?` stands for parameters."""

    def __init__(self, url: str) -> None:
        self.url = url

    def do(self, statement: str, rows: Iterable[Sequence[object]] | None = None) -> list[tuple[object, ...]]:
        """Runs a statement, once a row of parameters when there are any."""
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection, connection:
                if rows is None:
                    return connection.execute(statement).fetchall()
                connection.executemany(statement, [tuple(row) for row in rows])
                return []
        with psycopg.connect(self.url, autocommit=True) as connection, connection.cursor() as cursor:
            if rows is None:
                cursor.execute(statement.encode())
                return cursor.fetchall() if cursor.description else []
            cursor.executemany(statement.replace("?", "%s").encode(), list(rows))
            return []


def sqlite_log(folder: Path) -> Log:
    """A log in a file of its own."""
    path = folder / "log.db"
    sqlite3.connect(path).close()
    return Log(f"sqlite:///{path}")


def settings_for(zone: str = "UTC", more: dict[str, object] | None = None, **source: object) -> Settings:
    """A configuration with one log, whose URL is in LOG_URL."""
    log = {"id": "gateway", "kind": "completion_logs", "url_env": "LOG_URL", **source}
    return Settings.model_validate({"version": 1, "timezone": zone, "sources": [log], **(more or {})})


def read(warehouse: Connection, settings: Settings, *, sweep: bool = True) -> int:
    """A pass with its roll-up; returns how many events changed. What cannot be read fails the test."""
    results, errors = read_all_sources(warehouse, settings, sweep=sweep)
    assert not errors, errors
    roll_up(warehouse, changed_days(warehouse))
    return sum(result.events_changed for result in results)


def column(warehouse: Connection, name: str) -> dict[str, object]:
    """A column of usage_event, by event id."""
    rows = warehouse.execute(f"SELECT event_id, {name} FROM usage.usage_event".encode()).fetchall()
    return {str(event_id): value for event_id, value in rows}
