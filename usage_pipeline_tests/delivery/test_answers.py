"""What every channel makes of every answer, through the outbox and on record; docs/delivery.md shows the same table.

Each test compares its own channel's lines of the page; REWRITE_DOCS=1 puts what was observed there.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import pytest

from usage_pipeline.delivery.channels import mail
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http import post as http
from usage_pipeline.http.exchange import Timeouts
from usage_pipeline.settings import Settings, parse_settings
from usage_pipeline.settings.environment import project_dir
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.delivery.test_outbox import Clock, put
from usage_pipeline_tests.support.every_channel import MARK, RECIPIENTS, TAKES, configuration, environment
from usage_pipeline_tests.support.fault_servers import HUGE, FaultyHttp, FaultySmtp, Mood, answers
from usage_pipeline_tests.support.rewriting import rewrite

PAGE = project_dir() / "docs" / "delivery.md"
BEGIN, END = "<!-- what was observed: begin -->", "<!-- what was observed: end -->"
A_DAY = 86_500.0


@dataclass(frozen=True)
class Case:
    """An answer, and what the channel must make of it."""

    says: str
    mood: Mood
    outcome: str
    wait: float | None = None
    status: int | None = None


def coded(key: str, code: object, outcome: str, wait: float | None = None, words: str = "") -> Case:
    """HTTP 200 with a code in the body."""
    return Case(f"200, {key} {code}{f' ({words})' if words else ''}", answers(200, {key: code}), outcome, wait, 200)


def worded(status: int, code: str, outcome: str, wait: float | None = None) -> Case:
    """A word under Code, as Aliyun answers."""
    return Case(f"{status}, {code}", answers(status, {"Code": code}), outcome, wait, status)


def for_a_number(code: str, outcome: str, wait: float | None = None) -> Case:
    """A word for the one number, as Tencent answers."""
    body = {"Response": {"SendStatusSet": [{"Code": code}]}}
    return Case(f"200, a number's code {code}", answers(200, body), outcome, wait, 200)


def common(name: str, *, huge: str = "retry", cut: str = "retry", bad: str = "permanent") -> list[Case]:
    """What any server may do."""
    taking = TAKES[name]
    flood = Mood(taking.status, b"x" * HUGE)
    return [
        Case("takes it", taking, "accepted", None, taking.status),
        Case("hangs", Mood(manner="hangs"), "retry"),
        Case("cuts the connection", Mood(manner="cuts"), "retry"),
        Case("cuts its answer short", Mood(taking.status, taking.body[:1], manner="cuts its answer"), cut),
        Case(f"{taking.status}, 5 MB of something", flood, huge),
        Case("302 to another place", answers(302, Location="http://169.254.169.254/latest"), "permanent", None, 302),
        Case("429, Retry-After: 30", answers(429, b"slow down", Retry_After="30"), "retry", 30.0, 429),
        Case("503", answers(503, b"busy"), "retry", None, 503),
        Case("400", answers(400, b"bad"), bad, None, 400),
    ]


def without_waits(cases: list[Case]) -> list[Case]:
    """The same for Apprise, which does not tell how long to wait, nor the status of what was taken."""
    return [
        Case(case.says, case.mood, case.outcome, None, None if case.outcome == "accepted" else case.status)
        for case in cases
    ]


CASES: dict[str, list[Case]] = {
    "wecom": [
        *common("wecom"),
        coded("errcode", 45009, "retry", 60.0, "too often"),
        coded("errcode", 93000, "permanent", words="bad key"),
        coded("errcode", 40058, "permanent", words="bad parameter"),
        coded("errcode", -1, "retry", words="busy"),
        Case("200, errcode false", answers(200, {"errcode": False}), "retry", None, 200),
        Case("200, a page of a proxy", answers(200, b"<html>sign in</html>"), "retry", None, 200),
        Case("200, nothing", answers(200), "retry", None, 200),
    ],
    "dingtalk": [
        *common("dingtalk"),
        coded("errcode", 310000, "permanent", words="sign, keyword or IP"),
        coded("errcode", 300001, "permanent", words="bad token"),
        coded("errcode", 300005, "permanent", words="bad token"),
        coded("errcode", 40035, "retry", words="bad parameter: then as text"),
        coded("errcode", 130101, "retry", 600.0, "too often"),
        coded("errcode", 410100, "retry", 600.0, "too often"),
        coded("errcode", -1, "retry", words="busy"),
        Case("200, nothing", answers(200), "retry", None, 200),
    ],
    "feishu": [
        *common("feishu"),
        coded("StatusCode", 0, "accepted", words="old form"),
        coded("code", 19021, "permanent", words="sign or clock"),
        coded("code", 19022, "permanent", words="IP"),
        coded("code", 19024, "permanent", words="keyword"),
        coded("code", 9499, "retry", words="bad request: then as text"),
        coded("code", 11246, "retry", words="bad card: then as text"),
        coded("code", 11232, "retry", 60.0, "too often"),
        Case("200, nothing", answers(200), "retry", None, 200),
    ],
    "lark": [
        *common("lark"),
        coded("code", 0, "accepted"),
        coded("code", 19021, "permanent", words="sign or clock"),
        coded("code", 11232, "retry", 60.0, "too often"),
    ],
    "slack": [
        *common("slack"),
        Case("200, invalid_payload", answers(200, b"invalid_payload"), "retry", None, 200),
        Case("400, invalid_payload: then as text", answers(400, b"invalid_payload"), "retry", None, 400),
        Case("404, no_service", answers(404, b"no_service"), "permanent", None, 404),
        Case("410, channel_is_archived", answers(410, b"channel_is_archived"), "permanent", None, 410),
        Case("500", answers(500, b"server_error"), "retry", None, 500),
    ],
    "teams": [
        *common("teams", huge="accepted", bad="retry"),  # as text
        Case("200", answers(200, b"1"), "accepted", None, 200),
        Case("404", answers(404), "permanent", None, 404),
    ],
    "webhook": [
        *common("webhook", huge="accepted", cut="accepted"),
        Case("200", answers(200, {"ticket": "INC-1"}), "accepted", None, 200),
        Case("410", answers(410), "permanent", None, 410),
        Case("408", answers(408), "retry", None, 408),
        Case("425", answers(425), "retry", None, 425),
        Case("503, Retry-After: 7", answers(503, Retry_After="7"), "retry", 7.0, 503),
    ],
    "pagerduty": [
        *common("pagerduty"),
        Case("202, status invalid event", answers(202, {"status": "invalid event"}), "retry", None, 202),
        Case("500", answers(500), "retry", None, 500),
    ],
    "sms-aliyun": [
        *common("sms-aliyun"),
        worded(200, "isv.BUSINESS_LIMIT_CONTROL", "retry", 60.0),
        worded(400, "Throttling.User", "retry", 60.0),
        worded(200, "isv.MOBILE_NUMBER_ILLEGAL", "permanent"),
        worded(200, "isp.SYSTEM_ERROR", "retry"),
        worded(404, "InvalidAccessKeyId.NotFound", "permanent"),
        Case("200, nothing", answers(200), "retry", None, 200),
    ],
    "sms-tencent": [
        *common("sms-tencent"),
        for_a_number("LimitExceeded.PhoneNumberThirtySecondLimit", "retry", 60.0),
        for_a_number("FailedOperation.PhoneNumberInBlacklist", "permanent"),
        for_a_number("InternalError.Timeout", "retry"),
        Case(
            "200, AuthFailure.SignatureFailure",
            answers(200, {"Response": {"Error": {"Code": "AuthFailure.SignatureFailure"}}}),
            "permanent", None, 200,
        ),
        Case("200, no number spoken of", answers(200, {"Response": {"SendStatusSet": []}}), "retry", None, 200),
    ],
    "sms-twilio": [
        *common("sms-twilio"),
        Case("400, code 21211", answers(400, {"code": 21211}), "permanent", None, 400),
        Case("401", answers(401, {"code": 20003}), "permanent", None, 401),
        Case("201 without a sid", answers(201, {}), "retry", None, 201),
        Case("200 with a sid", answers(200, {"sid": "SM1"}), "retry", None, 200),
    ],
    "sms-http": [
        *common("sms-http"),
        Case("200, code 7 where 0 means accepted", answers(200, {"code": 7}), "retry", None, 200),
    ],
    "apprise": without_waits(common("apprise", huge="accepted")),
}  # fmt: skip


@pytest.fixture(scope="module")
def outbox(module_warehouse: Callable[[], str]) -> Iterator[Connection]:
    """One warehouse for all cases."""
    connection = connect(module_warehouse())
    yield connection
    connection.close()


@pytest.fixture
def settings(server: FaultyHttp, mail_server: FaultySmtp, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A configuration with every channel."""
    for name, value in environment(server.base, mail_server.port).items():
        monkeypatch.setenv(name, value)
    follow_ups = "alerting: {repeat_most: 0}\n"
    return parse_settings(configuration(server.base) + follow_ups, "c.yaml")


@contextmanager
def short_patience(holds: bool) -> Iterator[None]:
    """With who never answers alone: a busy machine answers late, too."""
    with pytest.MonkeyPatch.context() as patched:
        if holds:
            patched.setattr(http, "TIMEOUTS", Timeouts(1.0, 0.3, 2.0))
            patched.setattr(mail, "_TIMEOUT_S", 0.3)
        yield


def one_attempt(
    outbox: Connection, settings: Settings, name: str, says: str, clock: Clock
) -> tuple[str, str, float | None, int | None, str]:
    """Raises an alert for the recipient, delivers once, and gives what stands on record."""
    outbox.execute("DELETE FROM usage.channel_turn; DELETE FROM usage.channel_pause")  # each case has a fresh robot
    alert_id = put(outbox, [(name, settings.recipients[name].channel)], budget_id=f"{name}: {says}"[:60])
    # Nothing follows this alert: nobody stands in for the recipient, and nobody is told that it is over.
    alone: LiteralString = "UPDATE usage.alert SET facts = facts || jsonb_build_object('fallback', %s::text[])"
    rewrite(outbox, alone + " WHERE alert_id = %s", [[name], alert_id])
    outbox.execute("INSERT INTO usage.resolution (alert_id, at, why) VALUES (%s, 'epoch', 'below')", [alert_id])
    deliver_due(outbox, settings, by="t", clock=clock)
    row = outbox.execute(
        "SELECT t.outcome, t.retry_after_s, t.http_status, t.answer FROM usage.alert_delivery t WHERE t.alert_id = %s",
        [alert_id],
    ).fetchall()
    assert len(row) == 1, "one attempt, one row"
    outcome, wait, status, answer = row[0]
    assert MARK not in str(answer)
    return alert_id, str(outcome), None if wait is None else float(str(wait)), status, str(answer)  # type: ignore[return-value]


def afterwards(outbox: Connection, settings: Settings, alert_id: str, clock: Clock) -> str:
    """What became of the delivery when the other side takes everything a day later."""
    clock.move(A_DAY)
    deliver_due(outbox, settings, by="t", clock=clock)
    state, attempts = outbox.execute(
        "SELECT state, attempts FROM usage.delivery WHERE alert_id = %s AND occasion = 'alert'", [alert_id]
    ).fetchall()[0]
    return f"{state} at attempt {attempts}"


def observed(name: str, says: str, outcome: str, wait: float | None, after: str) -> str:
    """A line of the page's table."""
    shown = outcome + (f", not before {wait:.0f} s" if wait else "")
    return f"| {name} | {says} | {shown} | {after} |"


def assert_page_shows(name: str, lines: list[str]) -> None:
    """The page's table says of the channel what was observed, or is made to."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table, _, after = rest.partition(END)
    head, *shown = table.strip().splitlines()
    rows = {channel: [line for line in shown if line.startswith(f"| {channel} |")] for channel in RECIPIENTS}
    if os.environ.get("REWRITE_DOCS"):
        rows[name] = lines
        every = [head, shown[0], *(line for channel in RECIPIENTS for line in rows[channel])]
        PAGE.write_text(before + BEGIN + "\n" + "\n".join(every) + "\n" + END + after, encoding="utf-8")
        return
    assert rows[name] == lines, "run this file with REWRITE_DOCS=1"


@pytest.mark.parametrize("name", CASES)
def test_a_channel_says_what_the_other_side_said(
    name: str, outbox: Connection, settings: Settings, server: FaultyHttp
) -> None:
    clock, lines = Clock(), []
    for case in CASES[name]:
        server.mood, before = case.mood, len(server.taken)
        with short_patience(case.mood.manner == "hangs"):
            alert_id, outcome, wait, status, _ = one_attempt(outbox, settings, name, case.says, clock)
        assert (case.says, outcome, wait) == (case.says, case.outcome, case.wait)
        if case.status is not None:
            assert (case.says, status) == (case.says, case.status)
        assert len(server.taken) == before + 1, f"{case.says}: one request, and none to where a redirect leads"
        server.mood = TAKES[name]
        after = afterwards(outbox, settings, alert_id, clock)
        expected = {"accepted": "delivered at attempt 1", "retry": "delivered at attempt 2"}
        assert (case.says, after) == (case.says, expected.get(case.outcome, "failed at attempt 1"))
        lines.append(observed(name, case.says, outcome, wait, after))
    assert_page_shows(name, lines)


def at_data(reply: str) -> Callable[[FaultySmtp], None]:
    """Answers so after the mail's text."""
    return lambda server: setattr(server, "at_data", reply)


def at_rcpt(address: str, reply: str) -> Callable[[FaultySmtp], None]:
    """Answers so to one address."""
    return lambda server: server.at_rcpt.update({address: reply})


def manner(word: str) -> Callable[[FaultySmtp], None]:
    """Behaves so."""
    return lambda server: setattr(server, "manner", word)


MAIL: list[tuple[str, Callable[[FaultySmtp], None], str, int | None]] = [
    ("takes it", lambda server: None, "accepted", 250),
    ("451 after the text", at_data("451 try later"), "retry", 451),
    ("552 after the text", at_data("552 too big"), "permanent", 552),
    ("421 at connecting", lambda server: setattr(server, "at_connect", "421 busy"), "retry", 421),
    ("554 at connecting", lambda server: setattr(server, "at_connect", "554 no"), "permanent", 554),
    ("550 for one of two addresses", at_rcpt("second@example.com", "550 no such user"), "permanent", 550),
    ("450 for one of two addresses", at_rcpt("second@example.com", "450 full"), "retry", 450),
    ("551 try another place", at_rcpt("owner@example.com", "551 try <other@example.org>"), "permanent", 551),
    ("hangs", manner("hangs"), "retry", None),
    ("cuts the connection after the text", manner("cuts"), "retry", None),
    ("250, 5 MB of something", at_data("250 " + "x" * HUGE), "retry", None),
]


def test_mail_goes_by_the_reply_and_names_who_was_refused(
    outbox: Connection, settings: Settings, mail_server: FaultySmtp
) -> None:
    clock, lines = Clock(), []
    for says, change, expected, code in MAIL:
        change(mail_server)
        with short_patience(mail_server.manner == "hangs"):
            alert_id, outcome, wait, status, answer = one_attempt(outbox, settings, "email", says, clock)
        assert (says, outcome) == (says, expected)
        assert code is None or (says, status) == (says, code)
        if "of two" in says:
            assert "second@example.com: " in answer
            assert "owner@example.com" in answer
        mail_server.at_connect, mail_server.at_data, mail_server.manner = "220 here", "250 taken", "answers"
        mail_server.at_rcpt.clear()
        after = afterwards(outbox, settings, alert_id, clock)
        assert after == {"accepted": "delivered at attempt 1", "retry": "delivered at attempt 2"}.get(
            expected, "failed at attempt 1"
        )
        lines.append(observed("email", says, outcome, wait, after))
    assert_page_shows("email", lines)
