"""A bar of what is spent and foreseen, with a mark where the limit is: in per cent for pages, in letters for chats."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from usage_pipeline.alerts.kinds.facts import number
from usage_pipeline.alerts.text.format import percent

# The mark stands at the same place in every bar, so that two of them can be compared: the rest is for what lies beyond.
_MARK = 75
_BEYOND = 100 - _MARK
# A cell of a bar made of letters is so many per cent.
_CELL = 5
# What lies beyond is drawn up to a third above the limit, or as far as it reaches.
_LEAST_REACH = Decimal(4) / 3


@dataclass(frozen=True)
class Bar:
    """Parts of a bar in per cent of its length: up to the mark, and beyond it. Each side adds up, or has nothing."""

    spent: int
    forecast: int
    left: int
    over: int
    over_forecast: int
    over_left: int


def bar_of(facts: Mapping[str, object]) -> Bar | None:
    """Returns the bar of an alert's facts; None where no limit is known.

    Up to the mark it is full only when the limit is reached; above it, it shows at least a cell beyond.
    """
    ratio, limit, foreseen = (number(facts.get(name)) for name in ("ratio", "limit", "forecast"))
    if ratio is None or limit is None or limit <= 0:
        return None
    ratio = max(ratio, Decimal(0))
    reach = max(ratio, (foreseen or Decimal(0)) / limit)
    spent = int(min(ratio, Decimal(1)) * _MARK)
    forecast = int(min(reach, Decimal(1)) * _MARK) - spent
    over, over_forecast = _beyond(ratio, reach)
    drawn = _BEYOND if reach > 1 else 0
    return Bar(spent, forecast, _MARK - spent - forecast, over, over_forecast, drawn - over - over_forecast)


def _beyond(ratio: Decimal, reach: Decimal) -> tuple[int, int]:
    span = max(reach, _LEAST_REACH) - 1
    over = min(_BEYOND, max(_CELL, int(_BEYOND * (ratio - 1) / span))) if ratio > 1 else 0
    whole = min(_BEYOND, max(_CELL, over, int(_BEYOND * (reach - 1) / span))) if reach > 1 else 0
    return over, whole - over


def meter_of(facts: Mapping[str, object]) -> str:
    """Returns the bar in letters, with how full the limit is; empty where there is no limit."""
    bar = bar_of(facts)
    if bar is None:
        return ""
    up_to = _letters(bar.spent, bar.forecast, bar.left)
    beyond = _letters(bar.over, bar.over_forecast, bar.over_left)
    return f"{up_to}│{beyond} {percent(number(facts.get('ratio')))}"


def _letters(full: int, foreseen: int, empty: int) -> str:
    """Cells that are only partly full count as empty, so that the last one says for certain."""
    cells, solid = (full + foreseen + empty) // _CELL, full // _CELL
    shaded = (full + foreseen) // _CELL - solid
    return "█" * solid + "▒" * shaded + "░" * (cells - solid - shaded)
