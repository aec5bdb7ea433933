"""The look-back reads again what was written since it was counted, whatever it was, and nothing else."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.ingest.counting import open_staging
from usage_pipeline.ingest.look_back import look_back
from usage_pipeline.sources.base import SourceSlot, Window
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.usage.roll_up import DAILY_TABLES, roll_up
from usage_pipeline.warehouse.connection import Connection, connect, connected
from usage_pipeline_tests.support.company import Company, build_company, events

TABLES = (*DAILY_TABLES, "daily_hour_usage")
# Each writes to rows of the last two days, by a number that picks them.
WRITES = {
    "a message's tokens": "UPDATE messages SET answer_tokens = answer_tokens + 7 WHERE id = (SELECT id FROM messages"
    " WHERE workflow_run_id IS NULL AND created_at > %(since)s ORDER BY md5(id::text || %(seed)s) LIMIT 1)",
    "an agent's thought": "UPDATE message_agent_thoughts SET tokens = tokens + 5000 WHERE id = (SELECT t.id"
    " FROM message_agent_thoughts t JOIN messages m ON m.id = t.message_id WHERE m.created_at > %(since)s"
    " ORDER BY md5(t.id::text || %(seed)s) LIMIT 1)",
    "a node's tokens": "UPDATE workflow_node_executions SET execution_metadata = '{\"total_tokens\": 91}',"
    " process_data = '{}' WHERE id = (SELECT id FROM workflow_node_executions WHERE node_type = 'llm'"
    " AND created_at > %(since)s ORDER BY md5(id::text || %(seed)s) LIMIT 1)",
    "a run's total": "UPDATE workflow_runs SET total_tokens = total_tokens + 3 WHERE id = (SELECT id FROM workflow_runs"
    " WHERE created_at > %(since)s ORDER BY md5(id::text || %(seed)s) LIMIT 1)",
    "from where a run was asked": "UPDATE workflow_app_logs SET created_from = 'web-app' WHERE id = (SELECT id"
    " FROM workflow_app_logs WHERE created_at > %(since)s ORDER BY md5(id::text || %(seed)s) LIMIT 1)",
    "a late message": "INSERT INTO messages SELECT (m.late).* FROM (SELECT jsonb_populate_record(x,"
    " jsonb_build_object('id', gen_random_uuid())) AS late FROM messages x WHERE x.workflow_run_id IS NULL"
    " AND x.created_at > %(since)s ORDER BY md5(x.id::text || %(seed)s) LIMIT 1) AS m",
    "a node that is gone": "DELETE FROM workflow_node_executions WHERE id = (SELECT id FROM workflow_node_executions"
    " WHERE created_at > %(since)s ORDER BY md5(id::text || %(seed)s) LIMIT 1)",
}


@pytest.fixture(scope="module")
def company(module_database: Callable[[], str], module_warehouse: Callable[[], str]) -> Company:
    """A company of three days that has been read, and read again."""
    made = build_company(module_database, module_warehouse(), seed=31, days=3, calls_a_day=12.0)
    made.run()
    made.run()
    return made


@pytest.fixture
def dify(company: Company) -> Iterator[Connection]:
    connection = connect(company.dify_url)
    yield connection
    connection.close()


@pytest.fixture
def read_windows(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """The windows that are read while the test runs."""
    found: list[Window] = []
    stage = DifyPostgres.stage_window

    def noted(self: DifyPostgres, warehouse: Connection, window: Window) -> None:
        found.append(window)
        stage(self, warehouse, window)

    monkeypatch.setattr(DifyPostgres, "stage_window", noted)
    return found


def _counted(company: Company) -> dict[str, dict[str, object]]:
    with connected(company.warehouse_url) as connection:
        return {event_id: {**row, "ingested_at": None} for event_id, row in events(connection).items()}


def _assert_daily_tables_are_sums(company: Company) -> None:
    """What passes added to the daily tables is what making every day again from its events gives, row by row."""
    with connected(company.warehouse_url) as connection, connection.transaction(force_rollback=True):
        assert connection.execute("SELECT count(*) FROM usage.usage_change").fetchone() == (0,)
        added = {table: _rows(connection, table) for table in TABLES}
        days = [day for (day,) in connection.execute("SELECT DISTINCT usage_date FROM usage.usage_event")]
        roll_up(connection, days)
        for table in TABLES:
            made = _rows(connection, table)
            assert added[table] == made, f"{table}: {sorted(map(str, added[table] ^ made))[:4]}"


def _rows(connection: Connection, table: str) -> set[tuple[object, ...]]:
    found = connection.execute(f"SELECT * FROM usage.{table}".encode()).fetchall()
    assert len(set(found)) == len(found), f"a row stands twice in {table}"
    return set(found)


def _forget(company: Company) -> None:
    with connected(company.warehouse_url) as connection:
        connection.execute("DELETE FROM usage.read_slot")


def test_what_was_not_written_is_not_read_again(company: Company, read_windows: list[Window]) -> None:
    company.run()
    assert [window.until for window in read_windows] == [None]
    (last,) = read_windows
    assert last.since > datetime.now(UTC) - timedelta(minutes=20), "the 48 hours were read again"
    assert last.steps_since, "single steps of a console have no slots: they are looked for in all of the look-back"
    assert last.steps_since < datetime.now(UTC) - timedelta(hours=40)


@pytest.mark.parametrize("write", WRITES)
def test_what_was_written_is_counted(company: Company, dify: Connection, write: str) -> None:
    since = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=40)
    assert dify.execute(WRITES[write].encode(), {"since": since, "seed": "once"}).rowcount == 1, "nothing was written"
    company.run()
    told = _counted(company)
    _assert_daily_tables_are_sums(company)
    _forget(company)
    company.run()
    assert told == _counted(company), "reading all again found what the digests had missed"


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writes=st.lists(st.tuples(st.sampled_from(sorted(WRITES)), st.integers(0, 999)), max_size=6),
    sweep=st.booleans(),
)
def test_whatever_was_written_a_pass_counts_what_reading_all_again_would(
    company: Company, dify: Connection, writes: list[tuple[str, int]], sweep: bool
) -> None:
    hours = 40 if sweep else 0.2
    since = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)
    for name, seed in writes:
        dify.execute(WRITES[name].encode(), {"since": since, "seed": str(seed)})
    company.run(sweep=sweep)
    told = _counted(company)
    _assert_daily_tables_are_sums(company)
    _forget(company)
    company.run()
    assert told == _counted(company)


def test_rules_that_changed_count_the_look_back_anew(
    company: Company, read_windows: list[Window], tmp_path: Path
) -> None:
    company.run()
    text = company.config.read_text(encoding="utf-8")
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace("Asia/Shanghai", "Asia/Tokyo", 1), encoding="utf-8")
    assert changed.read_text(encoding="utf-8") != text
    read_windows.clear()
    Company(company.dify_url, company.warehouse_url, company.history, changed).run()
    assert read_windows[0].since < datetime.now(UTC) - timedelta(hours=24), "what stood by other rules was left so"
    company.run()


@pytest.mark.parametrize("told", [True, False])
def test_rules_that_come_back_count_as_before(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """Also where the source could not tell what changed while other rules were in force."""
    company.run()
    before = _counted(company)
    changed = tmp_path / "changed.yaml"
    text = company.config.read_text(encoding="utf-8")
    changed.write_text(text.replace("USD: 7.10", "USD: 9.10", 1), encoding="utf-8")
    with monkeypatch.context() as patched:
        if not told:
            patched.setattr(DifyPostgres, "slots", lambda *_: None)
        Company(company.dify_url, company.warehouse_url, company.history, changed).run()
    assert _counted(company) != before
    company.run()
    assert _counted(company) == before


def test_a_role_with_rights_to_columns_alone_reads_everything_again(
    company: Company, dify: Connection, read_windows: list[Window]
) -> None:
    dify.execute("CREATE ROLE of_columns LOGIN PASSWORD 'of-columns'")
    try:
        dify.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO of_columns")
        names = dify.execute(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
            " WHERE attrelid = 'messages'::regclass AND attnum > 0 AND NOT attisdropped"
        ).fetchone()
        assert names
        dify.execute("REVOKE SELECT ON messages FROM of_columns")
        dify.execute(f"GRANT SELECT ({names[0]}) ON messages TO of_columns".encode())
        url = company.dify_url.replace("postgres@", "of_columns:of-columns@", 1)
        assert url != company.dify_url
        narrow = Company(url, company.warehouse_url, company.history)
        summary = narrow.run()
        assert not summary.source_errors, summary.source_errors
        assert read_windows[0].since < datetime.now(UTC) - timedelta(hours=40)
    finally:
        os.environ["DIFY_DATABASE_URL"] = company.dify_url
        dify.execute("DROP OWNED BY of_columns; DROP ROLE of_columns")


class _Told:
    """A source that tells which slots it has."""

    source_id = "main"

    def __init__(self, slots: list[SourceSlot]) -> None:
        self._slots = slots

    def slots(self, window: Window, width: timedelta) -> list[SourceSlot]:
        return [slot for slot in self._slots if slot.starts_at >= window.since]


def test_few_rows_between_two_that_were_written_are_read_with_them(warehouse: Connection) -> None:
    begin = datetime(2026, 7, 1, tzinfo=UTC)
    slots = [SourceSlot(begin + timedelta(seconds=10 * number), Decimal(number), 500) for number in range(100)]
    end = begin + timedelta(seconds=1000)

    def windows(changed: set[int]) -> list[tuple[int, int | None]]:
        told = [SourceSlot(s.starts_at, Decimal(-1), s.rows) if n in changed else s for n, s in enumerate(slots)]
        plan = look_back(warehouse, _Told(told), begin, end, {}, read_up_to=end, sweep=False)  # type: ignore[arg-type]
        return [
            (int((w.since - begin).total_seconds()) // 10,
             None if w.until is None else int((w.until - begin).total_seconds()) // 10)
            for w in plan.windows
        ]  # fmt: skip

    first = look_back(warehouse, _Told(slots), begin, end, {}, read_up_to=end, sweep=False)  # type: ignore[arg-type]
    assert [(w.since, w.until) for w in first.windows] == [(begin, None)], "nothing had been read before"
    open_staging(warehouse)
    with warehouse.transaction():
        first.note_read(warehouse, Window(begin, None), end + timedelta(hours=1))
    assert windows(set()) == [(100, None)]
    assert windows({20}) == [(20, 21), (100, None)]
    assert windows({20, 22, 50}) == [(20, 23), (50, 51), (100, None)]
    assert windows({20, 97}) == [(20, 21), (97, None)]
