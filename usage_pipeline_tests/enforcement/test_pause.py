"""A project is paused when its budget is used up, and runs again when there is ground for it: exactly as before."""

from datetime import timedelta
from decimal import Decimal

from usage_pipeline.alerts.approvals import decide_override, request_override
from usage_pipeline.budgets.overrides import NewOverride
from usage_pipeline.configuration import active_configuration
from usage_pipeline.enforcement.carry_out import enforce
from usage_pipeline.enforcement.decisions import release_action
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.enforcement.conftest import AGENT, SHORT, Place, roll_up_day
from usage_pipeline_tests.support.clock import NOON_ZONE


def approve_a_raise(place: Place, *, percent: int = 500, hours: int = 1) -> str:
    """Somebody asks and another approves; returns the raise's id."""
    asked = NewOverride(
        "agent-daily", AGENT, None, None, Decimal(percent), place.now + timedelta(hours=hours), "sale", "li.si"
    )
    made = request_override(place.warehouse, place.in_force, asked, place.now)
    decide_override(place.warehouse, place.in_force, made.override_id, approve=True, by="wang.wu", now=place.now)
    return made.override_id


def test_callers_get_403_until_a_raise_is_approved(place: Place) -> None:
    before = place.doors()
    assert place.call() == 200
    place.step()
    assert place.one().state == "verified"
    assert set(place.doors().values()) == {False}
    assert place.call() == 403
    raised = approve_a_raise(place)
    place.enforce()
    assert place.call() == 200
    assert place.doors() == before
    assert (place.one().state, place.one().release_why) == ("released", f"raise {raised}")
    assert [(what, project) for what, project, _ in place.told()] == [("applied", AGENT), ("released", AGENT)]


def test_repeated_runs_change_nothing_more(place: Place) -> None:
    place.step()
    calls = place.changes()
    for _ in range(5):
        place.step(minutes=6)
    assert place.changes() == calls
    assert len(place.actions()) == 1
    assert [what for what, *_ in place.told()] == ["applied"]


def test_a_new_period_opens_what_was_paused(place: Place) -> None:
    place.step()
    place.now = place.one().period_end + timedelta(seconds=1)
    place.step()
    assert place.call() == 200
    assert place.one().release_why == "period ended"


def test_a_higher_limit_in_the_file_opens_it(place: Place) -> None:
    place.step()
    place.configure(limit=50_000_000)
    place.step(minutes=1)
    assert place.call() == 200
    assert place.one().release_why == "limit raised"


def test_a_file_that_is_half_written_opens_nothing(place: Place) -> None:
    place.step()
    assert place.call() == 403
    whole = place.config.read_text(encoding="utf-8")
    place.config.write_text(whole[: whole.index("tiers:")], encoding="utf-8")
    found = active_configuration(place.warehouse, place.config)
    assert found.waiting is not None
    assert "enforcement" in found.waiting.lost
    enforce(place.warehouse, found.settings, found.version, by="test", clock=lambda: place.now, timeouts=SHORT)
    assert place.call() == 403
    assert place.one().release_at is None


def test_what_was_off_before_stays_off(place: Place) -> None:
    with connected(place.company.dify_url) as dify:
        dify.execute("UPDATE apps SET enable_site = false WHERE id = %s", [place.app()])
    before = place.doors()
    place.step()
    approve_a_raise(place)
    place.enforce()
    assert place.doors() == before
    assert not any(path.endswith("site-enable") for path in place.changes())


def test_only_configured_doors_are_closed(place: Place) -> None:
    place.configure(enforcement=", pause: [service_api]")
    before = place.doors()
    place.step()
    assert place.doors() == {**before, "service_api": False}


def test_every_kind_of_door_is_closed_and_opened(place: Place) -> None:
    world = place.company.history.world
    flow = next(app.name for app in world.apps.values() if app.mode == "workflow" and "schedule" in app.sources)
    place.configure(more=f"  - {{id: flow, scope: {{project: {flow}}}, period: day, limit: {{tokens: 1}}}}")
    place.tokens_now(flow, 10)
    before = place.doors(flow)
    assert len(before) >= 3, "triggers are among its doors"
    place.step()
    assert set(place.doors(flow).values()) == {False}
    for action in place.actions(budget_id="flow"):
        release_action(place.warehouse, action.action_id, by="li.si", why="it must run", now=place.now)
    place.enforce()
    assert place.doors(flow) == before


def test_two_budgets_that_hold_one_project_open_it_together(place: Place) -> None:
    place.configure(
        more="  - {id: agent-month, scope: {project: lead-enricher}, period: month, limit: {tokens: 1000000}}"
    )
    before = place.doors()
    place.step()
    daily, monthly = (place.actions(budget_id=name)[0] for name in ("agent-daily", "agent-month"))
    assert (daily.state, monthly.state) == ("verified", "verified")
    assert daily.before == monthly.before, "what one has closed was not closed before the other"
    approve_a_raise(place)
    place.enforce()
    assert place.actions(budget_id="agent-daily")[0].state == "released"
    assert place.call() == 403
    release_action(place.warehouse, monthly.action_id, by="li.si", why="", now=place.now)
    place.enforce()
    assert place.doors() == before


def test_who_opens_it_by_hand_is_respected_and_told(place: Place) -> None:
    place.step()
    with connected(place.company.dify_url) as dify:
        dify.execute("UPDATE apps SET enable_api = true WHERE id = %s", [place.app()])
    for _ in range(4):
        place.step(minutes=6)
    assert place.call() == 200
    assert ("by_hand", AGENT, "info") in place.told()
    with connected(place.company.dify_url) as dify:
        dify.execute("UPDATE apps SET enable_site = true WHERE id = %s", [place.app()])
    place.step(minutes=6)
    assert (place.one().state, place.one().release_why) == ("released", "by hand at Dify")


def test_a_release_by_hand_is_not_fought_before_the_next_period(place: Place) -> None:
    place.step()
    release_action(place.warehouse, place.one().action_id, by="li.si", why="the sale must go on", now=place.now)
    for _ in range(5):
        place.step(minutes=1)
    assert place.call() == 200
    assert len(place.actions()) == 1
    place.now = place.one().period_end + timedelta(hours=1)
    place.tokens_now(AGENT, 2_000_000)
    place.step()
    assert place.call() == 403
    assert len(place.actions()) == 2


def test_a_flapping_budget_pauses_once_and_releases_once(place: Place) -> None:
    rows = place.warehouse.execute(
        "SELECT event_id FROM usage.usage_event e JOIN usage.project p USING (source, app_id)"
        " WHERE p.name = %s AND e.total_tokens > 0 ORDER BY occurred_at DESC LIMIT 1", [AGENT]
    ).fetchone()  # fmt: skip
    assert rows
    spent = value(
        place.warehouse,
        int,
        "SELECT sum(total_tokens)::bigint FROM usage.daily_project_usage d JOIN usage.project p USING (source, app_id)"
        " WHERE p.name = %s AND usage_date = (%s AT TIME ZONE %s)::date",
        [AGENT, place.now, NOON_ZONE],
    )
    place.configure(limit=spent)
    for number in range(50):
        more = 1 if number % 2 else -1
        place.warehouse.execute("UPDATE usage.usage_event SET total_tokens = total_tokens + %s WHERE event_id = %s",
                                [more, rows[0]])  # fmt: skip
        roll_up_day(place.warehouse, place.now)
        place.step(seconds=10)
    assert [a.state for a in place.actions()] == ["verified"]
    place.now = place.one().period_end + timedelta(minutes=1)
    place.step()
    enabled = [call.body["enable_api"] for call in place.fake.faults.changing_calls() if "enable_api" in call.body]
    assert enabled == [False, True]
