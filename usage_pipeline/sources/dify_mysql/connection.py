"""A session on a MySQL or MariaDB server that can only read, streams rows as they come, and fails in words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import pymysql
from pymysql.cursors import Cursor, SSCursor

from usage_pipeline.sources.base import SourceError, SourceTooSlowError
from usage_pipeline.sources.mysql_url import CHECK_SERVER, DIFY_ON_MYSQL, explain_mysql_error, mysql_arguments
from usage_pipeline.sources.watchdog import heard_from_source
from usage_pipeline.warehouse.rows import checked

if TYPE_CHECKING:
    _Connection = pymysql.Connection[Cursor]

T = TypeVar("T")
V = TypeVar("V")
Row = Sequence[object]
Parameters = Mapping[str, object]

_CONNECT_SECONDS = 10
# A server that says nothing for longer than a statement may take has been lost.
_PATIENCE_SECONDS = 5
_TOO_SLOW = {1205, 1317, 1969, 3024}
_NOT_ALLOWED = {1044, 1142, 1143, 1227, 1370}
# Every JSON complaint of MySQL (3140 to 3158) and MariaDB (4037 to 4044).
_JSON = {*range(3140, 3159), *range(4037, 4045)}


class BrokenJsonError(Exception):
    """The server could not read a row's JSON."""


class MysqlReader:
    """A session that refuses to write and gives up on slow statements and on a server that hangs."""

    def __init__(self, url: str, *, statement_timeout: timedelta) -> None:
        """Connects. Raises SourceError that says what is wrong and what to do, without the password."""
        seconds = max(1, int(statement_timeout.total_seconds()))
        arguments = mysql_arguments(url, DIFY_ON_MYSQL)
        try:
            self._connection: _Connection = pymysql.connect(
                **arguments,
                charset="utf8mb4",
                sql_mode="",
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=seconds + _PATIENCE_SECONDS,
                write_timeout=seconds + _PATIENCE_SECONDS,
                program_name="usage-pipeline (read-only)",
            )
            self._limit(seconds)
        except (pymysql.MySQLError, OSError, RuntimeError, ValueError) as error:
            raise SourceError(explain_mysql_error(error, DIFY_ON_MYSQL)) from None

    def rows(self, row_type: type[T], statement: str, parameters: Parameters | None = None) -> list[T]:
        """Returns all rows of a small result as ``row_type``, whose fields are named as the columns in lower case."""
        return [row_type(**row) for row in self.named_rows(statement, parameters)]

    def named_rows(self, statement: str, parameters: Parameters | None = None) -> list[dict[str, object]]:
        """Returns all rows of a small result by column name in lower case."""
        with self.stream(statement, parameters) as (names, rows):
            keys = [name.lower() for name in names]
            return [dict(zip(keys, row, strict=True)) for row in rows]

    def values(self, kind: type[V], statement: str, parameters: Parameters | None = None) -> list[V]:
        """Returns the first column of each row. Raises TypeError when one is not of that kind."""
        with self.stream(statement, parameters) as (_, rows):
            return [checked(kind, row[0]) for row in rows]

    def value(self, kind: type[V], statement: str) -> V:
        """Returns the one value of a query. Raises TypeError when it is not of that kind."""
        (found,) = self.values(kind, statement)
        return found

    @contextmanager
    def stream(
        self, statement: str, parameters: Parameters | None = None
    ) -> Iterator[tuple[Sequence[str], Iterable[Row]]]:
        """Column names, and rows as the server sends them: none is kept.

        Raises SourceError when the server fails, BrokenJsonError when it cannot read a row's JSON.
        """
        cursor = self._connection.cursor(SSCursor)
        try:
            cursor.execute(statement, parameters or {})
            heard_from_source()
            yield [str(column[0]) for column in cursor.description or ()], cursor
        except pymysql.MySQLError as error:
            raise _as_ours(error) from None
        finally:
            # What was not read is read to its end; a window's rows are few enough.
            with suppress(pymysql.MySQLError):
                cursor.close()

    def close(self) -> None:
        """Closes the connection."""
        with suppress(pymysql.MySQLError, OSError):
            self._connection.close()

    def _limit(self, seconds: int) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute("SET SESSION lock_wait_timeout = 2, group_concat_max_len = 1000000")
            cursor.execute("SHOW SESSION VARIABLES WHERE Variable_name IN ('max_statement_time', 'max_execution_time')")
            known = {str(row[0]) for row in cursor.fetchall()}
            if "max_statement_time" in known:  # MariaDB, in seconds
                cursor.execute("SET SESSION max_statement_time = %s", [seconds])
            elif "max_execution_time" in known:  # MySQL, in milliseconds
                cursor.execute("SET SESSION max_execution_time = %s", [seconds * 1000])


def _as_ours(error: pymysql.MySQLError) -> Exception:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1] if len(error.args) > 1 else error).splitlines()[0]
    if code in _JSON:
        return BrokenJsonError(text)
    if code in _TOO_SLOW:
        return SourceTooSlowError(
            f"{text}; the source was too slow: raise lookback.statement_timeout_seconds or read from a replica"
        )
    if code in _NOT_ALLOWED:
        return SourceError(f"{text}; grant SELECT on Dify's tables to the user (docs/sources.md, 'A Dify on MySQL')")
    if code in (2006, 2013):
        return SourceError(f"{text}; the server went away or hangs: {CHECK_SERVER}")
    return SourceError(f"Dify's database said: {text}")
