"""One embedded PostgreSQL for a test session; each test that asks gets databases of its own."""

import gc
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import hypothesis
import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import EmbeddedServer, start_embedded, stop_embedded
from usage_pipeline_tests.support import canaries
from usage_pipeline_tests.support.databases import copy_database, migrated_pattern

# How long an example takes says something of the machine, not of the code.
hypothesis.settings.register_profile("default", deadline=None, max_examples=30)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=2_000)
hypothesis.settings.load_profile(os.environ.get("USAGE_PIPELINE_HYPOTHESIS", "default"))
# Looking for garbage among all that is imported, again and again, took a sixth of the processor.
gc.set_threshold(50_000, 20, 100)

# Hundreds of processes import Dagster: each would compile all of it where the machine's variables forbid to keep that.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A test that does not say which installation it works on must not fall back to that of this checkout.
os.environ["USAGE_PIPELINE_HOME"] = f"{os.devnull}/the test has no home of its own"
for _name in ("WAREHOUSE_URL", "DAGSTER_POSTGRES_URL", "DAGSTER_HOME", "USAGE_PIPELINE_CONFIG"):
    os.environ.pop(_name, None)

_numbers = itertools.count()
# What a server does so that data outlive a fall of the machine, half the processor's time of the tests.
_NOTHING_TO_KEEP: tuple[LiteralString, ...] = (
    "fsync = off",
    "full_page_writes = off",
    "synchronous_commit = off",
    "autovacuum = off",
    "jit = off",
)
# Begun first, so that no worker is left alone with one of them at the end.
_LONG = (
    "commands/test_demo.py",
    "commands/test_dagster_ui.py",
    "defs/test_pass.py",
    "defs/test_cluster.py",
    "commands/test_fuzz.py",
    "enforcement/test_versions.py",
    "delivery/test_hostile_names.py",
    "ingest/test_side_by_side.py",
    "ingest/test_live.py",
    "ingest/test_random_histories.py",
    "ui/test_processes.py",
    "web/test_browser.py",
    "sources/test_replica",
    "ingest/test_truth.py",
    "sources/test_hostile_mysql.py",
    "sources/test_hostile_postgres.py",
    "sources/test_hostile_console.py",
    "reconciliation/test_deletion.py",
    "reconciliation/test_misfits.py",
    "reconciliation/test_live.py",
    "sources/test_dify_mysql.py",
    "sources/test_mysql_",
    "sources/test_dify_api",
    "reports/",
    "ingest/",
    "test_wheel.py",
    "test_docs_commands.py",
    "delivery/test_storm.py",
    "delivery/test_chaos.py",
    "sources/test_completion_logs.py",
    "enforcement/test_never.py",
    "enforcement/test_failures.py",
    "enforcement/test_chaos.py",
    "alerts/test_runaway.py",
    "budgets/test_changes.py",
    "enforcement/test_pause.py",
    "budgets/test_overrides.py",
    "usage/test_top_nodes.py",
)


# One worker plays the demo once for both.
_LOOK_AT_THE_DEMO = ("commands/test_dagster_ui.py", "commands/test_demo.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, in the order above; the rest as it is."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    return next((number for number, name in enumerate(_LONG) if name in nodeid), len(_LONG))


def pytest_collection_finish() -> None:
    """What was imported stays: no look for garbage goes through it again."""
    gc.freeze()


class _ByFile(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests stay at one worker, for what they share is made once there."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file.endswith(_LOOK_AT_THE_DEMO):
            return "demo"
        # One worker reads the company once for all that look at its web page.
        return "web" if "/web/" in file else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Which worker gets what, with ``--dist loadfile``."""
    return _ByFile(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test also fails when what was printed or logged while it ran holds a secret, or a text of the made-up Dify."""
    report = yield
    if call.when == "teardown" and report.passed:
        for name, text in report.sections:
            if said := canaries.in_text(text):
                report.outcome, report.longrepr = "failed", f"{item.nodeid}: {name} holds a secret or a text: {said}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _no_file_holds_a_secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """When all tests are over, every file that they and the product wrote is searched: reports, logs, Dagster's own."""
    yield
    kept = list(canaries.in_files(tmp_path_factory.getbasetemp()))
    assert not kept, f"a secret or a text is kept: {kept[:5]}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """A PostgreSQL that lives as long as the test session (one a worker)."""
    with server_home() as home:
        server = start_embedded(home)
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            for setting in _NOTHING_TO_KEEP:
                connection.execute("ALTER SYSTEM SET " + setting)
            connection.execute("SELECT pg_reload_conf()")
        yield server


@contextmanager
def server_home() -> Iterator[Path]:
    """A folder for an embedded server, which is stopped at the end.

    Not pytest's own: that is closed to others, and the server of a root's installation runs as a user of its own.
    """
    home = Path(tempfile.mkdtemp(prefix="usage-pipeline-test-", dir=_in_memory()))
    try:
        yield home
    finally:
        stop_embedded(home)
        shutil.rmtree(home, ignore_errors=True)


def _in_memory() -> str | None:
    """Where files cost least: thousands of databases come and go, and a file system on a disk spends a tenth of the
    processor on them. Nothing when the machine has no memory to spare."""
    shared = Path("/dev/shm")  # noqa: S108  (a folder with a random name is made in it)
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > 8 * 2**30 else None


@pytest.fixture
def new_database(postgres: EmbeddedServer) -> Iterator[Callable[[], str]]:
    """Makes new, empty databases and gives their URLs; they go with the test."""
    yield from _databases(postgres)


@pytest.fixture(scope="module")
def module_database(postgres: EmbeddedServer) -> Iterator[Callable[[], str]]:
    """The same for databases that all tests of a file share."""
    yield from _databases(postgres)


@pytest.fixture(scope="session")
def migrated(postgres: EmbeddedServer) -> str:
    """The name of a warehouse that is migrated once a worker."""
    return migrated_pattern(postgres)


@pytest.fixture
def new_warehouse(postgres: EmbeddedServer, migrated: str) -> Iterator[Callable[[], str]]:
    """Makes new, migrated warehouses and gives their URLs; they go with the test."""
    yield from _databases(postgres, migrated)


@pytest.fixture(scope="module")
def module_warehouse(postgres: EmbeddedServer, migrated: str) -> Iterator[Callable[[], str]]:
    """The same for warehouses that all tests of a file share."""
    yield from _databases(postgres, migrated)


def _databases(postgres: EmbeddedServer, pattern: str = "template1") -> Iterator[Callable[[], str]]:
    names: list[str] = []

    def make() -> str:
        names.append(f"t{os.getpid()}_{next(_numbers)}")
        return copy_database(postgres, names[-1], pattern)

    yield make
    kept = [row for name in names for row in canaries.in_database(postgres.url(name))]
    for name in names:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))
    assert not kept, f"a secret or a text is kept: {kept}"


@pytest.fixture
def empty_database(new_database: Callable[[], str]) -> str:
    """The URL of a new, empty database."""
    return new_database()


@pytest.fixture
def warehouse_url(new_warehouse: Callable[[], str]) -> str:
    """The URL of a migrated warehouse."""
    return new_warehouse()


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Connection]:
    """A connection to a migrated warehouse."""
    connection = connect(warehouse_url)
    yield connection
    connection.close()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's variables, nor those of the machine."""
    for name in ("DIFY_DATABASE_URL", "WAREHOUSE_URL", "USAGE_PIPELINE_CONFIG", "DAGSTER_POSTGRES_URL"):
        monkeypatch.delenv(name, raising=False)
