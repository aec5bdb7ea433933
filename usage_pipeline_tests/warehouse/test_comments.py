"""Every table and column of the warehouse says what it holds; Dagster's column schemas show it."""

from collections.abc import Callable

from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.tables import columns


def test_every_table_and_column_says_what_it_holds(new_warehouse: Callable[[], str]) -> None:
    with connected(new_warehouse()) as connection:
        silent = connection.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'usage'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0"
            " AND NOT a.attisdropped AND col_description(a.attrelid, a.attnum) IS NULL UNION ALL"
            " SELECT c.relname, '' FROM pg_class c WHERE c.relnamespace = 'usage'::regnamespace"
            " AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL ORDER BY 1, 2"
        ).fetchall()
        assert not silent, f"{silent}: write COMMENT ON for them in the migration that makes them"
        shown = {column.name: column.comment for column in columns(connection, "daily_usage")}
    assert (
        shown["base_cost"] == "In the configuration's currency, by the rate of the day; of what has no price, nothing"
    )
    assert all(shown.values())
