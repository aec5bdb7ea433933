"""What was decided, done, alerted and configured is not rewritten and does not vanish, whoever owns the tables."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.warehouse.audit_chain import head, links, verify, verify_part
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.support.alerts import alert_of
from usage_pipeline_tests.support.rewriting import rewrite

NOW = datetime(2026, 3, 17, 5, tzinfo=UTC)
ROWS = """
INSERT INTO usage.config_version (hash, path, content, valid) VALUES ('h', 'c.yaml', 'version: 1', true);
INSERT INTO usage.budget_override (override_id, budget_id, scope_value, scope_name, raise_percent, reason, requested_by,
                                   requested_at, until)
SELECT id, 'b', '', '', 20, 'launch', 'li', '2026-03-17', '2026-03-20'
FROM unnest(ARRAY['asked', 'granted', 'over']) AS id;
UPDATE usage.budget_override SET state = 'approved', decided_by = 'wang', decided_at = '2026-03-17 01:00Z'
WHERE override_id <> 'asked';
UPDATE usage.budget_override SET state = 'ended', closed_at = '2026-03-17 02:00Z' WHERE override_id = 'over';
INSERT INTO usage.budget_lock (budget_id, scope_value, locked_at, scope_name, scope, period_start, period_end, tier,
                               "limit")
SELECT id, '', '2026-03-17', '', '{}', '2026-03-17', '2026-03-18', 100, 1000 FROM unnest(ARRAY['b', 'c']) AS id;
UPDATE usage.budget_lock SET unlocked_at = '2026-03-17 02:00Z', unlocked_why = 'limit raised' WHERE budget_id = 'c';
INSERT INTO usage.budget_event (at, budget_id, scope_value, kind, by)
VALUES ('2026-03-17', 'b', '', 'raise requested', 'li');
INSERT INTO usage.silence (budget, starts_at, ends_at, reason, made_by)
VALUES ('b', '2026-03-17', '2026-03-20', 'move', 'li'), ('c', '2026-03-17', '2026-03-20', 'move', 'li');
UPDATE usage.silence SET ends_at = '2026-03-18', ended_by = 'wang' WHERE budget = 'c';
INSERT INTO usage.enforcement_plan VALUES ('alert:B', '2026-03-17', 'planning');
UPDATE usage.enforcement_plan SET outcome = '2 actions, mode approve';
INSERT INTO usage.enforcement_action (
    action_id, cause, cause_key, alert_id, budget_id, scope_value, scope_name, rolling, period_start, period_end, tier,
    tier_on, round, level, measure, "limit", action, source, tenant_id, app_id, target_name, place, mode, state,
    recipients, requested_at, requested_by, next_attempt_at)
SELECT id, 'tier', 'alert:B', 'B', 'b', '', '', false, '2026-03-17', '2026-03-18', 100, 'spent', 0, 'emergency',
       'tokens', 1, 'pause_app', 'main', 't', id, id, 1, 'approve', 'planned', '[]', '2026-03-17', 'by', now()
FROM unnest(ARRAY['waits', 'done']) AS id;
UPDATE usage.enforcement_action SET state = 'approved', decided_by = 'wang', decided_at = now()
WHERE action_id = 'done';
UPDATE usage.enforcement_action SET began_at = now(), before = '{"api": true}', held = '{"api": false}'
WHERE action_id = 'done';
UPDATE usage.enforcement_action SET state = 'applied', applied_at = now() WHERE action_id = 'done';
UPDATE usage.enforcement_action SET state = 'released', released_at = now(), release_at = now(), release_by = 'wang'
WHERE action_id = 'done';
INSERT INTO usage.enforcement_event (action_id, at, kind, by) VALUES ('waits', now(), 'planned', 'usage_pipeline');
"""
REWRITES = """
UPDATE usage.budget_override SET raise_percent = 500 WHERE override_id = 'granted'
UPDATE usage.budget_override SET requested_by = 'chen' WHERE override_id = 'asked'
UPDATE usage.budget_override SET until = '2027-01-01' WHERE override_id = 'asked'
UPDATE usage.budget_override SET decided_by = 'chen' WHERE override_id = 'granted'
UPDATE usage.budget_override SET state = 'pending', decided_by = NULL, decided_at = NULL WHERE override_id = 'granted'
UPDATE usage.budget_override SET state = 'approved', closed_at = NULL WHERE override_id = 'over'
UPDATE usage.budget_override SET state = 'approved' WHERE override_id = 'asked'
INSERT INTO usage.budget_override SELECT 'x', 'b', '', '', null, null, 9, 'r', 'approved', 'a', now(), 'infinity'
DELETE FROM usage.budget_override
TRUNCATE usage.budget_override
UPDATE usage.enforcement_action SET target_name = 'another'
UPDATE usage.enforcement_action SET "limit" = 2
UPDATE usage.enforcement_action SET mode = 'auto' WHERE action_id = 'waits'
UPDATE usage.enforcement_action SET state = 'approved' WHERE action_id = 'waits'
UPDATE usage.enforcement_action SET state = 'planned', decided_by = NULL, decided_at = NULL WHERE action_id = 'done'
UPDATE usage.enforcement_action SET decided_by = 'li' WHERE action_id = 'done'
UPDATE usage.enforcement_action SET began_at = NULL WHERE action_id = 'done'
UPDATE usage.enforcement_action SET release_by = 'li' WHERE action_id = 'done'
UPDATE usage.enforcement_action SET state = 'applied', released_at = NULL WHERE action_id = 'done'
DELETE FROM usage.enforcement_action
TRUNCATE usage.enforcement_action CASCADE
UPDATE usage.enforcement_event SET by = 'li'
DELETE FROM usage.enforcement_event
TRUNCATE usage.enforcement_event
UPDATE usage.enforcement_plan SET outcome = 'planning'
DELETE FROM usage.enforcement_plan
TRUNCATE usage.enforcement_plan CASCADE
UPDATE usage.config_version SET content = 'version: 1 # another'
UPDATE usage.config_version SET changed_by = 'li'
DELETE FROM usage.config_version
TRUNCATE usage.config_version CASCADE
UPDATE usage.silence SET reason = 'another' WHERE budget = 'b'
UPDATE usage.silence SET emergencies = true WHERE budget = 'b'
UPDATE usage.silence SET ends_at = '2027-01-01', ended_by = 'li' WHERE budget = 'b'
UPDATE usage.silence SET ended_by = 'li' WHERE budget = 'c'
DELETE FROM usage.silence
TRUNCATE usage.silence
UPDATE usage.budget_lock SET "limit" = 2 WHERE budget_id = 'b'
UPDATE usage.budget_lock SET unlocked_at = NULL, unlocked_why = NULL WHERE budget_id = 'c'
DELETE FROM usage.budget_lock
TRUNCATE usage.budget_lock
UPDATE usage.budget_event SET by = 'wang'
DELETE FROM usage.budget_event
TRUNCATE usage.budget_event
UPDATE usage.alert SET budget_id = 'another'
DELETE FROM usage.alert
TRUNCATE usage.alert CASCADE
UPDATE usage.alert_event SET by_whom = 'li'
DELETE FROM usage.alert_event
TRUNCATE usage.alert_event
UPDATE usage.delivery SET recipient = 'another'
DELETE FROM usage.delivery
TRUNCATE usage.delivery CASCADE
DELETE FROM usage.alert_delivery
TRUNCATE usage.alert_delivery
INSERT INTO usage.removed_history (table_name, until, rows) VALUES ('budget_event', now(), 1)
UPDATE usage.audit_chain SET digest = ''
DELETE FROM usage.audit_chain
TRUNCATE usage.audit_chain
SELECT usage.remove_alerts(now(), 10); DELETE FROM usage.alert
SET usage_pipeline.retention = 'on'; DELETE FROM usage.budget_event; DELETE FROM usage.alert
SET usage_pipeline.retention = 'on'; TRUNCATE usage.alert_event
"""


@pytest.fixture(scope="module")
def books(module_warehouse: Callable[[], str]) -> Iterator[Connection]:
    """A warehouse with a row of everything; no test changes any."""
    connection = written(module_warehouse())
    yield connection
    connection.close()


@pytest.fixture
def own_books(new_warehouse: Callable[[], str]) -> Iterator[Connection]:
    """The same for one test."""
    connection = written(new_warehouse())
    yield connection
    connection.close()


def written(url: str) -> Connection:
    connection = connect(url)
    connection.execute(ROWS.encode())
    alert = alert_of("budget", "b", NOW, NOW + timedelta(days=1), "100", "emergency", {})
    with connection.transaction():
        raise_alert(connection, alert, [("ops", "webhook")])
    connection.execute(
        "INSERT INTO usage.alert_delivery (delivery_id, attempt, alert_id, recipient, channel, outcome)"
        " SELECT delivery_id, 1, alert_id, recipient, channel, 'accepted' FROM usage.delivery"
    )
    return connection


@pytest.mark.parametrize("attack", REWRITES.strip().splitlines())
def test_whoever_owns_the_tables_is_refused(attack: str, books: Connection) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation, match=r"is history|is kept"), books.transaction():
        books.execute(attack.encode())
    assert verify(books) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE usage.alert SET level = 'info'", r"usage\.alert \S+ is not as it was sealed"),
        ("UPDATE usage.alert_delivery SET answer = 'never'", r"usage\.alert_delivery \S+/1 is not as it was sealed"),
        (
            "UPDATE usage.budget_override SET decided_by = 'chen' WHERE override_id = 'granted'",
            "budget_override granted is not",
        ),
        (
            "UPDATE usage.enforcement_action SET decided_by = 'li' WHERE action_id = 'done'",
            "enforcement_action done is not",
        ),
        ("UPDATE usage.config_version SET content = ''", r"usage\.config_version 1 is not as it was sealed"),
        ("UPDATE usage.budget_event SET by = 'wang'", "budget_event 1 is not as it was sealed"),
        ("UPDATE usage.alert_event SET known_by = 'link'", r"usage\.alert_event \d+ is not as it was sealed"),
        ("UPDATE usage.enforcement_event SET by = 'li'", r"usage\.enforcement_event \d+ is not as it was sealed"),
        ("UPDATE usage.silence SET emergencies = true WHERE budget = 'b'", "silence 1 is not as it was sealed"),
        ("UPDATE usage.budget_lock SET unlocked_why = NULL", r"usage\.budget_lock \S+ is not as it was sealed"),
        ("DELETE FROM usage.silence WHERE budget = 'b'", "silence 1 is gone without a removal"),
        ("DELETE FROM usage.budget_event", "budget_event 1 is gone without a removal"),
        (
            "INSERT INTO usage.budget_event (at, budget_id, scope_value, kind) VALUES (now(), 'b', '', 'unlocked')",
            "budget_event 2 was written behind the triggers",
        ),
        ("DELETE FROM usage.alert_delivery", r"usage\.alert_delivery \S+/1 is gone without a removal"),
        ("DELETE FROM usage.audit_chain WHERE seq = 3", "the link before it is missing"),
        (
            "UPDATE usage.audit_chain SET at = now() WHERE seq = 3",
            r"does not follow from the link before it \(link 3\)",
        ),
        ("UPDATE usage.audit_chain SET digest = NULL WHERE table_name = 'alert'", "does not follow"),
        (
            "INSERT INTO usage.budget_override (override_id, budget_id, scope_value, scope_name, raise_percent, reason,"
            " requested_by, requested_at, until, state, decided_by, decided_at)"
            " VALUES ('forged', 'b', '', '', 500, 'r', 'li', now(), 'infinity', 'approved', 'wang', now())",
            "budget_override forged was written behind the triggers",
        ),
        (
            "INSERT INTO usage.removed_history (table_name, until, rows, at, by_whom, transaction)"
            " VALUES ('alert', '2020-01-01', 3, now(), 'li', pg_current_xact_id())",
            "removed_history 1 was written behind the triggers",
        ),
    ],
)
def test_what_a_superuser_changed_behind_the_triggers_is_named(change: str, says: str, own_books: Connection) -> None:
    assert verify(own_books) is None
    rewrite(own_books, change)  # type: ignore[arg-type]  (the table's own texts)
    found = verify(own_books)
    assert found is not None
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(str(found))
    assert verify_part(own_books, 0) == found


def test_what_retention_removed_leaves_its_links_and_a_count_that_must_fit(own_books: Connection) -> None:
    rewrite(own_books, "UPDATE usage.delivery SET state = 'delivered'")
    own_books.execute("SELECT usage.remove_alerts(now(), 10)")
    assert own_books.execute("SELECT count(*) FROM usage.alert").fetchone() == (1,), "it was raised a moment ago"

    old = replace(alert_of("budget", "old", NOW, NOW, "80", "warning", {}), at=datetime.now(UTC) - timedelta(days=31))
    with own_books.transaction():
        raise_alert(own_books, old, [])
    assert own_books.execute("SELECT usage.remove_alerts(now(), 10)").fetchone() == (1,)
    assert verify(own_books) is None
    assert own_books.execute("SELECT table_name, rows FROM usage.removed_history WHERE rows > 0").fetchall() == [
        ("alert_event", 1),
        ("alert", 1),
    ]
    assert own_books.execute(
        "SELECT digest IS NULL FROM usage.audit_chain WHERE row_key = %s ORDER BY seq", [old.alert_id]
    ).fetchall() == [(False,), (True,)]

    rewrite(own_books, "DELETE FROM usage.removed_history WHERE table_name = 'alert'")
    found = verify(own_books)
    assert found is not None
    assert found.problem == "gone"


def test_what_left_past_its_guards_but_not_past_the_seal_is_in_no_removal(own_books: Connection) -> None:
    with own_books.transaction():
        own_books.execute("ALTER TABLE usage.budget_event DISABLE TRIGGER budget_event_history")
        own_books.execute("DELETE FROM usage.budget_event; SET CONSTRAINTS ALL IMMEDIATE")
        own_books.execute("ALTER TABLE usage.budget_event ENABLE TRIGGER budget_event_history")
    found = verify(own_books)
    assert str(found) == "usage.budget_event 1 rows left, which is not what the record of removals says"


def test_a_chain_of_parallel_transactions_has_no_gap_and_no_fork(own_books: Connection) -> None:
    begun, other = links(own_books), connect(str(own_books.info.dsn))
    with own_books.transaction():
        own_books.execute("UPDATE usage.budget_override SET state = 'rejected', decided_by = 'a', decided_at = now()"
                          " WHERE override_id = 'asked'")  # fmt: skip
        # Nobody waits for the first one's transaction, which has not come to its end.
        other.execute("SET lock_timeout = '2s'")
        other.execute(
            "UPDATE usage.budget_override SET state = 'ended', closed_at = now() WHERE override_id = 'granted'"
        )
    other.close()
    newest = head(own_books)
    assert newest is not None
    assert newest.seq == begun + 2
    assert verify(own_books) is None
