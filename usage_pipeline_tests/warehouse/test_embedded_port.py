"""The embedded server's port is for readers with their passwords alone, and is there only while it is asked for."""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner, Result

from usage_pipeline.cli import app
from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.settings.embedded import Embedded
from usage_pipeline.warehouse.embedded import EmbeddedServerError, running_embedded, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline_tests.conftest import server_home

TENANT = """
INSERT INTO usage.tenant (source, tenant_id, name, timezone) VALUES ('main', 't', 'Marketing', 'UTC');
CREATE ROLE usual LOGIN PASSWORD 'usual'; ALTER ROLE postgres PASSWORD 'known'
"""


@dataclass
class Place:
    """An installation with an embedded server and a configuration that may give it a port."""

    home: Path
    port: int

    @property
    def config(self) -> Path:
        return self.home.parent / "usage_pipeline.yaml"

    def configure(self, *lines: str) -> None:
        self.config.write_text("\n".join(["version: 1", *lines]) + "\n", encoding="utf-8")

    def command(self, *words: str) -> Result:
        done = CliRunner().invoke(app, words, env={"COLUMNS": "300"})
        assert "Traceback" not in done.output
        return done

    def login(self, user: str, password: str, database: str = "warehouse") -> str:
        """What the server says to a login by network."""
        where = make_conninfo("", host="127.0.0.1", port=self.port, dbname=database, user=user, password=password)
        try:
            with psycopg.connect(where, connect_timeout=5) as connection:
                return str(connection.execute("SELECT current_user").fetchone())
        except psycopg.OperationalError as error:
            return str(error)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with server_home() as folder:
        folder.chmod(0o755)
        made = Place(folder / "home", free_port())
        monkeypatch.setenv("USAGE_PIPELINE_HOME", str(made.home))
        monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(made.config))
        yield made
        stop_embedded(made.home)


def test_a_reader_comes_in_by_its_password_and_nobody_else_does(place: Place) -> None:
    place.configure()
    url = start_embedded(place.home).url("warehouse")
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TENANT)
    grant = ("grant-reader", "--tenant", "Marketing")
    assert "reached by no network; `embedded: {port: 5433}`" in place.command(*grant).stdout

    place.configure(f"embedded: {{port: {place.port}}}")
    assert f"not yet: it listens on 127.0.0.1:{place.port} from its next start on" in place.command(*grant).stdout
    assert place.command("down").exit_code == 0
    reader = json.loads(place.command(*grant, "--new-password", "--json").stdout)
    with psycopg.connect(reader["url"]) as connection:
        assert connection.execute("SELECT name FROM usage.tenant").fetchall() == [("Marketing",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM usage.lock")
    assert f"postgresql://{reader['role']}:PASSWORD@127.0.0.1:{place.port}/warehouse" in place.command(*grant).stdout

    for user, password, database in (
        ("postgres", "known", "warehouse"),
        ("postgres", "known", "postgres"),
        ("usual", "usual", "warehouse"),
        (reader["role"], reader["password"], "postgres"),
        (reader["role"], reader["password"], "dagster"),
    ):
        assert "pg_hba.conf rejects connection" in place.login(user, password, database), (user, database)
    for user in (reader["role"], "usage_reader_nobody"):
        assert "password authentication failed" in place.login(user, "wrong")

    # Without the key nobody comes in any more, and from the next start on nothing listens.
    place.configure()
    assert place.command("alerts", "list").exit_code == 0
    assert "no pg_hba.conf entry" in place.login(reader["role"], reader["password"])
    place.command("down")
    assert place.command("alerts", "list").exit_code == 0
    assert "refused" in place.login(reader["role"], reader["password"])


def test_a_port_that_is_taken_is_named_and_nothing_is_started(place: Place) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", place.port))):
        place.configure(f"embedded: {{port: {place.port}}}")
        done = place.command("alerts", "list")
        assert done.exit_code == 2
        said = " ".join(done.stderr.split())
        assert f"cannot listen on 127.0.0.1:{place.port} (Address already in use): let `embedded:`" in said
        assert running_embedded(place.home) is None
    with pytest.raises(EmbeddedServerError, match=r"cannot listen on 192\.0\.2\.1:"):
        start_embedded(place.home, Embedded(port=place.port, listen="192.0.2.1"))
    # Free again; and where the socket lies elsewhere, for its path is too long.
    deep = place.home / ("h" * 100)
    with contextlib.closing(psycopg.connect(start_embedded(deep, Embedded(port=place.port)).url("warehouse"))):
        assert "pg_hba.conf rejects connection" in place.login("postgres", "known")
    stop_embedded(deep)
