"""Whatever one row of a completion log holds, it is said or counted, and all others count."""

from collections.abc import Callable

import pytest

from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.logs import Log, read, settings_for

_TIMES = (
    "infinity",
    "-infinity",
    "0001-01-01",
    "9999-12-31",
    "4713-01-01 BC",
    "294276-12-31",
    "1970-01-01",
    "2199-12-31",
)
_ROW = {
    "created_at": [f"'{moment}'" for moment in _TIMES],
    "input_tokens": ["'NaN'", "'Infinity'", "-5", "1e30", "NULL"],
    "cost": ["'NaN'", "'-Infinity'", "-3", "1e300"],
    "model": ["repeat('m', 1000000)", "''", "E'\\x1b[31m'"],
    "id": ["repeat('i', 1000000)", "''", "E'a\\nb'"],
}
_EXAMPLES = [(column, value) for column, values in _ROW.items() for value in values]


@pytest.fixture
def log(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log in PostgreSQL with ten calls of an hour ago."""
    log = Log(new_database())
    log.do(
        "CREATE TABLE completion_logs (id text, created_at timestamp, input_tokens numeric, output_tokens numeric,"
        " cost numeric, model text)"
    )
    log.do("CREATE INDEX ON completion_logs (created_at)")
    log.do(
        "INSERT INTO completion_logs SELECT 'c' || n, now() AT TIME ZONE 'UTC' - interval '1 hour',"
        " 100, 50, 0.1, 'gpt-4o' FROM generate_series(1, 10) n"
    )
    monkeypatch.setenv("LOG_URL", log.url)
    return log


def _rest(warehouse: Connection) -> list[tuple[object, ...]]:
    return warehouse.execute(
        "SELECT event_id, total_tokens, logged_cost::text FROM usage.usage_event WHERE event_id ~ '^c[0-9]+$'"
        " AND event_id <> 'c5' ORDER BY 1"
    ).fetchall()


def test_any_value_in_any_row_costs_only_its_own_row(log: Log, warehouse_url: str) -> None:
    columns = {name: name for name in ("id", "created_at", "input_tokens", "output_tokens", "cost", "model")}
    settings = settings_for(columns=columns)
    with connected(warehouse_url) as warehouse:
        read(warehouse, settings)
        before = _rest(warehouse)
        assert len(before) == 9
        for column, value in _EXAMPLES:
            log.do("CREATE TABLE kept AS SELECT * FROM completion_logs WHERE id = 'c5'")
            log.do(f"UPDATE completion_logs SET {column} = {value} WHERE id = 'c5'")
            read(warehouse, settings)
            assert _rest(warehouse) == before, (column, value)
            log.do("DELETE FROM completion_logs WHERE id !~ '^c[0-9]+$' OR id = 'c5'")
            log.do("INSERT INTO completion_logs SELECT * FROM kept")
            log.do("DROP TABLE kept")
            read(warehouse, settings)
            found = warehouse.execute("SELECT total_tokens FROM usage.usage_event WHERE event_id = 'c5'").fetchone()
            assert found == (150,), (column, value)
