"""An override from its request to its end, and the lock of a dev project that it opens and that comes back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from usage_pipeline.alerts.approvals import decide_override, request_override, withdraw_override
from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.budgets.overrides import NewOverride, Override, OverrideRefusedError, overrides
from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

CONFIG = """
version: 1
timezone: Asia/Shanghai
recipients:
  ops: {channel: webhook, url_env: OPS_URL, secret_env: OPS_SECRET}
  boss: {channel: webhook, url_env: BOSS_URL, secret_env: OPS_SECRET}
approvals: {approvers: [ann, bob], notify: [boss]}
tiers:
  - {at: 80, level: warning, notify: [ops]}
  - {at: 100, level: emergency, notify: [ops], actions: [lock]}
budgets:
  - {id: dev-daily, scope: {environment: dev}, per: project, period: day, limit: {tokens: 1000}}
"""
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)  # 12:00 in Shanghai
DAY = NOON.date()
SCOPE = "project=main/app-1"


class Story:
    """A warehouse with one dev project, a configuration, and a clock that the test moves."""

    def __init__(self, connection: Connection, configuration: ActiveConfiguration) -> None:
        self.connection = connection
        self.configuration = configuration
        self.now = NOON

    def spend(self, tokens: int, day_offset: int = 0) -> None:
        """More tokens of the project on a day."""
        self.connection.execute(
            "INSERT INTO usage.daily_usage (usage_date, source, tenant_id, environment, app_id, key_attribution,"
            " caller_kind, calls, failed_calls, input_tokens, output_tokens, total_tokens, estimated_tokens,"
            " unpriced_tokens, cost, base_cost)"
            " VALUES (%s, 'main', 'tenant-1', 'dev', 'app-1', 'none', 'debug', 1, 0, %s, 0, %s, 0, 0, 0, 0)",
            [DAY + timedelta(days=day_offset), tokens, tokens],
        )
        self.connection.execute(
            "INSERT INTO usage.rolled_day AS known (usage_date) VALUES (%s)"
            " ON CONFLICT (usage_date) DO UPDATE SET version = known.version + 1",
            [DAY + timedelta(days=day_offset)],
        )

    def a_pass(self, later: timedelta = timedelta(minutes=1)) -> list[str]:
        """Evaluates some time later; returns the alerts that are new."""
        self.now += later
        return evaluate_and_alert(self.connection, self.configuration, self.now)[1]

    def ask(self, **other: Any) -> Override:
        """Carl asks for 500 more for eight hours, a second later."""
        self.now += timedelta(seconds=1)
        asked = NewOverride(
            budget_id="dev-daily",
            scope="sandbox",
            measure=None,
            raise_by=Decimal(500),
            raise_percent=None,
            until=self.now + timedelta(hours=8),
            reason="load test",
            by="carl",
        )
        return request_override(self.connection, self.configuration, replace(asked, **other), self.now)

    def decide(self, asked: Override, by: str, *, approve: bool = True) -> Override:
        """Somebody decides a second later."""
        self.now += timedelta(seconds=1)
        return decide_override(
            self.connection, self.configuration, asked.override_id, approve=approve, by=by, now=self.now
        )

    @property
    def locked(self) -> bool:
        """Whether the project is locked."""
        held = statement("locks/held")
        return bool(self.connection.execute(held, {"budget_id": "dev-daily", "held_only": True}).fetchall())

    def limit(self) -> Decimal:
        """The limit that the newest status was evaluated by."""
        row = self.connection.execute(
            'SELECT "limit" FROM usage.budget_status ORDER BY period_start DESC LIMIT 1'
        ).fetchone()
        assert row
        return Decimal(str(row[0]))

    def told(self) -> list[tuple[str, str]]:
        """Every alert's step or tier with its recipients, in order of writing."""
        rows = self.connection.execute(
            "SELECT coalesce(a.facts ->> 'step', a.facts ->> 'tier'), string_agg(d.recipient, ',' ORDER BY d.recipient)"
            " FROM usage.alert a JOIN usage.delivery d USING (alert_id)"
            " GROUP BY a.alert_id, a.facts, a.created_at, a.tier ORDER BY a.created_at, a.tier"
        )
        return [(str(step), str(recipients)) for step, recipients in rows]

    def events(self) -> list[tuple[str, str]]:
        """What happened and by whom, as `budgets show` tells it."""
        rows = self.connection.execute(
            "SELECT kind, by FROM usage.budget_event WHERE tier_at IS NULL ORDER BY event_id"
        ).fetchall()
        return [(str(kind), str(by)) for kind, by in rows]


@pytest.fixture
def story(warehouse: Connection, tmp_path: Path) -> Iterator[Story]:
    """A project that has spent 900 of 1,000."""
    path = tmp_path / "usage_pipeline.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    warehouse.execute(
        "INSERT INTO usage.tenant (source, tenant_id, name, timezone)"
        " VALUES ('main', 'tenant-1', 'R&D', 'Asia/Shanghai')"
    )
    warehouse.execute(
        "INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment)"
        " VALUES ('main', 'app-1', 'tenant-1', 'sandbox', 'chat', 'dev')"
    )
    told = Story(warehouse, active_configuration(warehouse, path))
    told.spend(900)
    return told


def test_from_lock_to_unlock_and_back_at_the_end(story: Story) -> None:
    assert len(story.a_pass()) == 1
    assert not story.locked
    story.spend(150)
    assert len(story.a_pass()) == 1
    assert story.locked

    asked = story.ask()
    assert asked.state == "pending"
    assert story.a_pass() == []
    assert story.locked, "asking opens nothing"

    story.decide(asked, "ann")
    assert not story.locked, "an approval does not wait for the next pass"
    assert story.limit() == 1500

    assert story.a_pass(timedelta(hours=8)) != []  # the end is told
    assert story.limit() == 1000
    assert story.locked, "what was spent stands above the limit that holds again"

    story.a_pass(timedelta(hours=5))  # 01:00 of the next day in Shanghai
    assert not story.locked
    assert story.events() == [
        ("locked", "usage_pipeline"),
        ("raise requested", "carl"),
        ("raise approved", "ann"),
        ("unlocked", "usage_pipeline"),
        ("raise ended", "usage_pipeline"),
        ("locked", "usage_pipeline"),
        ("unlocked", "usage_pipeline"),
    ]
    assert story.told() == [("80", "ops"), ("100", "ops"), ("requested", "boss"), ("approved", "ops"), ("ended", "ops")]


def test_the_raised_limit_used_up_is_told_once_and_locks_again(story: Story) -> None:
    story.spend(200)
    story.a_pass()
    story.decide(story.ask(), "bob")
    story.spend(500)
    raised = story.a_pass()
    assert len(raised) == 2  # 80 and 100 per cent of 1,500, whose own alerts were there before the raise
    assert story.locked
    assert story.a_pass() == []


@pytest.mark.parametrize(
    ("by", "says"), [("carl", "is not an approver"), ("ann", "asked for"), ("nobody", "is not an approver")]
)
def test_who_may_not_decide(story: Story, by: str, says: str) -> None:
    story.a_pass()
    asked = story.ask(by="ann" if by == "ann" else "carl")
    with pytest.raises(OverrideRefusedError, match=says):
        story.decide(asked, by)
    assert overrides(story.connection)[0].state == "pending"


@pytest.mark.parametrize(
    "spelling", ["Ann", " ann", "ann ", "a nn", "аnn", "ａｎｎ", "ann\u200b", "an\u00adn", "ánn", "ann."]
)
def test_another_spelling_of_ones_own_name_is_no_second_person(story: Story, spelling: str) -> None:
    story.a_pass()
    asked = story.ask(by=spelling)
    with pytest.raises(OverrideRefusedError, match="and cannot decide on it"):
        story.decide(asked, "ann")
    other = story.ask(by="ann")
    with pytest.raises(OverrideRefusedError, match=r"is not an approver; .*write 'ann' as it stands there"):
        story.decide(other, spelling)
    assert story.decide(asked, "bob").decided_by == "bob"


def test_the_database_itself_refuses_that_one_approves_oneself(story: Story) -> None:
    story.a_pass()
    asked = story.ask(by="ann")
    with pytest.raises(psycopg.errors.CheckViolation):
        story.connection.execute(
            "UPDATE usage.budget_override SET state = 'approved', decided_by = 'ann' WHERE override_id = %s",
            [asked.override_id],
        )


def test_a_decision_is_taken_once(story: Story) -> None:
    story.a_pass()
    asked = story.ask()
    story.decide(asked, "ann", approve=False)
    with pytest.raises(OverrideRefusedError, match="is rejected already"):
        story.decide(asked, "bob")
    assert story.a_pass() == []
    assert story.limit() == 1000


def test_a_request_that_nobody_answers_expires(story: Story) -> None:
    story.a_pass()
    asked = story.ask()
    assert len(story.a_pass(timedelta(hours=9))) == 1
    assert overrides(story.connection)[0].state == "expired"
    with pytest.raises(OverrideRefusedError, match="is expired already"):
        story.decide(asked, "ann")


def test_only_the_requester_withdraws(story: Story) -> None:
    story.a_pass()
    asked = story.ask()
    with pytest.raises(OverrideRefusedError, match="only 'carl'"):
        withdraw_override(story.connection, story.configuration, asked.override_id, by="ann", now=story.now)
    withdraw_override(story.connection, story.configuration, asked.override_id, by="carl", now=story.now)
    assert overrides(story.connection)[0].state == "withdrawn"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"budget_id": "nope"}, "there is no budget 'nope'; the configuration has: dev-daily"),
        ({"scope": None}, "say which one with --scope"),
        ({"scope": "elsewhere"}, "it has 'sandbox'"),
        ({"measure": "cost"}, "does not limit cost; it limits tokens"),
        ({"raise_by": Decimal(-5)}, "above zero"),
        ({"raise_by": Decimal(6000)}, "approvals.highest_percent"),
        ({"raise_percent": Decimal(50)}, "either an amount or per cent"),
        ({"raise_by": None}, "either an amount or per cent"),
        ({"reason": "  "}, "say the reason"),
        ({"until": NOON}, "approvals.longest_days"),
        ({"until": NOON + timedelta(days=60)}, "approvals.longest_days"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(story: Story, asked: dict[str, object], says: str) -> None:
    story.a_pass()
    with pytest.raises(OverrideRefusedError, match=says):
        story.ask(**asked)
    assert overrides(story.connection) == []


def test_history_cannot_be_changed(story: Story) -> None:
    story.a_pass()
    story.ask()
    for change in ("UPDATE usage.budget_event SET by = 'ann'", "DELETE FROM usage.budget_event"):
        with pytest.raises(psycopg.errors.RestrictViolation, match="is history"):
            story.connection.execute(change.encode())


def test_a_raise_that_ends_within_a_closed_period_does_not_alert_that_period_again(story: Story) -> None:
    story.spend(200)
    story.a_pass()
    end_of_day = datetime(2026, 3, 10, 16, tzinfo=UTC)
    story.decide(story.ask(until=end_of_day, raise_by=Decimal(4000)), "ann")
    story.a_pass(end_of_day - story.now + timedelta(minutes=5))
    row = story.connection.execute(
        'SELECT "limit" FROM usage.budget_status WHERE period_end = %s', [end_of_day]
    ).fetchone()
    assert row == (Decimal(5000),)
