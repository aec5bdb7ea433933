"""Logging in is found out by trying, renewed in mid-flow, never a storm, and never tells a secret."""

import logging
from collections.abc import Callable

import pytest

from usage_pipeline.console.apps import list_apps, workspaces
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConsoleError, LoginRefusedError, NotReachableError
from usage_pipeline.fake_dify.console_faults import Fault
from usage_pipeline.fake_dify.console_sessions import Account
from usage_pipeline_tests.console.conftest import ADMIN_KEY, EMAIL, PASSWORD, Place

FORMS = ((0, 15, 8), (1, 9, 1), (1, 9, 2), (1, 11, 1), (1, 11, 2), (1, 15, 0))


def names(console: Console) -> set[str]:
    """The apps that the console lists."""
    return {app.name for app in list_apps(console)}


@pytest.mark.parametrize("version", FORMS)
@pytest.mark.parametrize("secure", [False, True])
def test_each_form_is_found_out(make_place: Callable[..., Place], version: tuple[int, int, int], secure: bool) -> None:
    place = make_place(version=version, secure_cookies=secure)
    with place.console() as console:
        assert "brand-chat" in names(console)
        console.change("POST", f"apps/{place.app_id('brand-chat')}/site-enable", {"enable_site": False})
    assert place.fake.sessions.logins == 1


def test_the_admin_key_acts_as_each_workspaces_owner(make_place: Callable[..., Place]) -> None:
    place = make_place(admin_key=ADMIN_KEY, accounts=[])
    with place.console(admin_key=ADMIN_KEY, email="", password="") as console:
        found = {workspace.name: workspace.id for workspace in workspaces(console)}
        assert found.keys() == {"Marketing", "Support"}
        console.enter_workspace(found["Support"])
        assert "support-bot" in names(console)
        console.enter_workspace(found["Marketing"])
        assert "support-bot" not in names(console)
        assert console.still_there()
    assert "POST login" not in place.paths()
    assert "POST workspaces/switch" not in place.paths()


def test_a_wrong_admin_key_is_said_without_it(make_place: Callable[..., Place]) -> None:
    place = make_place(admin_key=ADMIN_KEY)
    with place.console(admin_key="wrong-s3cr3t-123") as console:
        with pytest.raises(LoginRefusedError, match=r"admin key is refused.*ADMIN_API_KEY_ENABLE") as caught:
            workspaces(console)
        assert "wrong-s3cr3t-123" not in str(caught.value) + repr(console)
    assert place.paths() == ["GET all-workspaces"]


def test_an_account_switches_its_workspace_and_notices_when_people_switch_it_back(place: Place) -> None:
    support, marketing = place.workspace("Support"), place.workspace("Marketing")
    with place.console() as console:
        assert {workspace.id for workspace in workspaces(console)} == {support, marketing}
        console.enter_workspace(support)
        assert "support-bot" in names(console)
        place.fake.sessions.accounts[EMAIL].current = marketing
        assert not console.still_there()
        # The app is found all the same: a 404 makes the client look where it stands.
        assert console.get(f"apps/{place.app_id('support-bot')}")
        assert console.still_there()


@pytest.mark.parametrize("version", [(1, 9, 1), (1, 12, 1)])
@pytest.mark.parametrize("without_refresh", [False, True])
def test_a_session_that_ends_in_mid_flow_is_renewed(
    make_place: Callable[..., Place], version: tuple[int, int, int], without_refresh: bool
) -> None:
    place = make_place(version=version)
    with place.console() as console:
        names(console)
        for number in range(3):
            place.fake.sessions.end_all(with_refresh=without_refresh)
            enabled = bool(number % 2)
            console.change("POST", f"apps/{place.app_id('brand-chat')}/site-enable", {"enable_site": enabled})
            assert "brand-chat" in names(console)
    assert place.fake.sessions.logins == (4 if without_refresh else 1)
    applied = [call for call in place.fake.faults.changing_calls() if call.applied]
    assert len(applied) == 3


def test_a_console_that_takes_no_session_is_asked_twice_and_never_again(place: Place) -> None:
    place.fake.sessions.calls_a_token = 0
    with place.console() as console:
        for _ in range(3):
            with pytest.raises(LoginRefusedError, match="has just given us"):
                names(console)
    assert place.paths() == ["POST login", "GET apps", "POST refresh-token", "GET apps"]


def test_a_wrong_password_is_tried_once_in_each_form_and_not_again_by_the_next_pass(place: Place) -> None:
    for _ in range(10):
        with place.console(password="wrong-s3cr3t-1") as console:
            for _ in range(3):
                with pytest.raises(LoginRefusedError) as caught:
                    names(console)
                assert "wrong-s3cr3t-1" not in str(caught.value)
    assert place.paths() == ["POST login"] * 2
    with place.console() as console:
        assert names(console), "the right password is tried at once"
    with place.console() as console:
        assert names(console)


def test_a_locked_account_is_said_and_left_alone(place: Place) -> None:
    place.fake.sessions.accounts[EMAIL].wrong = 5
    with place.console() as console, pytest.raises(LoginRefusedError, match="locked"):
        names(console)
    with place.console() as console, pytest.raises(LoginRefusedError):
        names(console)
    assert place.paths() == ["POST login"]


def test_the_password_is_nowhere_to_be_read(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [repr(place.access()), repr(place.access(admin_key=ADMIN_KEY))]
    place.fake.faults.add(Fault("status", path="apps", times=1, status=400, code=f"bad {PASSWORD}"))
    with place.console() as console:
        with pytest.raises(ConsoleError) as caught:
            names(console)
        texts += [repr(console), str(caught.value), repr(caught.value), repr(caught.value.__dict__)]
    for kind, path in (("cut_before", "login"), ("hang", "login"), ("garbage", "apps")):
        place.fake.faults.add(Fault(kind, path=path, times=9))  # type: ignore[arg-type]
        with place.console(password=PASSWORD) as console, pytest.raises(ConsoleError) as failed:
            names(console)
        texts += [str(failed.value), repr(failed.value)]
        assert failed.value.__cause__ is None
        place.fake.faults.waiting.clear()
        place.fake.faults.released.set()
        place.fake.faults.released.clear()
    for text in [*texts, caplog.text]:
        assert PASSWORD not in text
        assert ADMIN_KEY not in text
        assert "access_token" not in text


def test_an_address_that_nobody_listens_on_is_said(place: Place) -> None:
    with place.console(url="http://127.0.0.1:9/console/api") as console:
        with pytest.raises(NotReachableError, match="cannot be reached; check the console's address"):
            names(console)
        with pytest.raises(NotReachableError):
            console.change("POST", "apps/x/api-enable", {"enable_api": False})


def test_an_account_without_the_role_is_told_which_it_needs(make_place: Callable[..., Place]) -> None:
    place = make_place(accounts=[Account(EMAIL, PASSWORD, role="editor")])
    with place.console() as console, pytest.raises(ConsoleError, match=r"403.*role that the call needs"):
        console.change("POST", f"apps/{place.app_id('brand-chat')}/api-enable", {"enable_api": False})
