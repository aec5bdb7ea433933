"""A caller that goes round in circles is told within minutes, long before a budget is gone; nobody else ever is."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from usage_pipeline.alerts.kinds.loop import raise_loop_alerts
from usage_pipeline.budgets.anomalies import found_lately
from usage_pipeline.budgets.loops import find_loops, loops
from usage_pipeline.settings import Settings, parse_settings
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.support.clock import NOON_ZONE
from usage_pipeline_tests.support.company import build_company

NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)
CONFIG = "version: 1\ntimezone: UTC\ncurrency: USD\nrecipients: {{ops: {{channel: wecom, secret_env: URL}}}}\n"
SETTINGS = parse_settings(
    f"{CONFIG}loops: {{mode: alert, notify: [ops]}}\n".replace("{{", "{").replace("}}", "}"), "c.yaml"
)


def settings(**loops_keys: Any) -> Settings:
    """The same with other keys under loops."""
    return SETTINGS.model_copy(update={"loops": SETTINGS.loops.model_copy(update=loops_keys)})


@pytest.fixture
def call(warehouse: Connection) -> Callable[..., None]:
    """Writes a call of an app by a caller."""
    numbers = iter(range(1_000_000))

    def write(at: datetime, tokens: int = 1_500, caller: str = "crm", app: str = "bot", kind: str = "message") -> None:
        warehouse.execute(
            "INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, key_attribution,"
            " caller_kind, caller_id, input_tokens, output_tokens, total_tokens, base_cost, price_source, basis,"
            " status, occurred_at, usage_date) VALUES ('main', %s, 't', 'prod', %s, 'none', 'api', %s, %s, 100, %s,"
            " 0.01, 'dify', 'logged', 'succeeded', %s, %s)",
            [f"{kind}:{next(numbers)}", app, caller, tokens, tokens + 100, at, at.date()],
        )

    return write


def found(connection: Connection, now: datetime = NOW, settings: Settings = SETTINGS) -> list[tuple[str, str, int]]:
    """Project, caller and calls of what goes round in circles."""
    days = [now.date() - timedelta(days=number) for number in range(15)]
    roll_up(connection, days)
    return [(loop.project, loop.caller, loop.calls) for loop in loops(connection, settings, now)]


def minutes_ago(count: int, within: float = 9.5) -> Iterator[datetime]:
    """So many moments of the last minutes."""
    return (NOW - timedelta(minutes=within * (count - number) / count) for number in range(count))


def test_alike_prompts_far_above_every_day_before_are_a_loop(warehouse: Connection, call: Callable[..., None]) -> None:
    for day in range(1, 10):
        for _ in range(4):
            call(NOW - timedelta(days=day))
    for number, at in enumerate(minutes_ago(24)):
        call(at, tokens=1_500 + number % 7 * 60)
    assert found(warehouse) == [("bot", "api: crm", 24)]


def test_prompts_that_only_grow_are_one_too(warehouse: Connection, call: Callable[..., None]) -> None:
    for number, at in enumerate(minutes_ago(24)):
        call(at, tokens=50 * 2 ** (number // 2))
    assert found(warehouse) == [("bot", "api: crm", 24)]


@pytest.mark.parametrize(
    "reason",
    ["fewer calls", "prompts of all sizes", "as on other days", "several callers", "only residuals", "yesterday"],
)
def test_what_is_no_loop_is_not_told(warehouse: Connection, call: Callable[..., None], reason: str) -> None:
    for number, at in enumerate(minutes_ago(19 if reason == "fewer calls" else 40)):
        call(
            at - timedelta(days=reason == "yesterday"),
            tokens=(10, 9_000, 300, 50, 4_000)[number % 5] if reason == "prompts of all sizes" else 1_500,
            caller=f"caller-{number}" if reason == "several callers" else "crm",
            kind="residual" if reason == "only residuals" else "message",
        )
    if reason == "as on other days":
        for number in range(60):
            call(NOW - timedelta(days=2, minutes=number))
    assert found(warehouse) == []


def test_a_busy_caller_is_told_when_its_pace_holds_on(warehouse: Connection, call: Callable[..., None]) -> None:
    for day in range(1, 4):
        for number in range(480):  # ten calls in ten minutes
            call(NOW - timedelta(days=day, minutes=number % 470))
    for at in minutes_ago(60):
        call(at)
    assert found(warehouse) == []
    for at in (*minutes_ago(60), *minutes_ago(60)):
        call(at - timedelta(minutes=10))
        call(at - timedelta(minutes=20))
    assert found(warehouse) == [("bot", "api: crm", 60)]
    assert found(warehouse, settings=settings(times=7)) == []


def test_it_is_told_once_a_day_and_stands_among_what_is_unusual(
    warehouse: Connection, call: Callable[..., None]
) -> None:
    now = datetime.now(UTC)
    for number in range(30):
        call(now - timedelta(seconds=10 * number + 1))
    version = value(
        warehouse,
        int,
        "INSERT INTO usage.config_version (hash, path, valid) VALUES ('x', 'x', true) RETURNING version_id",
    )
    new = find_loops(warehouse, SETTINGS, version, now)
    assert [loop.caller for loop in new] == ["api: crm"]
    (raised,) = raise_loop_alerts(warehouse, SETTINGS, version, new, now)
    assert find_loops(warehouse, SETTINGS, version, now + timedelta(minutes=1)) == []
    (kept,) = found_lately(warehouse)
    assert (kept.rule_id, kept.name, kept.amount) == ("loops", "bot · api: crm", Decimal(30))
    told = warehouse.execute("SELECT recipient FROM usage.delivery WHERE alert_id = %s", [raised]).fetchall()
    assert told == [("ops",)]
    assert raise_loop_alerts(warehouse, settings(mode="warn"), version, new, now) == []
    assert find_loops(warehouse, settings(mode="off"), version, now) == []


def test_the_demos_runaway_is_told_before_a_fifth_of_its_budget_is_gone_and_no_other_day_is(
    new_database: Callable[[], str], warehouse_url: str
) -> None:
    company = build_company(new_database, warehouse_url, seed=2026, days=20, runaway_calls=1_500)
    company.run()
    with connected(warehouse_url) as connection:
        roll_up(connection, changed_days(connection))
        zone = parse_settings(f"version: 1\ntimezone: {NOON_ZONE}\ncurrency: CNY\n", "c.yaml")
        row = connection.execute(
            "SELECT min(e.occurred_at), max(e.occurred_at) FROM usage.usage_event e"
            " JOIN usage.project p USING (source, app_id) WHERE p.name = 'lead-enricher'"
            " AND e.occurred_at > now() - interval '4 hours'"
        ).fetchone()
        assert row
        begin, end = row
        assert isinstance(begin, datetime)
        assert isinstance(end, datetime)
        first = next(
            at for at in (begin + timedelta(minutes=number) for number in range(240)) if loops(connection, zone, at)
        )
        spent = connection.execute(
            "SELECT sum(e.total_tokens) FROM usage.usage_event e JOIN usage.project p USING (source, app_id)"
            " WHERE p.name = 'lead-enricher' AND e.occurred_at BETWEEN %s AND %s",
            [begin, first],
        ).fetchone()
        assert spent
        assert int(str(spent[0])) < 0.2 * 2_000_000
        # Every stretch of every other day: callers there are busy, and never in circles.
        quiet = [begin - timedelta(minutes=10 * number) for number in range(1, 19 * 144, 7)]
        assert [at for at in quiet if loops(connection, zone, at)] == []
