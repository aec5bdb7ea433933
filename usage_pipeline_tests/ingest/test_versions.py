"""Each version of Dify is told by its columns and indexes, and the same history read from it gives the same events."""

from collections.abc import Callable

import pytest

from usage_pipeline.fake_dify.schema import ALIKE, VERSIONS
from usage_pipeline.sources.dify_postgres.connection import connect_read_only
from usage_pipeline.sources.dify_postgres.queries import iter_extraction_statements
from usage_pipeline.sources.dify_postgres.schema import read_schema
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import KEY_RULES, assert_events_equal, build_company


@pytest.mark.parametrize("version", [*VERSIONS, *ALIKE])
def test_the_same_history_gives_the_same_events(
    version: str, new_database: Callable[[], str], warehouse_url: str
) -> None:
    company = build_company(new_database, warehouse_url, seed=3, days=5, version=version)
    assert not company.run().source_errors
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
    assert sum(result.events_changed for result in company.run().ingested) == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_nodes_are_found_through_an_index_that_the_version_has(version: str, new_database: Callable[[], str]) -> None:
    company = build_company(new_database, new_database(), seed=3, days=5, version=version)
    with connected(company.dify_url) as dify:
        dify.execute("ANALYZE")
    connection = connect_read_only(company.dify_url)
    schema = read_schema(connection)
    assert schema.node_by_run is (version in ("1.12.1", "1.15.0"))
    row = connection.execute(
        "SELECT array_agg(id::text), array_agg(tenant_id::text), array_agg(app_id::text), array_agg(workflow_id::text)"
        " FROM (SELECT * FROM workflow_runs LIMIT 5) r"
    ).fetchone()
    assert row
    parameters = dict(zip(("ids", "tenants", "apps", "workflows"), row, strict=True))
    selected = [
        text for name, text in iter_extraction_statements(schema) if name.startswith(("nodes by run", "single"))
    ]
    assert len(selected) == 3
    parameters["since"] = "2026-01-01"
    for text in selected:
        plan = connection.execute("EXPLAIN " + text.as_string(connection), parameters).fetchall()  # type: ignore[arg-type,operator]
        lines = [str(line) for (line,) in plan if "workflow_node_executions" in str(line) or "Index Cond" in str(line)]
        assert not any("Seq Scan on workflow_node_executions" in line for line in lines), lines
        column = "workflow_run_id" if "workflow_run_id = " in text.as_string(connection) else "workflow_id"
        assert any(column in line and "Index Cond" in line for line in lines), lines
    connection.close()
