"""URLs of databases are read alike whatever source they name; what is wrong with one is said without its password."""

import json
import os
import re
import ssl
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
import requests.certs

from usage_pipeline.ingest.source_reader import in_words
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.completion_logs.database import connect_to_log
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.sources.mysql_url import DIFY_ON_MYSQL, LOG_ON_MYSQL, MysqlPlace, mysql_arguments
from usage_pipeline.warehouse.connection import connect
from usage_pipeline_tests.support.company import EXAMPLE
from usage_pipeline_tests.support.typed import typed

HIDDEN = "hidden-s3cr3t"
SOON = timedelta(seconds=1)
NOBODY = "127.0.0.1:1"  # no server listens there


def dify_mysql(url: str) -> object:
    """Opens a Dify on MySQL."""
    return DifyMysql("main", url, statement_timeout=SOON)


def dify_postgres(url: str) -> object:
    """Opens a Dify on PostgreSQL."""
    return DifyPostgres("main", url, statement_timeout=SOON)


def log(url: str) -> object:
    """Opens a log's database."""
    return connect_to_log(url, SOON)


ON_MYSQL = [dify_mysql, log]
ON_POSTGRES = [dify_postgres, log]


def said(opened: Callable[[str], object], url: str) -> str:
    """What is said of a URL that cannot be used."""
    with pytest.raises(SourceError) as caught:
        opened(url)
    text = in_words(caught.value)
    for part in (HIDDEN, "hidden", "s3cr3t"):
        assert part not in text, text
    return text


@pytest.mark.parametrize("opened", ON_MYSQL)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("ssl_mode=REQUIRED", "refused"),
        ("ssl-mode=required", "refused"),
        ("charset=latin1&connect_timeout=3&read_timeout=3", "refused"),
        ("ssl_verify_identity=true", "refused"),
        ("ssl_disabled=true", "refused"),
        ("ssl_mode=SOME", "ssl_mode in the URL of .* must be one of DISABLED, PREFERRED"),
        ("sslMode=REQUIRED", "parameter that is not known: sslmode; known are ssl_ca"),
        ("ssl-ca=/no/such/file", "No such file or directory; check ssl_ca"),
        ("ssl_cipher=NONE-SUCH", "check ssl_ca"),
    ],
)
def test_parameters_of_mysql_urls_mean_the_same_to_every_source(
    opened: Callable[[str], object], options: str, words: str
) -> None:
    text = said(opened, f"mysql://u:{HIDDEN}@{NOBODY}/x?{options}")
    assert re.search(words, text), text


@pytest.mark.parametrize("opened", ON_MYSQL)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"mysql://u:{HIDDEN}@127.0.0.1:99999/x", "cannot be read: write mysql://reader:password@host"),
        (f"mysql://u:{HIDDEN}@127.0.0.1:port/x", "cannot be read: write mysql://reader:password@host"),
        (f"mysql://u:{HIDDEN}@[::1/x", "cannot be read: write mysql://reader:password@host"),
        (f"mysql://u:{HIDDEN}", "cannot be read: write mysql://reader:password@host"),
    ],
)
def test_a_mysql_url_that_cannot_be_read(opened: Callable[[str], object], url: str, words: str) -> None:
    assert words in said(opened, url)


@pytest.mark.parametrize("place", [DIFY_ON_MYSQL, LOG_ON_MYSQL])
@pytest.mark.parametrize(
    ("url", "user", "password", "host", "port", "database"),
    [
        ("mysql://u:p@h:3307/d", "u", "p", "h", 3307, "d"),
        ("MariaDB+pymysql://u:p%40%3A%2F@h/d?charset=utf8", "u", "p@:/", "h", 3306, "d"),
        ("mysql://u:p@s:s/w#o?rd@h/d", "u", "p@s:s/w#o?rd", "h", 3306, "d"),
        ("mysql://reader@server:p@h/d?ssl_disabled=1", "reader@server", "p", "h", 3306, "d"),
        ("mysql://u:pä@[::1]:3308/d", "u", "pä", "::1", 3308, "d"),
        ("mysql:///d?unix_socket=/run/m%40d.sock", "", "", "localhost", 3306, "d"),
    ],
)
def test_parts_of_a_mysql_url(
    place: MysqlPlace, url: str, user: str, password: str, host: str, port: int, database: str
) -> None:
    found = mysql_arguments(url, place)
    assert (found["user"], found["password"].decode(), found["host"], found["port"], found["database"]) == (
        user, password, host, port, database
    )  # fmt: skip
    assert found["unix_socket"] == ("/run/m@d.sock" if "unix_socket" in url else None)


def test_only_dify_needs_its_database_in_the_url() -> None:
    assert mysql_arguments("mysql://u@h", LOG_ON_MYSQL)["database"] is None
    with pytest.raises(SourceError, match="names no database: end it with /dify"):
        mysql_arguments("mysql://u@h", DIFY_ON_MYSQL)


@pytest.mark.parametrize(("place", "checks_host"), [(DIFY_ON_MYSQL, False), (LOG_ON_MYSQL, True)])
def test_an_authority_alone_verifies_no_less_than_it_did(place: MysqlPlace, checks_host: bool) -> None:
    context = mysql_arguments(f"mysql://u@h/d?ssl_ca={requests.certs.where()}", place)["ssl"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, checks_host)
    explicit = mysql_arguments(f"mysql://u@h/d?ssl_ca={requests.certs.where()}&ssl_mode=VERIFY_CA", place)["ssl"]
    assert (explicit.verify_mode, explicit.check_hostname) == (ssl.CERT_REQUIRED, False)


@pytest.mark.parametrize("opened", ON_POSTGRES)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"postgresql://u:{HIDDEN}@{NOBODY}/x?charset=utf8", "parameter that is not known: charset"),
        (f"postgresql://u:{HIDDEN}@{NOBODY}/x?sslmode", "the URL cannot be read; write postgresql://"),
        (f"postgresql://u:{HIDDEN}@{NOBODY}/x?sslmode=maybe", "invalid sslmode value"),
        (f"postgresql://u:{HIDDEN}%zz@{NOBODY}/x", "the URL cannot be read; write postgresql://"),
        (f"postgresql://u:hidden s3cr3t@{NOBODY}/x", "the URL cannot be read; write postgresql://"),
        (f"postgresql://u:hidden/s3cr3t@{NOBODY}/x", "the port in the URL is not a number"),
        (f"postgresql://u:{HIDDEN}@127.0.0.1:port/x", "the port in the URL is not a number"),
        (f"postgresql://127.0.0.1:1/{HIDDEN}@h/x", "has an @ where the database's name should stand"),
        (f"postgresql://u@{NOBODY}/x?password={HIDDEN}&sslmode={HIDDEN}", 'invalid sslmode value: "…"'),
    ],
)
def test_a_postgresql_url_that_cannot_be_read(opened: Callable[[str], object], url: str, words: str) -> None:
    assert words in said(opened, url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql:/u:{HIDDEN}@h/x",
        f"postgresql://u:{HIDDEN}%zz@h/x",
        f"u:{HIDDEN}@h/x",
        "postgresql://u@h?a=1",
        f"postgresql://127.0.0.1:1/{HIDDEN}@h/x",
    ],
)
def test_the_warehouses_url_is_not_shown_either(url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="the URL") as caught:
        connect(url)
    assert HIDDEN not in str(caught.value)


def test_a_sqlite_url_keeps_what_it_named_and_ignores_parameters() -> None:
    with pytest.raises(SourceError, match=r"there is no file /nowhere/log\.db"):
        log("sqlite:////nowhere/log.db?mode=ro&charset=utf8")
    with pytest.raises(SourceError, match="names no file"):
        log("sqlite://?charset=utf8")


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_doctor_says_what_is_wrong_with_a_url(scheme: str, warehouse_url: str) -> None:
    environment = {
        **os.environ,
        "WAREHOUSE_URL": warehouse_url,
        "USAGE_PIPELINE_CONFIG": str(EXAMPLE),
        "DIFY_DATABASE_URL": f"{scheme}://u:{HIDDEN}@{NOBODY}/dify?no_such_word=1",
    }
    done = typed("doctor", "--json", environment=environment)
    found = [finding["says"] for finding in json.loads(done.stdout) if finding["checked"] == "source main"]
    assert ["no_such_word" in text for text in found] == [True]
    assert HIDDEN not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
