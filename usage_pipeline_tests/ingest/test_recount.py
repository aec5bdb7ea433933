"""A backfill books past days again from the warehouse alone, as if they had been counted so from the start."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from usage_pipeline.configuration import active_configuration
from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_basic import basic_call
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.ingest.recount import recount
from usage_pipeline.settings import load_settings
from usage_pipeline.usage.roll_up import changed_days, differences, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of
from usage_pipeline_tests.support.days_again import backfill

OUTCOME = (
    "event_id", "environment", "app_id", "api_key_id", "key_attribution", "cost", "currency", "base_cost",
    "price_source", "usage_date",
)  # fmt: skip
CHANGES = {
    "key rule": ('caller: "crm-*", api_key: "crm"', 'caller: "user-*", api_key: "portal"'),
    "price rule": ("input_per_million: 2.0", "replace: true, input_per_million: 3.5"),
    "exchange rate": ("{USD: 7.10}", "{USD: 6.90}"),
    "environment": ("environment: dev, when", "environment: lab, when"),
    "zone": ('"Support", timezone: Europe/Berlin', '"Support", timezone: America/Los_Angeles'),
}  # fmt: skip


@pytest.fixture(scope="module")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """A small company, counted."""
    with company_to_copy(
        postgres, lambda make, url: build_company(make, url, seed=61, days=3, calls_a_day=6, also=calls_by_night)
    ) as company:
        yield company


def calls_by_night(history: History) -> Iterator[CallScript]:
    """One each night, in the small hours of Berlin: in America it is the day before."""
    rng, app = random.Random(5), history.world.apps["support-bot"]
    for number in range(1, 4):
        moment = (history.now - timedelta(days=number)).replace(hour=3)
        caller = caller_for(history.world, rng, app, "web")
        yield basic_call(history.world, rng, app, caller, moment, tokens=(300, 100))


@pytest.fixture
def company(postgres: EmbeddedServer, pattern: Company) -> Iterator[Company]:
    """A copy of it, for the test alone."""
    with copy_of(postgres, pattern) as company:
        yield company


def outcome(connection: Connection) -> set[tuple[object, ...]]:
    """What counting made of the events."""
    return set(connection.execute(f"SELECT {', '.join(OUTCOME)} FROM usage.usage_event".encode()).fetchall())


def days_of(connection: Connection) -> list[date]:
    """Every day with events."""
    rows = connection.execute("SELECT DISTINCT usage_date FROM usage.usage_event ORDER BY 1").fetchall()
    return [day for (day,) in rows if isinstance(day, date)]


def changed_config(folder: Path, what: str) -> Path:
    """The example configuration with one thing changed."""
    old, new = CHANGES[what]
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    path = folder / "changed.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize("what", CHANGES)
def test_all_days_made_again_equal_a_warehouse_that_was_counted_so_from_the_start(
    what: str, company: Company, new_warehouse: Callable[[], str], tmp_path: Path
) -> None:

    config = changed_config(tmp_path, what)
    with connected(company.warehouse_url) as connection:
        before, deliveries = outcome(connection), sent(connection)
        for _ in range(2):
            days = days_of(connection)
            assert not backfill(connection, active_configuration(connection, config), days)
            roll_up(connection, changed_days(connection))
        after = outcome(connection)
        assert after != before
        assert sent(connection) == deliveries
        assert not differences(connection, days_of(connection))
        assert recount(connection, load_settings(config), days_of(connection)) == 0
    fresh = new_warehouse()
    other = Company(company.dify_url, fresh, company.history, config)
    other.run()
    with connected(fresh) as connection:
        wanted = outcome(connection)
    assert after == wanted


def sent(connection: Connection) -> int:
    """Deliveries of alerts that were raised before any backfill."""
    row = connection.execute("SELECT count(*) FROM usage.delivery").fetchone()
    assert row
    return int(str(row[0]))


def test_only_the_days_named_change(company: Company, tmp_path: Path) -> None:
    config = changed_config(tmp_path, "exchange rate")
    with connected(company.warehouse_url) as connection:
        before = outcome(connection)
        alerts = connection.execute("SELECT count(*) FROM usage.alert").fetchone()
        day = days_of(connection)[2]
        backfill(connection, active_configuration(connection, config), [day])
        after = outcome(connection)
        touched = {row[OUTCOME.index("usage_date")] for row in before ^ after}
        assert touched == {day}
        assert connection.execute("SELECT count(*) FROM usage.alert").fetchone() == alerts
        assert changed_days(connection) == []


def test_an_event_that_moves_marks_both_days(company: Company, tmp_path: Path) -> None:
    config = changed_config(tmp_path, "zone")
    with connected(company.warehouse_url) as connection:
        day = (company.history.now - timedelta(days=1)).date()
        before = {row[0]: row[-1] for row in outcome(connection)}
        recount(connection, load_settings(config), [day])
        after = {row[0]: row[-1] for row in outcome(connection)}
        moved = {(before[event], after[event]) for event in after if before[event] != after[event]}
        assert moved
        assert all(day in pair for pair in moved)
        assert set(changed_days(connection)) == {d for pair in moved for d in pair}


def test_a_source_that_cannot_be_reached_does_not_matter(company: Company, tmp_path: Path) -> None:
    company.dify_url = "postgresql://nobody@127.0.0.1:1/gone"
    with connected(company.warehouse_url) as connection:
        connection.execute("UPDATE usage.usage_event SET base_cost = 1, key_attribution = 'shared', api_key_id = NULL")
        days = days_of(connection)
        assert not backfill(connection, active_configuration(connection, EXAMPLE), days)
        wrong = connection.execute(
            "SELECT count(*) FROM usage.usage_event"
            " WHERE base_cost = 1 OR (key_attribution = 'shared' AND caller_kind <> 'api')"
        ).fetchone()
    assert wrong == (0,)


def test_a_day_is_cut_right_whatever_the_zone_was(company: Company, tmp_path: Path) -> None:
    """Fourteen hours east to eleven west: an event may move by two days."""
    with connected(company.warehouse_url) as connection:
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            path = tmp_path / "zone.yaml"
            path.write_text(
                EXAMPLE.read_text(encoding="utf-8").replace("timezone: Europe/Berlin", f"timezone: {zone}"), "utf-8"
            )
            first, last = days_of(connection)[0], days_of(connection)[-1]
            days = [first + timedelta(days=n) for n in range(-2, (last - first).days + 3)]
            recount(connection, load_settings(path), days)
        rows = connection.execute(
            "SELECT e.occurred_at, e.usage_date FROM usage.usage_event e JOIN usage.tenant t USING (source, tenant_id)"
            " WHERE t.name = 'Support'"
        ).fetchall()
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    assert rows
    for occurred_at, day in rows:
        assert isinstance(occurred_at, datetime)
        assert occurred_at.astimezone(UTC).astimezone(ZoneInfo("Pacific/Pago_Pago")).date() == day
