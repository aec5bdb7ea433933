"""Sources and a warehouse behind a real pgbouncer: what a pass does in a session is never another client's."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from usage_pipeline.pipeline import run_pass
from usage_pipeline.settings import load_settings
from usage_pipeline.sources.registry import examine
from usage_pipeline.warehouse.connection import connect, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal, build_company
from usage_pipeline_tests.support.pgbouncer import Pooler, needs_pgbouncer, running_pgbouncer

pytestmark = needs_pgbouncer
LOG = """
  - {id: gateway, kind: completion_logs, url_env: LOG_URL, table: calls, columns: {id: call, created_at: at}}"""


@pytest.fixture(scope="module")
def pooler(postgres: EmbeddedServer) -> Iterator[Pooler]:
    """One session for everybody, given away after each transaction."""
    with running_pgbouncer(postgres, "transaction", sessions=1) as running:
        yield running


@pytest.fixture(scope="module")
def session_pooler(postgres: EmbeddedServer) -> Iterator[Pooler]:
    """A session for each client."""
    with running_pgbouncer(postgres, "session", sessions=10) as running:
        yield running


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str, tmp_path: Path) -> Company:
    """A company with a log in the same database as its Dify."""
    made = build_company(new_database, warehouse_url, seed=71, days=2, calls_a_day=6)
    with connected(made.dify_url) as dify:
        dify.execute("CREATE TABLE calls (call int PRIMARY KEY, at timestamptz, input_tokens int, output_tokens int)")
        dify.execute("INSERT INTO calls SELECT n, now() - n * interval '1 minute', n, 1 FROM generate_series(1, 50) n")
        dify.execute("CREATE TABLE written (at timestamptz DEFAULT now())")
    made.config = tmp_path / "c.yaml"
    main = "  - {id: main, kind: dify, url_env: DIFY_DATABASE_URL}"
    made.config.write_text(EXAMPLE.read_text(encoding="utf-8").replace(main, main + LOG), encoding="utf-8")
    return made


def another_client(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """Somebody else of the same pool: Dify, say."""
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


def settings_of(session: psycopg.Connection[tuple[object, ...]]) -> dict[object, object]:
    """All that can be set in a session, less what a pooler sets for each of its clients."""
    rows = session.execute("SELECT name, setting FROM pg_settings WHERE name <> 'application_name'").fetchall()
    return dict(rows)


def test_others_of_the_same_pool_write_during_and_after_a_pass(
    company: Company, pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = pooler.url(company.dify_url)
    over, refused, written = Event(), list[str](), 0

    def write() -> None:
        nonlocal written
        with another_client(url) as other:
            while not over.wait(0.01):
                try:
                    other.execute("INSERT INTO written DEFAULT VALUES")
                    written += 1
                except psycopg.Error as error:
                    refused.append(str(error))

    with another_client(url) as other:
        before = settings_of(other)
        writer = Thread(target=write)
        writer.start()
        monkeypatch.setenv("LOG_URL", url)
        try:
            monkeypatch.setattr(company, "dify_url", url)
            summary = company.run()
        finally:
            over.set()
            writer.join(30)
        assert not summary.source_errors
        assert not refused
        assert written > 5
        other.execute("INSERT INTO written DEFAULT VALUES")
        assert settings_of(other) == before
        left = other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        locks = other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert (left, locks.fetchone()) == ((0,), (0,))
    with connected(company.warehouse_url) as warehouse:
        counted = warehouse.execute(
            "SELECT sum(input_tokens) FROM usage.usage_event WHERE source = 'gateway'"
        ).fetchone()
        assert counted == (sum(range(1, 51)),)
        warehouse.execute("DELETE FROM usage.usage_event WHERE source = 'gateway'")
        assert_events_equal(warehouse, company.history.truth(company.history.now, KEY_RULES))


def test_doctor_tells_the_pooler_by_its_behaviour(
    company: Company, pooler: Pooler, session_pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(company.config)
    said = {}
    ways = {"none": company.dify_url, "transaction": pooler.url(company.dify_url),
            "session": session_pooler.url(company.dify_url)}  # fmt: skip
    for way, url in ways.items():
        monkeypatch.setenv("DIFY_DATABASE_URL", url)
        said[way] = [found.says for found in examine(settings.sources[0], settings) if "pooler" in found.says]
    assert said["none"] == []
    assert ["a transaction at a time" in text for text in said["transaction"]] == [True]
    assert ["a session of our own" in text for text in said["session"]] == [True]


def test_a_warehouse_in_sessions_of_others_is_refused_in_words(company: Company, pooler: Pooler) -> None:
    with pytest.raises(psycopg.OperationalError, match="name the server itself, or a pool with pool_mode = session"):
        connect(pooler.url(company.warehouse_url))


def test_a_pooler_that_allows_no_transaction_is_named(
    company: Company, postgres: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(company.config)
    with running_pgbouncer(postgres, "statement", sessions=1) as pooler:
        monkeypatch.setenv("DIFY_DATABASE_URL", pooler.url(company.dify_url))
        ((state, says),) = [(found.state, found.says) for found in examine(settings.sources[0], settings)]
    assert (state, "pool_mode" in says) == ("wrong", True)


def test_a_warehouse_may_stand_behind_a_pooler_that_lends_sessions(
    company: Company, session_pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
    monkeypatch.setenv("LOG_URL", company.dify_url)
    with connected(session_pooler.url(company.warehouse_url)) as warehouse:
        summary = run_pass(warehouse, company.config, by="test", deliver=False)
        assert not summary.source_errors
        warehouse.execute("DELETE FROM usage.usage_event WHERE source = 'gateway'")
        assert_events_equal(warehouse, company.history.truth(company.history.now, KEY_RULES))
