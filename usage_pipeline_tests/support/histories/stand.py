"""Two databases that every example uses anew, and passes over them at any moment, which may be cut off anywhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from unittest import mock

import psycopg
from psycopg import ClientCursor

from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.ingest.read_source import IngestResult, read_source
from usage_pipeline.settings import Settings, parse_settings
from usage_pipeline.sources import cut_reads
from usage_pipeline.sources.base import SourceInterruptedError
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.sources.dify_postgres import source as dify_postgres
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.support.histories.oracle import RATES
from usage_pipeline_tests.support.histories.small_world import ZONES

CONFIGURATION = f"""version: 1
timezone: Asia/Shanghai
currency: CNY
exchange_rates: [{", ".join(f"{{from: {day}, USD: {rate}}}" for day, rate in RATES)}]
prices:
  - {{model: "qwen3-*", input_per_million: 2.0, output_per_million: 6.0, currency: CNY}}
environments:
  - {{environment: dev, when: {{tag: dev}}}}
  - {{environment: test, when: {{project_name: "*-test"}}}}
tenants: [{", ".join(f"{{tenant: {zone}, timezone: {zone}}}" for zone in ZONES)}]
recipients:
  ops: {{channel: wecom, secret_env: WECOM_OPS_URL}}
tiers:
  - {{at: 100, level: emergency, notify: [ops]}}
budgets:
  - {{id: all, period: month, limit: {{tokens: 1000000000}}}}
"""


class Killed(BaseException):
    """The process is gone: nothing handles this."""


class _MortalCursor(ClientCursor[tuple[object, ...]]):
    """A cursor whose connection breaks at its n-th statement."""

    def execute(self, *args: object, **kwargs: object) -> "_MortalCursor":  # type: ignore[override]
        _burn(self.connection)
        return super().execute(*args, **kwargs)  # type: ignore[arg-type,return-value]

    def copy(self, *args: object, **kwargs: object):  # type: ignore[no-untyped-def,override]
        _burn(self.connection)
        return super().copy(*args, **kwargs)  # type: ignore[arg-type]


_fuses: dict[int, tuple[int, Callable[[], BaseException]]] = {}


def _burn(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    left, failure = _fuses.get(id(connection), (0, Killed))
    if id(connection) not in _fuses:
        return
    _fuses[id(connection)] = (left - 1, failure)
    if left <= 1:
        del _fuses[id(connection)]
        connection.close()
        raise failure()


class _MovedClock(DifyPostgres):
    """The source with a clock that the test sets."""

    moment: datetime

    def clock(self) -> datetime:
        return self.moment


class Stand:
    """A Dify and a warehouse, emptied for each example; connections stay open until they are cut."""

    def __init__(
        self, new_database: Callable[[], str], new_warehouse: Callable[[], str], version: str = "1.12.1"
    ) -> None:
        self._dify_url, self._warehouse_url = new_database(), new_warehouse()
        for url in (self._dify_url, self._warehouse_url):
            with connect(url) as connection:
                # A lost transaction is what the tests are about, a lost machine is not.
                connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off".encode())
        self.settings: Settings = parse_settings(CONFIGURATION, "test.yaml")
        self.dify = connect(self._dify_url)
        create_dify_schema(self.dify, version)
        self.warehouse = connect(self._warehouse_url)
        self._source = self._open_source()
        self._empty_warehouse = _deletes(self.warehouse, "usage")
        self._empty_dify = _deletes(self.dify, "public")

    def empty(self) -> None:
        """Nothing is left of the last example."""
        self._mend()
        self.dify.execute(self._empty_dify)
        self.warehouse.execute(self._empty_warehouse)

    def close(self) -> None:
        """Lets go of the databases."""
        for connection in (self.dify, self.warehouse):
            connection.close()
        self._source.close()

    def read(
        self, moment: datetime, *, sweep: bool, dies_at: int | None = None, source_dies_at: int | None = None,
        rows_a_window: int | None = None, rolls_up: bool = True,
    ) -> IngestResult | None:  # fmt: skip
        """A pass at a moment of the source's clock; None when it was cut off or lost its source."""
        self._mend()
        self._source.moment = moment
        with self._cut_off(dies_at, source_dies_at), _small_windows(rows_a_window):
            result = None
            try:
                result = read_source(self.warehouse, self._source, self.settings, sweep=sweep)
                if rolls_up:
                    roll_up(self.warehouse, changed_days(self.warehouse))
            except (Killed, psycopg.OperationalError, SourceInterruptedError):
                if dies_at is None and source_dies_at is None:
                    raise
                return None
            return result

    def events(self) -> dict[str, Mapping[str, object]]:
        """What stands in usage_event, by event id."""
        self._mend()
        return {str(row["event_id"]): row for row in self.rows("usage_event")}

    def rows(self, table: str) -> list[Mapping[str, object]]:
        """A table of the warehouse."""
        cursor = self.warehouse.execute(f"SELECT * FROM usage.{table}".encode())
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    @contextmanager
    def _cut_off(self, dies_at: int | None, source_dies_at: int | None) -> Iterator[None]:
        source = self._source._connection
        for connection, at, failure in (
            (self.warehouse, dies_at, Killed),
            (source, source_dies_at, lambda: psycopg.OperationalError("the connection is lost")),
        ):
            if at is not None:
                connection.cursor_factory = _MortalCursor
                _fuses[id(connection)] = (at, failure)
        try:
            # A source that was lost is opened again within the pass.
            with mock.patch.object(cut_reads, "_PAUSE_SECONDS", 0):
                yield
        finally:
            for connection in (self.warehouse, source):
                _fuses.pop(id(connection), None)
                connection.cursor_factory = ClientCursor

    def _mend(self) -> None:
        if self.warehouse.closed:
            self.warehouse = connect(self._warehouse_url)
        if self._source._connection.closed:
            self._source.close()
            self._source = self._open_source()

    def _open_source(self) -> _MovedClock:
        return _MovedClock("main", self._dify_url)


@contextmanager
def _small_windows(rows: int | None) -> Iterator[None]:
    if rows is None:
        yield
        return
    names = ("_MESSAGES_A_WINDOW", "_RUNS_A_WINDOW", "_RUNS_A_BATCH", "_IDS_A_BATCH")
    with mock.patch.multiple(dify_postgres, **dict.fromkeys(names, rows)), mock.patch(
        "usage_pipeline.ingest.read_source._OPEN_ROWS_A_BATCH", rows
    ):  # fmt: skip
        yield


def _deletes(connection: Connection, schema: str) -> bytes:
    rows = connection.execute(
        "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname = %s AND tablename NOT IN ('schema_version', 'alembic_version')", [schema]
    )  # fmt: skip
    return "; ".join(f"DELETE FROM {name}" for (name,) in rows).encode()
