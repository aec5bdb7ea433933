"""A pass that fails is told within two minutes, with the link to its run, while `up` runs as people run it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.warehouse.embedded import WAREHOUSE_DATABASE, start_embedded
from usage_pipeline_tests.conftest import server_home
from usage_pipeline_tests.support.running_ui import wait_until_it_answers

CONFIG = """version: 1
sources: [{{id: main, kind: dify, url_env: NOWHERE_URL}}]
recipients: {{ops: {{channel: webhook, url_env: OPS_URL, allow_private: true}}}}
alerting: {{ops: [ops]}}
web: {{public_url: "http://127.0.0.1:{web}", listen: "127.0.0.1:{web}", dagster_url: "http://127.0.0.1:{port}"}}
tiers: [{{at: 100, level: emergency, notify: [ops]}}]
budgets: [{{id: company, period: month, limit: {{tokens: 1000000}}}}]
"""
_AT_MOST_S = 120.0

pytestmark = [
    pytest.mark.skipif(os.environ.get("USAGE_PIPELINE_HYPOTHESIS") != "nightly", reason="takes a minute"),
    pytest.mark.timeout(600),
]


@contextmanager
def receiver() -> Iterator[tuple[str, "queue.Queue[str]"]]:
    """A webhook's address and what arrives there."""
    arrived: queue.Queue[str] = queue.Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", arrived
    finally:
        server.shutdown()
        server.server_close()


def wait_for_a_pass(url: str) -> None:
    """Until a pass recorded that it ended."""
    with psycopg.connect(url, autocommit=True) as connection:
        end = time.monotonic() + 180
        while not connection.execute("SELECT 1 FROM usage.pass_record LIMIT 1").fetchone():
            assert time.monotonic() < end, "no pass ended"
            time.sleep(0.5)


def test_a_failed_pass_is_told_within_two_minutes_with_the_link_to_its_run() -> None:
    with server_home() as home, receiver() as (hook, arrived):
        port = free_port()
        (home / "c.yaml").write_text(CONFIG.format(port=port, web=free_port()), encoding="utf-8")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("USAGE_", "DAGSTER_", "WAREHOUSE_"))}
        environment = kept | {
            "HOME": str(home), "USAGE_PIPELINE_HOME": str(home), "OPS_URL": hook, "NOWHERE_URL": "postgresql://nobody@127.0.0.1:9/nowhere",
            "USAGE_PIPELINE_CONFIG": str(home / "c.yaml"),
        }  # fmt: skip
        up = subprocess.Popen([sys.executable, "-m", "usage_pipeline", "up", "--port", str(port)], env=environment,
                              start_new_session=True)  # fmt: skip
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}", up)
            warehouse = start_embedded(home).url(WAREHOUSE_DATABASE)
            wait_for_a_pass(warehouse)
            with psycopg.connect(warehouse, autocommit=True) as connection:
                connection.execute("ALTER TABLE usage.rolled_day RENAME TO rolled_day_gone")
            message = _message_about_a_run(arrived, _failed_at(f"http://127.0.0.1:{port}"))
            assert f"http://127.0.0.1:{port}/runs/" in message
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(timeout=60)


def _failed_at(ui: str) -> float:
    """When the first failed run ended, by the clock of this process."""
    query = "{runsOrError(filter: {statuses: [FAILURE]}) {... on Runs {results {runId endTime}}}}"
    end = time.monotonic() + 240
    while time.monotonic() < end:
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(f"{ui}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            runs = json.loads(answer.read())["data"]["runsOrError"]["results"]
        if ended := [run["endTime"] for run in runs if run["endTime"]]:
            return time.monotonic() - (time.time() - min(ended))
        time.sleep(0.5)
    raise AssertionError("no pass failed")


def _message_about_a_run(arrived: "queue.Queue[str]", failed_at: float) -> str:
    while True:
        message = arrived.get(timeout=max(failed_at + _AT_MOST_S - time.monotonic(), 0.1))
        if "/runs/" in message:
            return message
