"""A run that asks each time that it is read to be read once more holds up no pass."""

from collections.abc import Callable

import pytest

from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.support.company import KEY_RULES, assert_events_equal, build_company

# As rows do that never agree: what is read of one asks for it again.
ASKS_ALWAYS = """
CREATE FUNCTION usage.asks_always() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.next_read_at := '-infinity'; RETURN NEW; END $$;
CREATE TRIGGER asks_always BEFORE INSERT OR UPDATE ON usage.open_row FOR EACH ROW EXECUTE FUNCTION usage.asks_always()
"""


@pytest.mark.timeout(60)
def test_what_asks_for_itself_again_waits_for_the_next_pass(
    new_database: Callable[[], str], warehouse_url: str
) -> None:
    company = build_company(new_database, warehouse_url, seed=12, days=2)
    assert not company.run().source_errors
    with connected(warehouse_url) as connection:
        waiting = value(connection, int, "SELECT count(*) FROM usage.open_row")
        assert waiting
        connection.execute(ASKS_ALWAYS)
        connection.execute("UPDATE usage.open_row SET reason = reason")
        (result,) = company.run().ingested
        assert result.finished
        assert waiting <= result.open_rows_read <= 3 * waiting
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
