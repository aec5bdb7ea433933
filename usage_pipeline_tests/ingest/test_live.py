"""While Dify goes on writing, passes run; the last one equals the truth."""

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from usage_pipeline.fake_dify.history import true_units
from usage_pipeline.fake_dify.live import write_live
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import KEY_RULES, assert_events_equal, build_company

# The nightly run takes the five minutes; everybody's run a part of them, with passes as dense in proportion.
SECONDS = float(os.environ.get("USAGE_PIPELINE_LIVE_SECONDS", "25"))
PASS_EVERY = SECONDS / 30


def test_passes_while_calls_are_written_end_at_the_truth(new_database: Callable[[], str], warehouse_url: str) -> None:
    company = build_company(new_database, warehouse_url, seed=21, days=2)
    written: list[CallScript] = []
    writer = threading.Thread(
        target=lambda: written.extend(write_live(company.dify_url, company.history, SECONDS, calls_per_second=8.0))
    )
    writer.start()
    passes = 0
    while writer.is_alive():
        summary = company.run(sweep=False)
        assert not summary.source_errors
        passes += 1
        time.sleep(PASS_EVERY)
    writer.join()
    assert written
    assert passes > 5
    company.run()
    # All that was written; not so late that what goes on for good would count as ended.
    later = datetime.now(UTC) + timedelta(minutes=20)
    truth = true_units(company.history.world, [*company.history.calls, *written], later, KEY_RULES)
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, truth)
