"""A tenant's login sees its own rows in every table and view, and the pipeline works on as before."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from usage_pipeline.reports.readers import ReaderError, grant_reader, revoke_reader, role_of
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.usage.roll_up import differences, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.reader_limits import end_long_sessions, keep_readers_in_bounds, open_to_public
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline_tests.support.dashboard import queries
from usage_pipeline_tests.support.report_books import ACME, GLOBEX, days, write_books

HAVE_ROWS = {
    "tenant", "project", "api_key", "usage_event", "daily_usage", "daily_project_usage", "daily_key_usage",
    "daily_user_usage", "daily_model_usage", "daily_node_usage", "budget_status", "alert",
}  # fmt: skip


@pytest.fixture
def ledger(warehouse_url: str) -> Iterator[Connection]:
    """The service role's connection to a warehouse of its own with the two tenants' books."""
    with connected(warehouse_url) as connection:
        write_books(connection, calls_a_day=4)
        yield connection
        for tenant in (ACME, GLOBEX):
            revoke_reader(connection, find_tenant(connection, tenant))


@pytest.fixture
def log_in(ledger: Connection, warehouse_url: str) -> Iterator[Callable[[str], Connection]]:
    """Grants a tenant its login and really logs in with it."""
    opened: list[Connection] = []

    def login(tenant: str) -> Connection:
        reader = grant_reader(ledger, find_tenant(ledger, tenant))
        assert reader.password
        parts = psycopg.conninfo.conninfo_to_dict(warehouse_url)
        url = psycopg.conninfo.make_conninfo("", **{**parts, "user": reader.role, "password": reader.password})
        opened.append(psycopg.connect(url, autocommit=True))
        return opened[-1]

    yield login
    for connection in opened:
        connection.close()


def relations(connection: Connection) -> list[str]:
    """Every table and view of schema usage, materialized and partitioned ones too."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'usage'::regnamespace"
        " AND relkind IN ('r', 'v', 'm', 'p', 'f')"
    )
    return [str(name) for (name,) in rows]


def allowed(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT has_table_privilege(%s, 'SELECT')", [f"usage.{name}"]).fetchone()
    return bool(row and row[0])


@pytest.mark.parametrize(("mine", "other"), [(ACME, GLOBEX), (GLOBEX, ACME)])
def test_a_reader_sees_only_its_rows_in_every_table_and_view(
    mine: str, other: str, ledger: Connection, log_in: Callable[[str], Connection]
) -> None:
    reader = log_in(mine)
    log_in(other)
    seen = set()
    for name in relations(ledger):
        if not allowed(reader, name):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"SELECT * FROM usage.{name}".encode())
            continue
        found = [str(row[0]) for row in reader.execute(f"SELECT to_jsonb(t)::text FROM usage.{name} t".encode())]
        assert not [row for row in found if other in row], f"{name} shows another tenant's rows"
        mine_only = ledger.execute(
            f"SELECT count(*) FROM usage.{name} t WHERE to_jsonb(t)::text LIKE %s".encode(), [f"%{mine}%"]
        ).fetchone()
        assert mine_only is not None
        if found:
            assert len(found) == mine_only[0], f"{name} shows all of its own"
            seen.add(name)
    assert seen >= HAVE_ROWS, "the rows to be seen are there"


def test_sums_over_a_join_are_the_tenants_own(ledger: Connection, log_in: Callable[[str], Connection]) -> None:
    reader = log_in(ACME)
    found = reader.execute(
        "SELECT sum(d.base_cost) FROM usage.daily_usage d JOIN usage.project USING (source, app_id)"
    ).fetchone()
    expected = ledger.execute("SELECT sum(base_cost) FROM usage.daily_usage WHERE tenant_id = %s", [ACME]).fetchone()
    assert found == expected


def test_a_reader_cannot_write_or_widen_what_it_sees(log_in: Callable[[str], Connection]) -> None:
    reader = log_in(ACME)
    reader.execute("SET default_transaction_read_only = off")
    for attempt in (
        "DELETE FROM usage.daily_usage",
        f"INSERT INTO usage.reader VALUES (current_user, 'main', '{GLOBEX}')",
        "UPDATE usage.reader SET tenant_id = 'tenant-b'",
        "ALTER TABLE usage.daily_usage DISABLE ROW LEVEL SECURITY",
        "DROP POLICY reader ON usage.daily_usage",
        "CREATE TABLE usage.mine (x int)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(attempt.encode())
    with pytest.raises(psycopg.Error):
        reader.execute("SET ROLE postgres")
    reader.execute("SET row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT * FROM usage.daily_usage")


def test_the_service_role_works_on(ledger: Connection, log_in: Callable[[str], Connection]) -> None:
    before = ledger.execute("SELECT count(*), sum(base_cost) FROM usage.daily_usage").fetchone()
    reader = log_in(ACME)
    roll_up(ledger, days())
    assert differences(ledger, days()) == []
    assert ledger.execute("SELECT count(*), sum(base_cost) FROM usage.daily_usage").fetchone() == before
    assert reader.execute("SELECT count(DISTINCT tenant_id) FROM usage.daily_usage").fetchone() == (1,)


def test_granting_again_keeps_the_password_and_revoking_ends_it(ledger: Connection) -> None:
    tenant = find_tenant(ledger, ACME)
    first, again = grant_reader(ledger, tenant), grant_reader(ledger, tenant)
    assert first.password and again.password is None and first.tables == again.tables
    assert grant_reader(ledger, tenant, new_password=True).password not in (None, first.password)
    assert revoke_reader(ledger, tenant) and not revoke_reader(ledger, tenant)
    assert ledger.execute("SELECT FROM pg_roles WHERE rolname = %s", [role_of(tenant)]).fetchone() is None


def test_a_service_role_that_may_not_make_roles_is_told_so(
    ledger: Connection, warehouse_url: str, postgres: EmbeddedServer
) -> None:
    ledger.execute("CREATE ROLE plain_service LOGIN PASSWORD 'x'")
    ledger.execute(
        "GRANT ALL ON SCHEMA usage TO plain_service; GRANT ALL ON ALL TABLES IN SCHEMA usage TO plain_service"
    )
    tenant = find_tenant(ledger, ACME)
    parts = psycopg.conninfo.conninfo_to_dict(warehouse_url)
    url = psycopg.conninfo.make_conninfo("", **{**parts, "user": "plain_service", "password": "x"})
    try:
        with connected(url) as weak, pytest.raises(ReaderError, match="ALTER ROLE plain_service CREATEROLE"):
            grant_reader(weak, tenant)
    finally:
        ledger.execute("DROP OWNED BY plain_service; DROP ROLE plain_service")


def test_every_query_of_the_dashboard_runs_as_a_reader(log_in: Callable[[str], Connection]) -> None:
    reader = log_in(ACME)
    found = queries(Path(__file__).resolve().parents[2] / "grafana")
    assert len(found) >= 6
    for title, query in found.items():
        assert reader.execute(query.encode()).fetchall() or "alert" in title.lower(), title


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT pg_advisory_lock(hashtextextended('usage_pipeline.roll_up', 0))",
        "SELECT pg_try_advisory_lock(1, 2)",
        "SELECT pg_advisory_xact_lock_shared(1)",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "CREATE TEMPORARY TABLE mine (x int)",
        "SELECT FROM usage.lock FOR UPDATE",
        "LOCK TABLE usage.lock",
        "LOCK TABLE usage.daily_usage IN EXCLUSIVE MODE",
    ],
)
def test_a_reader_takes_nothing_but_rows(log_in: Callable[[str], Connection], attack: str) -> None:
    reader = log_in(ACME)
    reader.execute("SET default_transaction_read_only = off")
    with reader.transaction(), pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(attack.encode())


def test_limits_that_a_reader_took_off_come_back(ledger: Connection, log_in: Callable[[str], Connection]) -> None:
    reader = log_in(ACME)
    reader.execute("SET default_transaction_read_only = off")
    reader.execute(f'ALTER ROLE "{reader.info.user}" RESET ALL'.encode())
    here = f'ALTER ROLE "{reader.info.user}" IN DATABASE "{reader.info.dbname}" SET statement_timeout = 0'
    reader.execute(here.encode())
    query = "SELECT rolconfig FROM pg_roles WHERE rolname = %s"
    assert ledger.execute(query, [reader.info.user]).fetchone() == (None,)
    keep_readers_in_bounds(ledger)
    row = ledger.execute(query, [reader.info.user]).fetchone()
    assert row is not None
    assert {"statement_timeout=60s", "lock_timeout=5s", "default_transaction_read_only=on"} <= set(row[0])
    of_databases = "SELECT FROM pg_db_role_setting s WHERE s.setrole = %s::regrole AND s.setdatabase <> 0"
    assert ledger.execute(of_databases, [reader.info.user]).fetchone() is None


def test_a_session_beyond_the_limits_is_ended(ledger: Connection, log_in: Callable[[str], Connection]) -> None:
    holds, quiet = log_in(ACME), log_in(GLOBEX)
    holds.execute("BEGIN")
    holds.execute("SELECT count(*) FROM usage.daily_usage")
    assert end_long_sessions(ledger) == 0
    assert end_long_sessions(ledger, timedelta(0)) == 1
    with pytest.raises(psycopg.OperationalError):
        holds.execute("SELECT 1")
    assert quiet.execute("SELECT 1").fetchone() == (1,)


def test_a_server_of_which_we_are_no_superuser_is_kept_as_far_as_we_may(postgres: EmbeddedServer) -> None:
    """The role that owns the database takes temporary tables, ends who holds a lock, and says what it cannot take."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("CREATE ROLE plain_owner LOGIN CREATEROLE PASSWORD 'x'")
        admin.execute("CREATE DATABASE of_plain_owner OWNER plain_owner")
    parts = psycopg.conninfo.conninfo_to_dict(postgres.url("of_plain_owner"))
    place = urlencode({key: parts[key] for key in ("host", "port") if key in parts})
    own = f"postgresql://plain_owner:x@/of_plain_owner?{place}"
    try:
        migrate(own)
        with connected(own) as owner:
            write_books(owner, calls_a_day=1)
            reader = grant_reader(owner, find_tenant(owner, ACME))
            assert open_to_public(owner) == ["take advisory locks", "write large objects"]
            url = psycopg.conninfo.make_conninfo("", **{**parts, "user": reader.role, "password": reader.password})
            with psycopg.connect(url, autocommit=True) as login:
                login.execute("SET default_transaction_read_only = off")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    login.execute("CREATE TEMPORARY TABLE mine (x int)")
                login.execute("SELECT pg_advisory_lock(hashtextextended('usage_pipeline.roll_up', 0))")
                roll_up(owner, days())
                keep_readers_in_bounds(owner)
                with pytest.raises(psycopg.OperationalError):
                    login.execute("SELECT 1")
            revoke_reader(owner, find_tenant(owner, ACME))
    finally:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
            admin.execute("DROP DATABASE of_plain_owner WITH (FORCE)")
            admin.execute("DROP ROLE plain_owner")
