"""A pass that is killed anywhere, and run again, counts as if nothing had happened."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from usage_pipeline.pipeline import run_pass
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import KEY_RULES, assert_events_equal, build_company
from usage_pipeline_tests.support.worker_pool import killed, worker_pool

KILLS = 20


def pass_as_worker(url: str, offset: float, config: str) -> None:
    """A pass as `usage-pipeline run` does it; called in a process of its own."""
    with connected(url) as connection:
        run_pass(connection, Path(config), by="test", deliver=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_twenty_kills_at_random_moments_lose_nothing(
    new_database: Callable[[], str], warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = build_company(new_database, warehouse_url, seed=11, days=30)
    monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
    rng, kills, whole = random.Random(4), 0, 1.0
    with worker_pool(__name__, "pass_as_worker", str(company.config)) as pool:
        for _ in range(KILLS):
            started = time.monotonic()
            pid, patience = pool.worker(warehouse_url, 0.0), rng.uniform(0.02, 0.95) * whole
            while (worked := _alive(pid)) and time.monotonic() - started < patience:
                time.sleep(0.005)
            kills += worked and killed(pid)
            while _alive(pid):
                time.sleep(0.005)
            # How long a pass takes on this machine, with what is left to do.
            whole = whole if worked else time.monotonic() - started
    assert kills > KILLS / 2, "the kills came too late to mean anything"
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        assert connection.execute("SELECT count(*) FROM usage.changed_day").fetchone() == (0,)
