"""The watcher is watched: passes, channels, quiet sources, and a sign of life."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from usage_pipeline.alerts.kinds.pipeline import FailedPass, raise_failed_pass, raise_watch_alerts
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.text.texts import lines_of, title
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.delivery.heartbeat import send_heartbeat
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.ingest.pass_record import begin_pass, end_pass
from usage_pipeline.pipeline import run_pass
from usage_pipeline.settings import Recipient, parse_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.delivery.test_outbox import FACTS, Clock
from usage_pipeline_tests.support.alerts import alert_of
from usage_pipeline_tests.support.channels import robot

CONFIG = """version: 1
recipients:
  chat: {channel: wecom, secret_env: CHAT_URL}
  mail: {channel: email, to: ops@example.com}
  owner: {channel: webhook, url_env: OWNER_URL}
tiers: [{at: 100, level: emergency, notify: [owner]}]
alerting: {ops: [chat, mail], heartbeat: {url_env: HEARTBEAT_URL, allow_private: true}}
"""
SETTINGS = parse_settings(CONFIG, "c.yaml")


def watch(connection: Connection, now: datetime) -> list[tuple[object, ...]]:
    """What is found, and who is told."""
    raised = raise_watch_alerts(connection, ActiveConfiguration(SETTINGS, _version(connection)), now)
    return connection.execute(
        "SELECT a.budget_id, array_agg(d.recipient ORDER BY d.recipient) FROM usage.alert a JOIN usage.delivery d USING"
        " (alert_id) WHERE a.alert_id = ANY (%s) GROUP BY a.alert_id, a.budget_id ORDER BY 1",
        [raised],
    ).fetchall()


def _version(connection: Connection) -> int:
    row = connection.execute(
        "INSERT INTO usage.config_version (hash, path, valid) VALUES ('h', 'p', true)"
        " ON CONFLICT (hash, valid) DO UPDATE SET last_seen_at = now() RETURNING version_id"
    ).fetchone()
    assert row
    return int(str(row[0]))


def passed(connection: Connection, at: datetime, held: bool) -> None:
    """A pass that came to its end, or was killed."""
    name = f"p{at.isoformat()}"
    begin_pass(connection, name, at)
    if held:
        end_pass(connection, name, at + timedelta(seconds=5))


def test_three_passes_in_a_row_without_an_end_are_told_once_to_the_operators(warehouse: Connection) -> None:
    now = datetime.now(UTC)
    passed(warehouse, now, held=True)
    for minute in (1, 2, 3):
        passed(warehouse, now + timedelta(minutes=minute), held=False)
    assert watch(warehouse, now + timedelta(minutes=4)) == [], "the third may still be running"
    passed(warehouse, now + timedelta(minutes=4), held=False)
    assert watch(warehouse, now + timedelta(minutes=5)) == [("passes_failed:", ["chat", "mail"])]
    passed(warehouse, now + timedelta(minutes=5), held=False)
    assert watch(warehouse, now + timedelta(minutes=6)) == [], "the same outage"
    passed(warehouse, now + timedelta(minutes=7), held=True)
    for minute in (8, 9, 10, 11):
        passed(warehouse, now + timedelta(minutes=minute), held=False)
    assert len(watch(warehouse, now + timedelta(minutes=12))) == 1, "the next outage"


def test_a_pass_that_hangs_counts_as_failed_after_a_quarter_of_an_hour(warehouse: Connection) -> None:
    now = datetime.now(UTC)
    for minute in (1, 2, 3):
        passed(warehouse, now + timedelta(minutes=minute), held=False)
    assert watch(warehouse, now + timedelta(minutes=17)) == []
    assert watch(warehouse, now + timedelta(minutes=19)) == [("passes_failed:", ["chat", "mail"])]


def test_a_failed_pass_is_told_once_an_outage_with_the_link_to_its_run(warehouse: Connection) -> None:
    now = datetime.now(UTC)
    configuration = ActiveConfiguration(SETTINGS, _version(warehouse))

    def failed(run: str, minutes: int) -> str | None:
        at = now + timedelta(minutes=minutes)
        begin_pass(warehouse, run, at)
        end_pass(warehouse, run, at, "RuntimeError")
        found = FailedPass(run, at, f"https://dagster.example.com/runs/{run}")
        return raise_failed_pass(warehouse, configuration, found)

    passed(warehouse, now, held=True)
    first = failed("run-1", 1)
    assert first
    assert failed("run-2", 2) is None, "the same outage"
    passed(warehouse, now + timedelta(minutes=3), held=True)
    assert failed("run-3", 4) not in (None, first), "the next outage"
    (facts, level) = warehouse.execute(
        "SELECT facts, level FROM usage.alert WHERE alert_id = %s", [first]
    ).fetchone() or ({}, "")
    shown = Message("d", first, "watch", str(level), dict(facts), "zh")  # type: ignore[call-overload]
    assert title(shown) == "[黄色预警] 一次采集失败"
    assert ("运行", "https://dagster.example.com/runs/run-1") in lines_of(shown, "zh")
    assert ("最近的答复（原文）", "RuntimeError") in lines_of(shown, "zh")


def test_a_channel_that_fails_for_an_hour_is_told_through_another_channel(warehouse: Connection) -> None:
    clock = Clock()
    began = clock()
    alert = alert_of("budget", "b", began, began + timedelta(days=1), "80", "warning", FACTS)
    with warehouse.transaction():
        raise_alert(warehouse, alert, [("chat", "wecom")])

    def refuses(message: Message, recipient: Recipient) -> Outcome:
        return Outcome("retry", "down for repairs", 503)

    found: list[tuple[object, ...]] = []
    for _ in range(4):
        deliver_due(warehouse, SETTINGS, by="t", clock=clock, send=refuses)
        assert found == [], "not before an hour"
        clock.move(950)
        found = watch(warehouse, clock())
    assert found == [("channel_failing:chat", ["mail"])]
    deliver_due(warehouse, SETTINGS, by="t", clock=clock, send=refuses)
    assert watch(warehouse, clock()) == [], "once an outage"


def test_a_channel_that_takes_messages_again_in_between_has_not_failed_for_an_hour(warehouse: Connection) -> None:
    clock = Clock()
    for number in range(6):
        alert = alert_of("budget", f"b{number}", clock(), None, "80", "warning", FACTS)
        with warehouse.transaction():
            raise_alert(warehouse, alert, [("chat", "wecom")])
        answer = Outcome("permanent", "no", 400) if number % 2 else Outcome("accepted", "ok", 200)
        deliver_due(warehouse, SETTINGS, by="t", clock=clock, send=lambda m, r, answer=answer: answer)
        clock.move(1000)
        assert [row for row in watch(warehouse, clock()) if "chat" in str(row[0])] == []


def events(connection: Connection, times: list[datetime]) -> None:
    """Usage events of a source that can be read."""
    connection.execute("INSERT INTO usage.source_state (source, kind, last_success_at) VALUES ('main', 'dify', now())")
    connection.execute(
        "INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, key_attribution, caller_kind,"
        " price_source, basis, status, occurred_at, usage_date)"
        " SELECT 'main', 'message:' || n, 't', 'prod', 'a', 'none', 'api', 'dify', 'logged', 'succeeded', at, at::date"
        " FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS x (at, n)",
        [times],
    )


def office_hours(now: datetime, weeks: int, until: timedelta) -> list[datetime]:
    """A call every two minutes by day, nothing in the twelve hours after it, up to so long before now."""
    every = [now - timedelta(minutes=2 * n) for n in range(int(weeks * 7 * 24 * 30))]
    return [at for at in every if (now - at) % timedelta(days=1) < timedelta(hours=12) and at <= now - until]


def test_a_source_that_is_silent_when_it_never_was_is_told(warehouse: Connection) -> None:
    now = datetime.now(UTC)
    events(warehouse, office_hours(now, 6, timedelta(minutes=45)))
    assert watch(warehouse, now) == [("source_quiet:main", ["chat", "mail"])]
    assert watch(warehouse, now + timedelta(minutes=5)) == [], "once"


def test_a_source_that_is_as_silent_as_every_night_is_not(warehouse: Connection) -> None:
    now = datetime.now(UTC)
    events(warehouse, office_hours(now - timedelta(hours=12), 6, timedelta(0)))
    assert watch(warehouse, now - timedelta(minutes=30)) == []


def test_a_source_without_four_weeks_of_history_has_no_usual(warehouse: Connection) -> None:
    now = datetime.now(UTC)
    events(warehouse, office_hours(now, 3, timedelta(minutes=45)))
    assert watch(warehouse, now) == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("what", ["passes_failed", "channel_failing", "source_quiet"])
def test_alerts_about_the_pipeline_say_what_is_the_matter_in_both_languages(what: str, language: str) -> None:
    facts = {"watch": what, "about": "main", "answer": "503", "attempts": "9", "usual": "12"}
    message = Message("d", "W1", "watch", "critical", facts, language)
    assert title(message).startswith("[")
    assert what not in title(message)
    assert any("503" in value for _, value in lines_of(message.alerts[0], language))


def test_each_pass_gives_a_sign_of_life_and_a_pass_that_breaks_gives_none_and_is_on_record(
    warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG)
    with robot((200, b"OK", {}), path="/ping/s3cr3t-uuid") as service:
        monkeypatch.setenv("HEARTBEAT_URL", service.url)
        run_pass(warehouse, config, by="t")
        assert len(service.taken) == 1
        monkeypatch.setattr("usage_pipeline.pipeline.roll_up", _breaks)
        with pytest.raises(psycopg.OperationalError):
            run_pass(warehouse, config, by="t")
        assert len(service.taken) == 1
    rows = warehouse.execute("SELECT held, error FROM usage.pass_record ORDER BY started_at").fetchall()
    assert rows == [(True, None), (False, "OperationalError")]


def _breaks(*_: object, **__: object) -> None:
    raise psycopg.OperationalError("connection to s3cr3t lost")


def test_a_heartbeat_never_breaks_a_pass_nor_shows_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTBEAT_URL", raising=False)
    missing = send_heartbeat(SETTINGS)
    assert missing
    assert "HEARTBEAT_URL" in missing.answer
    monkeypatch.setenv("HEARTBEAT_URL", "http://127.0.0.1:9/ping/s3cr3t-uuid")
    outcome = send_heartbeat(SETTINGS)
    assert outcome
    assert outcome.kind == "retry"
    assert "s3cr3t" not in outcome.answer
    assert send_heartbeat(parse_settings("version: 1\n", "c.yaml")) is None
