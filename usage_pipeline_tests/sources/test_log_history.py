"""A completion log that is written, changed and read at random ends as what it says."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import strategies as st

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.logs import PLAIN, Log, read, settings_for, sqlite_log

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def file_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log in a file."""
    made = sqlite_log(tmp_path)
    monkeypatch.setenv("LOG_URL", made.url)
    return made


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 7),  # which row: the same again is a change of it
        st.integers(0, 40 * 60),  # minutes ago
        st.one_of(st.none(), st.integers(0, 10**7)),
        st.one_of(st.none(), st.integers(0, 10**7)),
        st.one_of(st.none(), st.decimals(0, 10**4, places=7)),
        st.booleans(),  # a pass comes after it
    ),
    max_size=25,
)
_numbers = itertools.count()


@hypothesis.settings(
    max_examples=12, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(changes=CHANGES)
def test_any_history_of_changes_and_passes_ends_at_what_the_log_says(
    file_log: Log, warehouse: Connection, changes: list[tuple[int, int, int | None, int | None, Decimal | None, bool]]
) -> None:
    source = f"s{next(_numbers)}"
    file_log.do(f"CREATE TABLE {source} ({PLAIN.format(time='TEXT', number='INTEGER')}, cost TEXT)")
    file_log.do(f"CREATE INDEX {source}_at ON {source} (created_at)")
    log = {"id": source, "kind": "completion_logs", "url_env": "LOG_URL", "table": source, "columns": {"cost": "cost"}}
    settings = settings_for("Asia/Shanghai", more={"sources": [log]})
    truth: dict[str, tuple[object, ...]] = {}
    times: dict[int, datetime] = {}
    for row, minutes, tokens_in, tokens_out, cost, passes in changes:
        moment = times.setdefault(row, NOW - timedelta(minutes=minutes))
        text = None if cost is None else str(cost)
        file_log.do(f"INSERT OR REPLACE INTO {source} VALUES (?, ?, ?, ?, ?)",
                    [(f"r{row}", moment.isoformat(), tokens_in, tokens_out, text)])  # fmt: skip
        known = (tokens_in or 0, tokens_out or 0, cost or Decimal(0), moment, moment.astimezone(SHANGHAI).date())
        truth[f"r{row}"] = known
        if passes:
            read(warehouse, settings)
    read(warehouse, settings)
    found = warehouse.execute(
        "SELECT event_id, input_tokens, output_tokens, logged_cost, occurred_at, usage_date FROM usage.usage_event"
        " WHERE source = %s", [source]
    ).fetchall()  # fmt: skip
    assert {row[0]: row[1:] for row in found} == truth
    totals = warehouse.execute("SELECT sum(total_tokens) FROM usage.daily_usage WHERE source = %s", [source]).fetchone()
    assert totals == (sum(int(str(t[0])) + int(str(t[1])) for t in truth.values()) if truth else None,)
