"""A warehouse with a clock and every message that a channel took: what the rules after an alert are tried in."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient, Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.delivery.test_outbox import FACTS, Clock
from usage_pipeline_tests.support.alerts import alert_of

HOUSE = """version: 1
timezone: Asia/Shanghai
recipients:
  ops: {channel: webhook, url_env: OPS_URL}
  owner: {channel: email, to: owner@example.com}
  lead: {channel: email, to: lead@example.com}
  boss: {channel: email, to: boss@example.com}
  phone: {channel: sms, provider: http, to: '123', url_env: SMS_URL}
  group: {channel: wecom, secret_env: GROUP_URL}
  duty: {channel: pagerduty, secret_env: PAGERDUTY_KEY}
"""
LEVELS = {"80": "warning", "95": "critical", "100": "emergency"}
REFUSED = Outcome("retry", "down", 503)


@dataclass
class House:
    """A warehouse, a clock, and every message that a channel took."""

    connection: Connection
    settings: Settings
    clock: Clock = field(default_factory=Clock)
    refusing: set[str] = field(default_factory=set)  # names of channels
    sent: list[tuple[str, str, str]] = field(default_factory=list)  # channel, event, alerts
    ids: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    day: tuple[datetime, datetime] = field(init=False)

    def __post_init__(self) -> None:
        self.day = (self.clock() - timedelta(hours=4), self.clock() + timedelta(hours=20))

    def send(self, message: Message, recipient: Recipient) -> Outcome:
        if recipient.channel in self.refusing:
            return REFUSED
        names = "+".join(sorted(f"{each.facts['budget_id']}{each.facts['tier']}" for each in message.alerts))
        who = getattr(recipient, "to", (recipient.channel,))
        self.sent.append((who[0].split("@")[0] if who else "", message.event, names))
        self.ids.append(message.delivery_id)
        self.messages.append(message)
        return Outcome("accepted", "ok", 200)

    def later(self, **after: float) -> list[tuple[str, str, str]]:
        """What one round sends after a time."""
        self.clock.now += timedelta(**after)
        before = len(self.sent)
        deliver_due(self.connection, self.settings, by="t", clock=self.clock, send=self.send)
        return self.sent[before:]

    def alert(
        self,
        budget: str = "agent",
        tier: str = "100",
        to: tuple[str, ...] = ("ops",),
        scope: str = "lead-enricher",
        **facts: object,
    ) -> str:
        """A tier that was reached now, in a day that has twenty hours left."""
        level = LEVELS[tier]
        told = {**FACTS, "budget_id": budget, "tier": tier, "level": level, "scope_name": scope, **facts}
        alert = alert_of("budget", budget, *self.day, tier, level, told)
        with self.connection.transaction():
            assert raise_alert(self.connection, alert, [(name, self.settings.recipients[name].channel) for name in to])
        return alert.alert_id

    def below(self, *budgets: str) -> None:
        """The budgets stand below their tiers again, as their evaluating notes it."""
        self.connection.execute(
            "UPDATE usage.alert SET resolved_at = %s WHERE budget_id = ANY(%s)", [self.clock(), list(budgets)]
        )

    def order(self, alert_id: str) -> tuple[object, ...]:
        """Where an alert stands among those of its level in a message."""
        row = self.connection.execute(
            "SELECT a.created_at, -a.tier, d.delivery_id FROM usage.alert a JOIN usage.delivery d USING (alert_id)"
            " WHERE alert_id = %s",
            [alert_id],
        ).fetchone()
        assert row
        return row

    def states(self) -> set[object]:
        return {state for (state,) in self.connection.execute("SELECT DISTINCT state FROM usage.delivery")}
