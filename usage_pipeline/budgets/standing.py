"""How a budget stands now."""

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import values


def levels_now(connection: Connection, budget_id: str) -> set[str]:
    """Returns the levels that the budget's values have reached in their current periods."""
    query = "SELECT DISTINCT level FROM usage.budget_status WHERE budget_id = %s AND period_end > now()"
    return set(values(connection, str, query, [budget_id]))
