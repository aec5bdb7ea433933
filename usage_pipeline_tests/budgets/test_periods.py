"""Periods are cut right in twelve zones: at month ends, where clocks change, and where they change at midnight."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline_tests.support.plain_budgets import cut, first_moment

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/Havana", "America/Sao_Paulo",
         "Asia/Beirut", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham",
         "Pacific/Kiritimati")  # fmt: skip
PERIODS = ("hour", "day", "week", "month", "quarter", "year", "rolling:1h", "rolling:24h", "rolling:7d",
           "campaign:2025-10-26:2026-03-29")  # fmt: skip


def turns(zone: str) -> list[datetime]:
    """Moments around each change of a zone's clocks and each month's end of two years, and an ordinary one."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=number) for number in range(2 * 365 * 24)]
    offsets = [moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in hours]
    changes = [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]]
    ends = [first_moment(date(2025 + number // 12, number % 12 + 1, 1), zone) for number in range(1, 24)]
    near = [timedelta(seconds=seconds) for seconds in (-5400, -1, 0, 1, 1799, 1801, 5400)]
    return [turn + delta for turn in changes + ends for delta in near] + [datetime(2026, 7, 15, 9, 30, tzinfo=UTC)]


def found(connection: Connection, zone: str, moments: list[datetime]) -> dict[tuple[str, datetime], tuple[object, ...]]:
    rows = connection.execute(
        "SELECT p.period, m.moment, c.first_day, c.end_day, c.starts, c.ends FROM unnest(%s::text[]) AS p (period)"
        " CROSS JOIN unnest(%s::timestamptz[]) AS m (moment)"
        " CROSS JOIN LATERAL usage.period_cut(p.period, %s, m.moment) AS c",
        [list(PERIODS), moments, zone],
    ).fetchall()
    return {(period, moment): tuple(rest) for period, moment, *rest in rows}


@pytest.mark.parametrize("zone", ZONES)
def test_a_period_is_cut_where_the_calendar_cuts_it(warehouse: Connection, zone: str) -> None:
    moments = turns(zone)
    cuts = found(warehouse, zone, moments)
    for period in PERIODS:
        for moment in moments:
            wanted, given_ = cut(period, zone, moment), cuts.get((period, moment))
            if wanted is None:
                assert given_ is None, (period, moment)
                continue
            assert given_ is not None, (period, moment)
            by_the_hour = period == "hour" or period.endswith("h")
            assert given_[2:] == wanted[2:], (period, zone, moment)
            assert by_the_hour or given_[:2] == wanted[:2], (period, zone, moment)
            assert wanted[2] <= moment < wanted[3]


@dataclass(frozen=True)
class Neighbours:
    """A period, where the next one starts and where the one before ended."""

    starts: datetime
    ends: datetime
    next_starts: datetime
    previous_ends: datetime


@given(st.sampled_from(ZONES), st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]),
       st.integers(0, 3 * 365 * 86400))  # fmt: skip
def test_one_period_begins_where_the_one_before_ends(
    period_cuts: Connection, zone: str, period: str, seconds: int
) -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    found = row(
        period_cuts,
        Neighbours,
        "SELECT a.starts, a.ends, b.starts AS next_starts, c.ends AS previous_ends FROM usage.period_cut(%s, %s, %s) a"
        " CROSS JOIN LATERAL usage.period_cut(%s, %s, a.ends) b"
        " CROSS JOIN LATERAL usage.period_cut(%s, %s, a.starts - interval '1 microsecond') c",
        [period, zone, moment, period, zone, period, zone],
    )
    assert found
    assert found.starts <= moment < found.ends
    assert found.next_starts == found.ends
    assert found.previous_ends == found.starts


@pytest.fixture(scope="module")
def period_cuts(postgres_warehouse: Connection) -> Connection:
    """A warehouse that no test writes to."""
    return postgres_warehouse
