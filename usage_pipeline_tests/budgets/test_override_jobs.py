"""The Dagster jobs of overrides: what cannot be read is a failure in words, before anything is written."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.budgets.overrides import overrides
from usage_pipeline.settings.approvals import Approvals
from usage_pipeline.warehouse.connection import Connection

CONFIG = """
version: 1
approvals: {approvers: [ann], people: {carl: {accounts: [carl]}}}
budgets: [{id: company, scope: {}, period: day, limit: {tokens: 1000}}]
"""


@pytest.fixture
def ask(
    warehouse: Connection, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Runs the job with a request that is right but for what is given; returns what it failed of."""
    (tmp_path / "c.yaml").write_text(CONFIG)
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    from usage_pipeline.defs.overrides import request_override  # noqa: PLC0415
    from usage_pipeline.defs.resources import Warehouse  # noqa: PLC0415

    def run(**other: str) -> str:
        until = (datetime.now(UTC) + timedelta(hours=8)).isoformat()
        asked = {"budget": "company", "amount": "500", "until": until, "reason": "sale", "requested_by": "carl"}
        result = request_override.execute_in_process(
            run_config=asked | other,
            resources={"warehouse": Warehouse()},
            raise_on_error=False,
        )
        failed = [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
        return "" if result.success else str(failed[0].step_failure_data.user_failure_data)

    return run


def test_a_request_that_is_right_is_written(ask: Callable[..., str], warehouse: Connection) -> None:
    assert ask(amount="1,500") == ""
    assert [(made.raise_by, made.requested_by) for made in overrides(warehouse)] == [(1500, "carl (by dagster)")]
    assert Approvals(approvers=("ann", "carl")).others("carl (by dagster)") == ["ann"], "nobody approves their own"


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("amount", "NaN", "is not a number; write digits such as 500000"),
        ("amount", "sNaN", "is not a number"),
        ("amount", "Infinity", "is not a number"),
        ("amount", "1e400", "is not a number"),
        ("amount", "-5", "must be above zero"),
        ("percent", "NaN", "is not a number; write per cent such as 20"),
        ("until", "soon", "is not a moment; write it as 2026-12-01T18:00+08:00"),
        ("until", "2026-12-01T18:00", "has no zone"),
        ("until", "0001-01-01T00:00+14:00", "lies outside the calendar"),
        ("reason", "a\0b", "holds a character that cannot be kept"),
        ("requested_by", " ", "is not a name"),
        ("requested_by", "Carl", "is nobody that the configuration knows; write one of: ann, carl."),
        ("requested_by", "the boss", "Others are named under approvals.people"),
    ],
)
def test_what_cannot_be_read_is_a_failure_in_words(
    ask: Callable[..., str], warehouse: Connection, field: str, text: str, why: str
) -> None:
    said = ask(**{field: text} | ({"amount": ""} if field == "percent" else {}))
    assert f"{field} " in said
    assert why in said
    assert overrides(warehouse) == []
