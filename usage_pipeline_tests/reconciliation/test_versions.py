"""Every version of Dify is held against its own sums, and a row changed there after the look-back is found."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from usage_pipeline.configuration import active_configuration
from usage_pipeline.fake_dify.schema import VERSIONS
from usage_pipeline.reconciliation.reconcile import reconcile
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import build_company


@pytest.mark.parametrize("version", VERSIONS)
def test_a_day_fits_and_a_changed_row_is_named(
    version: str, new_database: Callable[[], str], warehouse_url: str
) -> None:
    company = build_company(new_database, warehouse_url, seed=33, days=4, calls_a_day=4, version=version)
    assert not company.run().source_errors
    with connected(warehouse_url) as connection, connected(company.dify_url) as dify:
        settings = active_configuration(connection, company.config).settings
        days = [settings.today() - timedelta(days=number) for number in range(6)]
        assert [r.says for r in reconcile(connection, settings, days) if r.state != "green"] == []
        row = dify.execute(
            "UPDATE messages SET message_tokens = message_tokens + 1 WHERE id = (SELECT id FROM messages"
            " WHERE workflow_run_id IS NULL AND message_tokens > 0 AND answer_tokens > 0"
            " ORDER BY created_at LIMIT 1) RETURNING 'message:' || id"
        ).fetchone()
        assert row
        (found,) = [r for r in reconcile(connection, settings, days) if r.state != "green"]
        assert found.state == "healed"
        assert [m.event_id for m in found.misfits] == [row[0]]
