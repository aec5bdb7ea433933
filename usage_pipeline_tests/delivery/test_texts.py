"""Overrides, enforcement and reports read in Chinese and English, and say what to do and what is not stopped."""

from dataclasses import replace
from typing import Any

import pytest

from usage_pipeline.alerts.kinds.enforcement import EnforcementStep
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.alerts.text.texts import title
from usage_pipeline.delivery.rendering import render

OVERRIDE: dict[str, object] = {
    "override": "O7",
    "step": "requested",
    "budget_name": "company-month",
    "scope_name": "Marketing",
    "raise": "20000",
    "measure": "cost",
    "currency": "CNY",
    "until": "2026-03-31T16:00:00+00:00",
    "reason": "spring sale",
    "requested_by": "li.si",
    "decided_by": None,
    "approvers": ["wang.wu", "zhao.liu"],
    "note": None,
    "timezone": "Asia/Shanghai",
}
ENFORCEMENT: dict[str, object] = {
    "what": "applied",
    "action": "pause_app",
    "project": "support-bot",
    "budget_name": "dev-daily",
    "scope_name": "support-bot",
    "alert": "Bold",
    "detail": "web app and API are off",
    "undo": "usage-pipeline enforcement release E12",
    "limits_of_action": ["in_flight", "nested"],
}
REPORT: dict[str, object] = {
    "title": "Daily report",
    "period": "2026-03-01",
    "lines": [["Cost", "¥12.00"], ["support-bot", "80 %"]],
}
FACTS = {"override": OVERRIDE, "enforcement": ENFORCEMENT, "report": REPORT}


def about(kind: str, language: str = "en", **changed: Any) -> Message:
    """A message of that kind."""
    return Message("d", "Babc", kind, "info", {**FACTS[kind], **changed}, language)


def mail(message: Message) -> str:
    """The plain part of a mail."""
    return render("mail.txt.j2", message, line).text


@pytest.mark.parametrize("step", ["requested", "approved", "rejected", "withdrawn", "expired", "ended"])
def test_each_step_of_an_override_has_its_words(step: str) -> None:
    chinese, english = title(about("override", "zh", step=step)), title(about("override", "en", step=step))
    assert step not in chinese
    assert "company-month · Marketing" in english
    assert chinese != title(about("override", "zh", step="another"))


def test_an_override_says_how_much_until_when_in_its_zone_and_who_decides() -> None:
    text = mail(about("override"))
    assert "¥20,000.00" in text
    assert "2026-04-01 00:00" in text
    assert "wang.wu, zhao.liu" in text
    assert "usage-pipeline overrides approve O7" in text


def test_a_decided_override_asks_nobody_to_decide() -> None:
    text = mail(about("override", step="approved", decided_by="wang.wu", note="until the sale ends"))
    assert "overrides approve" not in text
    assert "zhao.liu" not in text
    assert "until the sale ends" in text


def test_a_raise_may_be_of_several_measures_or_in_words() -> None:
    assert "¥5.00, 1,000 tokens" in mail(about("override", **{"raise": {"cost": "5", "tokens": 1000}}))
    assert "20 %" in mail(about("override", **{"raise": "20 %"}))


@pytest.mark.parametrize("what", list(EnforcementStep))
def test_each_state_of_an_action_has_its_words(what: str) -> None:
    assert what not in title(about("enforcement", "zh", what=what))
    assert "support-bot" in title(about("enforcement", what=what))


def test_an_action_says_how_to_undo_it_and_what_it_cannot_stop() -> None:
    text = mail(about("enforcement"))
    assert "usage-pipeline enforcement release E12" in text
    assert "Does not stop: runs that have begun" in text
    assert "Does not stop: calls as a tool of other apps" in text


def test_a_detail_has_no_words_of_the_program() -> None:
    said = {"detail": "raise web_app: web_app open, service_api open", "limits_of_action": []}
    chinese = render("mail.txt.j2", about("enforcement", "zh", **said), line).text
    assert "网页应用 已开启, 服务 API 已开启" in chinese
    assert "web_app" not in chinese
    assert "override" in mail(about("enforcement", **said))
    named = mail(about("enforcement", detail="my-web_app-open is named so", limits_of_action=[]))
    assert "my-web_app-open is named so" in named


def test_a_report_shows_its_lines_and_asks_nobody_to_acknowledge() -> None:
    text = mail(about("report"))
    assert "Cost: ¥12.00" in text
    assert "support-bot: 80 %" in text
    assert "alerts ack" not in text
    assert "alerts ack" in mail(about("enforcement"))
    assert "alerts ack" not in mail(replace(about("enforcement"), event="resolve"))
