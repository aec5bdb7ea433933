"""A tier fires exactly when its ratio is first reached, once, whatever the passes' timing and edits of the file."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.alerts.message import Message
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient, Settings
from usage_pipeline.settings.alerting import Alerting
from usage_pipeline.settings.quiet_hours import QuietHours
from usage_pipeline.settings.recipients import AnyRecipient
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_version, write_world

WORLD = World(("UTC",), ("bot",))
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
DEFAULT = [{"at": at, "level": level, "notify": ["ops"]}
           for at, level in ((80, "warning"), (95, "critical"), (100, "emergency"))]  # fmt: skip
many = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def configured(limit: int, **budget: object) -> Settings:
    values = {"id": "bot", "per": "project", "period": "day", "limit": {"tokens": limit}, "tiers": DEFAULT, **budget}
    return Settings.model_validate({"version": 1, "budgets": [values],
                                    "recipients": {"ops": {"channel": "wecom", "secret_env": "OPS"}}})  # fmt: skip


@dataclass
class Bench:
    """A warehouse with one project that spends."""

    connection: Connection
    version: int
    spent: int = 0
    _numbers: list[int] = field(default_factory=list)

    def spend(self, tokens: int, at: datetime) -> None:
        self._numbers.append(len(self._numbers))
        write_events(self.connection, WORLD, [Event(
            number=self._numbers[-1], tenant=0, project=0, key=None, caller=None, model="m", node=None, occurred_at=at,
            input_tokens=tokens, output_tokens=0, cost=Decimal(tokens))])  # fmt: skip
        self.spent += tokens
        roll_up(self.connection, [at.date()])

    def evaluate(self, config: Settings, now: datetime) -> list[str]:
        return evaluate_and_alert(self.connection, ActiveConfiguration(config, self.version), now)[1]

    def alerts(self) -> list[tuple[object, ...]]:
        return self.connection.execute(
            "SELECT tier::int, round::int, (facts ->> 'limit')::int, resolved_at IS NOT NULL FROM usage.alert"
            " ORDER BY created_at, round, tier_on DESC, tier"
        ).fetchall()

    def story(self) -> list[tuple[object, ...]]:
        return self.connection.execute(
            "SELECT kind, tier_at::int, \"limit\"::int FROM usage.budget_event ORDER BY event_id"
        ).fetchall()  # fmt: skip


@pytest.fixture
def bench(warehouse: Connection) -> Bench:
    write_world(warehouse, WORLD)
    return Bench(warehouse, write_version(warehouse))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("spend"), st.integers(1, 60)),
        st.tuples(st.just("limit"), st.sampled_from([50, 100, 101, 200])),
        st.tuples(st.just("wait"), st.integers(1, 300)),
        st.tuples(st.just("pass"), st.just(0)),
    ),
    min_size=1,
    max_size=14,
)


@many
@given(steps=steps)
def test_each_tier_fires_when_first_reached_and_once(bench: Bench, steps: list[tuple[str, int]]) -> None:
    """Held against a plain account: one alert a tier, and one more only when a raised limit is reached again."""
    fired: dict[int, list[int]] = {80: [], 95: [], 100: []}
    below = {80: True, 95: True, 100: True}
    limit, now, spent = 100, NOON, 0
    with bench.connection.transaction(force_rollback=True):
        bench._numbers.clear()
        for action, amount in [*steps, ("pass", 0), ("pass", 0)]:
            if action == "spend":
                bench.spend(amount, now)
                spent += amount
            elif action == "limit":
                limit = amount
            elif action == "wait":
                now = min(now + timedelta(seconds=amount), NOON + timedelta(hours=11))
            else:
                for tier, limits in fired.items():
                    reached = spent * 100 >= tier * limit
                    if reached and below[tier] and (not limits or limit > limits[-1]):
                        limits.append(limit)
                    below[tier] = not reached
                bench.evaluate(configured(limit), now)
                wanted = {(tier, number, at) for tier, limits in fired.items() for number, at in enumerate(limits)}
                assert {row[:3] for row in bench.alerts()} == wanted
                assert len(bench.alerts()) == len(wanted)


def test_a_raised_limit_resolves_and_says_so_and_the_way_back_repeats_nothing(bench: Bench) -> None:
    bench.spend(100, NOON)
    assert len(bench.evaluate(configured(100), NOON)) == 3
    assert bench.evaluate(configured(200), NOON) == []
    assert [row[3] for row in bench.alerts()] == [True, True, True]
    row = bench.connection.execute("SELECT level, resolved_at FROM usage.budget_status").fetchone()
    assert row == ("ok", NOON)
    assert bench.evaluate(configured(100), NOON) == []  # lowered again: what was told is not repeated
    assert [row[3] for row in bench.alerts()] == [False, False, False]
    assert bench.connection.execute("SELECT level, resolved_at FROM usage.budget_status").fetchone() == (
        "emergency",
        None,
    )
    kinds = [kind for kind, _, _ in bench.story()]
    assert kinds == ["reached"] * 3 + ["resolved"] * 3 + ["reopened"] * 3


def test_a_lowered_limit_alerts_at_once(bench: Bench) -> None:
    bench.spend(60, NOON)
    assert bench.evaluate(configured(100), NOON) == []
    assert len(bench.evaluate(configured(60), NOON)) == 3


def test_a_raised_limit_that_is_reached_too_is_told(bench: Bench) -> None:
    bench.spend(100, NOON)
    bench.evaluate(configured(100), NOON)
    bench.evaluate(configured(300), NOON)
    bench.spend(200, NOON)
    assert len(bench.evaluate(configured(300), NOON)) == 3
    assert [row[:3] for row in bench.alerts()][3:] == [(80, 1, 300), (95, 1, 300), (100, 1, 300)]


def test_a_tier_with_a_duration_waits_and_forgets_a_peak(bench: Bench) -> None:
    tiers = [{"at": 80, "level": "warning", "notify": ["ops"], "for": "15m"}]
    config, higher = configured(100, tiers=tiers), configured(200, tiers=tiers)
    bench.spend(90, NOON)
    assert bench.evaluate(config, NOON) == []
    assert bench.evaluate(config, NOON + timedelta(minutes=14)) == []
    assert bench.evaluate(higher, NOON + timedelta(minutes=14)) == []
    assert bench.evaluate(config, NOON + timedelta(minutes=15)) == []
    row = bench.connection.execute("SELECT level FROM usage.budget_status").fetchone()
    assert row == ("ok",)
    assert len(bench.evaluate(config, NOON + timedelta(minutes=30))) == 1


def test_a_tier_with_a_minimum_waits_for_it(bench: Bench) -> None:
    tiers = [{"at": 80, "level": "warning", "notify": ["ops"], "min_spend": {"cost": 50}}]
    bench.spend(45, NOON)
    assert bench.evaluate(configured(50, tiers=tiers), NOON) == []
    bench.spend(5, NOON)
    assert len(bench.evaluate(configured(50, tiers=tiers), NOON)) == 1


def test_a_forecast_has_tiers_of_its_own(bench: Bench) -> None:
    tiers = [*DEFAULT, {"at": 100, "on": "forecast", "level": "warning", "notify": ["ops"]}]
    bench.spend(60, NOON)
    assert len(bench.evaluate(configured(100, tiers=tiers), NOON)) == 1  # half of the day is gone
    bench.spend(40, NOON)
    assert len(bench.evaluate(configured(100, tiers=tiers), NOON)) == 3


def test_a_rolling_window_tells_once_until_it_has_calmed_down(bench: Bench) -> None:
    config = configured(100, period={"rolling": "3h"})
    bench.spend(100, NOON)
    assert len(bench.evaluate(config, NOON)) == 3
    for hour in (1, 2):
        assert bench.evaluate(config, NOON + timedelta(hours=hour)) == []
    assert bench.evaluate(config, NOON + timedelta(hours=3)) == []
    row = bench.connection.execute(
        "SELECT level, spent::int FROM usage.budget_status ORDER BY period_start DESC LIMIT 1"
    ).fetchone()
    assert row == ("ok", 0)
    bench.spend(100, NOON + timedelta(hours=4))
    assert len(bench.evaluate(config, NOON + timedelta(hours=4))) == 3


def test_what_was_left_rolls_over_up_to_its_cap(bench: Bench) -> None:
    config = configured(100, rollover={"up_to": "20%"})
    bench.spend(70, NOON)
    bench.evaluate(config, NOON)
    tomorrow = NOON + timedelta(days=1)
    bench.spend(110, tomorrow)
    bench.evaluate(config, tomorrow)
    row = bench.connection.execute(
        'SELECT "limit"::int, level, allowance FROM usage.budget_status ORDER BY period_start DESC LIMIT 1'
    ).fetchone()
    assert row == (120, "warning", [{"measure": "tokens", "amount": "20", "reason": "rollover"}])
    overspent = tomorrow + timedelta(days=1)
    bench.spend(100, overspent)
    bench.evaluate(config, overspent)
    row = bench.connection.execute(
        'SELECT "limit"::int, level FROM usage.budget_status ORDER BY period_start DESC LIMIT 1'
    ).fetchone()
    assert row == (100, "emergency")


@pytest.mark.parametrize(("now", "end"), [
    ("2026-05-20T20:00:00+00:00", "2026-05-21T07:00:00+02:00"),
    ("2026-05-21T04:59:00+00:00", "2026-05-21T07:00:00+02:00"),
    ("2026-05-21T05:00:00+00:00", None),
    ("2026-05-20T19:59:00+00:00", None),
    ("2026-10-24T22:00:00+00:00", "2026-10-25T07:00:00+01:00"),  # the night in which clocks go back
])  # fmt: skip
def test_quiet_hours_end_in_the_morning(now: str, end: str | None) -> None:
    quiet = QuietHours.model_validate({"from": "22:00", "to": "07:00"})
    wanted = datetime.fromisoformat(end) if end else None
    assert quiet.end_after(datetime.fromisoformat(now), "Europe/Berlin") == wanted


def test_an_alert_in_quiet_hours_is_written_at_once_and_sent_at_their_end(bench: Bench) -> None:
    quiet = {"from": "11:00", "to": "13:30"}
    tiers = [{"at": 80, "level": "warning", "notify": ["ops"], "quiet": quiet}]
    bench.spend(100, NOON)
    assert len(bench.evaluate(configured(100, tiers=tiers), NOON)) == 1
    row = bench.connection.execute("SELECT next_attempt_at, state FROM usage.delivery").fetchone()
    assert row == (NOON + timedelta(minutes=90), "pending")


QUIET = {"from": "11:00", "to": "13:30"}
WITH_A_PHONE = {
    "ops": {"channel": "wecom", "secret_env": "OPS"},
    "phone": {"channel": "sms", "provider": "http", "to": "123", "url_env": "SMS_URL"},
}


def sent(bench: Bench, config: Settings, now: datetime, outcome: Outcome) -> list[str]:
    """The channels that are tried in one round of delivery."""
    channels: list[str] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        channels.append(recipient.channel)
        return Outcome("accepted", "ok", 200) if recipient.channel == "sms" else outcome

    deliver_due(bench.connection, config, by="t", clock=lambda: now, send=send)
    return channels


def with_quiet_hours(level: str) -> Settings:
    tiers = [{"at": 80, "level": level, "notify": ["ops"], "quiet": QUIET}]
    return configured(100, tiers=tiers).model_copy(update={"recipients": _recipients()})


def _recipients() -> dict[str, Recipient]:
    adapter: TypeAdapter[Recipient] = TypeAdapter(AnyRecipient)
    return {name: adapter.validate_python(given) for name, given in WITH_A_PHONE.items()}


def test_quiet_hours_of_a_tier_never_hold_an_emergency(bench: Bench) -> None:
    config = with_quiet_hours("emergency")
    bench.spend(100, NOON)
    assert len(bench.evaluate(config, NOON)) == 1
    assert sent(bench, config, NOON, Outcome("accepted", "ok", 200)) == ["wecom"]
    assert sent(bench, config, NOON + timedelta(minutes=10), Outcome("accepted", "ok", 200)) == []


def test_what_the_quiet_hours_of_a_tier_hold_calls_nobody_until_they_end(bench: Bench) -> None:
    config = with_quiet_hours("critical")
    bench.spend(100, NOON)
    assert len(bench.evaluate(config, NOON)) == 1
    for minutes in (0, 5, 80, 89):
        assert sent(bench, config, NOON + timedelta(minutes=minutes), Outcome("accepted", "ok", 200)) == []
    assert sent(bench, config, NOON + timedelta(minutes=90), Outcome("accepted", "ok", 200)) == ["wecom"]
    row = bench.connection.execute("SELECT reason FROM usage.delivery").fetchone()
    assert row == ("held until the quiet hours end",)


def test_what_quiet_hours_of_a_tier_and_of_a_recipient_hold_waits_for_the_later_end(bench: Bench) -> None:
    hours = Alerting.model_validate({"quiet_hours": [{"from": "10:00", "to": "15:00"}]})
    config = with_quiet_hours("warning").model_copy(update={"alerting": hours})
    bench.spend(100, NOON)
    bench.evaluate(config, NOON)
    assert sent(bench, config, NOON + timedelta(minutes=90), Outcome("accepted", "ok", 200)) == []
    assert sent(bench, config, NOON + timedelta(hours=3), Outcome("accepted", "ok", 200)) == ["wecom"]
