"""What is far outside its own history is found once and told once; what is usual, small or young is not."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.budgets.anomalies import find_anomalies, windows_at
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.settings import SettingsError, parse_settings
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, address_of, connect
from usage_pipeline.warehouse.rows import values
from usage_pipeline_tests.support.rewriting import forget

ZONE = "Asia/Shanghai"
NOW = datetime(2026, 3, 18, 3, 7, tzinfo=UTC)  # a Wednesday, 11:07 there
TODAY = date(2026, 3, 18)


@pytest.fixture(scope="module")
def empty(module_warehouse: Callable[[], str]) -> Iterator[Connection]:
    """A warehouse that the tests of this file share; each removes what it put there."""
    connection = connect(module_warehouse())
    connection.execute("INSERT INTO usage.config_version (hash, path, valid) VALUES ('x', 'x', true)")
    connection.execute(
        "INSERT INTO usage.tenant (source, tenant_id, name, timezone) VALUES ('main', 't', 'T', %s)", [ZONE]
    )
    for app in ("a", "b"):
        connection.execute(
            "INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment) VALUES ('main', %s, 't',"
            " %s, 'chat', 'prod')", [app, f"app-{app}"]
        )  # fmt: skip
    yield connection
    connection.close()


@pytest.fixture
def books(empty: Connection) -> Iterator[Connection]:
    """The same, clean again afterwards."""
    yield empty
    _clean(empty)


def _clean(connection: Connection) -> None:
    forget(connection, "usage_event", "daily_usage", "anomaly", "anomaly_look", "alert")


def put(connection: Connection, app: str, at: datetime, tokens: int) -> None:
    """One call."""
    connection.execute(
        "INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, key_attribution, caller_kind,"
        " total_tokens, price_source, basis, status, occurred_at, usage_date) VALUES ('main', 'message:' ||"
        " gen_random_uuid(), 't', 'prod', %s, 'none', 'api', %s, 'unpriced', 'logged', 'succeeded', %s, %s)",
        [app, tokens, at, at.astimezone(ZoneInfo(ZONE)).date()],
    )


def noon(day: date) -> datetime:
    """Of the day, there."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def rolled(connection: Connection) -> None:
    """Daily tables of every day."""
    roll_up(connection, values(connection, date, "SELECT DISTINCT usage_date FROM usage.usage_event"))


def in_force(rule: str) -> ActiveConfiguration:
    """A configuration with one rule."""
    text = (
        f"version: 1\ntimezone: {ZONE}\nrecipients: {{ops: {{channel: wecom, secret_env: A}}}}\n"
        f"tenants: [{{tenant: T, timezone: {ZONE}}}]\nanomalies: [{{id: r, at_least: 1000, {rule}}}]\n"
    )
    return ActiveConfiguration(parse_settings(text, "c.yaml"), 1)


def found(connection: Connection, rule: str, now: datetime = NOW) -> list[tuple[str, Decimal, Decimal]]:
    """Name, amount and usual of what is unusual."""
    with connection.transaction():
        return [(u.name, u.amount, u.usual) for u in find_anomalies(connection, in_force(rule).settings, 1, now)]


def some_weeks(connection: Connection, tokens: int = 2000) -> None:
    """Each of sixty days, both projects use about the same."""
    for number in range(1, 61):
        for app in ("a", "b"):
            put(connection, app, noon(TODAY - timedelta(days=number)), tokens + 10 * (number % 7))


def test_a_day_far_above_its_own_days_is_found(books: Connection) -> None:
    some_weeks(books)
    put(books, "a", noon(TODAY - timedelta(days=1)), 50_000)
    rolled(books)
    assert [(name, int(amount)) for name, amount, _ in found(books, "per: project")] == [("app-a", 52_010)]


def test_it_is_looked_at_once_and_told_once_a_day(books: Connection) -> None:
    some_weeks(books)
    put(books, "a", noon(TODAY - timedelta(days=1)), 50_000)
    rolled(books)
    configuration = in_force("per: project, mode: alert, level: critical, notify: [ops]")
    for minutes in range(0, 50, 10):
        evaluate_and_alert(books, configuration, NOW + timedelta(minutes=minutes))
    told = books.execute("SELECT kind, level, facts ->> 'scope_name', facts ->> 'amount' FROM usage.alert").fetchall()
    assert told == [("anomaly", "critical", "app-a", "52010")]
    put(books, "a", noon(TODAY), 80_000)
    rolled(books)
    evaluate_and_alert(books, configuration, NOW + timedelta(days=1))
    assert books.execute("SELECT count(*) FROM usage.alert").fetchone() == (2,)


def test_an_owner_hears_of_their_own_tenant_only(books: Connection) -> None:
    text = (
        f"version: 1\ntimezone: {ZONE}\nrecipients: {{ops: {{channel: wecom, secret_env: A}}, mine: {{channel: wecom,"
        f" secret_env: B}}, theirs: {{channel: wecom, secret_env: C}}}}\nalerting: {{ops: [ops]}}\n"
        "tenants: [{tenant: T, timezone: Asia/Shanghai, recipients: [mine]}, {tenant: U, recipients: [theirs]}]\n"
        "anomalies: [{id: r, at_least: 1000, per: PER, mode: alert, notify: [owner]}]\n"
    )
    some_weeks(books)
    put(books, "a", noon(TODAY - timedelta(days=1)), 50_000)
    rolled(books)
    evaluate_and_alert(books, ActiveConfiguration(parse_settings(text.replace("PER", "project"), "c.yaml"), 1), NOW)
    assert books.execute("SELECT recipient FROM usage.delivery").fetchall() == [("mine",)]
    with pytest.raises(SettingsError, match="its values lie in no single tenant"):
        parse_settings(text.replace("PER", "model"), "c.yaml")


def test_a_warning_is_kept_and_tells_nobody_and_off_looks_at_nothing(books: Connection) -> None:
    some_weeks(books)
    put(books, "a", noon(TODAY - timedelta(days=1)), 50_000)
    rolled(books)
    evaluate_and_alert(books, in_force("per: project, mode: off"), NOW)
    assert books.execute("SELECT count(*) FROM usage.anomaly").fetchone() == (0,)
    evaluate_and_alert(books, in_force("per: project"), NOW)
    assert books.execute("SELECT name FROM usage.anomaly").fetchall() == [("app-a",)]
    assert books.execute("SELECT count(*) FROM usage.alert").fetchone() == (0,)


def test_an_hour_is_held_against_the_same_hour_of_other_days(books: Connection) -> None:
    """Each day at eleven there are many calls, and at ten none."""
    for number in range(1, 40):
        put(books, "a", noon(TODAY - timedelta(days=number)) - timedelta(minutes=70), 5_000)
    put(books, "a", NOW - timedelta(minutes=20), 5_100)
    assert found(books, "per: project, window: hour") == []
    put(books, "a", NOW - timedelta(minutes=20), 30_000)
    later = NOW + timedelta(minutes=15)
    assert [name for name, *_ in found(books, "per: project, window: hour", later)] == ["app-a"]


def test_a_week_is_held_against_weeks(books: Connection) -> None:
    some_weeks(books)
    for number in range(1, 8):
        put(books, "b", noon(TODAY - timedelta(days=number)), 4_000)
    rolled(books)
    assert [name for name, *_ in found(books, "per: project, window: week")] == ["app-b"]


def test_what_is_small_young_or_left_out_is_not_worth_a_word(books: Connection) -> None:
    some_weeks(books, tokens=20)
    put(books, "a", noon(TODAY - timedelta(days=1)), 900)
    rolled(books)
    assert found(books, "per: project") == [], "below at_least"
    _clean(books)
    for number in range(1, 4):
        put(books, "a", noon(TODAY - timedelta(days=number)), 10 if number > 1 else 90_000)
    rolled(books)
    assert found(books, "per: project") == [], "known for three days only"
    _clean(books)
    some_weeks(books)
    put(books, "a", noon(TODAY - timedelta(days=1)), 50_000)
    rolled(books)
    assert found(books, "per: project, scope: {not: {project: app-a}}") == []


def test_left_out_everything_and_each_project_are_watched_and_nobody_is_notified(books: Connection) -> None:
    watched = parse_settings("version: 1\n", "c.yaml")
    assert {(rule.per, rule.window, rule.mode) for rule in watched.anomalies} == {
        (per, window, "warn") for per in (None, "project") for window in ("day", "hour")
    }
    for number in range(1, 30):
        put(books, "a", noon(TODAY - timedelta(days=number)), 3_000_000 if number == 1 else 120_000)
    rolled(books)
    by_day = parse_settings(f"version: 1\ntimezone: {ZONE}\n", "c.yaml")
    evaluate_and_alert(books, ActiveConfiguration(by_day, 1), NOW)
    rules = values(books, str, "SELECT DISTINCT rule_id FROM usage.anomaly ORDER BY 1")
    assert rules == ["everything-by-day", "projects-by-day"]
    assert values(books, int, "SELECT count(*)::int FROM usage.alert WHERE kind = 'anomaly'") == [0]


@pytest.mark.parametrize("off", ["[]", "[{id: one, at_least: 5, mode: off}]"])
def test_the_check_says_so_where_nothing_is_watched(
    books: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    from usage_pipeline.defs.budgets import nothing_unusual  # noqa: PLC0415  (reads the configuration when loaded)
    from usage_pipeline.defs.resources import Warehouse  # noqa: PLC0415

    config = tmp_path / "c.yaml"
    monkeypatch.setenv("WAREHOUSE_URL", address_of(books))
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(config))

    def looked_at(text: str) -> dg.AssetCheckResult:
        config.write_text(f"version: 1\n{text}\n", encoding="utf-8")
        result = nothing_unusual(warehouse=Warehouse())
        assert isinstance(result, dg.AssetCheckResult)
        return result

    books.execute(
        "INSERT INTO usage.anomaly (rule_id, value, window_start, window_end, name, measure, amount, usual, spread,"
        " score, known, found_at, config_version) VALUES ('everything-by-day', '', now() - interval '1 day', now(), '',"
        " 'tokens', 2000000, 80000, 8000, 240.5, 20, now(), 1)"
    )
    red = looked_at("")
    assert (red.passed, red.severity, red.description) == (False, dg.AssetCheckSeverity.WARN, None)
    assert (red.metadata["unusual_windows"].value, red.metadata["highest_score"].value) == (1, 240.5)
    assert isinstance(red.metadata["unusual"], dg.TableMetadataValue)
    (row,) = red.metadata["unusual"].records
    assert (row.data["what"], row.data["used"], row.data["usually"]) == (
        "everything",
        "2,000,000 tokens",
        "80,000 tokens",
    )
    forget(books, "anomaly")
    nothing = looked_at(f"anomalies: {off}")
    assert (nothing.passed, nothing.metadata["watched"].value) == (True, "nothing is watched")
    assert "nothing is watched" in str(nothing.description)


def test_windows_are_cut_in_the_zone_and_alike() -> None:
    days = windows_at("day", NOW, ZONE)
    assert (days[0].first_day, days[0].starts) == (date(2026, 3, 17), datetime(2026, 3, 16, 16, tzinfo=UTC))
    assert len(days) == 21
    assert {span.first_day.isoweekday() > 5 for span in days} == {False}
    # The clock goes forward in Berlin on 29 March: the same hour of the day, not 24 hours before.
    hours = windows_at("hour", datetime(2026, 3, 30, 10, 2, tzinfo=UTC), "Europe/Berlin")
    assert [span.ends.hour for span in hours[:3]] == [10, 10, 11]
    assert (windows_at("week", NOW, ZONE)[1].first_day, windows_at("week", NOW, ZONE)[1].last_day) == (
        date(2026, 3, 4), date(2026, 3, 10)
    )  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(st.integers(0, 5000), min_size=0, max_size=20), now=st.integers(0, 60_000))
def test_it_is_found_exactly_when_a_plain_account_says_so(empty: Connection, before: list[int], now: int) -> None:
    _clean(empty)
    spans = windows_at("day", NOW, ZONE)
    for span, tokens in zip(spans, [now, *before], strict=False):
        if tokens:
            put(empty, "a", noon(span.first_day), tokens)
    rolled(empty)
    got = found(empty, "per: project")
    while before and before[-1] == 0:  # its history begins with its first usage
        before = before[:-1]
    usual = median(before) if before else 0
    spread = max(1.4826 * median([abs(b - usual) for b in before]) if before else 0, usual / 10, 1000 / 6)
    expected = now >= 1000 and len(before) >= 8 and now - usual >= 6 * spread - 1e-6
    close = abs(now - usual - 6 * spread) < 1e-3
    assert close or bool(got) == expected
    _clean(empty)
