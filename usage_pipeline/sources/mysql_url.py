"""Reads the URL of a MySQL or MariaDB server, the same for every source, and says what is wrong with one or with its
server: in words, never with the password."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

from usage_pipeline.sources.base import SourceError

_PORT = 3306
_SCHEME = re.compile(r"(mysql|mariadb)(\+\w+)?://", re.IGNORECASE)
# A password may hold any character as it is, but for an @ that could end it too: the first @ after which a host fits
# does. Databases of MySQL have no @ in their names.
_URL = re.compile(
    r"\w+(\+\w+)?://"
    r"((?P<user>[^:/]*?)(:(?P<password>.*?))?@)?"
    r"(\[(?P<ipv6>[^\]@/?]+)\]|(?P<host>[^:/?@\[\]]*))(:(?P<port>\d*))?"
    r"(/(?P<database>[^?@]*))?(\?(?P<options>.*))?",
    re.DOTALL,
)
_TLS_OPTIONS = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_cipher", "ssl_mode", "ssl_disabled",
                "ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname")  # fmt: skip
# Ours hold whatever a URL says of these; they are allowed because URLs of other programs carry them.
_OURS = ("charset", "use_unicode", "connect_timeout", "read_timeout", "write_timeout", "autocommit", "local_infile")
_KNOWN = (*_TLS_OPTIONS, "unix_socket", *_OURS)
_NO_DATABASE = 1049
_ADVICE = {
    1040: "the server has no connection left: raise max_connections, or read from a replica",
    1044: "grant SELECT on the database to the user, or correct the database name in the URL",
    1045: "the user or its password is wrong, or it may not come from this machine: check them in the URL"
          " (special characters must be %-encoded)",
    1130: "the server does not let this machine in: create the user for its address ('usage_reader'@'%')",
    1226: "the user has no connection left: raise its MAX_USER_CONNECTIONS",
    1698: "the user cannot log in with a password: create one that can (docs/sources.md, 'A Dify on MySQL')",
    2026: "TLS failed: check ssl_ca, ssl_cert, ssl_key and ssl_mode in the URL",
}  # fmt: skip
CHECK_SERVER = "check the host, the port and that the server runs and lets this machine in (bind-address, firewall)"


class TlsMode(StrEnum):
    """How far a connection is secured, as the mysql client means it."""

    DISABLED = "DISABLED"
    PREFERRED = "PREFERRED"
    REQUIRED = "REQUIRED"
    VERIFY_CA = "VERIFY_CA"
    VERIFY_IDENTITY = "VERIFY_IDENTITY"


@dataclass(frozen=True)
class MysqlPlace:
    """Whose database a URL names: what errors call it, an example of its URL, and what holds where a URL is silent."""

    name: str
    example: str
    database_hint: str | None  # how to name the database; None: the URL need not name one
    wrong_database: str  # what to say of a name that the server does not know
    with_ca: TlsMode  # what is verified when the URL names an authority and no mode


DIFY_ON_MYSQL = MysqlPlace(
    name="Dify's database",
    example="mysql://reader:password@host:3306/dify",
    database_hint="end it with /dify (DB_DATABASE of Dify)",
    wrong_database="the database name in the URL is wrong; Dify's is 'dify' unless DB_DATABASE says otherwise",
    with_ca=TlsMode.VERIFY_CA,
)
LOG_ON_MYSQL = MysqlPlace(
    name="the log's database",
    example="mysql://reader:password@host:3306/gateway",
    database_hint=None,
    wrong_database="the database name in the URL is wrong",
    with_ca=TlsMode.VERIFY_IDENTITY,
)


def is_mysql_url(url: str) -> bool:
    """Returns whether a source's URL names a MySQL or MariaDB server, with or without a driver's name."""
    return _SCHEME.match(url.strip()) is not None


def mysql_arguments(url: str, place: MysqlPlace) -> dict[str, Any]:
    """Returns the arguments of ``pymysql.connect`` that a URL stands for: address, user, database and TLS.

    Raises SourceError that says what is wrong with the URL, without showing the password.
    """
    parts = _URL.fullmatch(url.strip())
    port = int(parts["port"] or _PORT) if parts else 0
    if parts is None or not 0 < port < 65536:
        raise SourceError(
            f"the URL of {place.name} cannot be read: write {place.example}, special characters %-encoded"
        )
    options = _options(parts["options"] or "", place)
    database = unquote(parts["database"] or "")
    if not database and place.database_hint:
        raise SourceError(f"the URL of {place.name} names no database: {place.database_hint}")
    return {
        "host": parts["ipv6"] or unquote(parts["host"]) or "localhost",
        "port": port,
        "user": unquote(parts["user"] or ""),
        # As bytes: the driver would take a text for Latin-1.
        "password": unquote(parts["password"] or "").encode(),
        "database": database or None,
        "unix_socket": options.get("unix_socket"),
        **tls_arguments(options, place),
    }


def tls_arguments(options: Mapping[str, str], place: MysqlPlace) -> dict[str, Any]:
    """Returns the arguments of ``pymysql.connect`` for a URL's ``ssl_...`` parameters; raises SourceError."""
    mode = _tls_mode(options, place)
    if mode is TlsMode.DISABLED:
        return {"ssl_disabled": True}
    if mode is TlsMode.PREFERRED:
        return {}
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca"), capath=options.get("ssl_capath"))
        # Certificates that MySQL makes for itself do not pass the strict test.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = mode is TlsMode.VERIFY_IDENTITY
        if mode is TlsMode.REQUIRED:
            context.verify_mode = ssl.CERT_NONE
        if "ssl_cert" in options:
            context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"))
        if "ssl_cipher" in options:
            context.set_ciphers(options["ssl_cipher"])
    except OSError as error:
        raise SourceError(
            f"a TLS parameter of the URL of {place.name} cannot be used: {error.strerror or error}; "
            "check ssl_ca, ssl_cert and ssl_key"
        ) from None
    return {"ssl": cast(Any, context)}


def explain_mysql_error(error: Exception, place: MysqlPlace) -> str:
    """Returns what is wrong with a connection and what to do, in words; no text of the driver holds the password."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1] if len(error.args) > 1 else error).splitlines()[0] if error.args else type(error).__name__
    if isinstance(error, UnicodeError):
        text = type(error).__name__  # its text may show a part of what it could not encode
    if isinstance(error, RuntimeError) and "cryptography" in text:
        return (
            f"cannot connect to {place.name}: without TLS its way of checking passwords (caching_sha2_password) is "
            "not supported; turn TLS on at the server, or create the user with mysql_native_password"
        )
    advice = mysql_advice(code, place) or CHECK_SERVER
    if "Name or service not known" in text or "name resolution" in text or "nodename nor servname" in text:
        advice = "the host name in the URL cannot be resolved from this machine"
    elif "SSL" in text or "certificate" in text:
        advice = _ADVICE[2026]
    return f"cannot connect to {place.name}: {text}; {advice}"


def mysql_advice(code: object, place: MysqlPlace) -> str | None:
    """Returns what to do about an error of the server, by its number; None where only the error itself helps."""
    if code == _NO_DATABASE:
        return place.wrong_database
    return _ADVICE.get(code) if isinstance(code, int) else None


def _options(query: str, place: MysqlPlace) -> dict[str, str]:
    """A URL's parameters; MySQL's own spelling (``ssl-ca``) means the same as the driver's (``ssl_ca``)."""
    options = {name.lower().replace("-", "_"): text for name, text in parse_qsl(query)}
    unknown = sorted(options.keys() - set(_KNOWN))
    if unknown:
        raise SourceError(
            f"the URL of {place.name} has a parameter that is not known: {', '.join(unknown)}; "
            f"known are {', '.join(_KNOWN)}"
        )
    return options


def _tls_mode(options: Mapping[str, str], place: MysqlPlace) -> TlsMode:
    given = options.get("ssl_mode", "").upper()
    if given:
        if given not in {*TlsMode}:
            raise SourceError(f"ssl_mode in the URL of {place.name} must be one of {', '.join(TlsMode)}")
        return TlsMode(given)
    if _said(options, "ssl_disabled"):
        return TlsMode.DISABLED
    if _said(options, "ssl_verify_identity") or _said(options, "ssl_check_hostname"):
        return TlsMode.VERIFY_IDENTITY
    has_ca = "ssl_ca" in options or "ssl_capath" in options
    if _said(options, "ssl_verify_cert") or (has_ca and "ssl_check_hostname" in options):
        return TlsMode.VERIFY_CA
    if has_ca:
        return place.with_ca
    asks_for_tls = options.keys() & {"ssl_cert", "ssl_cipher", "ssl_check_hostname"}
    return TlsMode.REQUIRED if asks_for_tls else TlsMode.PREFERRED


def _said(options: Mapping[str, str], name: str) -> bool:
    return options.get(name, "").lower() in ("1", "true", "yes", "on")
