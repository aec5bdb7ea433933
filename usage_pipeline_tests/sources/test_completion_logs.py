"""A completion log is read whole, incrementally and read-only, whatever its columns are made of."""

import os
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa

from usage_pipeline.ingest.read_all_sources import read_all_sources
from usage_pipeline.sources.completion_logs import source as completion_logs
from usage_pipeline.sources.completion_logs.database import connect_to_log
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.lines import Proxy
from usage_pipeline_tests.support.logs import PLAIN, Log, column, read, settings_for, sqlite_log

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime.now(UTC).replace(microsecond=0)
ALL = {word: word for word in ("app", "key", "user", "model", "provider", "cost", "currency", "status")}
CALL = "app TEXT, key TEXT, user_id TEXT, model TEXT, provider TEXT, cost TEXT, currency TEXT, status TEXT"
SECRET = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWx"


@pytest.fixture(params=["sqlite", "postgresql"])
def log(
    request: pytest.FixtureRequest, tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> Log:
    """An empty database for a log, of each kind."""
    made = sqlite_log(tmp_path) if request.param == "sqlite" else Log(new_database())
    monkeypatch.setenv("LOG_URL", made.url)
    return made


@pytest.fixture
def file_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log in a file, for what does not depend on the kind of database."""
    made = sqlite_log(tmp_path)
    monkeypatch.setenv("LOG_URL", made.url)
    return made


def is_sqlite(log: Log) -> bool:
    return log.url.startswith("sqlite")


def plain(log: Log, time: str | None = None, index: bool = True) -> None:
    """The article's table."""
    kind = time or time_type(log)
    log.do(f"CREATE TABLE completion_logs ({PLAIN.format(time=kind, number='INTEGER')})")
    if index:
        log.do("CREATE INDEX log_time ON completion_logs (created_at, id)")


def time_type(log: Log) -> str:
    return "TEXT" if is_sqlite(log) else "timestamptz"


def make(log: Log, more: str) -> None:
    """The article's table with more columns."""
    log.do(f"CREATE TABLE completion_logs ({PLAIN.format(time=time_type(log), number='INTEGER')}, {more})")


def insert(log: Log, rows: list[tuple[object, ...]], table: str = "completion_logs") -> None:
    log.do(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def moments(count: int, hours: int = 72) -> list[datetime]:
    """Moments over the last days, none at the turn of a second."""
    return [NOW - timedelta(hours=hours) * n / count - timedelta(seconds=5) for n in range(count)]


@pytest.mark.parametrize(
    ("log", "zone"), [("sqlite", "UTC"), ("postgresql", "UTC"), ("postgresql", "Asia/Shanghai")], indirect=["log"]
)
def test_the_articles_own_statement_gives_our_total_of_today(log: Log, warehouse: Connection, zone: str) -> None:
    # SQLite's CURRENT_DATE is always UTC's: there the statement has no other zone.
    plain(log, time="TEXT DEFAULT CURRENT_TIMESTAMP" if is_sqlite(log) else "timestamptz DEFAULT now()")
    insert(log, [(f"a{n}", _iso(log, moment), 100 + n, 7 * n) for n, moment in enumerate(moments(400))])
    log.do("INSERT INTO completion_logs (id, input_tokens, output_tokens) VALUES (?, ?, ?)", [("new", 1000, 1)])
    if not is_sqlite(log):
        name = log.url.partition("?")[0].rsplit("/", 1)[-1]
        log.do(f"ALTER DATABASE {name} SET TimeZone = '{zone}'")
    read(warehouse, settings_for(zone))
    theirs = log.do("SELECT SUM(input_tokens + output_tokens) FROM completion_logs WHERE created_at >= CURRENT_DATE")
    ours = warehouse.execute(
        "SELECT sum(total_tokens)::bigint FROM usage.daily_usage WHERE usage_date = (now() AT TIME ZONE %s)::date",
        [zone],
    ).fetchall()
    assert theirs[0][0] is not None
    assert ours == theirs
    whole = log.do("SELECT SUM(input_tokens + output_tokens) FROM completion_logs")
    assert warehouse.execute("SELECT sum(total_tokens)::bigint FROM usage.daily_usage").fetchall() == whole


def _iso(log: Log, moment: datetime) -> object:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if is_sqlite(log) else moment


FORMS: dict[str, tuple[str, str, str, Callable[[datetime], object]]] = {
    # name: SQLite's type, PostgreSQL's type, zone of the source, how a moment is written
    "ISO with Z": ("TEXT", "text", "UTC", lambda m: m.strftime("%Y-%m-%dT%H:%M:%SZ")),
    "ISO with offset": ("TEXT", "text", "UTC", lambda m: m.astimezone(SHANGHAI).isoformat()),
    "ISO of a local clock": ("DATETIME", "text", "Asia/Shanghai",
                             lambda m: m.astimezone(SHANGHAI).replace(tzinfo=None).isoformat(sep=" ")),
    "ISO of a clock that changes": ("TEXT", "text", "Europe/Berlin",
                                    lambda m: m.astimezone(ZoneInfo("Europe/Berlin")).isoformat()),
    "seconds": ("INTEGER", "bigint", "UTC", lambda m: int(m.timestamp())),
    "milliseconds": ("INTEGER", "bigint", "UTC", lambda m: int(m.timestamp()) * 1000),
    "seconds with fractions": ("REAL", "double precision", "UTC", lambda m: m.timestamp()),
    "timestamptz": ("", "timestamptz", "UTC", lambda m: m),
    "timestamp of a local clock": ("", "timestamp", "Asia/Shanghai",
                                   lambda m: m.astimezone(SHANGHAI).replace(tzinfo=None)),
}  # fmt: skip


def test_times_of_every_form_mean_their_moment(
    log: Log, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion_logs, "_ROWS_A_WINDOW", 25)
    sources: list[dict[str, object]] = []
    writers = []
    for number, (in_sqlite, in_postgres, zone, write) in enumerate(FORMS.values()):
        kind = in_sqlite if is_sqlite(log) else in_postgres
        if kind:
            table = f"log_{number}"
            log.do(f"CREATE TABLE {table} ({PLAIN.format(time=kind, number='INTEGER')})")
            log.do(f"CREATE INDEX {table}_time ON {table} (created_at)")
            writers.append((table, write))
            sources.append({"id": table, "kind": "completion_logs", "url_env": "LOG_URL", "table": table,
                            "timezone": zone})  # fmt: skip
    truth = {f"r{n}": moment for n, moment in enumerate(moments(80))}
    early = {k: m for k, m in truth.items() if m < NOW - timedelta(hours=20)}
    late = {k: m for k, m in truth.items() if k not in early}
    settings = settings_for("Asia/Shanghai", more={"sources": sources})
    for part in (early, late):
        for table, write in writers:
            log.do(f"INSERT INTO {table} VALUES (?, ?, 1, 1)", [(name, write(moment)) for name, moment in part.items()])
        assert read(warehouse, settings) == len(part) * len(writers)
        assert read(warehouse, settings) == 0
    for table, _ in writers:
        found = warehouse.execute(
            "SELECT event_id, occurred_at, usage_date FROM usage.usage_event WHERE source = %s", [table]
        ).fetchall()
        assert {r[0]: r[1:] for r in found} == {k: (m, m.astimezone(SHANGHAI).date()) for k, m in truth.items()}


def test_a_pass_without_a_sweep_reads_only_what_is_new(
    log: Log, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain(log)
    insert(log, [(f"r{n}", _iso(log, moment), 1, 1) for n, moment in enumerate(moments(200))])
    read(warehouse, settings_for())
    insert(log, [("late", _iso(log, datetime.now(UTC) - timedelta(minutes=4)), 5, 5)])
    seen: list[int] = []
    staged = completion_logs.staged_row
    monkeypatch.setattr(completion_logs, "staged_row", lambda *words: (seen.append(1), staged(*words))[1])
    assert read(warehouse, settings_for(), sweep=False) == 1
    # The look-back of 15 minutes, and the room that text leaves for clocks that change.
    assert len(seen) < 20


def test_ids_figures_and_costs_are_read_as_they_are_written(log: Log, warehouse: Connection) -> None:
    ids: dict[str, tuple[str, list[object]]] = {
        "text": ("TEXT", ["x 1", "ünï", "req-3"]),
        "number": ("INTEGER" if is_sqlite(log) else "bigint", [1, 2, 2**53 + 1]),
        "uuid": ("BLOB" if is_sqlite(log) else "uuid", [uuid.UUID(int=n + 2**127) for n in range(3)]),
    }
    rows = [("12", None, "0.0000001"), (None, " 7 ", "1e-05"), ("1000000", "0", None)]
    sources = []
    for kind, (id_type, values) in ids.items():
        table = PLAIN.format(time=time_type(log), number="TEXT").replace("TEXT PRIMARY", f"{id_type} PRIMARY")
        log.do(f"CREATE TABLE {kind}_log ({table}, {CALL})")
        given = [value.bytes if is_sqlite(log) and isinstance(value, uuid.UUID) else value for value in values]
        insert(log, [
            (i, _iso(log, NOW), tokens_in, tokens_out, "chat", None, "u", "gpt-4o", "openai", cost, "rmb", None)
            for i, (tokens_in, tokens_out, cost) in zip(given, rows, strict=True)
        ], f"{kind}_log")  # fmt: skip
        sources.append({"id": kind, "kind": "completion_logs", "url_env": "LOG_URL", "table": f"{kind}_log",
                        "columns": ALL | {"user": "user_id"}})  # fmt: skip
    read(warehouse, settings_for(more={"currency": "CNY", "sources": sources}))
    for kind, (_, values) in ids.items():
        found = warehouse.execute(
            "SELECT event_id, input_tokens, output_tokens, total_tokens, logged_cost, base_cost FROM usage.usage_event"
            " WHERE source = %s ORDER BY total_tokens", [kind]
        ).fetchall()  # fmt: skip
        first, second, third = (str(value) for value in values)
        assert found == [
            (second, 0, 7, 7, Decimal("0.00001"), Decimal("0.00001")),
            (first, 12, 0, 12, Decimal("0.0000001"), Decimal("0.0000001")),  # RMB is CNY
            (third, 1_000_000, 0, 1_000_000, Decimal(0), None),
        ]


def test_binary_fractions_in_the_log_do_not_become_ours(log: Log, warehouse: Connection) -> None:
    real = "REAL" if is_sqlite(log) else "double precision"
    make(log, f"cost {real}")
    insert(log, [(f"r{n}", _iso(log, NOW), 1, 1, 0.1) for n in range(10)])
    read(warehouse, settings_for(columns={"cost": "cost"}))
    assert warehouse.execute("SELECT sum(cost) FROM usage.daily_usage").fetchone() == (Decimal("1.0"),)


def test_a_key_is_exact_masked_and_never_stored(file_log: Log, warehouse: Connection) -> None:
    make(file_log, CALL)
    insert(file_log, [
        (f"r{n}", _iso(file_log, NOW), 10, 1, "chat", key, "alice", "m", "p", None, None, None)
        for n, key in enumerate([SECRET, SECRET, "crm-team", None])
    ])  # fmt: skip
    read(warehouse, settings_for(columns=ALL | {"user": "user_id"}))
    attribution, keys = column(warehouse, "key_attribution"), column(warehouse, "api_key_id")
    assert attribution == {"r0": "exact", "r1": "exact", "r2": "exact", "r3": "shared"}
    assert keys["r0"] == keys["r1"] != keys["r2"]
    assert keys["r3"] is None
    masks = dict(warehouse.execute("SELECT api_key_id, masked FROM usage.api_key").fetchall())  # type: ignore[arg-type]
    assert masks[keys["r0"]] == "AbCd…UvWx"
    assert "crm-team" not in masks[keys["r2"]], "a short one may be a secret too"
    everything = [
        str(warehouse.execute(f"SELECT t::text FROM usage.{name} t".encode()).fetchall())
        for (name,) in warehouse.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'usage'").fetchall()
    ]
    assert SECRET not in "".join(everything)
    assert SECRET[8:16] not in "".join(everything)


def test_the_name_of_a_key_is_shown_unless_it_is_a_secret(file_log: Log, warehouse: Connection) -> None:
    make(file_log, "alias TEXT")
    insert(file_log, [("a", _iso(file_log, NOW), 1, 1, "crm-team"), ("b", _iso(file_log, NOW), 1, 1, SECRET)])
    read(warehouse, settings_for(columns={"key_name": "alias"}))
    shown = {str(m) for (m,) in warehouse.execute("SELECT masked FROM usage.api_key").fetchall()}
    assert shown == {"crm-team", "AbCd…UvWx"}


def test_what_changes_in_the_look_back_is_corrected_and_what_goes_stays(file_log: Log, warehouse: Connection) -> None:
    make(file_log, CALL)
    rows = [("gone", "old-app", "running"), ("changed", "chat", "running")]
    insert(file_log, [
        (i, _iso(file_log, NOW - timedelta(hours=1)), 10, 0, app, None, "u", "m", "p", None, None, status)
        for i, app, status in rows
    ])  # fmt: skip
    settings = settings_for(columns=ALL | {"user": "user_id"})
    read(warehouse, settings)
    file_log.do("DELETE FROM completion_logs WHERE id = ?", [("gone",)])
    file_log.do("UPDATE completion_logs SET output_tokens = 90, status = '429'", [()])
    assert read(warehouse, settings) == 1
    assert column(warehouse, "total_tokens") == {"gone": 10, "changed": 100}
    assert column(warehouse, "status") == {"gone": "running", "changed": "failed"}
    projects = warehouse.execute("SELECT name, mode, gone_at FROM usage.project ORDER BY 1").fetchall()
    assert projects == [("chat", "log", None), ("old-app", "log", None)], "a log does not say that a project is gone"


def test_projects_of_two_workspaces_are_two_and_follow_the_rules(file_log: Log, warehouse: Connection) -> None:
    make(file_log, "app TEXT, team TEXT")
    # An hour before midnight in Berlin it is tomorrow in Shanghai.
    moment = (NOW - timedelta(days=2)).replace(hour=17, minute=30, second=0)
    insert(file_log, [(t, _iso(file_log, moment), 1, 1, "chat-test", t) for t in ("Marketing", "Support")])
    rules = {
        "tenants": [{"tenant": "Support", "timezone": "Europe/Berlin"}],
        "environments": [{"environment": "test", "when": {"project_name": "*-test", "workspace": "Support"}}],
    }
    read(warehouse, settings_for("Asia/Shanghai", columns={"app": "app", "tenant": "team"}, more=rules))
    assert len(set(column(warehouse, "app_id").values())) == 2
    assert column(warehouse, "environment") == {"Marketing": "prod", "Support": "test"}
    days = column(warehouse, "usage_date")
    assert days == {"Marketing": moment.date() + timedelta(days=1), "Support": moment.date()}


def test_rows_that_cannot_be_read_are_said_and_the_others_counted(file_log: Log, warehouse: Connection) -> None:
    file_log.do(f"CREATE TABLE completion_logs ({PLAIN.format(time='TEXT', number='TEXT')}, cost TEXT)")
    good = "2026-11-02 10:00:00"
    insert(file_log, [("ok", good, "5", "5", "0.1"), ("tokens", good, "-3", "many", "0.1"),
                 ("cost", good, "1", "1", "free"),
                 ("time", "yesterday", "1", "1", None), ("none", None, "1", "1", None)])  # fmt: skip
    read(warehouse, settings_for(columns={"cost": "cost"}))
    assert column(warehouse, "total_tokens") == {"ok": 10, "tokens": 0, "cost": 2}

    def problems() -> set[tuple[str, str]]:
        rows = warehouse.execute("SELECT kind, row_id FROM usage.source_problem").fetchall()
        return {(str(kind), str(row)) for kind, row in rows}

    assert problems() == {("unreadable_tokens", "tokens"), ("unreadable_cost", "cost"), ("unreadable_time", "time"),
                          ("no_index", "created_at"), ("missing_time", "created_at")}  # fmt: skip
    file_log.do("DELETE FROM completion_logs WHERE id = ?", [("none",)])
    file_log.do("UPDATE completion_logs SET input_tokens = ?, output_tokens = ?, created_at = ?, cost = ?",
           [("1", "1", datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"), "0")])  # fmt: skip
    file_log.do("CREATE INDEX log_time ON completion_logs (created_at)")
    read(warehouse, settings_for(columns={"cost": "cost"}))
    assert not problems(), "what is mended is taken off"


def test_an_empty_log_is_read_and_filled_later(log: Log, warehouse: Connection) -> None:
    plain(log)
    assert read(warehouse, settings_for()) == 0
    insert(log, [("first", _iso(log, NOW), 1, 2)])
    assert read(warehouse, settings_for(), sweep=False) == 1


def test_a_log_that_stops_in_mid_stream_is_left_and_read_whole_when_it_is_back(
    new_database: Callable[[], str], warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(new_database())
    plain(log)
    log.do("INSERT INTO completion_logs SELECT 'r' || n, now() - n * interval '1 second', n, 1"
           " FROM generate_series(1, 15000) n")  # fmt: skip
    line = Proxy(log.url)
    monkeypatch.setenv("LOG_URL", line.url)
    settings = settings_for(more={"lookback": {"statement_timeout_seconds": 1}, "reading": {"silent_after_seconds": 1}})
    line.freeze(after_bytes=200_000)
    results, errors = read_all_sources(warehouse, settings, sweep=True)
    assert not results
    assert "gave no answer for 6 seconds" in errors["gateway"]
    assert not [t.name for t in threading.enumerate() if t.name.startswith("reading ")]
    assert column(warehouse, "total_tokens") == {}
    monkeypatch.setenv("LOG_URL", log.url)
    read(warehouse, settings_for())
    assert sum(int(str(t)) for t in column(warehouse, "input_tokens").values()) == 15_000 * 15_001 // 2
    line.cut()


def test_a_time_index_is_used(new_database: Callable[[], str]) -> None:
    log = Log(new_database())
    plain(log)
    log.do("INSERT INTO completion_logs SELECT 'r' || n, now() - n * interval '1 minute', 1, 1"
           " FROM generate_series(1, 20000) n; ANALYZE completion_logs")  # fmt: skip
    source = completion_logs.CompletionLogs("gateway", log.url)
    assert source._form is not None
    select = source._select(source._form, completion_logs.Window(NOW - timedelta(minutes=15), None))
    text = str(select.compile(dialect=source._connection.dialect, compile_kwargs={"literal_binds": True}))
    source.close()
    with psycopg.connect(log.url) as connection:
        plan = "\n".join(str(row[0]) for row in connection.execute(f"EXPLAIN {text}".encode()))
    assert "log_time" in plan


def test_the_session_cannot_write(log: Log) -> None:
    plain(log)
    connection = connect_to_log(os.environ["LOG_URL"], timedelta(seconds=5))
    with pytest.raises(sa.exc.DBAPIError, match=r"read-?only"):
        connection.exec_driver_sql("INSERT INTO completion_logs VALUES ('x', '2026-01-01', 1, 1)")
    connection.close()
