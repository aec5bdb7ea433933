"""Workers are killed at random moments, two at a time, under clocks that step, while the database restarts.

USAGE_PIPELINE_KILLS sets another number of kills, for a longer night; USAGE_PIPELINE_SEED repeats one.
"""

import json
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.text.format import amount
from usage_pipeline.alerts.text.texts import title
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline_tests.conftest import server_home
from usage_pipeline_tests.delivery.test_outbox import FACTS
from usage_pipeline_tests.support.alerts import alert_of
from usage_pipeline_tests.support.loopback import QuietHandler, listening
from usage_pipeline_tests.support.worker_pool import killed, worker_pool

KILLS = int(os.environ.get("USAGE_PIPELINE_KILLS", "100"))
SEED = int(os.environ.get("USAGE_PIPELINE_SEED", "0")) or random.randrange(1, 10**6)
CONFIG = """version: 1
recipients:
  itsm: {channel: webhook, url_env: ITSM_URL, allow_private: true}
  group: {channel: dingtalk, secret_env: GROUP_URL, allow_private: true}
  team: {channel: wecom, secret_env: TEAM_URL, allow_private: true}
alerting: {repeat_most: 0}
"""
CHANNELS = {"itsm": "webhook", "group": "dingtalk", "team": "wecom"}
# What is imported when it is first asked for is there before a worker is born: no worker pays for it.
for _kind in kinds().values():
    title(Message("d", "B1", _kind.name, "info", _kind.example().stored(), "zh"))
amount(Decimal(1), "cost", "CNY", WORDS["zh"])


@dataclass
class Witness:
    """A server that writes down what it took: the only truth about what was delivered."""

    dice: random.Random
    base: str = ""
    taken: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)  # path, webhook-id, alerts
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, path: str, webhook_id: str, body: str) -> bool:
        """Whether it takes the message: most of the time."""
        time.sleep(self.dice.random() * 0.01)
        with self.lock:
            if self.dice.random() < 0.1:
                return False
            self.taken.append((path, webhook_id, frozenset(re.findall(r"\b[BD][a-z2-7]{10}\b", body))))
            return True


@contextmanager
def witness(dice: random.Random) -> Iterator[Witness]:
    """Runs the server for the block."""
    state = Witness(dice)

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            path = self.path.split("?")[0]
            took = state.hear(path, self.headers.get("webhook-id", ""), body)
            answer = b"{}" if path == "/itsm" else json.dumps({"errcode": 0 if took else -1}).encode()
            self.send_response(503 if path == "/itsm" and not took else 200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    with listening(Handler) as state.base:
        yield state


def deliver_as_worker(url: str, offset: float, config: str) -> None:
    """One worker's round, by a clock that is so many seconds off."""
    settings = parse_settings(Path(config).read_text(), "c.yaml")
    deliver_due(
        connect(url), settings, by=f"worker {os.getpid()}", clock=lambda: datetime.now(UTC) + timedelta(seconds=offset)
    )


def put(connection: Connection, number: int, dice: random.Random) -> None:
    """An alert for one to three recipients."""
    level = dice.choice(["warning", "critical", "emergency"])
    names = dice.sample(sorted(CHANNELS), dice.randint(1, 3))
    now = datetime.now(UTC)
    facts = {**FACTS, "budget_name": f"b{number}", "level": level, "recipients": sorted(CHANNELS)}
    alert = alert_of("budget", f"b{number}", now, now + timedelta(days=900), "100", level, facts)
    with connection.transaction():
        raise_alert(connection, alert, [(name, CHANNELS[name]) for name in names])


def test_whatever_is_killed_each_alert_ends_delivered_or_failed_and_told_and_repeats_are_no_more_than_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice, config = random.Random(SEED), tmp_path / "c.yaml"
    config.write_text(CONFIG)
    settings = parse_settings(CONFIG, "c.yaml")
    with server_home() as home, witness(random.Random(SEED + 1)) as server:
        for name, path in (("ITSM_URL", "itsm"), ("GROUP_URL", "robot?t=1"), ("TEAM_URL", "send?key=1")):
            monkeypatch.setenv(name, f"{server.base}/{path}")
        url = start_embedded(home).url("warehouse")
        migrate(url)
        connection, kills, number, offset = connect(url), 0, 0, 5.0
        with worker_pool(__name__, "deliver_as_worker", str(config)) as born:
            restarts = {KILLS // 3, 2 * KILLS // 3}
            while kills < KILLS:
                for _ in range(3):
                    put(connection, number, dice)
                    number += 1
                offset += 25
                # Each worker has a clock of its own, an hour off as it likes.
                workers = [born.worker(url, offset + dice.choice([0, 0, 3600, -3600])) for _ in range(2)]
                time.sleep(0.03 + dice.random() * 0.15)
                if any(kills >= at for at in restarts):
                    restarts = {at for at in restarts if at > kills}
                    stop_embedded(home)
                    kills += sum(killed(pid) for pid in workers) or 2
                    url = start_embedded(home).url("warehouse")
                    connection.close()
                    connection = connect(url)
                    continue
                kills += sum(killed(pid) for pid in workers)
        _drain(connection, settings, offset)
        _judge(connection, server, kills)
        connection.close()


def _drain(connection: Connection, settings: object, offset: float) -> None:
    """Workers that nobody kills, until nothing waits."""
    for step in range(60):
        seconds = offset + 4000 + step * 950
        deliver_due(
            connection,
            settings,
            by="drain",
            clock=lambda s=seconds: datetime.now(UTC) + timedelta(seconds=s),  # type: ignore[arg-type,misc]
        )
        left = connection.execute(
            "SELECT count(*) FROM usage.delivery WHERE state IN ('pending', 'sending')"
        ).fetchone()
        if left == (0,):
            return


def _judge(connection: Connection, server: Witness, kills: int) -> None:
    path_of = {"itsm": "/itsm", "group": "/robot", "team": "/send"}
    taken = {(path, alert) for path, _, alerts in server.taken for alert in alerts}
    rows = connection.execute("SELECT alert_id, recipient, state FROM usage.delivery").fetchall()
    assert {state for _, _, state in rows} <= {"delivered", "failed"}, f"seed {SEED}"
    invented = [row for row in rows if row[2] == "delivered" and (path_of[str(row[1])], row[0]) not in taken]
    assert not invented, f"seed {SEED}: delivered by our word only: {invented[:3]}"
    silent = connection.execute(
        "SELECT d.alert_id, d.recipient FROM usage.delivery d WHERE d.state = 'failed' AND d.alert_id LIKE 'B%'"
        " AND NOT EXISTS (SELECT FROM usage.alert a WHERE a.kind = 'delivery' AND a.budget_id = d.recipient"
        " AND a.period_start <= d.finished_at)"
    ).fetchall()
    assert not silent, f"seed {SEED}: failed and nobody was told: {silent[:3]}"
    sent = Counter((path, webhook_id or alerts) for path, webhook_id, alerts in server.taken)
    repeats = sum(count - 1 for count in sent.values())
    assert repeats <= kills, f"seed {SEED}"
    several = connection.execute(
        "SELECT delivery_id FROM usage.alert_delivery GROUP BY delivery_id HAVING count(DISTINCT message_id) > 1"
    ).fetchall()
    assert several == [], f"seed {SEED}: one id at each attempt"
    ids = Counter(alert for path, webhook_id, alerts in {each for each in server.taken if each[0] == "/itsm"}
                  for alert in alerts if alert.startswith("B"))  # fmt: skip
    more = {alert for alert, count in ids.items() if count > 1}
    # An alert about a failed delivery names the alert that failed.
    named = {
        str(alert)
        for (alert,) in connection.execute("SELECT facts ->> 'alert' FROM usage.alert WHERE kind = 'delivery'")
    }
    assert more <= named, f"seed {SEED}: {more - named} went to the webhook under more than one id"
    cut = connection.execute("SELECT count(*) FROM usage.alert_delivery WHERE outcome = 'unknown'").fetchone()
    assert cut
    assert int(str(cut[0])) >= kills / 10, "the kills must meet work"
    delivered = sum(state == "delivered" for _, _, state in rows)
    print(  # noqa: T201  (the figures are the point of a long night)
        f"seed {SEED}: {kills} kills, {len(rows)} deliveries, {delivered} delivered, {len(rows) - delivered} failed and"
        f" told, {len(server.taken)} messages taken, {repeats} repeats, {cut[0]} attempts cut"
    )
