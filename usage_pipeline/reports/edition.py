"""Which days a report is of, and which it is held against."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Kind = Literal["day", "week", "month"]
KINDS: tuple[Kind, ...] = ("day", "week", "month")


@dataclass(frozen=True)
class Span:
    """Days from first to last, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Edition:
    """A day, an ISO week (from Monday) or a calendar month."""

    kind: Kind
    span: Span

    @property
    def name(self) -> str:
        """As folders and titles call it: 2026-11-24, 2026-W48, 2026-11."""
        first = self.span.first
        if self.kind == "week":
            year, week, _ = first.isocalendar()
            return f"{year}-W{week:02d}"
        return f"{first:%Y-%m}" if self.kind == "month" else first.isoformat()

    def earlier(self) -> list[tuple[str, Span, int]]:
        """What it is held against: a name, the days, and over how many editions their sum is averaged."""
        first = self.span.first
        before = Span(first - timedelta(days=self.span.days), first - timedelta(days=1))
        if self.kind == "day":
            same = first - timedelta(days=7)
            return [
                ("day_before", before, 1),
                ("same_weekday", Span(same, same), 1),
                ("trailing_7", Span(same, before.last), 7),
                ("trailing_28", Span(first - timedelta(days=28), before.last), 28),
            ]
        if self.kind == "week":
            return [
                ("week_before", before, 1),
                ("trailing_4_weeks", Span(first - timedelta(days=28), before.last), 4),
            ]
        return [
            ("month_before", month_of(before.last), 1),
            ("same_month_last_year", month_of(first.replace(year=first.year - 1)), 1),
        ]


def edition_of(kind: Kind, day: date) -> Edition:
    """The edition that a day lies in."""
    if kind == "week":
        monday = day - timedelta(days=day.weekday())
        return Edition(kind, Span(monday, monday + timedelta(days=6)))
    return Edition(kind, month_of(day) if kind == "month" else Span(day, day))


def ended_with(day: date, kinds: Sequence[Kind]) -> list[Edition]:
    """The editions of these kinds whose last day it is."""
    return [edition for kind in kinds if (edition := edition_of(kind, day)).span.last == day]


def month_of(day: date) -> Span:
    """The calendar month of a day."""
    return Span(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))
