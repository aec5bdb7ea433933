"""Which days a report is of, and which it is compared with."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

EditionKind = Literal["day", "week", "month"]
EDITION_KINDS: tuple[EditionKind, ...] = ("day", "week", "month")


@dataclass(frozen=True)
class ReportPeriod:
    """Days from first to last, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Returns how many days."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Earlier:
    """Days that an edition is compared with, and the number of editions that their sum is averaged over."""

    name: str
    period: ReportPeriod
    editions: int = 1


@dataclass(frozen=True)
class Edition:
    """A day, an ISO week (from Monday) or a calendar month."""

    kind: EditionKind
    period: ReportPeriod

    @property
    def name(self) -> str:
        """Returns what folders and titles call it: 2026-11-24, 2026-W48, 2026-11."""
        first = self.period.first
        if self.kind == "week":
            year, week, _ = first.isocalendar()
            return f"{year}-W{week:02d}"
        return f"{first:%Y-%m}" if self.kind == "month" else first.isoformat()

    def begins_at(self, zone: str) -> datetime:
        """Returns its first moment in a zone, aware UTC."""
        return datetime.combine(self.period.first, time(), ZoneInfo(zone)).astimezone(UTC)

    def ends_at(self, zone: str) -> datetime:
        """Returns the first moment after it in a zone, aware UTC."""
        return datetime.combine(self.period.last + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)

    def earlier(self) -> list[Earlier]:
        """Returns what it is compared with; the edition before it stands first."""
        first = self.period.first
        before = ReportPeriod(first - timedelta(days=self.period.days), first - timedelta(days=1))
        if self.kind == "day":
            same = first - timedelta(days=7)
            return [
                Earlier("day_before", before),
                Earlier("same_weekday", ReportPeriod(same, same)),
                Earlier("trailing_7", ReportPeriod(same, before.last), 7),
                Earlier("trailing_28", ReportPeriod(first - timedelta(days=28), before.last), 28),
            ]
        if self.kind == "week":
            return [
                Earlier("week_before", before),
                Earlier("trailing_4_weeks", ReportPeriod(first - timedelta(days=28), before.last), 4),
            ]
        return [
            Earlier("month_before", month_of(before.last)),
            Earlier("same_month_last_year", month_of(first.replace(year=first.year - 1))),
        ]


def edition_of(kind: EditionKind, day: date) -> Edition:
    """Returns the edition that a day lies in."""
    if kind == "week":
        monday = day - timedelta(days=day.weekday())
        return Edition(kind, ReportPeriod(monday, monday + timedelta(days=6)))
    return Edition(kind, month_of(day) if kind == "month" else ReportPeriod(day, day))


def ended_with(day: date, kinds: Sequence[EditionKind]) -> list[Edition]:
    """Returns the editions of these kinds whose last day it is."""
    return [edition for kind in kinds if (edition := edition_of(kind, day)).period.last == day]


def month_of(day: date) -> ReportPeriod:
    """Returns the calendar month of a day."""
    return ReportPeriod(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))
