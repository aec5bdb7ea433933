"""Each way that a call can fail is told apart: what is repeated, what is not, and what may have been carried out."""

import time

import pytest

from usage_pipeline.console.answers import AppSummary, shaped
from usage_pipeline.console.apps import app_detail, list_apps, set_api_enabled
from usage_pipeline.console.errors import (
    ConflictError,
    ConsoleError,
    NotAllowedError,
    NotFoundError,
    NotReachableError,
    OutcomeUnknownError,
    RefusedError,
    ServerFailedError,
    TooManyCallsError,
    UnreadableAnswerError,
)
from usage_pipeline.console.logs import named
from usage_pipeline.console.pace import Pace
from usage_pipeline.fake_dify.console_faults import Fault
from usage_pipeline_tests.console.conftest import Place

APP = "brand-chat"


def api_enabled(place: Place) -> bool:
    """What stands at Dify, asked past the faults."""
    place.fake.faults.released.set()
    place.fake.faults.waiting.clear()
    with place.console() as console:
        return app_detail(console, place.app_id(APP)).enable_api


def sent_changes(place: Place) -> int:
    """How often a change was sent."""
    return len(place.fake.faults.changing_calls())


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", path="apps/", status=502, times=2),
        Fault("status", path="apps/", status=503, times=4),
        Fault("status", path="apps/", status=504, times=1),
        Fault("cut_before", path="apps/", times=3),
        Fault("cut_after", path="apps/", times=3),
        Fault("session_ends", path="apps/", times=1),
        Fault("hang", path="apps/", times=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_reading_call_is_repeated_through_what_passes(place: Place, fault: Fault) -> None:
    place.fake.faults.add(fault)
    with place.console() as console:
        assert app_detail(console, place.app_id(APP)).name == APP


def test_a_reading_call_waits_as_long_as_it_is_told(place: Place) -> None:
    place.fake.faults.add(Fault("status", path="apps/", status=429, times=2, retry_after="7"))
    with place.console() as console:
        assert app_detail(console, place.app_id(APP)).name == APP
    assert [seconds for seconds in place.slept if seconds > 1] == [7.0, 7.0]


def test_a_wait_that_is_too_long_is_left_to_the_next_pass(place: Place) -> None:
    place.fake.faults.add(Fault("status", path="apps/", status=429, retry_after="3600"))
    with place.console() as console, pytest.raises(TooManyCallsError, match=r"429, too many.*requests_per_second"):
        app_detail(console, place.app_id(APP))
    assert not [seconds for seconds in place.slept if seconds > 1]


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault("status", status=500, times=99), ServerFailedError, "500.*Dify's own log"),
        (Fault("status", status=502, times=99), ServerFailedError, "502"),
        (Fault("status", status=403), NotAllowedError, "403.*role"),
        (Fault("status", status=404), NotFoundError, "404, not found"),
        (Fault("status", status=409), ConflictError, "409.*read it again"),
        (Fault("status", status=400), RefusedError, "400, not accepted"),
        (Fault("status", status=302), RefusedError, "302, the address leads elsewhere"),
        (Fault("cut_before", times=99), NotReachableError, "the connection was cut"),
        (Fault("hang", times=99), NotReachableError, "did not answer in time"),
        (Fault("drip", times=99), NotReachableError, "did not answer in time"),
        (Fault("garbage"), UnreadableAnswerError, "is no JSON"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_a_reading_call_that_fails_says_so(place: Place, fault: Fault, error: type[ConsoleError], words: str) -> None:
    fault.path = "apps/"
    place.fake.faults.add(fault)
    with place.console() as console, pytest.raises(error, match=words) as caught:
        app_detail(console, place.app_id(APP))
    assert str(caught.value).startswith(f"GET /console/api/apps/{place.app_id(APP)}: ")
    assert len(place.paths()) <= 1 + 5


@pytest.mark.parametrize(
    ("fault", "error", "applied"),
    [
        (Fault("status", status=403), NotAllowedError, False),
        (Fault("status", status=404), NotFoundError, False),
        (Fault("status", status=409), ConflictError, False),
        (Fault("status", status=400), RefusedError, False),
        (Fault("status", status=429, retry_after="1"), TooManyCallsError, False),
        (Fault("status", status=500), OutcomeUnknownError, False),
        (Fault("status", status=502), OutcomeUnknownError, False),
        (Fault("cut_before"), OutcomeUnknownError, False),
        (Fault("cut_after"), OutcomeUnknownError, True),
        (Fault("hang"), OutcomeUnknownError, False),
        (Fault("hang_after"), OutcomeUnknownError, True),
        (Fault("drip"), OutcomeUnknownError, True),
        (Fault("garbage"), OutcomeUnknownError, True),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_a_changing_call_is_sent_once_whatever_happens(
    place: Place, fault: Fault, error: type[ConsoleError], applied: bool
) -> None:
    fault.path = "api-enable"
    place.fake.faults.add(fault)
    with place.console() as console, pytest.raises(error) as caught:
        set_api_enabled(console, place.app_id(APP), False)
    if error is OutcomeUnknownError:
        assert "read the state before acting again" in str(caught.value)
    assert sent_changes(place) == 1
    assert api_enabled(place) is not applied


def test_a_changing_call_whose_session_has_ended_is_carried_out_once(place: Place) -> None:
    place.fake.faults.add(Fault("session_ends", path="api-enable"))
    with place.console() as console:
        assert set_api_enabled(console, place.app_id(APP), False).enable_api is False
    assert [call.applied for call in place.fake.faults.changing_calls()] == [False, True]


def test_a_login_that_is_cut_before_a_change_leaves_no_doubt(place: Place) -> None:
    place.fake.faults.add(Fault("cut_after", path="login"))
    with place.console() as console, pytest.raises(NotReachableError, match="login failed: the connection was cut"):
        set_api_enabled(console, place.app_id(APP), False)
    assert sent_changes(place) == 0


def test_a_change_does_not_travel_on_a_connection_that_may_be_dead(place: Place) -> None:
    with place.console() as console:
        app_detail(console, place.app_id(APP))
        for enabled in (False, True):
            assert set_api_enabled(console, place.app_id(APP), enabled).enable_api is enabled


def test_an_answer_larger_than_we_take_is_refused(place: Place) -> None:
    with place.console(limit=1000) as console:
        with pytest.raises(UnreadableAnswerError, match="too large"):
            list(list_apps(console))
        with pytest.raises(OutcomeUnknownError, match="too large"):
            set_api_enabled(console, place.app_id(APP), False)
    assert api_enabled(place) is False


def test_calls_keep_the_distance_that_the_configuration_sets() -> None:
    now = [0.0]
    pace = Pace(4.0, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    moments = []
    for _ in range(5):
        pace.wait()
        moments.append(now[0])
    assert moments == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_the_consoles_clock_is_read(place: Place) -> None:
    with place.console() as console:
        app_detail(console, place.app_id(APP))
        assert abs(console.server_time.timestamp() - time.time()) < 5


@pytest.mark.parametrize(
    "row_id",
    [None, "", 7, "\ud83d", "a\0b", "a\nb", "x" * 10_000],
    ids=["none", "empty", "number", "surrogate", "zero", "line", "long"],
)
def test_a_row_whose_id_no_table_can_hold_is_passed_over_and_said(
    row_id: object, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"id": row_id, "answer_tokens": 5}, {"id": "3325fd22-c3f4-4920-9ae4-a5471e4c8645"}]
    assert list(named("apps", rows)) == rows[1:]
    assert "GET 'apps': a row without an id is passed over" in caplog.text
    with pytest.raises(UnreadableAnswerError):
        shaped(AppSummary, "GET apps", {"id": row_id, "name": "chat", "mode": "chat"})
