"""A pass that is killed anywhere, and run again, counts as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import KEY_RULES, assert_events_equal, build_company

KILLS = 20


def test_twenty_kills_at_random_moments_lose_nothing(new_database: Callable[[], str], warehouse_url: str) -> None:
    company = build_company(new_database, warehouse_url, seed=11, days=60)
    rng = random.Random(4)
    environment = {
        **os.environ,
        "DIFY_DATABASE_URL": company.dify_url,
        "WAREHOUSE_URL": warehouse_url,
        "USAGE_PIPELINE_CONFIG": str(company.config),
    }
    command = [sys.executable, "-m", "usage_pipeline", "run", "--json"]
    killed, whole = 0, 3.0
    for _ in range(KILLS):
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(timeout=rng.uniform(0.3, 0.95) * whole)
            whole = time.monotonic() - started  # how long a pass takes on this machine, with what is left to do
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
            process.wait()
    assert killed > KILLS / 2, "the kills came too late to mean anything"
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        assert connection.execute("SELECT count(*) FROM usage.changed_day").fetchone() == (0,)
