"""Reconciling a day on which calls go on and passes run is no false alarm; tools' own calls are compared too."""

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from usage_pipeline.fake_dify.live import write_live
from usage_pipeline.reconciliation.look import SETTLING
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.ingest.test_tool_calls import call
from usage_pipeline_tests.reconciliation.conftest import Reconciled

# The nightly run takes minutes: passes and looks follow each other without a rest.
SECONDS = float(os.environ.get("USAGE_PIPELINE_LIVE_SECONDS", "8"))


@pytest.mark.timeout(SECONDS + 300)
def test_a_day_with_calls_under_way_is_green(reconciled: Reconciled) -> None:
    company = reconciled.company
    writer = threading.Thread(
        target=write_live, args=(company.dify_url, company.history, SECONDS), kwargs={"calls_per_second": 8.0}
    )
    writer.start()
    with connected(company.warehouse_url) as connection:
        today = reconciled.settings(connection).today(datetime.now(UTC) - SETTLING)
    found = []
    while writer.is_alive():
        company.run(sweep=False)
        found += reconciled.run(today - timedelta(days=1), today)
    writer.join()
    company.run()
    found += reconciled.run(today - timedelta(days=1), today)
    assert len(found) >= 4
    assert [(r.usage_date, r.says) for r in found if r.state != "green"] == []


def test_a_tools_own_call_is_compared(reconciled: Reconciled) -> None:
    moment = datetime.now(UTC) - timedelta(days=3)
    with connected(reconciled.company.dify_url) as dify:
        old = call(dify, tokens=40, price="0.0004", moment=moment)
    first = [r for r in reconciled.run() if r.state != "green"]
    assert [(r.state, [(m.event_id, m.what) for m in r.misfits]) for r in first] == [
        ("healed", [(f"tool_call:{old}", "not counted")])
    ]
    results = reconciled.run()
    assert {r.state for r in results} == {"green"}
    assert sum(r.sums.tool_call_tokens for r in results) == 40
    with connected(reconciled.company.dify_url) as dify:
        dify.execute("DELETE FROM tool_model_invokes")
    results = reconciled.run()
    assert {r.state for r in results} == {"green"}
    assert sum(r.sums.gone_tokens for r in results) == 40
