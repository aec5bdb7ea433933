"""What is wrong with a Dify on MySQL is said in words with a way out; the session can only read and never hangs."""

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import cast

import pytest
import requests.certs

from usage_pipeline.settings import SourceSettings, load_settings
from usage_pipeline.sources.base import SourceError, SourceTooSlowError
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_mysql.connection import BrokenJsonError, MysqlReader
from usage_pipeline.sources.mysql_url import DIFY_ON_MYSQL, is_mysql_url, tls_arguments
from usage_pipeline.sources.registry import open_source
from usage_pipeline_tests.sources.conftest import execute, new_database_on
from usage_pipeline_tests.support.company import EXAMPLE
from usage_pipeline_tests.support.dify_on_mysql import create_dify_on_mysql
from usage_pipeline_tests.support.mariadb import MariaDB, on_mariadb
from usage_pipeline_tests.support.typed import typed

pytestmark = on_mariadb
READER, PASSWORD = "usage_reader", "s3cr3t-pä55:w/ord"
ENCODED = "s3cr3t-p%C3%A455%3Aw%2Ford"
SOON = timedelta(seconds=1)


@pytest.fixture(scope="module")
def dify(mariadb: MariaDB) -> Iterator[str]:
    """An empty Dify, by its database's name."""
    with new_database_on(mariadb) as name:
        with mariadb.connect(name) as connection:
            create_dify_on_mysql(connection)
        yield name


@pytest.fixture
def reader_url(mariadb: MariaDB, dify: str) -> Iterator[str]:
    """The URL of a user that may only read, as the documentation makes it."""
    execute(mariadb, f"CREATE USER '{READER}'@'%' IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS 8")
    execute(mariadb, f"GRANT SELECT ON `{dify}`.* TO '{READER}'@'%'")
    yield mariadb.url(dify, READER, ENCODED)
    execute(mariadb, f"DROP USER '{READER}'@'%'")


def says(url: str) -> str:
    """What is said of a URL that cannot be read."""
    with pytest.raises(SourceError) as caught:
        DifyMysql("main", url, statement_timeout=SOON)
    assert "Traceback" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert ENCODED not in str(caught.value)
    return str(caught.value)


def test_the_scheme_of_the_url_tells_the_kind_of_database(reader_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(EXAMPLE)
    for scheme in ("mysql", "mysql+pymysql", "mariadb", "MYSQL"):
        monkeypatch.setenv("DIFY_DATABASE_URL", reader_url.replace("mysql", scheme, 1) + "?charset=utf8mb4")
        source = open_source(SourceSettings(id="main"), settings)
        assert isinstance(source, DifyMysql)
        source.close()
    assert not is_mysql_url("postgresql://reader@db/mysql")


def test_a_replica_whose_replication_does_not_run_is_told(mariadb: MariaDB, dify: str) -> None:
    execute(mariadb, "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='x', MASTER_PASSWORD='y'")
    try:
        with closing(DifyMysql("main", mariadb.url(dify))) as source:
            found = source.replica()
    finally:
        execute(mariadb, "RESET SLAVE ALL")
    assert found is not None
    assert "replication does not run" in str(found.stopped)
    with closing(DifyMysql("main", mariadb.url(dify))) as source:
        assert source.replica() is None


def test_the_session_cannot_write(mariadb: MariaDB, dify: str) -> None:
    reader = MysqlReader(mariadb.url(dify), statement_timeout=SOON)
    for statement in ("DELETE FROM messages", "UPDATE apps SET name = ''", "CREATE TABLE x (y int)"):
        with pytest.raises(SourceError, match="READ ONLY"):
            reader.named_rows(statement)
    reader.close()


def test_a_slow_statement_is_given_up(mariadb: MariaDB, dify: str) -> None:
    reader = MysqlReader(mariadb.url(dify), statement_timeout=SOON)
    began = time.monotonic()
    with pytest.raises(SourceTooSlowError, match="statement_timeout_seconds"):
        reader.named_rows("SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b,"
                    " information_schema.COLUMNS c")  # fmt: skip
    assert time.monotonic() - began < 8
    assert reader.value(int, "SELECT 1") == 1, "and the session lives on"
    reader.close()


def test_a_row_whose_json_the_server_refuses_is_told_apart(mariadb: MariaDB, dify: str) -> None:
    reader = MysqlReader(mariadb.url(dify), statement_timeout=SOON)
    with pytest.raises(BrokenJsonError):
        reader.named_rows("SELECT * FROM JSON_TABLE('{', '$[*]' COLUMNS (x int PATH '$')) t")
    reader.close()


def test_a_server_that_hangs_is_given_up() -> None:
    """It takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        text = says(f"mysql://{READER}:{ENCODED}@127.0.0.1:{silent.getsockname()[1]}/dify")
        assert time.monotonic() - began < 20
    assert "check the host" in text


def test_a_server_that_hangs_in_the_middle_is_given_up(mariadb: MariaDB, dify: str) -> None:
    with _relay_that_stalls(mariadb.port) as (port, stall):
        reader = MysqlReader(mariadb.url(dify).replace(str(mariadb.port), str(port)), statement_timeout=SOON)
        assert reader.value(int, "SELECT 1") == 1
        stall.set()
        began = time.monotonic()
        with pytest.raises(SourceError, match="went away or hangs"):
            reader.named_rows("SELECT 1")
        assert time.monotonic() - began < 20
        reader.close()


@contextmanager
def _relay_that_stalls(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A way to the server that swallows everything once told to."""
    stall = threading.Event()
    entrance = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not stall.is_set():
                    sink.sendall(data)
        except OSError:
            return

    def serve() -> None:
        try:
            client, _ = entrance.accept()
            server = socket.create_connection(("127.0.0.1", port))
        except OSError:
            return
        for ends in ((client, server), (server, client)):
            threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    with entrance:
        yield entrance.getsockname()[1], stall


def test_a_wrong_password(mariadb: MariaDB, dify: str, reader_url: str) -> None:
    text = says(mariadb.url(dify, READER, "wrong"))
    assert "Access denied" in text
    assert "the user or its password is wrong" in text


def test_an_unreachable_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    text = says(f"mysql://{READER}:{ENCODED}@127.0.0.1:{port}/dify")
    assert "Connection refused" in text
    assert "check the host, the port" in text


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("", "names no database"),
        ("/nowhere_at_all", "database name in the URL is wrong"),
        ("/mysql", "is not Dify's"),
        ("/mysql?sll_ca=x", "sll_ca"),
        ("/mysql?ssl_mode=SOME", "VERIFY_IDENTITY"),
        ("/mysql?ssl_ca=/no/such/file", "check ssl_ca"),
        ("/mysql?ssl_mode=REQUIRED", "TLS failed"),
    ],
)
def test_a_url_that_is_wrong_says_what_to_change(end: str, said: str, mariadb: MariaDB) -> None:
    assert said in says(f"mysql://root@127.0.0.1:{mariadb.port}{end}")


def test_tls_is_verified_as_far_as_the_url_asks() -> None:
    ca = requests.certs.where()
    by_options = [
        ({}, None), ({"ssl_disabled": "true"}, None), ({"ssl_mode": "required"}, (ssl.CERT_NONE, False)),
        ({"ssl_ca": ca}, (ssl.CERT_REQUIRED, False)), ({"ssl_verify_identity": "true"}, (ssl.CERT_REQUIRED, True)),
        ({"ssl_ca": ca, "ssl_mode": "VERIFY_IDENTITY"}, (ssl.CERT_REQUIRED, True)),
    ]  # fmt: skip
    for options, wanted in by_options:
        context = cast(ssl.SSLContext | None, tls_arguments(options, DIFY_ON_MYSQL).get("ssl"))
        assert (context and (context.verify_mode, context.check_hostname)) == wanted, options
    assert tls_arguments({"ssl_disabled": "true"}, DIFY_ON_MYSQL) == {"ssl_disabled": True}


# -- doctor ----------------------------------------------------------------------------------------------------------


def doctor(warehouse_url: str, dify_url: str) -> tuple[int, list[tuple[str, str]]]:
    """Exit code, and what is said of the source: state and text."""
    environment = {**os.environ, "WAREHOUSE_URL": warehouse_url, "DIFY_DATABASE_URL": dify_url}
    done = typed("doctor", "--json", environment=environment)
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    found = [(f["state"], f["says"]) for f in json.loads(done.stdout) if f["checked"] == "source main"]
    return done.returncode, found


def test_doctor_finds_a_reader_well_and_names_the_zone(reader_url: str, warehouse_url: str) -> None:
    code, found = doctor(warehouse_url, reader_url)
    assert code == 0
    assert {state for state, _ in found} == {"ok"}
    assert ("ok", "a Dify database that can be read") in found
    assert ("ok", "times that the database makes by itself are read as UTC+08:00") in found


@pytest.mark.parametrize(
    ("grant", "named"),
    [("INSERT ON `{}`.messages", "messages"), ("UPDATE (name) ON `{}`.apps", "apps"),
     ("DELETE ON `{}`.*", "every table"), ("ALL PRIVILEGES ON *.*", "every table")],
)  # fmt: skip
def test_doctor_refuses_a_user_that_may_write(
    grant: str, named: str, mariadb: MariaDB, dify: str, reader_url: str, warehouse_url: str
) -> None:
    execute(mariadb, f"GRANT {grant.format(dify)} TO '{READER}'@'%'")
    code, found = doctor(warehouse_url, reader_url)
    assert code == 1
    wrong = [text for state, text in found if state == "wrong"]
    assert len(wrong) == 1
    assert f"may write to {named}" in wrong[0]


def test_doctor_says_which_rights_are_missing(mariadb: MariaDB, dify: str, warehouse_url: str) -> None:
    execute(mariadb, f"CREATE USER 'half'@'%' IDENTIFIED BY '{PASSWORD}'")
    try:
        for table in ("messages", "apps", "tenants", "workflow_runs"):
            execute(mariadb, f"GRANT SELECT ON `{dify}`.{table} TO 'half'@'%'")
        code, found = doctor(warehouse_url, mariadb.url(dify, "half", ENCODED))
        assert code == 1
        assert "lacks workflow_node_executions.id" in found[0][1]
        assert "SELECT rights" in found[0][1]
        grant = found[0][1].rpartition("): ")[2]
        assert f"`{dify}`.end_users" in grant
        assert ".messages" not in grant
        for statement in grant.split("; "):
            execute(mariadb, statement)
        code, found = doctor(warehouse_url, mariadb.url(dify, "half", ENCODED))
        assert code == 0
        lost = [text for state, text in found if state == "warning" and "may not read" in text]
        assert len(lost) == 6
        assert any(f"GRANT SELECT ON `{dify}`.tool_model_invokes TO 'half'@'%'" in text for text in lost)
    finally:
        execute(mariadb, "DROP USER 'half'@'%'")


def test_doctor_names_tables_that_each_pass_reads_whole(
    mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str
) -> None:
    name = new_mysql_database()
    with mariadb.connect(name) as connection:
        create_dify_on_mysql(connection)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE workflow_runs DROP INDEX workflow_run_created_at_id_idx")
    _, found = doctor(warehouse_url, mariadb.url(name))
    assert any(state == "warning" and "created_at of workflow_runs" in text for state, text in found)
