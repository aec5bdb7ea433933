"""Every version of Dify's console: each action closes and opens its doors, with and without server, site, triggers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from usage_pipeline.fake_dify.console_faults import Fault
from usage_pipeline.fake_dify.console_sessions import Version
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.enforcement.conftest import Place, a_place
from usage_pipeline_tests.support.company import Company

VERSIONS: tuple[Version, ...] = ((1, 4, 0), (1, 9, 0), (1, 12, 1), (1, 13, 0), (1, 14, 0), (1, 16, 0))


@pytest.fixture(params=VERSIONS, ids=lambda version: ".".join(map(str, version)))
def dated(
    request: pytest.FixtureRequest,
    postgres: EmbeddedServer,
    written: Company,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    """A place whose console answers as that version does."""
    with a_place(postgres, written, tmp_path, monkeypatch.setenv, version=request.param) as found:
        yield found


def without(place: Place, *tables: str) -> None:
    """Takes doors away from the app, as if it had never had them."""
    with connected(place.company.dify_url) as dify:
        for table in tables:
            dify.execute(f"DELETE FROM {table} WHERE app_id = %s".encode(), [place.app()])


def with_doors(place: Place) -> None:
    """Gives the app an MCP server and a trigger, as a workflow may have them."""
    with connected(place.company.dify_url) as dify:
        dify.execute("UPDATE apps SET mode = 'workflow' WHERE id = %s", [place.app()])
        dify.execute(
            "INSERT INTO app_mcp_servers SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(),"
            " 'app_id', %s::text, 'server_code', 'code of the test'))).* FROM app_mcp_servers s LIMIT 1",
            [place.app()],
        )
        dify.execute(
            "INSERT INTO app_triggers SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(),"
            " 'app_id', %s::text, 'status', 'enabled'))).* FROM app_triggers t LIMIT 1",
            [place.app()],
        )
        dify.execute("UPDATE app_mcp_servers SET status = 'active' WHERE app_id = %s", [place.app()])
    assert len(place.doors()) == 4


@pytest.mark.parametrize("missing", [(), ("app_mcp_servers",), ("app_triggers",), ("app_mcp_servers", "app_triggers")])
@pytest.mark.parametrize("action", ["pause_app", "throttle"])
def test_doors_close_and_open(dated: Place, action: str, missing: tuple[str, ...]) -> None:
    with_doors(dated)
    without(dated, *missing)
    dated.configure(action=action, enforcement=", throttle_to: 2")
    before = dated.doors()
    dated.step()
    assert dated.one().state == "verified", dated.one().answer
    if action == "pause_app":
        assert dated.call() == 403
        version, closed = dated.fake.sessions.version, {name for name, is_open in dated.doors().items() if not is_open}
        has_switch = {"service_api", "web_app"}
        has_switch |= {"mcp_server"} if version >= (1, 5, 0) else set()
        has_switch |= before.keys() - {"service_api", "web_app", "mcp_server"} if version >= (1, 10, 0) else set()
        assert closed == has_switch & before.keys()
    dated.configure(action=action, limit=90_000_000, enforcement=", throttle_to: 2")
    dated.step(minutes=1)
    assert dated.one().state == "released", dated.one().answer
    assert dated.doors() == before
    assert dated.call() == 200


@pytest.mark.parametrize("status", [403, 404, 500, "garbage"])
@pytest.mark.parametrize("door", ["server", "triggers"])
def test_a_door_that_cannot_be_read_keeps_no_other_open(place: Place, door: str, status: int | str) -> None:
    path = f"/console/api/apps/{place.app()}/{door}"
    with_doors(place)
    fault = Fault("garbage") if status == "garbage" else Fault("status", status=int(status))
    place.fake.faults.add(replace(fault, method="GET", path=path, times=1_000))
    place.step()
    record = place.one()
    assert record.state == "verified", record.answer
    assert place.call() == 403, "what most callers come through is closed all the same"
    if status != 404:  # which says that there is no such thing
        assert door.removesuffix("s") in str(record.answer)
        assert [what for what, *_ in place.told()] == ["applied"]


def test_what_could_not_be_read_is_closed_as_soon_as_it_can_be(place: Place) -> None:
    with_doors(place)
    before = place.doors()
    path = f"/console/api/apps/{place.app()}/server"
    place.fake.faults.add(Fault("status", method="GET", path=path, times=1_000))
    place.step()
    assert place.doors()["mcp_server"] is True
    place.fake.faults.waiting.clear()
    place.step(minutes=6)
    assert set(place.doors().values()) == {False}
    assert place.one().answer is None
    place.configure(limit=90_000_000)
    place.step(minutes=1)
    assert place.doors() == before


def test_a_release_waits_for_a_door_that_cannot_be_read(place: Place) -> None:
    with_doors(place)
    before = place.doors()
    place.step()
    path = f"/console/api/apps/{place.app()}/server"
    place.fake.faults.add(Fault("status", method="GET", path=path, times=1_000))
    place.configure(limit=90_000_000)
    place.step(minutes=1)
    assert place.call() == 200, "what can be opened is open"
    assert place.one().released_at is None
    place.fake.faults.waiting.clear()
    place.step(minutes=11)
    assert place.doors() == before
    assert place.one().state == "released"


def test_a_door_that_is_not_configured_is_not_even_read(place: Place) -> None:
    place.configure(enforcement=", pause: [service_api, web_app]")
    place.step()
    assert place.one().state == "verified"
    assert not [call.path for call in place.fake.faults.calls if call.path.endswith(("/server", "/triggers"))]
