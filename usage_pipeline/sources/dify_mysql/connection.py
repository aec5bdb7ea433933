"""A session on a MySQL or MariaDB server that can only read, gives rows as they come, and fails in words."""

import re
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import pymysql
from pymysql.cursors import Cursor, SSCursor

from usage_pipeline.sources.base import SourceError, SourceTooSlowError
from usage_pipeline.sources.watchdog import heard_from_source

if TYPE_CHECKING:
    _Connection = pymysql.Connection[Cursor]

Row = Sequence[object]
Parameters = Mapping[str, object]

_PORT = 3306
_CONNECT_SECONDS = 10
# A server that says nothing for longer than a statement may take has been lost.
_PATIENCE_SECONDS = 5
_TOO_SLOW = {1205, 1317, 1969, 3024}
_NOT_ALLOWED = {1044, 1142, 1143, 1227, 1370}
# Every JSON complaint of MySQL (3140 to 3158) and MariaDB (4037 to 4044).
_JSON = {*range(3140, 3159), *range(4037, 4045)}
_ADVICE = {
    1040: "the server has no connection left: raise max_connections, or read from a replica",
    1044: "grant SELECT on the database to the user, or correct the database name in the URL",
    1045: "the user or its password is wrong, or it may not come from this machine: check them in the URL"
          " (special characters must be %-encoded)",
    1049: "the database name in the URL is wrong; Dify's is 'dify' unless DB_DATABASE says otherwise",
    1130: "the server does not let this machine in: create the user for its address ('usage_reader'@'%')",
    1226: "the user has no connection left: raise its MAX_USER_CONNECTIONS",
    1698: "the user cannot log in with a password: create one that can (docs/sources.md, 'A Dify on MySQL')",
    2026: "TLS failed: check ssl_ca, ssl_cert, ssl_key and ssl_mode in the URL",
}  # fmt: skip
_CHECK_SERVER = "check the host, the port and that the server runs and lets this machine in (bind-address, firewall)"
_TLS_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_OPTIONS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_mode", "ssl_disabled", "ssl_verify_cert", "ssl_verify_identity",
            "unix_socket", "charset")  # fmt: skip


class BrokenJsonError(Exception):
    """The server could not read a row's JSON."""


class MysqlReader:
    """A session that refuses to write and gives up on slow statements and on a server that hangs."""

    def __init__(self, url: str, *, statement_timeout: timedelta) -> None:
        """Connects. Raises SourceError that says what is wrong and what to do, without the password."""
        seconds = max(1, int(statement_timeout.total_seconds()))
        arguments = _arguments(url)
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
            raise SourceError(explain_mysql_error(error)) from None

    def rows(self, statement: str, parameters: Parameters | None = None) -> list[Row]:
        """All rows of a small result."""
        with self.stream(statement, parameters) as (_, rows):
            return list(rows)

    def named_rows(self, statement: str) -> list[dict[str, object]]:
        """All rows of a small result by column name in lower case."""
        with self.stream(statement) as (names, rows):
            keys = [name.lower() for name in names]
            return [dict(zip(keys, row, strict=True)) for row in rows]

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


def is_mysql_url(url: str) -> bool:
    """Whether a source's URL names a MySQL or MariaDB server, with or without a driver's name."""
    return re.match(r"(mysql|mariadb)(\+\w+)?://", url.strip(), re.IGNORECASE) is not None


def explain_mysql_error(error: Exception) -> str:
    """What is wrong with a connection and what to do, in words; no text of the driver holds the password."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1] if len(error.args) > 1 else error).splitlines()[0] if error.args else type(error).__name__
    if isinstance(error, UnicodeError):
        text = type(error).__name__  # its text may show a part of what it could not encode
    if isinstance(error, RuntimeError) and "cryptography" in text:
        return (
            "cannot connect to Dify's database: without TLS its way of checking passwords (caching_sha2_password) is "
            "not supported; turn TLS on at the server, or create the user with mysql_native_password"
        )
    advice = _ADVICE.get(code, _CHECK_SERVER)
    if "Name or service not known" in text or "name resolution" in text or "nodename nor servname" in text:
        advice = "the host name in the URL cannot be resolved from this machine"
    elif "SSL" in text or "certificate" in text:
        advice = _ADVICE[2026]
    return f"cannot connect to Dify's database: {text}; {advice}"


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
        return SourceError(f"{text}; the server went away or hangs: {_CHECK_SERVER}")
    return SourceError(f"Dify's database said: {text}")


def _arguments(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORT
    except ValueError:
        raise SourceError("the URL of Dify's database cannot be read: write mysql://reader:password@host:3306/dify,"
                          " special characters %-encoded") from None  # fmt: skip
    options = dict(parse_qsl(parts.query))
    unknown = sorted(options.keys() - set(_OPTIONS))
    if unknown:
        raise SourceError(f"the URL of Dify's database has a parameter that is not known: {', '.join(unknown)}; "
                          f"known are {', '.join(_OPTIONS)}")  # fmt: skip
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise SourceError("the URL of Dify's database names no database: end it with /dify (DB_DATABASE of Dify)")
    return {
        "host": parts.hostname or "localhost",
        "port": port,
        "user": unquote(parts.username or ""),
        # As bytes: the driver would take a text for Latin-1.
        "password": unquote(parts.password or "").encode(),
        "database": database,
        "unix_socket": options.get("unix_socket"),
        **_tls(options),
    }


def _tls(options: Mapping[str, str]) -> dict[str, Any]:
    mode = _tls_mode(options)
    if mode == "DISABLED":
        return {"ssl_disabled": True}
    if mode == "PREFERRED":
        return {}
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca"))
        # Certificates that MySQL makes for itself do not pass the strict test.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = mode == "VERIFY_IDENTITY"
        if mode == "REQUIRED":
            context.verify_mode = ssl.CERT_NONE
        if "ssl_cert" in options:
            context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"))
    except OSError as error:
        raise SourceError(f"a file of the URL's TLS parameters cannot be used: {error.strerror or error}; "
                          "check ssl_ca, ssl_cert and ssl_key") from None  # fmt: skip
    return {"ssl": cast(Any, context)}


def _tls_mode(options: Mapping[str, str]) -> str:
    given = options.get("ssl_mode", "").upper()
    if given and given not in _TLS_MODES:
        raise SourceError(f"ssl_mode in the URL of Dify's database must be one of {', '.join(_TLS_MODES)}")
    if given:
        return given
    if _said(options, "ssl_disabled"):
        return "DISABLED"
    if _said(options, "ssl_verify_identity"):
        return "VERIFY_IDENTITY"
    if _said(options, "ssl_verify_cert") or "ssl_ca" in options:
        return "VERIFY_CA"
    return "REQUIRED" if "ssl_cert" in options else "PREFERRED"


def _said(options: Mapping[str, str], name: str) -> bool:
    return options.get(name, "").lower() in ("1", "true", "yes", "on")
