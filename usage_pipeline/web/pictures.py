"""Pictures as SVG within the page: a bar of what is spent, and the course of a period beside what is usual."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

_WIDTH, _HEIGHT = 340, 96
_GAP = 1
_WIDEST = 28
_FULL = 100


@dataclass(frozen=True)
class StandingBar:
    """Where things stand on a bar of 100 that ends at the largest of them: per cent of its length."""

    spent: int
    forecast: int
    limit: int


@dataclass(frozen=True)
class PictureColumn:
    """A column of a picture: its place, and the heights of what was spent and of what is usual, from the top."""

    x: int
    width: int
    spent_y: int
    spent_height: int
    usual_y: int
    usual_height: int
    is_now: bool


@dataclass(frozen=True)
class Picture:
    """Columns side by side, in a box of ``width`` by ``height``."""

    columns: Sequence[PictureColumn]
    width: int = _WIDTH
    height: int = _HEIGHT


def bar(spent: Decimal, limit: Decimal, forecast: Decimal | None = None) -> StandingBar:
    """Returns the bar; a forecast below what is spent already is left out."""
    whole = max(spent, limit, forecast or Decimal(0)) or Decimal(1)

    def part(value: Decimal | None) -> int:
        return int((value or 0) * _FULL / whole)

    return StandingBar(part(spent), part(forecast) if forecast and forecast > spent else 0, part(limit))


def picture(spent: Sequence[Decimal], usual: Sequence[Decimal], begun: int) -> Picture:
    """Returns a column for each pair; ``begun`` is how many of them have begun, the last of which is now."""
    highest = max((*spent, *usual), default=Decimal(0)) or Decimal(1)
    width = min(max(_WIDTH // max(len(spent), 1), 2), _WIDEST)

    def height(value: Decimal) -> int:
        found = int(value * _HEIGHT / highest)
        return max(found, 1) if value > 0 else 0

    columns = [
        PictureColumn(
            number * width,
            width - _GAP,
            _HEIGHT - height(each),
            height(each),
            _HEIGHT - height(other),
            height(other),
            number == begun - 1,
        )
        for number, (each, other) in enumerate(zip(spent, usual, strict=True))
    ]
    return Picture(columns, width=max(_WIDTH, width * len(columns)))
