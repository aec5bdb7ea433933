"""Two Celery workers with a real Redis make the same past days as one process, also when one dies on the way."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from usage_pipeline.configuration import active_configuration
from usage_pipeline.inputs import InputError
from usage_pipeline.settings.extras import MissingExtraError
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.locks import DayLock, lock_days_until_commit
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.support.celery_workers import Cluster, cluster
from usage_pipeline_tests.support.company import Company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of
from usage_pipeline_tests.support.days_again import backfill, build_nightly, changed_config, days_of, rows_of
from usage_pipeline_tests.support.redis_server import needs_redis, running_redis

WAITS = "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
# What a worker has not ended by then goes to the other one.
REDELIVERED_AFTER_S = 30
# Each starts five processes that import Dagster, and waits for the broker.
_BY_NIGHT = pytest.mark.skipif(os.environ.get("USAGE_PIPELINE_HYPOTHESIS") != "nightly", reason="takes up to a minute")


@pytest.fixture(scope="module")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company of eight days, counted."""
    with company_to_copy(postgres, build_nightly) as company:
        yield company


@pytest.fixture(scope="module")
def wanted(
    postgres: EmbeddedServer, pattern: Company, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """What one process makes of its days under a changed file."""
    config = changed_config(tmp_path_factory.mktemp("alone"))
    with copy_of(postgres, pattern) as alone, connected(alone.warehouse_url) as connection:
        assert not backfill(connection, active_configuration(connection, config), days_of(connection))
        return rows_of(connection)


@pytest.fixture
def company(postgres: EmbeddedServer, pattern: Company) -> Iterator[Company]:
    """A copy of it, for the test alone."""
    with copy_of(postgres, pattern) as company:
        yield company


@pytest.fixture
def two(company: Company, new_database: Callable[[], str], tmp_path: Path) -> Iterator[Cluster]:
    """Two workers upon it."""
    with running_redis(tmp_path) as redis:
        again = {"CELERY_REDELIVERED_AFTER_SECONDS": str(REDELIVERED_AFTER_S)}
        found = cluster(tmp_path, redis, company.warehouse_url, new_database(), changed_config(tmp_path), **again)
        with found.with_workers(2):
            yield found


def come(wanted: Callable[[], bool], two: Cluster) -> None:
    """Waits until it is so."""
    end = time.monotonic() + 120
    while not wanted():
        assert time.monotonic() < end, two.said()
        time.sleep(0.2)


@pytest.mark.parametrize(
    "dies",
    [
        pytest.param("nobody", marks=_BY_NIGHT),
        "a worker's process",
        pytest.param("a worker's machine", marks=_BY_NIGHT),
    ],
)
@needs_redis
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_workers_make_what_one_process_makes(
    dies: str, company: Company, two: Cluster, wanted: dict[str, list[str]]
) -> None:
    with connected(company.warehouse_url) as connection, connected(company.warehouse_url) as holder:
        days = days_of(connection)
        with two.run(days) as run:
            if dies != "nobody":
                with holder.transaction():
                    # Where events of the last day may move to, and of no other.
                    lock_days_until_commit(holder, DayLock.BOOKING, [days[-1] + timedelta(days=2)])
                    come(lambda: value(connection, int, WAITS) > 0 and bool(two.busy()), two)
                    busy = two.busy()[0]
                    (two.kill if dies == "a worker's machine" else two.kill_child)(busy)
            assert run.wait(300) == 0, two.said()
        said = two.said()
        assert 'to queue "dagster"' in said
        assert rows_of(connection) == wanted
        both = [name for name in ("worker0", "worker1") if "STEP_START" in two.said(name)]
        assert len(both) == 2


def test_a_broker_without_the_extra_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from usage_pipeline.defs.celery_worker import spread  # noqa: PLC0415

    monkeypatch.setitem(sys.modules, "dagster_celery", None)
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1/0")
    with pytest.raises(MissingExtraError, match=r"usage-pipeline\[celery\]"):
        spread()


def test_seconds_that_are_no_number_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from usage_pipeline.defs.celery_worker import configuration  # noqa: PLC0415  (it imports Dagster)

    monkeypatch.setenv("CELERY_REDELIVERED_AFTER_SECONDS", "half an hour")
    with pytest.raises(InputError, match="CELERY_REDELIVERED_AFTER_SECONDS 'half an hour' is not a number"):
        configuration()
