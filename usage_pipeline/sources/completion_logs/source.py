"""Reads a completion log: any table with a row a call, in SQLite, PostgreSQL, MySQL or MariaDB."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import cast
from zoneinfo import ZoneInfo

import psycopg
import sqlalchemy as sa

from usage_pipeline.settings.sources import LogColumns
from usage_pipeline.sources.base import LOG, Family, SourceError, Window
from usage_pipeline.sources.completion_logs.database import connect_to_log, in_words
from usage_pipeline.sources.completion_logs.row import staged_row
from usage_pipeline.sources.completion_logs.times import TimeForm, form_of, moment_of
from usage_pipeline.sources.replica import Replica
from usage_pipeline.sources.replica_mysql import mysql_replica
from usage_pipeline.sources.replica_postgres import Replay, postgres_replica
from usage_pipeline.sources.watchdog import heard_from_source
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

_ROWS_A_WINDOW = 20_000
_SAMPLES = 50
_ROWS_A_FETCH = 1_000
_SMALLEST_STEP = timedelta(minutes=1)
_MYSQL_TIMESTAMP = "TIMESTAMP"


class CompletionLogs:
    """A log's table, in a session that can only read."""

    def __init__(
        self,
        source_id: str,
        url: str,
        *,
        table: str = "completion_logs",
        columns: LogColumns | None = None,
        zone: str = "UTC",
        currency: str = "USD",
        statement_timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        """Connects. Raises SourceError when it cannot, or when the table or a column is not there."""
        self._source_id = source_id
        self._columns = (columns or LogColumns()).named()
        self._currency = currency
        self._connection = connect_to_log(url, statement_timeout)
        try:
            with in_words("the log's table cannot be looked at"):
                self._table, kinds = self._find(table)
                self._indexed, self._id_is_unique = self._indexes(table)
            # What may not be read is said now, not in mid-pass.
            self._first_row(sa.select(*(self._table.c[column] for column in self._columns.values())).limit(0))
            own = str(kinds[self._columns["created_at"]]).upper()
            # The session's zone is UTC, so MySQL gives its TIMESTAMPs in it; DATETIMEs are whatever was written.
            in_session_zone = self._connection.dialect.name in ("mysql", "mariadb") and own.startswith(_MYSQL_TIMESTAMP)
            self._zone = ZoneInfo("UTC" if in_session_zone else zone)
            self._form = self._time_form()
        except BaseException:
            self.close()
            raise

    @property
    def source_id(self) -> str:
        """The short id that the configuration gives it."""
        return self._source_id

    @property
    def family(self) -> Family:
        """Rows of a log."""
        return LOG

    def clock(self) -> datetime:
        """Returns what time it is at the database, aware UTC; a file has none of its own."""
        if self._connection.dialect.name == "sqlite":
            return datetime.now(UTC)
        own = "clock_timestamp()" if self._connection.dialect.name == "postgresql" else "utc_timestamp(6)"
        row = self._first_row(sa.select(sa.literal_column(own)))
        return (moment_of(row[0], UTC) if row else None) or datetime.now(UTC)

    def replica(self) -> Replica | None:
        """Returns how far a replica has replayed; None when the database follows no other."""
        with in_words("it cannot be seen how far the log's replica is"):
            match self._connection.dialect.name:
                case "postgresql":
                    return postgres_replica(self._look_at_replay)
                case "mysql" | "mariadb":
                    return mysql_replica(self._named_rows, self.clock())
        return None

    def problems(self) -> Sequence[tuple[str, str, str]]:
        """Returns what makes reading slow, and what could make rows one."""
        found = []
        if not self._indexed:
            column = self._columns["created_at"]
            found.append(("no_index", column, f"no index begins with {column}: each pass reads the whole table"))
        if not self._id_is_unique:
            column = self._columns["id"]
            found.append(("no_index", column, f"no unique index on {column}: rows that share an id count once"))
        if self._untimed():
            column = self._columns["created_at"]
            found.append(("missing_time", column, f"rows without {column} are not counted: no day is theirs"))
        return found

    def stage_dimensions(self, warehouse: Connection) -> None:
        """Fills stage_tenant, stage_project and stage_api_key with what was seen before and what is staged."""
        warehouse.execute(statement("ingest/completion_log_dimensions"), {"source": self._source_id})

    def window_end(self, since: datetime) -> datetime | None:
        """Returns where a window from ``since`` should end to hold a moderate number of rows; None when little is left.

        Without an index every window would read the whole table: then all of it is one.
        """
        if not self._indexed or self._form is None:
            return None
        at = self._table.c[self._columns["created_at"]]
        rows = self._rows(
            sa.select(at).where(at >= self._form.lower(since)).order_by(at).offset(_ROWS_A_WINDOW).limit(1)
        )
        row = next(rows, None)
        end = moment_of(row[0], self._zone) if row else None
        return max(end, since + _SMALLEST_STEP) if end else None

    def stage_window(self, warehouse: Connection, window: Window) -> None:
        """Fills stage_log with what was created in the window."""
        if self._form is None:
            return
        words = list(self._columns)
        with warehouse.cursor() as sink, sink.copy("COPY stage_log FROM STDIN") as copy:
            for row in self._rows(self._select(self._form, window)):
                staged = staged_row(self._source_id, dict(zip(words, row, strict=True)), self._zone, self._currency)
                moment = staged[1]
                # Bounds leave room; a row whose time cannot be read is staged, so that it is said.
                if moment is None or (window.since <= moment and (window.until is None or moment < window.until)):
                    copy.write_row(staged)

    def close(self) -> None:
        """Closes the connection; one that is lost is closed already."""
        with suppress(SourceError), in_words("the log's database was lost"):
            self._connection.close()
            self._connection.engine.dispose()

    def _look_at_replay(self) -> Replay:
        with self._connection.begin():
            session = cast(psycopg.Connection[tuple[object, ...]], self._connection.connection.driver_connection)
            (found,) = rows(session, Replay, statement("sources/replica_postgres"))
        return found

    def _named_rows(self, command: str) -> list[dict[str, object]]:
        with in_words("the log's server does not say how replication stands"), self._connection.begin():
            found = self._connection.exec_driver_sql(command).mappings().all()
        return [{name.lower(): value for name, value in row.items()} for row in found]

    def _untimed(self) -> bool:
        at = self._table.c[self._columns["created_at"]]
        return self._first_row(sa.select(at).where(at.is_(None)).limit(1)) is not None

    def _select(self, form: TimeForm, window: Window) -> "sa.Select[tuple[object, ...]]":
        at = self._table.c[self._columns["created_at"]]
        chosen = sa.select(*(self._table.c[column] for column in self._columns.values()))
        chosen = chosen.where(at >= _bound(form.lower(window.since)))
        return chosen.where(at < _bound(form.upper(window.until))) if window.until else chosen

    def _first_row(self, select: "sa.Select[tuple[object, ...]]") -> Sequence[object] | None:
        rows = self._rows(select)
        try:
            return next(rows, None)
        finally:
            rows.close()

    def _rows(self, select: "sa.Select[tuple[object, ...]]") -> Generator[Sequence[object]]:
        """Streams a statement's rows; the transaction ends with them."""
        with in_words("the log could not be read"):
            try:
                with self._connection.execution_options(stream_results=True, yield_per=_ROWS_A_FETCH).execute(
                    select
                ) as result:
                    for part in result.partitions():
                        heard_from_source()
                        yield from part
            finally:
                if not self._connection.closed:
                    self._connection.rollback()

    def _find(self, name: str) -> tuple[sa.TableClause, Mapping[str, object]]:
        schema, _, table = name.rpartition(".")
        inspector = sa.inspect(self._connection)
        if not inspector.has_table(table, schema=schema or None):
            names = sorted([*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)])
            raise SourceError(f"there is no table {name!r}{_suggestion(table, names)}; it has: {_listed(names)}")
        kinds = {str(column["name"]): column["type"] for column in inspector.get_columns(table, schema=schema or None)}
        for word, column in self._columns.items():
            if column not in kinds:
                raise SourceError(
                    f"{name} has no column {column!r}, which columns.{word} names{_suggestion(column, list(kinds))};"
                    f" it has: {_listed(list(kinds))}"
                )
        # Without types, so that values come as the driver has them: a column often holds what its type does not say.
        clause = sa.table(table, *(sa.column(column) for column in self._columns.values()), schema=schema or None)
        return clause, kinds

    def _indexes(self, name: str) -> tuple[bool, bool]:
        """Whether an index begins with the time, and whether the id is unique."""
        schema, _, table = name.rpartition(".")
        inspector = sa.inspect(self._connection)
        key = list(inspector.get_pk_constraint(table, schema=schema or None).get("constrained_columns") or [])
        found: list[tuple[Sequence[str | None], bool]] = [(key, True)]
        for index in inspector.get_indexes(table, schema=schema or None):
            found.append((index["column_names"], bool(index["unique"])))
        for constraint in inspector.get_unique_constraints(table, schema=schema or None):
            found.append((constraint["column_names"], True))
        by_time = any(list(columns[:1]) == [self._columns["created_at"]] for columns, _ in found)
        self._connection.rollback()
        return by_time, any(unique and list(columns) == [self._columns["id"]] for columns, unique in found)

    def _time_form(self) -> TimeForm | None:
        at = self._table.c[self._columns["created_at"]]
        # Those at the ends may be what no time is written as: a few of each tell.
        present = [
            row[0]
            for order in (at.desc(), at.asc())
            for row in self._rows(sa.select(at).where(at.is_not(None)).order_by(order).limit(_SAMPLES))
        ]
        form = form_of(present, self._zone)
        if present and form is None:
            raise SourceError(
                f"the column {at.name!r} holds no times that can be read: write timestamps, ISO text such as"
                " 2026-11-24T08:00:00Z, or seconds since 1970"
            )
        return form


def _bound(value: object) -> object:
    # An integer of milliseconds is too large for the type that the driver would give it.
    return sa.literal(value, sa.BigInteger()) if isinstance(value, int) else value


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:40]) + (" …" if len(names) > 40 else "") if names else "none"


def _suggestion(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""
