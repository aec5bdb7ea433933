"""Only what is approved, by the mode or by a person, changes anything at Dify."""

from datetime import timedelta

import pytest

from usage_pipeline.enforcement.decisions import DecisionRefusedError, decide_action
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.enforcement.conftest import AGENT, Place


def decide(place: Place, *, approve: bool, by: str = "wang.wu") -> None:
    decide_action(place.warehouse, place.in_force.settings, place.one().action_id, approve=approve, by=by,
                  comment="seen", now=place.now)  # fmt: skip


def test_dry_run_records_and_sends_nothing(place: Place) -> None:
    place.configure(mode="dry_run")
    for _ in range(3):
        place.step(minutes=6)
    assert place.one().state == "dry_run"
    assert place.told() == []
    assert place.changes() == []
    place.now = place.one().period_end + timedelta(minutes=1)
    place.step()
    assert place.changes() == []


def test_off_plans_nothing(place: Place) -> None:
    place.configure(mode="off")
    place.step()
    assert place.actions() == []
    assert place.fake.faults.calls == []


def test_approve_waits_for_an_approver_and_then_acts(place: Place) -> None:
    place.configure(mode="approve")
    place.step()
    place.step(minutes=10)
    assert place.one().state == "planned"
    assert place.changes() == []
    with pytest.raises(DecisionRefusedError, match=r"not an approver; the configuration has: wang\.wu"):
        decide(place, approve=True, by="li.si")
    decide(place, approve=True)
    place.enforce()
    assert place.call() == 403
    assert (place.one().state, place.one().decided_by) == ("verified", "wang.wu")
    with pytest.raises(DecisionRefusedError, match="does not wait for an approval: it is verified"):
        decide(place, approve=True)
    told = place.warehouse.execute(
        "SELECT a.facts ->> 'what', array_agg(d.recipient) FROM usage.alert a JOIN usage.delivery d USING (alert_id)"
        " WHERE a.kind = 'enforcement' GROUP BY a.alert_id, a.created_at ORDER BY a.created_at"
    ).fetchall()
    assert told == [("waiting for approval", ["boss"]), ("applied", ["ops"])]


def test_rejected_or_not_approved_in_time_is_never_done(place: Place) -> None:
    monthly = "  - {id: agent-month, scope: {project: lead-enricher}, period: month, limit: {tokens: 1000000}}"
    place.configure(mode="approve", more=monthly, enforcement=", approve_within_minutes: 30")
    place.step()
    first, second = place.actions()
    decide_action(place.warehouse, place.in_force.settings, first.action_id, approve=False, by="wang.wu", comment="",
                  now=place.now)  # fmt: skip
    place.step(minutes=31)
    assert {a.action_id: a.state for a in place.actions()} == {first.action_id: "rejected", second.action_id: "expired"}
    with pytest.raises(DecisionRefusedError, match="it is expired"):
        decide_action(place.warehouse, place.in_force.settings, second.action_id, approve=True, by="wang.wu",
                      comment="", now=place.now)  # fmt: skip
    assert place.changes() == []


def test_what_waits_is_not_needed_any_more_when_its_ground_is_gone(place: Place) -> None:
    place.configure(mode="approve")
    place.step()
    place.configure(mode="approve", limit=90_000_000)
    place.step(minutes=1)
    assert place.one().state == "not_needed"
    with pytest.raises(DecisionRefusedError, match="it is not_needed"):
        decide(place, approve=True)


def test_a_mode_that_is_turned_down_stops_what_has_not_begun(place: Place) -> None:
    place.configure(mode="approve")
    place.step()
    decide(place, approve=True)
    place.configure(mode="dry_run")
    place.step(minutes=1)
    assert (place.one().state, place.one().release_why) == ("not_needed", "mode is dry_run now")
    assert place.changes() == []


def test_a_tier_has_a_mode_of_its_own(place: Place) -> None:
    place.configure(mode="off", budget=", tiers: [{at: 80, level: critical, actions: [pause_app], mode: dry_run},"
                                       " {at: 100, level: emergency, actions: [pause_app], mode: auto}]")  # fmt: skip
    place.step()
    assert {(int(a.tier), a.state) for a in place.actions()} == {(80, "dry_run"), (100, "verified")}


def test_no_more_than_so_many_actions_begin_within_an_hour(place: Place) -> None:
    place.configure(more="  - {id: each, per: project, period: day, limit: {tokens: 1}}",
                    enforcement=", most_actions_per_hour: 3")  # fmt: skip
    for name in ("copywriter", "brand-chat", "support-bot", "campaign-flow", "image-brief"):
        place.tokens_now(name, 1)
    place.step()
    begun = [a for a in place.actions() if a.began_at]
    assert len(begun) == 3
    waiting = [a for a in place.actions() if a.state == "approved"]
    assert waiting, "the others wait"
    place.step(minutes=30)
    assert len([a for a in place.actions() if a.began_at]) == 3
    place.step(minutes=31)
    assert len([a for a in place.actions() if a.began_at]) == 6


def test_an_outside_system_is_asked_and_told_when_it_is_over(place: Place) -> None:
    place.configure(action="webhook", enforcement=", webhook: [boss]")
    place.step()
    assert place.one().state == "applied"
    place.warehouse.execute(
        "UPDATE usage.delivery SET state = 'delivered', finished_at = now() WHERE recipient = 'boss'"
    )
    place.step(minutes=1)
    assert place.one().state == "verified"
    place.now = place.one().period_end + timedelta(minutes=1)
    place.step()
    assert place.one().state == "released"
    told = place.warehouse.execute(
        "SELECT a.facts ->> 'what', d.recipient FROM usage.alert a JOIN usage.delivery d USING (alert_id)"
        " WHERE a.kind = 'enforcement' AND d.occasion = 'alert' ORDER BY a.created_at"
    ).fetchall()
    assert told == [("asked", "boss"), ("no_more", "boss")]
    assert place.changes() == []


def test_a_throttle_caps_calls_and_is_taken_off_again(place: Place) -> None:
    place.configure(action="throttle", enforcement=", throttle_to: 2")
    place.step()
    assert place.one().held == {"max_active_requests": 2}
    place.configure(action="throttle", enforcement=", throttle_to: 2", limit=90_000_000)
    place.step(minutes=1)
    bodies = [call.body for call in place.fake.faults.changing_calls()]
    # It was null at Dify, which a field that is left out becomes again.
    assert [body.get("max_active_requests", "left out") for body in bodies] == [2, "left out"]
    with connected(place.company.dify_url) as dify:
        row = dify.execute("SELECT max_active_requests FROM apps WHERE id = %s", [place.app()]).fetchone()
    assert row == (None,)
    assert place.one().state == "released"
    assert {body["name"] for body in bodies} == {AGENT}, "the rest of the app goes back as it was"


def test_a_cap_that_somebody_has_set_since_is_left(place: Place) -> None:
    place.configure(action="throttle", enforcement=", throttle_to: 2")
    place.step()
    with connected(place.company.dify_url) as dify:
        dify.execute("UPDATE apps SET max_active_requests = 5 WHERE id = %s", [place.app()])
    place.now = place.one().period_end + timedelta(minutes=1)
    place.evaluate()
    place.enforce()
    with connected(place.company.dify_url) as dify:
        row = dify.execute("SELECT max_active_requests FROM apps WHERE id = %s", [place.app()]).fetchone()
    assert row == (5,)
    assert place.one().state == "released"


def test_a_lock_closes_every_project_of_the_value_until_more_is_approved(place: Place) -> None:
    dev = sorted({app.name for app in place.company.history.world.apps.values() if "dev" in app.tags})
    budget = "  - {id: dev-daily, scope: {environment: dev}, per: project, period: day, limit: {tokens: 10}}"
    place.configure(action="lock", limit=90_000_000, more=budget)
    for name in dev:
        place.tokens_now(name, 50)
    place.step()
    assert sorted(a.target_name for a in place.actions()) == dev
    assert {a.action for a in place.actions()} == {"lock"}
    assert all(place.call(name) == 403 for name in dev if _has_key(place, name))
    place.now = place.actions()[0].period_end + timedelta(minutes=1)
    place.step()
    assert {a.release_why for a in place.actions()} == {"period ended"}
    assert all(place.call(name) == 200 for name in dev if _has_key(place, name))


def _has_key(place: Place, name: str) -> bool:
    return bool(place.company.history.world.apps[name].keys)
