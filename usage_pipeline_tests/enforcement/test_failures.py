"""Whatever goes wrong at the console, rows and Dify agree in the end, and people are told."""

from datetime import timedelta

import pytest

from usage_pipeline.enforcement.state import audit_log
from usage_pipeline.enforcement.steps import MAX_ATTEMPTS
from usage_pipeline.fake_dify.console_faults import Fault
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.enforcement.conftest import AGENT, Place
from usage_pipeline_tests.enforcement.test_pause import approve_a_raise

GONE_SOON = [
    Fault("status", "POST", "api-enable", status=500),
    Fault("status", "POST", "api-enable", status=429, code="too_many_requests"),
    Fault("cut_before", "POST", "api-enable"),
    Fault("cut_after", "POST", "api-enable"),
    Fault("hang", "POST", "api-enable"),
    Fault("hang_after", "POST", "site-enable"),
    Fault("garbage", "POST", "api-enable"),
    Fault("status", "GET", "apps/[^/]+$", status=503),
    Fault("cut_before", "GET", "apps/[^/]+$"),
]


def named(fault: Fault) -> str:
    return f"{fault.kind} {fault.status if fault.kind == 'status' else ''} {fault.method} {fault.path}"


def again(fault: Fault) -> Fault:
    """The same fault, not used up."""
    return Fault(fault.kind, fault.method, fault.path, fault.times, 0, fault.status, fault.code)


def until_quiet(place: Place) -> None:
    """Runs until nothing is tried again; each later."""
    for _ in range(MAX_ATTEMPTS + 2):
        place.now += timedelta(minutes=11)
        place.enforce()


@pytest.mark.parametrize("fault", GONE_SOON, ids=named)
def test_what_passes_is_tried_again_until_it_is_done(place: Place, fault: Fault) -> None:
    before = place.doors()
    place.fake.faults.add(again(fault))
    place.step()
    until_quiet(place)
    assert place.one().state == "verified", place.one().answer
    assert set(place.doors().values()) == {False}
    assert [what for what, *_ in place.told()] == ["applied"]
    approve_a_raise(place)
    place.fake.faults.add(again(fault))
    place.enforce()
    until_quiet(place)
    assert place.one().state == "released"
    assert place.doors() == before
    assert [what for what, *_ in place.told()] == ["applied", "released"]


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_door_that_dify_refuses_is_not_held_and_said(place: Place, status: int) -> None:
    place.fake.faults.add(Fault("status", "POST", "api-enable", status=status, times=99))
    before = place.doors()
    place.step()
    action = place.one()
    assert action.state == "verified"
    assert "service_api" not in (action.held or {})
    assert str(status) in str(action.answer)
    assert place.doors() == {**dict.fromkeys(before, False), "service_api": True}
    approve_a_raise(place)
    place.enforce()
    assert place.doors() == before


def test_when_dify_refuses_everything_the_action_has_failed_and_is_told(place: Place) -> None:
    before = place.doors()
    place.fake.faults.add(Fault("status", "(POST|PUT)", "apps/", status=403, code="forbidden", times=99))
    place.step()
    assert (place.one().state, place.one().held) == ("failed", None)
    assert ("failed", AGENT, "emergency") in place.told()
    assert "give the account the role" in str(place.one().answer)
    assert place.doors() == before
    until_quiet(place)
    assert [what for what, *_ in place.told()] == ["failed"], "told once, not tried again"


def test_an_app_that_is_gone_fails_and_a_paused_one_that_goes_is_let_go(place: Place) -> None:
    place.step()
    with connected(place.company.dify_url) as dify:
        dify.execute("DELETE FROM apps WHERE id = %s", [place.app()])
    place.step(minutes=6)
    assert (place.one().state, place.one().release_why) == ("released", "gone at Dify")
    place.now = place.one().period_end + timedelta(minutes=1)
    place.tokens_now(AGENT, 2_000_000)
    place.step()
    assert place.actions()[0].state == "failed"


def test_a_console_that_stays_away_is_given_up_and_told_but_a_release_never_is(place: Place) -> None:
    place.fake.faults.add(Fault("status", "POST", "-enable", status=500, times=10**6))
    place.step()
    until_quiet(place)
    assert place.one().state == "failed"
    assert ("failed", AGENT, "emergency") in place.told()
    assert place.call() == 200
    place.fake.faults.waiting.clear()
    place.now = place.one().period_end + timedelta(minutes=1)
    place.tokens_now(AGENT, 2_000_000)
    place.step()
    assert place.call() == 403
    place.fake.faults.add(Fault("status", "POST", "-enable", status=500, times=10**6))
    place.now = place.actions()[0].period_end + timedelta(minutes=1)
    place.step()
    until_quiet(place)
    assert ("release_failed", AGENT, "warning") in place.told()
    place.fake.faults.waiting.clear()
    until_quiet(place)
    assert place.call() == 200


def test_no_console_and_a_missing_secret_are_said_in_words(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIFY_ADMIN_KEY")
    carried = place.step()
    assert "DIFY_ADMIN_KEY" in carried.errors["main"]
    assert "DIFY_ADMIN_KEY" in str(place.one().answer)
    assert place.one().state == "approved"
    monkeypatch.setenv("DIFY_ADMIN_KEY", "another")
    place.now += timedelta(minutes=1)
    assert "admin key is refused" in place.enforce().errors["main"]


def test_the_story_of_an_action_is_in_its_rows(place: Place) -> None:
    place.fake.faults.add(Fault("cut_after", "POST", "api-enable"))
    place.step()
    until_quiet(place)
    kinds = [str(kind) for _, kind, *_ in audit_log(place.warehouse, place.one().action_id)]
    assert kinds[:3] == ["approved", "call without an answer", "tried in vain"]
    assert kinds[-2:] == ["applied", "verified"]
    with pytest.raises(Exception, match=r"usage\.enforcement_event is history"):
        place.warehouse.execute("UPDATE usage.enforcement_event SET by = 'me'")
