"""What links and forms do not do: a table of attempts, each of which changes nothing and is answered in words."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
import requests
from itsdangerous import URLSafeTimedSerializer

from usage_pipeline.links import Deed, Link, form_token
from usage_pipeline_tests.web.conftest import KEY, OWNER, Site, form_of

Try = Callable[[Site], requests.Response]
PREVIEW = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}
NOTE = {"note": "x", "hours": "4", "amount": "20", "unit": "percent", "until": "8h", "reason": "x"}


@contextmanager
def ago(hours: float) -> Iterator[None]:
    """What is signed in the block was signed so long ago."""
    then = time.time() - hours * 3600
    with patch("itsdangerous.timed.time.time", return_value=then):
        yield


def get(url: str, **more: object) -> requests.Response:
    """A link that is opened."""
    return requests.get(url, timeout=20, allow_redirects=False, **more)  # type: ignore[arg-type]


def head(url: str) -> requests.Response:
    """The head of a page alone."""
    return requests.head(url, timeout=20)


def post(url: str, form: str, headers: dict[str, str] | None = None, **typed: str) -> requests.Response:
    """A form that is sent, with what was typed into it."""
    data = {"form": form, **NOTE, **typed}
    return requests.post(url, data=data, headers=headers, timeout=20, allow_redirects=False)


def signed(parts: list[str], salt: str = "link", key: str = KEY) -> str:
    """What somebody with a key would sign."""
    return str(URLSafeTimedSerializer(key, salt=f"usage-pipeline {salt}").dumps(parts))


def form(site: Site, deed: Deed = Deed.ACKNOWLEDGE, *, recipient: str = OWNER, subject: str = "", **of: str) -> str:
    """A form as a page of the recipient would carry it, whether or not it is offered."""
    link = Link(of.get("link_of", recipient), of.get("alert", site.alert()), Deed.READ)
    return form_token(link, deed, subject, of.get("person", recipient), of.get("known_by", "link"))


def link(site: Site) -> str:
    """The owner's link."""
    return site.link(OWNER, site.alert())


def old_link(site: Site) -> str:
    """The same, made four days ago."""
    with ago(96):
        return link(site)


def old_form(site: Site) -> str:
    """A form of a page that was opened two hours ago."""
    with ago(2):
        return form(site)


def at(site: Site, token: str) -> str:
    """The address of a token."""
    return f"{site.url}/a/{token}"


def action(site: Site) -> str:
    """The action that is in effect."""
    return site.place.actions()[0].action_id


ATTEMPTS: dict[str, tuple[Try, int]] = {
    **{f"a preview opens {deed}": (lambda s, d=deed: get(s.link(OWNER, s.alert(), d), headers=PREVIEW), 200)
       for deed in Deed},
    **{f"a scanner asks for the head of {deed}": (lambda s, d=deed: head(s.link(OWNER, s.alert(), d)), 200)
       for deed in Deed},
    "a form in the address of a GET": (lambda s: get(link(s), params={"form": form(s), **NOTE}), 200),
    "a form in the address of a POST": (lambda s: requests.post(link(s), params={"form": form(s)}, timeout=20), 403),
    "an old link is opened": (lambda s: get(old_link(s)), 410),
    "an old link is posted to": (lambda s: post(old_link(s), form(s)), 410),
    "a link with a letter more": (lambda s: get(link(s) + "x"), 403),
    "a link with a letter less": (lambda s: get(link(s)[:-1]), 403),
    "a link cut in the middle": (lambda s: get(link(s)[:-30]), 403),
    "a link with another beginning": (lambda s: get(at(s, "X" + link(s).rpartition("/")[2][1:])), 403),
    "a link of another key": (lambda s: get(at(s, signed([OWNER, s.alert(), "read"], key="x" * 64))), 403),
    "a link of no key": (lambda s: get(at(s, signed([OWNER, s.alert(), "read"], key=""))), 403),
    "a form's token as a link": (lambda s: get(at(s, form(s))), 403),
    "a link of nobody": (lambda s: get(at(s, signed(["nobody", s.alert(), "read"]))), 403),
    "a link with a deed that is none": (lambda s: get(at(s, signed([OWNER, s.alert(), "delete"]))), 403),
    "a link with a part more": (lambda s: get(at(s, signed([OWNER, s.alert(), "read", "x"]))), 403),
    "a link of endless length": (lambda s: get(at(s, "x" * 5000)), 403),
    "a link of an alert that was not theirs": (lambda s: get(s.link("support-owner", s.alert())), 403),
    "the same is posted to": (
        lambda s: post(s.link("support-owner", s.alert()), form(s, recipient="support-owner")), 403),
    "a link of no alert": (lambda s: get(s.link(OWNER, "Bnothing")), 403),
    "no form": (lambda s: requests.post(link(s), timeout=20), 403),
    "an empty form": (lambda s: post(link(s), ""), 403),
    "a link as a form": (lambda s: post(link(s), link(s).rpartition("/")[2]), 403),
    "an altered form": (lambda s: post(link(s), form(s)[:-2]), 403),
    "an old form": (lambda s: post(link(s), old_form(s)), 410),
    "a form of another recipient": (lambda s: post(link(s), form(s, recipient="boss")), 403),
    "a form of another person": (lambda s: post(link(s), form(s, person="wang.wu")), 403),
    "a form of somebody who was known otherwise": (lambda s: post(link(s), form(s, known_by="header")), 403),
    "a form of another alert": (lambda s: post(link(s), form(s, alert=s.alert(budget_id="company-day"))), 403),
    "a form from another site": (lambda s: post(link(s), form(s), headers={"Sec-Fetch-Site": "cross-site"}), 403),
    "a form as JSON": (lambda s: requests.post(link(s), json={"form": form(s)}, timeout=20), 403),
    "a form of a million letters": (lambda s: requests.post(link(s), data="form=" + "x" * 1_000_000, timeout=20), 403),
    "an approval of one's own account": (lambda s: post(link(s), form(s, Deed.APPROVE, subject=action(s))), 410),
    "an undo of an action that is none": (lambda s: post(link(s), form(s, Deed.UNDO, subject="act-nothing")), 410),
    "an approval of what does not wait": (lambda s: post(link(s), form(s, Deed.APPROVE, subject="rnothing")), 410),
    "a silence of a budget of all by one tenant": (
        lambda s: post(s.link("support-owner", s.alert(budget_id="company-day")),
                       form(s, Deed.SILENCE, recipient="support-owner", alert=s.alert(budget_id="company-day"))), 410),
    "more is asked of a budget of all by one tenant": (
        lambda s: post(s.link("support-owner", s.alert(budget_id="company-day")),
                       form(s, Deed.REQUEST, recipient="support-owner", alert=s.alert(budget_id="company-day"))), 410),
    "an undo of another tenant's action": (
        lambda s: post(s.link("support-owner", s.alert(budget_id="company-day")),
                       form(s, Deed.UNDO, recipient="support-owner", subject=action(s),
                            alert=s.alert(budget_id="company-day"))), 410),
    "an undo of another alert's action": (
        lambda s: post(s.link(OWNER, s.alert(budget_id="company-day")),
                       form(s, Deed.UNDO, subject=action(s), alert=s.alert(budget_id="company-day"))), 410),
    "a form of another of one's own links": (lambda s: post(s.link(OWNER, s.alert(), Deed.UNDO), form(s)), 403),
    "a form from another part of the site": (
        lambda s: post(link(s), form(s), headers={"Sec-Fetch-Site": "same-site"}), 403),
    "a preview that posts": (lambda s: requests.post(link(s), headers=PREVIEW, timeout=20), 403),
    "a form that carries two forms": (
        lambda s: requests.post(link(s), data=[("form", form(s)), ("form", "x")], timeout=20), 403),
    "more is asked for without a reason": (
        lambda s: post(link(s), form(s, Deed.REQUEST), reason=" "), 400),
    "more is asked for without end": (
        lambda s: post(link(s), form(s, Deed.REQUEST), until="900d"), 400),
    "more than may be": (
        lambda s: post(link(s), form(s, Deed.REQUEST), amount="501"), 400),
    "a silence of a year": (
        lambda s: post(link(s), form(s, Deed.SILENCE), hours="8760"), 400),
    "a note that no table holds": (
        lambda s: post(link(s), form(s), note="a\0b"), 400),
    "PUT": (lambda s: requests.put(link(s), data={"form": form(s)}, timeout=20), 405),
    "DELETE": (lambda s: requests.delete(link(s), timeout=20), 405),
    "the budget's page is posted to": (
        lambda s: requests.post(f"{link(s)}/budget/{s.budget}", data={"form": form(s)}, timeout=20), 405),
    "a budget that is none": (lambda s: get(f"{link(s)}/budget/nothing"), 403),
    "a project that is none": (lambda s: get(f"{link(s)}/project/main/nothing"), 403),
    "a path out of the pages": (lambda s: get(f"{s.url}/a/../../etc/passwd"), 404),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_attempt_changes_nothing(site: Site, name: str) -> None:
    attempt, status = ATTEMPTS[name]
    before = site.state()
    answer = attempt(site)
    assert answer.status_code == status
    assert site.state() == before
    assert answer.headers["content-type"].startswith("text/html"), "it is said in words"
    if status == 403:
        assert "lead-enricher" not in answer.text


def test_a_form_works_once_also_when_it_is_sent_twice_at_once(site: Site) -> None:
    token = form_of(get(link(site)).text, "silence")
    before = site.state()
    answers = [post(link(site), token).status_code for _ in range(3)]
    assert answers == [303, 410, 410]
    assert [after - b for after, b in zip(site.state()[0][:2], before[0][:2], strict=True)] == [0, 1]  # type: ignore[operator]


def test_a_header_is_believed_from_the_proxy_alone(site: Site) -> None:
    header = {"X-User": "wang.wu@example.com"}
    assert "您是 marketing-owner" in get(link(site), headers=header).text
    site.configure(proxy="127.0.0.0/8")
    try:
        page = get(link(site), headers=header).text
        assert "您是 wang.wu" in page and "凭单点登录" in page
        # Neither two headers at once nor an impossible one say who it is.
        assert "您是 marketing-owner" in get(link(site), headers={"X-User": "x" * 300}).text
        # What was shown to the one cannot be sent by the other.
        token = form_of(page, "silence")
        before = site.state()
        assert post(link(site), token).status_code == 403
        assert site.state() == before
        assert post(link(site), token, headers=header).status_code == 303
        row = site.place.warehouse.execute(
            "SELECT made_by, known_by FROM usage.silence ORDER BY silence_id DESC LIMIT 1"
        ).fetchone()
        assert row == ("wang.wu", "header")
    finally:
        site.configure()


def test_nobody_approves_what_they_asked_for(site: Site) -> None:
    at_boss = site.link("boss", site.asked_by_boss())
    before = site.state()
    page = get(at_boss).text
    assert 'id="approve' not in page
    subject = str(site.place.warehouse.execute("SELECT max(override_id) FROM usage.budget_override").fetchone())[2:-3]
    refused = post(at_boss, form(site, Deed.APPROVE, recipient="boss", person="wang.wu", subject=subject,
                                 alert=site.asked_by_boss()))  # fmt: skip
    assert refused.status_code == 410
    assert site.state() == before


def test_no_name_of_another_tenant_is_on_a_page(site: Site) -> None:
    others = site.names_of("Marketing") | site.callers_of("Marketing") - site.callers_of("Support") | {OWNER}
    own = site.names_of("Support")
    assert len(others) > len(site.names_of("Marketing")) + 3
    company = site.link("support-owner", site.alert(budget_id="company-day"))
    for address in (company, f"{company}/budget/company-day"):
        page = get(address)
        assert page.status_code == 200
        # As whole words: one caller's name may begin another's.
        said = {name for name in others if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", page.text)}
        assert not said, address
    assert get(f"{company}/budget/agent-daily").status_code == 403
    project = site.place.app()
    assert get(f"{company}/project/main/{project}").status_code == 403
    assert get(f"{company}/project/main/{site.place.app(min(own))}").status_code == 200
