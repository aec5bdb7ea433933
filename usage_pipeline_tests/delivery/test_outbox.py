"""The outbox: refusals are repeated, crashes repeat at most once, what fails for good is itself told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.delivery.worker import LEASE, DeliverySummary, claim, deliver_due, record
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient, Settings, parse_settings
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.support.alerts import alert_of
from usage_pipeline_tests.support.channels import robot, wecom_answer

CONFIG = """version: 1
recipients:
  ops: {channel: wecom, secret_env: WECOM_OPS_URL, allow_private: true}
  more: {channel: wecom, secret_env: WECOM_MORE_URL, allow_private: true}
  itsm: {channel: webhook, url_env: ITSM_URL, secret_env: ITSM_SECRET, allow_private: true}
tiers: [{at: 100, level: emergency, notify: [ops]}]
"""
FACTS = {
    "budget_id": "agent-daily", "budget_name": "Agent", "scope_name": "lead-enricher", "level": "emergency",
    "tier": "100", "measure": "tokens", "spent": "2134000", "limit": "2000000", "ratio": "1.067", "currency": "CNY",
    "tokens": "2134000", "cost": "312.40", "period": "day", "period_start": "2026-11-23T16:00:00+00:00",
    "period_end": "2026-11-24T16:00:00+00:00", "timezone": "Asia/Shanghai", "as_of": "2026-11-24T10:00:00+00:00",
    "top": {"callers": [{"name": "api: crm", "tokens": "5", "cost": "1", "share": "0.8"}]},
    "recipients": ["ops", "more"], "fallback": [],
}  # fmt: skip
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # the period of FACTS begins then


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) + timedelta(seconds=1)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def settings() -> Settings:
    """Three recipients."""
    return parse_settings(CONFIG, "c.yaml")


def put(
    connection: Connection,
    recipients: Sequence[tuple[str, str]],
    budget_id: str = "agent-daily",
    tier: str = "100",
    level: str = "emergency",
) -> str:
    """An alert with its deliveries."""
    alert = alert_of("budget", budget_id, NOW, NOW + timedelta(days=1), tier, level, FACTS)
    with connection.transaction():
        assert raise_alert(connection, alert, recipients)
    return alert.alert_id


def attempts(connection: Connection) -> list[tuple[object, ...]]:
    """Attempt, outcome of every row."""
    return connection.execute(
        "SELECT attempt, outcome FROM usage.alert_delivery ORDER BY started_at, attempt"
    ).fetchall()


def test_an_alert_is_written_once(warehouse: Connection) -> None:
    put(warehouse, [("ops", "wecom")])
    alert = alert_of("budget", "agent-daily", NOW, NOW + timedelta(days=1), "100.0", "emergency", FACTS)
    assert not raise_alert(warehouse, alert, [("ops", "wecom"), ("more", "wecom")])
    assert warehouse.execute("SELECT count(*) FROM usage.delivery").fetchone() == (1,)


def test_too_often_twice_is_delivered_at_the_third_attempt(
    warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, [("ops", "wecom")])
    clock = Clock()
    with robot(wecom_answer(45009), wecom_answer(45009), wecom_answer(0)) as server:
        monkeypatch.setenv("WECOM_OPS_URL", server.url)
        first = deliver_due(warehouse, settings, by="t", clock=clock)
        assert (first.delivered, first.retried) == (0, 1)
        clock.move(30)
        assert deliver_due(warehouse, settings, by="t", clock=clock) == DeliverySummary(), "a minute's wait was told"
        clock.move(40)
        deliver_due(warehouse, settings, by="t", clock=clock)
        clock.move(70)
        last = deliver_due(warehouse, settings, by="t", clock=clock)
    assert (last.delivered, last.retried) == (1, 0)
    assert attempts(warehouse) == [(1, "retry"), (2, "retry"), (3, "accepted")]
    assert len(server.taken) == 3
    answers = [str(a) for (a,) in warehouse.execute("SELECT answer FROM usage.alert_delivery ORDER BY attempt")]
    assert ["45009" in answer for answer in answers] == [True, True, False]


@pytest.mark.parametrize("code", [93000, 40058])
def test_a_permanent_refusal_fails_at_once_and_tells_the_others(
    code: int, warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, [("ops", "wecom"), ("more", "wecom")])
    with robot(wecom_answer(code)) as bad, robot(wecom_answer(0), path="/send?key=other") as good:
        monkeypatch.setenv("WECOM_OPS_URL", bad.url)
        monkeypatch.setenv("WECOM_MORE_URL", good.url)
        summary = deliver_due(warehouse, settings, by="t", clock=Clock())
        deliver_due(warehouse, settings, by="t", clock=Clock())
    assert summary.failed == 1
    rows = warehouse.execute(
        "SELECT a.kind, d.recipient, d.state FROM usage.alert a JOIN usage.delivery d USING (alert_id) ORDER BY 1, 2"
    ).fetchall()
    assert rows == [("budget", "more", "delivered"), ("budget", "ops", "failed"), ("delivery", "more", "delivered")]
    assert len(bad.taken) == 1
    assert len(good.taken) == 2


def test_a_lease_that_ran_out_is_taken_over_and_its_attempt_is_unknown(
    warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, [("ops", "wecom")])
    clock = Clock()
    lost = claim(warehouse, "first", clock())
    assert len(lost) == 1
    clock.move(30)
    assert claim(warehouse, "second", clock()) == [], "the lease still holds"
    clock.move(LEASE.total_seconds())
    with robot(wecom_answer(0)) as server:
        monkeypatch.setenv("WECOM_OPS_URL", server.url)
        deliver_due(warehouse, settings, by="second", clock=clock)
    assert attempts(warehouse) == [(1, "unknown"), (2, "accepted")]
    # The first worker wakes up: its refusal must not undo the delivery.
    record(warehouse, lost[0], Outcome("retry", "late", 200), clock(), settings)
    assert warehouse.execute("SELECT state, attempts FROM usage.delivery").fetchone() == ("delivered", 2)


KILLED_WHILE_SENDING = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from usage_pipeline.delivery import worker as outbox
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse.connection import connect

def send_and_die(message, recipient):
    outcome = CHANNELS["wecom"](message, recipient)
    assert outcome.kind == "accepted"
    os.kill(os.getpid(), signal.SIGKILL)

settings = parse_settings(Path(sys.argv[2]).read_text(), "c.yaml")
clock = lambda: datetime.now(UTC) + timedelta(seconds=2)
outbox.deliver_due(connect(sys.argv[1]), settings, by="killed", send=send_and_die, clock=clock)
"""


def _wait_until_alone(connection: Connection) -> None:
    """Until the server has noticed that the killed process is gone: nobody takes over from a session that lives."""
    end = time.monotonic() + 20
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    while connection.execute(query).fetchone() != (0,):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_kill_between_sending_and_recording_repeats_once_and_loses_nothing(
    warehouse_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG)
    connection = connect(warehouse_url)
    put(connection, [("ops", "wecom")])
    with robot(wecom_answer(0)) as server:
        monkeypatch.setenv("WECOM_OPS_URL", server.url)
        process = subprocess.run(
            [sys.executable, "-c", KILLED_WHILE_SENDING, warehouse_url, str(config)], check=False, env=os.environ
        )
        assert process.returncode == -signal.SIGKILL
        assert len(server.taken) == 1
        _wait_until_alone(connection)
        clock = Clock()
        clock.move(LEASE.total_seconds() + 5)
        deliver_due(connection, settings, by="after", clock=clock)
        clock.move(3600)
        deliver_due(connection, settings, by="after", clock=clock)
    assert len(server.taken) == 2, "one repeat, which shows the same alert id"
    assert attempts(connection) == [(1, "unknown"), (2, "accepted")]
    ids = [body.decode().split("alerts show ")[1][:11] for _, body in server.taken]
    assert ids[0] == ids[1]
    connection.close()


def test_two_workers_never_send_the_same_delivery(warehouse_url: str) -> None:
    first, second = connect(warehouse_url), connect(warehouse_url)
    for number in range(60):
        put(first, [("ops", "wecom")], budget_id=f"b{number}")
    now = datetime.now(UTC) + timedelta(seconds=1)
    claimed: list[str] = []
    while True:
        batch = claim(first, "a", now, limit=7) + claim(second, "b", now, limit=7)
        if not batch:
            break
        claimed += [item.delivery_id for item in batch]
    assert len(claimed) == len(set(claimed)) == 60
    first.close()
    second.close()


def test_a_channel_that_raises_takes_no_other_with_it(
    warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WECOM_OPS_URL", "https://robot.example/send?key=s3cr3t-robot-key")
    put(warehouse, [("ops", "wecom")], budget_id="a")
    put(warehouse, [("more", "wecom")], budget_id="b")

    def send(message: Message, recipient: Recipient) -> Outcome:
        if getattr(recipient, "secret_env", "") == "WECOM_OPS_URL":
            raise RuntimeError(f"boom at {os.environ['WECOM_OPS_URL']}")
        return Outcome("accepted", "ok", 200)

    summary = deliver_due(warehouse, settings, by="t", clock=Clock(), send=send)
    assert (summary.delivered, summary.retried) == (1, 1)
    text = str(warehouse.execute("SELECT array_agg(answer) FROM usage.alert_delivery").fetchone())
    assert "boom" in text
    assert "s3cr3t" not in text


def test_a_variable_that_is_not_set_waits_and_says_so(
    warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WECOM_OPS_URL", raising=False)
    put(warehouse, [("ops", "wecom")])
    summary = deliver_due(warehouse, settings, by="t", clock=Clock())
    assert summary.retried == 1
    assert "WECOM_OPS_URL" in summary.answers[0][3]


def test_waits_grow_and_keep_what_the_channel_asks_for(
    warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, [("itsm", "webhook")])
    clock = Clock()
    with robot((503, b"busy", {"Retry-After": "120"})) as server:
        monkeypatch.setenv("ITSM_URL", server.url)
        monkeypatch.setenv("ITSM_SECRET", "s3cr3t-shared")
        deliver_due(warehouse, settings, by="t", clock=clock)
    row = warehouse.execute("SELECT next_attempt_at FROM usage.delivery").fetchone()
    assert row
    assert isinstance(row[0], datetime)
    assert row[0] >= clock() + timedelta(seconds=119)


def test_after_twelve_attempts_an_alert_fails_and_is_told(
    warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, [("ops", "wecom")])
    clock = Clock()
    began = time.monotonic()
    with robot(wecom_answer(-1)) as server:
        monkeypatch.setenv("WECOM_OPS_URL", server.url)
        for _ in range(14):
            deliver_due(warehouse, settings, by="t", clock=clock)
            clock.move(1000)
    assert time.monotonic() - began < 30
    assert len(server.taken) == 12
    assert warehouse.execute("SELECT state FROM usage.delivery WHERE recipient = 'ops'").fetchone() == ("failed",)
    assert warehouse.execute("SELECT count(*) FROM usage.alert WHERE kind = 'delivery'").fetchone() == (1,)
