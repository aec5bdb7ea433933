"""Passes that are killed anywhere while Dify goes on, and run again, count as if nothing had happened."""

import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from usage_pipeline.fake_dify.history import History, build_history
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.write import write_history, write_step
from usage_pipeline.pipeline import run_pass
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import KEY_RULES, Company, assert_events_equal
from usage_pipeline_tests.support.worker_pool import killed, worker_pool

KILLS = 20
# Younger than the long look-back: what is written late is found.
WRITTEN_MEANWHILE = timedelta(hours=20)


def pass_as_worker(url: str, offset: float, config: str) -> None:
    """A pass as `usage-pipeline run` does it; called in a process of its own."""
    with connected(url) as connection:
        run_pass(connection, Path(config), by="test", deliver=True, sweep=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _written_on(dify: Connection, history: History) -> Iterator[None]:
    """Writes the last hours in as many parts as there are kills: each pass has something to count."""
    since = history.now - WRITTEN_MEANWHILE
    write_history(dify, history, since)
    steps = sorted((step for call in history.calls for step in call.steps), key=lambda step: step.at)
    begun = {(step.table, step.key) for step in steps if step.at <= since}
    for _ in range(KILLS):
        until = since + WRITTEN_MEANWHILE / KILLS
        for step in steps:
            if since < step.at <= until:
                write_step(dify, step, insert=(step.table, step.key) not in begun)
                begun.add((step.table, step.key))
        since = until
        yield


def test_twenty_kills_at_random_moments_lose_nothing(
    new_database: Callable[[], str], warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = build_history(11, datetime.now(UTC), 4, 8.0, 30)
    company = Company(new_database(), warehouse_url, history)
    monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
    rng, kills, whole = random.Random(4), 0, 0.5
    with connected(company.dify_url) as dify, worker_pool(__name__, "pass_as_worker", str(company.config)) as pool:
        create_dify_schema(dify)
        for _ in _written_on(dify, history):
            started = time.monotonic()
            pid, patience = pool.worker(warehouse_url, 0.0), rng.uniform(0.1, 1.0) * whole
            while (works := _alive(pid)) and time.monotonic() - started < patience:
                time.sleep(0.005)
            kills += works and killed(pid)
            while _alive(pid):
                time.sleep(0.005)
            # How long a pass takes on this machine: longer than all that were killed, until one comes to its end.
            whole = whole * 1.2 if works else time.monotonic() - started
    assert kills > KILLS / 2, "the kills came too late to mean anything"
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        assert connection.execute("SELECT count(*) FROM usage.changed_day").fetchone() == (0,)
