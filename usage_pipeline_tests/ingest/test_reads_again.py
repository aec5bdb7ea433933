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


def test_calls_that_several_keys_may_have_made_are_looked_at_again(
    new_database: Callable[[], str], warehouse_url: str
) -> None:
    """Also one that its source no longer has: what is known of keys may tell its key by now."""
    company = build_company(new_database, warehouse_url, seed=12, days=2)
    assert not company.run().source_errors
    with connected(warehouse_url) as warehouse, connected(company.dify_url) as dify:
        told = "SELECT key_attribution || ' ' || coalesce(api_key_id, '-') FROM usage.usage_event WHERE event_id = %s"
        event = value(warehouse, str, "SELECT max(event_id) FROM usage.usage_event WHERE event_id LIKE 'message:%%'"
                      " AND key_attribution = 'sole'")  # fmt: skip
        before = value(warehouse, str, told, [event])
        dify.execute("DELETE FROM messages WHERE id = %s", [event.partition(":")[2]])
        warehouse.execute("UPDATE usage.usage_event SET key_attribution = 'shared', api_key_id = NULL"
                          " WHERE event_id = %s", [event])  # fmt: skip
        assert not company.run().source_errors
        assert value(warehouse, str, told, [event]) == before
