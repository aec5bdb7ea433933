"""The checks of the daily tables, as Dagster calls them."""

import dagster as dg
import pytest

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.warehouse.connection import connected


@pytest.mark.parametrize(("unpriced", "passed"), [(0, True), (70, False)])
def test_a_model_without_a_price_is_a_warning_that_names_it(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch, unpriced: int, passed: bool
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    from usage_pipeline.defs.usage import everything_priced  # noqa: PLC0415  (reads the warehouse when loaded)

    with connected(warehouse_url) as connection:
        connection.execute(
            "INSERT INTO usage.daily_model_usage (usage_date, source, tenant_id, provider, model, currency, calls,"
            " failed_calls, input_tokens, output_tokens, total_tokens, estimated_tokens, unpriced_tokens, cost,"
            " base_cost)"
            " VALUES (current_date, 'main', 't', 'vllm', 'in-house|7b', 'USD', 1, 0, 60, 10, 70, 0, %s, 0, 0)",
            [unpriced],
        )
    result = everything_priced(warehouse=Warehouse())
    assert isinstance(result, dg.AssetCheckResult)
    assert result.passed is passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert ("in-house|7b" in str(result.metadata["unpriced"].value)) is not passed
