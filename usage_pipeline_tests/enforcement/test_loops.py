"""Who goes round in circles has its app paused under the rules of every action, until a person lets it go."""

from datetime import timedelta

import pytest

from usage_pipeline.enforcement.decisions import decide_action, release_action
from usage_pipeline.settings import SettingsError, parse_settings
from usage_pipeline_tests.enforcement.conftest import AGENT, CONFIG, Place, roll_up_day
from usage_pipeline_tests.enforcement.test_told import delivered, told
from usage_pipeline_tests.support.clock import NOON_ZONE

LOOPS = "loops: {mode: pause, notify: [ops]}"
OTHERS = ("copywriter", "brand-chat", "support-bot")


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", "http://127.0.0.1:9/ops")
    monkeypatch.setenv("BOSS_URL", "http://127.0.0.1:9/boss")


def configure(place: Place, *, mode: str = "auto", enforcement: str = "", more: str = LOOPS) -> None:
    """Writes a configuration whose budget nothing breaks."""
    place.configure(mode=mode, limit=900_000_000, enforcement=enforcement, more=more)


def circles(place: Place, name: str = AGENT, caller: str = "user-99", calls: int = 30) -> None:
    """Calls of the last minutes with prompts that are alike."""
    place.warehouse.execute(
        "INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, key_attribution, caller_kind,"
        " caller_id, input_tokens, output_tokens, total_tokens, price_source, basis, status, occurred_at, usage_date)"
        " SELECT p.source, 'message:' || gen_random_uuid(), p.tenant_id, p.environment, p.app_id, 'none', 'api', %s,"
        " 900, 100, 1000, 'unpriced', 'logged', 'succeeded', at.at, (at.at AT TIME ZONE %s)::date"
        " FROM usage.project p, generate_series(1, %s) AS n,"
        " LATERAL (SELECT %s::timestamptz - n * interval '5 seconds' AS at) AS at WHERE p.name = %s",
        [caller, NOON_ZONE, calls, place.now, name],
    )
    roll_up_day(place.warehouse, place.now)


def test_the_app_is_paused_and_the_message_has_how_to_undo_it(place: Place) -> None:
    configure(place)
    circles(place)
    place.step()
    assert place.call() == 403
    assert (place.one().state, place.one().target_name, place.one().cause) == ("verified", AGENT, "tier")
    by_kind = {message.kind: message for message in delivered(place)}
    assert told(by_kind["loop"])["Action"] == "pause app: being done"
    assert told(by_kind["loop"], "zh")["处置"] == "将自动暂停应用"
    paused = told(by_kind["enforcement"])
    assert paused["Undo with"] == f"usage-pipeline enforcement release {place.one().action_id}"
    assert "Budget" not in paused
    assert paused["Scope"] == "api: user-99"


def test_it_stays_paused_until_a_person_lets_it_go_and_is_not_paused_again_that_day(place: Place) -> None:
    configure(place)
    circles(place)
    place.step()
    place.step(days=3)
    assert place.one().state == "verified"
    place.now -= timedelta(days=3)
    release_action(place.warehouse, place.one().action_id, by="wang.wu", why="mended", now=place.now)
    place.enforce()
    assert place.call() == 200
    circles(place)
    place.step(minutes=5)
    assert place.one().state == "released"


def test_it_ends_when_the_configuration_pauses_loops_no_more(place: Place) -> None:
    configure(place)
    circles(place)
    place.step()
    configure(place, more="loops: {mode: alert}")
    place.step(minutes=1)
    assert (place.one().state, place.one().release_why) == ("released", "loops are no longer paused")
    assert place.call() == 200


def test_a_rehearsal_stands_in_the_alert_of_the_loop(place: Place) -> None:
    configure(place, mode="dry_run")
    circles(place)
    place.step()
    assert (place.one().state, place.changes()) == ("dry_run", [])
    (message,) = delivered(place)
    assert told(message)["Action"] == f"dry run: would pause app ({AGENT}); nothing was done"


@pytest.mark.parametrize("mode", ["off", "warn", "alert"])
def test_no_other_mode_of_loops_pauses(place: Place, mode: str) -> None:
    configure(place, more=f"loops: {{mode: {mode}}}")
    circles(place)
    place.step()
    assert place.actions() == []


def test_what_is_never_touched_is_left_alone_and_told(place: Place) -> None:
    configure(place, enforcement=f", never: [{{project: {AGENT}}}]")
    circles(place)
    place.step()
    assert (place.one().state, place.call()) == ("refused", 200)
    assert ("refused", AGENT, "warning") in place.told()


def test_an_approver_is_asked_first_and_of_more_apps_than_are_paused_at_once(place: Place) -> None:
    configure(place, enforcement=", most_apps_at_once: 2")
    for name in OTHERS:
        circles(place, name)
    place.step()
    assert sorted(action.state for action in place.actions()) == ["planned", "verified", "verified"]
    (waits,) = place.actions(state="planned")
    assert place.call(waits.target_name) == 200
    decide_action(
        place.warehouse, place.in_force.settings, waits.action_id, approve=True, by="wang.wu", comment="", now=place.now
    )
    place.enforce()
    assert place.call(waits.target_name) == 403


def test_two_callers_of_one_app_pause_it_once(place: Place) -> None:
    configure(place)
    circles(place, caller="user-98")
    circles(place, caller="user-99")
    place.step()
    release_action(place.warehouse, place.one().action_id, by="wang.wu", why="", now=place.now)
    place.enforce()
    assert place.call() == 200


def test_a_loop_of_an_hour_ago_stays_without_consequence(place: Place) -> None:
    configure(place)
    circles(place)
    place.evaluate()
    place.now += timedelta(minutes=61)
    place.enforce()
    assert place.actions() == []


def test_a_pause_that_nobody_could_carry_out_is_a_mistake_in_the_file() -> None:
    text = CONFIG.format(zone="UTC", mode="auto", action="pause_app", limit=1, enforcement="", budget="", more=LOOPS)
    without = text.replace("    console: ", "    # console: ").replace("actions: [pause_app]", "actions: []")
    with pytest.raises(
        SettingsError, match=r"loops.*mode.*cannot be carried out in mode auto: no source has a console"
    ):
        parse_settings(without, "c.yaml")
