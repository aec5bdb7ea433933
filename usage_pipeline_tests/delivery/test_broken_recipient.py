"""A recipient that cannot be reached is one alert: how many it did not get, since when, and the last answer."""

from collections.abc import Callable

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.texts import lines_of
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient, Settings, parse_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.delivery.test_outbox import CONFIG, Clock, put
from usage_pipeline_tests.support.rewriting import rewrite

Send = Callable[[Message, Recipient], Outcome]


@pytest.fixture
def settings() -> Settings:
    """The recipients ops, more and itsm."""
    return parse_settings(CONFIG, "c.yaml")


class Channels:
    """Channels of which one variable's robot refuses for good; what the others got is kept."""

    def __init__(self, broken: str = "WECOM_OPS_URL") -> None:
        self.broken, self.got, self.refused = broken, [], 0  # type: tuple[str, list[tuple[str, Message]], int]

    def __call__(self, message: Message, recipient: Recipient) -> Outcome:
        """Refuses, counting, or takes."""
        address = str(getattr(recipient, "secret_env", "") or getattr(recipient, "url_env", ""))
        if address == self.broken:
            self.refused += 1
            return Outcome("permanent", f"93000 refusal {self.refused}", 200)
        self.got.append((address, message))
        return Outcome("accepted", "ok", 200)


def undelivered(warehouse: Connection) -> list[tuple[object, ...]]:
    """The alerts of recipients that cannot be reached, with whom they go to."""
    return warehouse.execute(
        "SELECT a.budget_id, a.scope_value, array_agg(d.recipient ORDER BY d.recipient) FROM usage.alert a"
        " LEFT JOIN usage.delivery d USING (alert_id) WHERE a.kind = 'delivery' GROUP BY a.alert_id, a.created_at"
        " ORDER BY a.created_at"
    ).fetchall()


def fail(warehouse: Connection, settings: Settings, channels: Channels, clock: Clock, *budgets: str) -> None:
    """Alerts to ops alone, one a minute, each of which others may stand in for; then what is due is sent."""
    for budget in budgets:
        put(warehouse, [("ops", "wecom")], budget_id=budget, level="warning")
        clock.move(60)
        deliver_due(warehouse, settings, by="t", clock=clock, send=channels)


def test_one_alert_sums_up_what_a_recipient_did_not_get(warehouse: Connection, settings: Settings) -> None:
    clock, channels = Clock(), Channels()
    for number in range(5):
        put(warehouse, [("ops", "wecom")], budget_id=f"b{number}", level="emergency")
    deliver_due(warehouse, settings, by="t", clock=clock, send=channels)
    assert undelivered(warehouse) == [("ops", "wecom", ["more"])]
    (told,) = [message for _, message in channels.got if message.kind == "delivery"]
    lines = dict(lines_of(told.alerts[0], "en"))
    assert (lines["Recipient"], lines["Channel"], lines["Undelivered"]) == ("ops", "WeCom", "5 so far")
    assert lines["Since"].startswith(f"{clock():%Y-%m-%d}")
    assert "93000 refusal" in lines["Channel's last answer"]


def test_later_failures_are_counted_in_the_same_alert(warehouse: Connection, settings: Settings) -> None:
    clock, channels = Clock(), Channels()
    fail(warehouse, settings, channels, clock, "a", "b", "c")
    assert undelivered(warehouse) == [("ops", "wecom", ["more"])]
    assert [message.kind for _, message in channels.got] == ["delivery"]
    waiting = "UPDATE usage.delivery SET state = 'pending' WHERE recipient = 'more'"
    rewrite(warehouse, waiting)
    deliver_due(warehouse, settings, by="t", clock=clock, send=channels)
    lines = dict(lines_of(channels.got[-1][1].alerts[0], "en"))
    assert (lines["Undelivered"], lines["Channel's last answer"]) == ("3 so far", "93000 refusal 3")


def test_once_it_was_reached_the_next_failure_is_another_alert(warehouse: Connection, settings: Settings) -> None:
    clock, channels = Clock(), Channels()
    fail(warehouse, settings, channels, clock, "a", "b")
    channels.broken = ""
    fail(warehouse, settings, channels, clock, "c")
    channels.broken = "WECOM_OPS_URL"
    fail(warehouse, settings, channels, clock, "d", "e")
    assert undelivered(warehouse) == [("ops", "wecom", ["more"])] * 2


def test_who_stands_in_for_a_later_one_only_hears_of_the_same_alert(warehouse: Connection, settings: Settings) -> None:
    clock, channels = Clock(), Channels()
    fail(warehouse, settings, channels, clock, "a")
    alert = put(warehouse, [("ops", "wecom")], budget_id="b", level="warning")
    rewrite(
        warehouse, 'UPDATE usage.alert SET facts = facts || \'{"fallback": ["itsm"]}\' WHERE alert_id = %s', [alert]
    )
    clock.move(60)
    deliver_due(warehouse, settings, by="t", clock=clock, send=channels)
    assert undelivered(warehouse) == [("ops", "wecom", ["itsm", "more"])]
    assert [address for address, _ in channels.got] == ["WECOM_MORE_URL", "ITSM_SECRET"]
