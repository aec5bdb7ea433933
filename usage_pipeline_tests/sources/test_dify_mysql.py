"""The same history, read from a Dify on a real MariaDB whose server lives in another zone, gives the same events."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from usage_pipeline.demo.dify_history import build_history
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.company import KEY_RULES, Company, assert_events_equal
from usage_pipeline_tests.dify_on_mysql import VERSIONS, create_dify_on_mysql, write_history_to_mysql
from usage_pipeline_tests.mariadb import MARIADBD, MariaDB

pytestmark = [
    pytest.mark.mariadb,
    # `make test` must work without a MariaDB; CI installs one, and there its absence is a failure.
    pytest.mark.skipif(MARIADBD is None and not os.environ.get("CI"), reason="no mariadbd: apt install mariadb-server"),
]
SHANGHAI = timezone(timedelta(hours=8))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_history_gives_the_same_events(
    version: str, mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str
) -> None:
    history = build_history(3, datetime.now(UTC), 5, 8.0)
    name = new_mysql_database()
    with mariadb.connect(name) as dify:
        create_dify_on_mysql(dify, version)
        write_history_to_mysql(dify, history, history.now, SHANGHAI)
    company = Company(mariadb.url(name), warehouse_url, history)
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, history.truth(history.now, KEY_RULES))
    assert sum(result.events_changed for result in company.run().ingested) == 0
