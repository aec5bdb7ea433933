"""What goes wrong beside a command ends it in a sentence and an exit code: a warehouse, a disk, a reader that left."""

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner, Result

from usage_pipeline.cli import app
from usage_pipeline.warehouse.connection import Connection, connect, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.schema import migrate, schema_revision

CONFIG = "version: 1\nbudgets: [{id: company, name: 公司, period: day, limit: {tokens: 1000}}]\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file in use."""
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(path))
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path / "home"))
    return path


def said(done: Result, code: int, words: str) -> None:
    """Fails unless the command ended so."""
    assert done.exit_code == code, (done.output, done.exception)
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:s3cr3t pw@127.0.0.1:9/w", "check WAREHOUSE_URL"),
        (
            "postgresql://u:s3cr3t@pw@[::1/w",
            "is not a number; write postgresql://user:password@host:5432/database",
        ),
        ("postgresql://u:s3cr3t@127.0.0.1:port/w", "the port in the URL is not a number"),
        ("mysql://u:s3cr3t@127.0.0.1:9/w", "the URL cannot be read"),
        ("host=127.0.0.1 port=9 dbname=w password=s3cr3t", "check WAREHOUSE_URL"),
        ("postgresql://u:s3cr3t@127.0.0.1:9/w?colour=red", "has a parameter that is not known: colour"),
        ("postgresql://u:s3cr3t@nowhere.invalid/w", "cannot be reached"),
        ("s3cr3t", "the URL cannot be read"),
    ],
)
def test_a_url_that_leads_nowhere_is_said_without_its_password(
    url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", url)
    for command in (["budgets", "show"], ["run", "--json"]):
        done = CliRunner().invoke(app, command)
        said(done, 2, words)
        assert "s3cr3t" not in done.output


@pytest.mark.usefixtures("config")
def test_a_database_or_login_that_is_not_there_is_named(
    postgres: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", postgres.url("no_such_database"))
    said(CliRunner().invoke(app, ["alerts", "list"]), 2, 'database "no_such_database" does not exist')
    for login, words in (("writer:wr0ng-s3cr3t@", 'failed for user "writer"'), ("writer@", "no password supplied")):
        monkeypatch.setenv("WAREHOUSE_URL", postgres.url("postgres").replace("postgres@", login))
        done = CliRunner().invoke(app, ["alerts", "list"])
        said(done, 2, words)
        assert "wr0ng" not in done.output


@pytest.mark.usefixtures("config")
def test_libpqs_own_way_of_writing_an_address_is_one(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = conninfo_to_dict(new_database())
    monkeypatch.setenv("WAREHOUSE_URL", " ".join(f"{name}={value}" for name, value in parts.items()))
    assert CliRunner().invoke(app, ["budgets", "show"]).exit_code == 0


@pytest.mark.usefixtures("config")
def test_a_warehouse_that_can_only_be_read_says_so(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    with connected(warehouse_url) as connection:
        name = psycopg.sql.Identifier(connection.info.dbname)
        connection.execute(psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_read_only TO on").format(name))
    for command in (["run"], ["budgets", "show"], ["backfill", "--from", "2026-11-01", "--to", "2026-11-01"],
                    ["alerts", "ack", "Bnone", "--by", "me"], ["grant-reader", "--tenant", "x"]):  # fmt: skip
        done = CliRunner().invoke(app, command)
        if done.exit_code != 2:  # what is not there is said before anything is written
            said(done, 1, "the warehouse can only be read")
    assert CliRunner().invoke(app, ["alerts", "list"]).exit_code == 0


@contextmanager
def ended_when_it_waits(url: str) -> Iterator[None]:
    """Ends every other session of the database that waits for a lock, until one was."""
    over = threading.Event()

    def end() -> None:
        with connected(url) as connection:
            while not over.is_set():
                ended = connection.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'"
                ).fetchall()
                if ended:
                    return
                time.sleep(0.05)

    thread = threading.Thread(target=end)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.usefixtures("config")
def test_a_server_that_goes_away_in_mid_command_or_mid_migration_is_said(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database()
    monkeypatch.setenv("WAREHOUSE_URL", url)
    blocker: Connection = connect(url)
    # The migrations' own lock, held as another process that migrates holds it.
    with blocker.transaction():
        blocker.execute("SELECT pg_advisory_xact_lock(7215001)")
        with ended_when_it_waits(url):
            said(CliRunner().invoke(app, ["alerts", "list"]), 1, "the warehouse was stopped while this ran")
    assert schema_revision(url) is None
    migrate(url)
    with blocker.transaction():
        blocker.execute("LOCK TABLE usage.alert IN ACCESS EXCLUSIVE MODE")
        with ended_when_it_waits(url):
            said(CliRunner().invoke(app, ["alerts", "list"]), 1, "what was done is kept")
    blocker.close()
    assert CliRunner().invoke(app, ["alerts", "list"]).exit_code == 0


def _usage_pipeline(words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a shell, as people pipe it."""
    command = f"{sys.executable} -m usage_pipeline {words}"
    return subprocess.run(["bash", "-c", command], env={**os.environ, **variables}, capture_output=True, text=True,
                          check=False, timeout=60)  # fmt: skip


def test_output_that_cannot_be_written_is_said(config: Path) -> None:
    for words in (f"budgets validate {config}", f"budgets validate {config} --json", "--help"):
        done = _usage_pipeline(f"{words} >/dev/full")
        assert done.returncode == 1, done.stderr
        assert "No space left on device" in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_nobody_reads_on_is_no_error_of_ours(config: Path) -> None:
    for words in (f"budgets validate {config} --json", f"budgets validate {config}"):
        done = _usage_pipeline(f"{words} | true; exit ${{PIPESTATUS[0]}}")
        assert done.stderr == ""
        assert done.returncode in (0, 1)
    done = _usage_pipeline(f"budgets validate {config} >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_terminal_that_knows_few_letters_gets_their_codes(config: Path) -> None:
    done = _usage_pipeline(f"budgets validate {config.parent}/数据", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 2
    assert "\\u6570" in done.stderr


def test_a_disk_that_is_full_leaves_no_half_of_a_file(config: Path, warehouse_url: str, tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))

    (tmp_path / "out").mkdir()
    words = ["alerts", "export", "--from", "2026-11-01", "--to", "now", "--out", str(tmp_path / "out" / "a.csv")]
    # Python 3.11 would keep the half of a module that it compiled, for all who import it after.
    environment = {**os.environ, "WAREHOUSE_URL": warehouse_url, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", "usage_pipeline", *words], preexec_fn=little_room, check=False,
                          env=environment, capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []
