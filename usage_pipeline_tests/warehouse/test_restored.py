"""A warehouse that is put back to an older backup says so, and sends and does nothing twice."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from typer.testing import CliRunner

from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.cli import app
from usage_pipeline.delivery.worker import DeliverySummary, deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse import high_water
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.restored import look
from usage_pipeline_tests.support.alerts import alert_of

CONFIG = "version: 1\nrecipients:\n  itsm: {channel: webhook, url_env: ITSM_URL}\n"
SETTINGS = parse_settings(CONFIG, "c.yaml")
NOW = datetime(2026, 3, 17, 5, tzinfo=UTC)


@dataclass
class Place:
    """A warehouse whose server can put it back to a copy of it, as pg_restore does."""

    server: EmbeddedServer
    name: str
    connection: Connection

    def raise_one(self, about: str) -> None:
        """Writes an alert, with the same id each time that it is written."""
        alert = alert_of("budget", about, NOW, NOW + timedelta(days=1), "80", "warning", {})
        with self.connection.transaction():
            raise_alert(self.connection, alert, [("itsm", "webhook")])

    def deliver(self) -> DeliverySummary:
        """One round; every channel accepts."""
        return deliver_due(self.connection, SETTINGS, by="t", send=lambda *_: Outcome("accepted", "taken", 202))

    def back_up(self) -> None:
        """Keeps the warehouse as it is now."""
        self._copy(self.name, self.name + "_backup")

    def restore(self) -> None:
        """Puts it back."""
        self._run("DROP DATABASE {} WITH (FORCE)", self.name)
        self._copy(self.name + "_backup", self.name)

    def _copy(self, of: str, to: str) -> None:
        self.connection.close()
        self._run("CREATE DATABASE {} TEMPLATE {}", to, of)
        self.connection = connect(self.server.url(self.name))

    def _run(self, command: str, *names: str) -> None:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(SQL(command).format(*map(Identifier, names)))  # type: ignore[arg-type]


@pytest.fixture
def place(
    postgres: EmbeddedServer, new_warehouse: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A warehouse in which one alert was sent, backed up, and from which two more were sent after that."""
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    url = new_warehouse()
    monkeypatch.setenv("WAREHOUSE_URL", url)
    made = Place(postgres, str(conninfo_to_dict(url)["dbname"]), connect(url))
    made.raise_one("before")
    assert made.deliver().delivered == 1
    made.back_up()
    for about in ("tuesday", "wednesday"):
        made.raise_one(about)
    assert made.deliver().delivered == 2
    assert look(made.connection) is None
    yield made
    made.connection.close()
    made._run("DROP DATABASE {}", made.name + "_backup")


def states(place: Place) -> dict[str, str]:
    rows = place.connection.execute(
        "SELECT a.budget_id, d.state FROM usage.delivery d JOIN usage.alert a USING (alert_id)"
    )
    return {str(about): str(state) for about, state in rows}


def test_nothing_is_sent_before_somebody_accepts_and_nothing_twice_then(place: Place) -> None:
    run = CliRunner().invoke
    place.restore()
    place.raise_one("tuesday")  # the next pass finds it again, and something new
    place.raise_one("thursday")
    held = place.deliver()
    assert held.held is not None
    assert held.messages == 0
    assert states(place) == {"before": "delivered", "tuesday": "pending", "thursday": "pending"}
    findings = json.loads(run(app, ["doctor", "--json"]).stdout)
    assert [each["state"] for each in findings if each["checked"] == "restored backup"] == ["wrong"]

    tested = run(app, ["alerts", "test", "itsm"])
    assert (tested.exit_code, "restored --accept" in tested.stderr) == (2, True)

    shown = json.loads(run(app, ["restored", "--json"]).stdout)
    assert (shown["sent_since"], shown["waiting"]) == (2, 2)
    assert place.deliver().messages == 0, "to look is not to accept"
    done = json.loads(run(app, ["restored", "--accept", "--by", "wang", "--json"]).stdout)
    assert (done["kept_from_sending"], done["waiting"]) == (1, 1)
    assert place.deliver().delivered == 1
    assert states(place) == {"before": "delivered", "tuesday": "silenced", "thursday": "delivered"}

    place.raise_one("wednesday")  # found again later still
    assert place.deliver().messages == 0
    assert states(place)["wednesday"] == "silenced"
    ((by, person),) = place.connection.execute("SELECT found_by, accepted_by FROM usage.restore").fetchall()
    assert by == "marks"
    assert "wang" in str(person)
    assert json.loads(run(app, ["restored", "--json"]).stdout) == {"restored": False}


def test_whoever_wants_nothing_sent_says_so(place: Place) -> None:
    place.restore()
    place.raise_one("thursday")
    run = CliRunner().invoke
    assert run(app, ["restored", "--send-nothing"]).exit_code == 2
    assert "1 deliveries are not sent again" in run(app, ["restored", "--accept", "--send-nothing"]).stdout
    assert place.deliver().messages == 0
    place.raise_one("friday")
    assert place.deliver().delivered == 1


def test_passes_that_dagster_knows_and_the_warehouse_does_not_are_found(place: Place) -> None:
    place.connection.execute("INSERT INTO usage.pass_record (pass_id, started_at) VALUES ('run-1', now())")
    assert look(place.connection, ["run-2", "run-1"]) is None
    found = look(place.connection, ["run-3", "run-2"])
    assert found is not None
    assert "Dagster has finished passes" in str(found)
    assert place.deliver().held == str(found)


def test_marks_that_are_cut_or_of_no_sense_are_passed_over(place: Place) -> None:
    newest = high_water.newest_mark(place.connection)
    with high_water._file(place.connection).open("ab") as file:
        file.write(b'{"seq": 1}\n[]\n\xff\n{"seq": 99999, "hash": "ab", "at"')
    assert high_water.newest_mark(place.connection) == newest
    assert look(place.connection) is None


def test_a_warehouse_that_is_ahead_of_its_marks_is_none_that_was_restored(place: Place) -> None:
    """A backup of the whole machine, or a second machine that has sent since."""
    path = high_water._file(place.connection)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert look(place.connection) is None
    path.unlink()
    assert look(place.connection) is None
