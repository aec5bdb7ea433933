"""Two `up` on one storage and one warehouse, as while an update is rolled out: no token twice, no message twice."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.fake_dify.history import true_units
from usage_pipeline.fake_dify.live import write_live
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.usage.roll_up import differences
from usage_pipeline.warehouse.audit_chain import verify
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.rows import value, values
from usage_pipeline_tests.support.company import KEY_RULES, assert_events_equal, build_company
from usage_pipeline_tests.support.fault_servers import faulty_http
from usage_pipeline_tests.support.running_ui import wait_until_it_answers

CONFIG = """version: 1
timezone: Asia/Shanghai
currency: CNY
exchange_rates: {USD: 7.10}
prices: [{provider: "*", model: "qwen3-*", input_per_million: 2.0, output_per_million: 6.0, currency: CNY}]
sources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]
environments: [{environment: dev, when: {tag: dev}}, {environment: test, when: {project_name: "*-test"}}]
tenants: [{tenant: Support, timezone: Europe/Berlin}]
key_rules: [{project: support-bot, caller: "crm-*", api_key: crm}]
recipients: {ops: {channel: webhook, url_env: OPS_URL, allow_private: true}}
tiers: [{at: 1, level: warning, notify: [ops]}, {at: 50, level: critical, notify: [ops]}]
budgets:
  - {id: projects, per: project, period: month, limit: {calls: 60}}
  - {id: callers, per: caller, period: month, limit: {calls: 40}}
"""
_TOGETHER_S = 150.0

pytestmark = [
    pytest.mark.skipif(os.environ.get("USAGE_PIPELINE_HYPOTHESIS") != "nightly", reason="takes four minutes"),
    pytest.mark.timeout(1200),
]


@contextmanager
def scheduler(home: Path, environment: dict[str, str]) -> Iterator[Path]:
    """One `up` with a home of its own; gives its log."""
    home.mkdir()
    port = free_port()
    given = environment | {"HOME": str(home), "USAGE_PIPELINE_HOME": str(home)}
    words = [sys.executable, "-m", "usage_pipeline", "up", "--port", str(port)]
    with subprocess.Popen(words, env=given, start_new_session=True) as up:
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}", up)
            yield home / "dagster" / "dagster.log"
        finally:
            up.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                up.wait(timeout=60)


def test_nothing_is_counted_or_sent_twice(
    new_database: Callable[[], str], new_warehouse: Callable[[], str], tmp_path: Path
) -> None:
    company = build_company(new_database, new_warehouse(), seed=31, days=2)
    company.config = tmp_path / "usage_pipeline.yaml"
    company.config.write_text(CONFIG, encoding="utf-8")
    written: list[CallScript] = []
    writer = threading.Thread(
        target=lambda: written.extend(write_live(company.dify_url, company.history, _TOGETHER_S, calls_per_second=4.0))
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("USAGE_", "DAGSTER_", "WAREHOUSE_"))}
    with faulty_http() as channel:
        environment = kept | {
            "USAGE_PIPELINE_CONFIG": str(company.config), "WAREHOUSE_URL": company.warehouse_url,
            "DAGSTER_POSTGRES_URL": new_database(), "DIFY_DATABASE_URL": company.dify_url, "OPS_URL": channel.base,
        }  # fmt: skip
        with scheduler(tmp_path / "old", environment) as old, scheduler(tmp_path / "new", environment) as new:
            writer.start()
            writer.join()
            with connected(company.warehouse_url) as connection:
                wait_for_passes(connection)
            logs = [log.read_text(encoding="utf-8", errors="replace") for log in (old, new)]
        os.environ["OPS_URL"] = channel.base
        try:
            company.run(deliver=True)
        finally:
            del os.environ["OPS_URL"]
    assert all(re.search(r"Launched \d+ runs", log) for log in logs), "only one of them ran anything"
    assert all("Another SENSOR daemon is still sending heartbeats" in log for log in logs), "not at the same time"

    later = datetime.now(UTC) + timedelta(minutes=20)
    truth = true_units(company.history.world, [*company.history.calls, *written], later, KEY_RULES)
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, truth)
        days = values(connection, date, "SELECT DISTINCT usage_date FROM usage.usage_event")
        assert differences(connection, days) == []
        assert verify(connection) is None
        sent = Counter(taken.headers["webhook-id"] for taken in channel.taken)
        assert len(sent) > 5
        assert set(sent.values()) == {1}
        assert value(connection, int, "SELECT count(*) FROM usage.alert_delivery") == len(channel.taken)


def wait_for_passes(connection: Connection, more: int = 2) -> None:
    """Until so many passes began and ended from now on."""
    query = "SELECT count(*) FROM usage.pass_record WHERE started_at > %s AND finished_at IS NOT NULL"
    began, until = datetime.now(UTC), time.monotonic() + 300
    while value(connection, int, query, [began]) < more:
        assert time.monotonic() < until, "no pass ends any more"
        time.sleep(1)
