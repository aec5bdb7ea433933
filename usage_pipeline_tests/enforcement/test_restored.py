"""What was closed at Dify after the backup was made is not closed again, and opens as it was before us."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from usage_pipeline.alerts.kinds.enforcement import EnforcementKind
from usage_pipeline.enforcement.steps import WAS_SO_BEFORE
from usage_pipeline.warehouse.connection import connect, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.restored import accept, since_backup
from usage_pipeline_tests.enforcement.conftest import Place


@pytest.fixture
def backup(postgres: EmbeddedServer) -> Iterator[str]:
    """The name of a database that is not there yet; it goes with the test."""
    yield "backup_of_enforcement"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS backup_of_enforcement WITH (FORCE)")


@pytest.mark.parametrize("action", ["pause_app", "lock"])
def test_a_restored_warehouse_acts_at_dify_only_once_accepted_and_opens_what_it_has_forgotten(
    action: str, place: Place, postgres: EmbeddedServer, backup: str
) -> None:
    place.configure(action=action)
    before = place.doors()
    copy(postgres, place, backup)
    place.step()
    paused = place.one()
    assert place.call() == 403
    told, noted = place.told(), notes(place)

    place.warehouse.close()
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        name = str(conninfo_to_dict(place.company.warehouse_url)["dbname"])
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(backup)))
    place.warehouse = connect(place.company.warehouse_url)

    calls = len(place.changes())
    held = place.step(minutes=7)
    assert "restored --accept" in held.errors[""]
    planned = place.one()
    assert (planned.action_id, planned.state) == (paused.action_id, "approved"), "found again at another moment"
    assert dict(since_backup(place.warehouse).actions) == {paused.action_id: "verified"}

    accept(place.warehouse, "wang.wu", send_nothing=False)
    assert not place.enforce().errors
    assert place.one().state == "verified"
    assert place.one().before == paused.before
    assert len(place.changes()) == calls, "it is closed: nothing is to be done at Dify"
    assert place.told() == told
    assert notes(place) == noted, "what was told is told under the ids that it had"

    place.step(days=1)
    assert place.one().state == "released"
    assert place.doors() == before


def test_what_was_closed_already_and_nobody_remembers_why_stays_so_and_that_is_said(place: Place) -> None:
    """Another warehouse of ours closed it, whose marks are gone: nothing can know that, so nothing claims it."""
    with connected(place.company.dify_url) as dify:
        dify.execute("UPDATE apps SET enable_api = false, enable_site = false WHERE id = %s", [place.app()])
        dify.execute("UPDATE app_triggers SET status = 'disabled' WHERE app_id = %s", [place.app()])
        dify.execute("UPDATE app_mcp_servers SET status = 'inactive' WHERE app_id = %s", [place.app()])
    closed = place.doors()
    place.step()
    assert place.one().state == "verified"
    (detail,) = place.warehouse.execute("SELECT facts ->> 'detail' FROM usage.alert WHERE kind = 'enforcement'"
                                        " AND facts ->> 'what' = 'applied'").fetchall()[0]  # fmt: skip
    assert WAS_SO_BEFORE in detail
    assert all(WAS_SO_BEFORE in words.said for language, words in EnforcementKind.words.items() if language != "en")
    place.step(days=1)
    assert place.one().state == "released"
    assert place.doors() == closed


def notes(place: Place) -> list[tuple[object, ...]]:
    """The ids of the alerts about actions."""
    return place.warehouse.execute("SELECT alert_id FROM usage.alert WHERE kind = 'enforcement' ORDER BY 1").fetchall()


def copy(postgres: EmbeddedServer, place: Place, name: str) -> None:
    """The warehouse as it is now, under another name."""
    own = str(conninfo_to_dict(place.company.warehouse_url)["dbname"])
    place.warehouse.close()
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(own)))
    place.warehouse = connect(place.company.warehouse_url)
