"""The key figures of the page: each with its change against the edition before, a small trend, and what it rests on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from usage_pipeline.reports.document import Report, ReportDay
from usage_pipeline.reports.measures import ratio
from usage_pipeline.reports.numbers import change, cost, count, money, short_count, trimmed

# A small trend is of so many days.
_DAYS = 30
_WIDTH, _HEIGHT = 120, 28


@dataclass(frozen=True)
class KeyFigure:
    """A figure: the id of its element, its word, what is shown and the exact value; ``change`` may be empty.

    ``rises`` says which way it went: up, down or even. ``line`` has the points of its small trend as SVG takes them.
    ``mark`` is the name of what it rests on: reconciled, provisional, estimated or unpriced; empty for none.
    """

    id: str
    word: str
    shown: str
    exact: str
    change: str = ""
    rises: str = "even"
    line: str = ""
    mark: str = ""


def key_figures_of(report: Report, language: str) -> list[KeyFigure]:
    """Returns them in reading order."""
    return list(_figures(report, language))


def _figures(report: Report, language: str) -> Iterator[KeyFigure]:
    totals, currency = report.totals, report.currency
    before = report.comparisons[0] if report.comparisons else None
    state = "provisional" if report.provisional else "reconciled"
    days = report.trend[-_DAYS:]

    def figure(
        name: str, word: str, shown: str, exact: str, now: Decimal | int | None, then: Decimal | None, mark: str = state
    ) -> KeyFigure:
        moved = _moved(now, then)
        way = "even" if not moved else "up" if moved > 0 else "down"
        line = points([_VALUES[name](day) for day in days]) if name in _VALUES else ""
        return KeyFigure(name, word, shown, exact, "" if moved is None else change(moved), way, line, mark)

    yield figure(
        "cost",
        "base_cost",
        cost(totals.base_cost, currency, language),
        trimmed(totals.base_cost),
        totals.base_cost,
        before.base_cost if before else None,
        "unpriced" if totals.unpriced_tokens else state,
    )
    for name, then in (
        ("total_tokens", before.total_tokens if before else None),
        ("calls", before.calls if before else None),
        ("failed_calls", None),
    ):
        value = getattr(totals, name)
        yield figure(name, name, short_count(value, language), count(value), value, then)
    per_call, per_thousand = totals.cost_per_call, totals.cost_per_thousand_tokens
    yield figure(
        "per-call",
        "cost_per_call",
        cost(per_call, currency, language, places=4),
        money(per_call, 6),
        per_call,
        _rate(before, "calls", 1),
    )
    yield figure(
        "per-thousand",
        "cost_per_1000_tokens",
        cost(per_thousand, currency, language, places=4),
        money(per_thousand, 6),
        per_thousand,
        _rate(before, "total_tokens", 1000),
    )
    unpriced = totals.unpriced_tokens
    mark = "unpriced" if unpriced else ""
    yield figure(
        "unpriced_tokens", "unpriced_tokens", short_count(unpriced, language), count(unpriced), unpriced, None, mark
    )


_VALUES: dict[str, Callable[[ReportDay], Decimal | int]] = {
    "cost": lambda day: day.base_cost,
    "total_tokens": lambda day: day.total_tokens,
    "calls": lambda day: day.calls,
    "failed_calls": lambda day: day.failed_calls,
    "per-call": lambda day: day.cost_per_call or 0,
    "per-thousand": lambda day: day.cost_per_thousand_tokens or 0,
    "unpriced_tokens": lambda day: day.unpriced_tokens,
}


def points(values: Sequence[Decimal | int]) -> str:
    """Returns the points of a line from left to right, lowest at the bottom, as an SVG polyline takes them."""
    if len(values) < 2:
        return ""
    highest = max(values)
    if not highest:
        return ""
    step = _WIDTH / (len(values) - 1)
    return " ".join(
        f"{at * step:.1f},{_HEIGHT - 2 - float(value / highest) * (_HEIGHT - 4):.1f}" for at, value in enumerate(values)
    )


def _moved(now: Decimal | int | None, then: Decimal | None) -> Decimal | None:
    return None if now is None or not then else ratio(Decimal(now) - then, then)


def _rate(before: object, of: str, times: int) -> Decimal | None:
    """A cost of the edition before by what it is a rate of; None where there was none."""
    amount = getattr(before, "base_cost", None)
    number = getattr(before, of, None)
    return ratio(amount * times, number) if amount is not None and number else None
