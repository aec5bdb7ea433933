"""What people read of an action: the rehearsal within its budget's alert, the end with what was undone, the cap."""

from collections.abc import Mapping

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.texts import lines_of, title
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient
from usage_pipeline_tests.enforcement.conftest import AGENT, Place


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", "http://127.0.0.1:9/ops")
    monkeypatch.setenv("BOSS_URL", "http://127.0.0.1:9/boss")


def delivered(place: Place) -> list[Message]:
    """What a round of delivery sends."""
    sent: list[Message] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        sent.append(message)
        return Outcome("accepted", "ok")

    deliver_due(place.warehouse, place.in_force.settings, by="t", clock=lambda: place.now, send=send)
    return sent


def told(message: Message, language: str = "en") -> Mapping[str, str]:
    """Label and value of each line of the first alert."""
    return dict(lines_of(message.alerts[0], language))


def test_a_rehearsal_is_a_line_of_its_budgets_alert_and_names_the_apps(place: Place) -> None:
    place.configure(mode="dry_run")
    place.step()
    (message,) = delivered(place)
    assert message.kind == "budget"
    assert told(message)["Action"] == f"dry run: would pause app ({AGENT}); nothing was done"
    assert told(message, "zh")["处置"] == f"演练模式：本应暂停应用（{AGENT}），未实际执行"


def test_the_end_says_why_what_the_limit_is_and_what_was_undone(place: Place) -> None:
    place.configure()
    place.step()
    delivered(place)
    assert place.call() == 403
    place.configure(limit=90_000_000)
    place.step(minutes=6)
    assert place.call() == 200
    (end,) = [message for message in delivered(place) if message.event == "resolve"]
    lines = told(end)
    assert lines["Why it is over"].startswith("below this tier again")
    assert "/ 90,000,000 tokens" in lines["Spent / limit"]
    assert lines["It lasted"] == "6 min"
    row = place.warehouse.execute(
        "SELECT sum(e.base_cost) FROM usage.usage_event e JOIN usage.project p USING (source, app_id) WHERE p.name = %s"
        " AND e.basis = 'logged' AND e.usage_date = %s",
        [AGENT, place.in_force.settings.today(place.now)],
    ).fetchone()
    assert row
    assert lines["As well"] == f"CN¥{row[0]:,.2f}", "a budget of tokens says what it cost"
    assert lines["Undone"].startswith(f"{AGENT} (pause app)")
    assert "Action" not in lines
    assert "154" not in title(end)


def test_more_apps_than_are_touched_at_once_wait_for_an_approver(place: Place) -> None:
    tiers = "[{at: 100, level: emergency, actions: [pause_app]}]"
    company = f"  - {{id: company, period: month, limit: {{tokens: 10}}, tiers: {tiers}}}"
    place.configure(mode="auto", limit=900_000_000, more=company, enforcement=", until: all, most_apps_at_once: 2")
    place.step()
    states = {action.state for action in place.actions()}
    assert len(place.actions()) > 2
    assert states == {"planned"}
    assert place.changes() == []


def test_as_many_as_are_touched_at_once_are_paused_without_asking(place: Place) -> None:
    place.configure(mode="auto", enforcement=", most_apps_at_once: 1")
    place.step()
    assert place.one().state == "verified"


def test_what_is_of_no_project_inherits_no_action_at_apps(place: Place) -> None:
    place.configure(mode="auto", limit=900_000_000, more="  - {id: company, period: month, limit: {tokens: 10}}")
    place.step()
    assert place.actions() == []
    (message,) = delivered(place)
    assert "Action" not in told(message)
