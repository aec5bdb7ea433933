"""What a benchmark returns: figures, each with what it is held against, and how large it may be."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Size:
    """How much is made. A small one shows on a busy machine that all runs; only the full one is what limits are of."""

    name: str
    messages: int  # of the first read
    runs: int  # of five nodes each
    rounds: int  # of the reading that is held against other loaders
    round_rows: int
    history: tuple[int, int]  # events of the short and the long history that ticks come upon
    unchanged: int  # rows within the look-back
    budget_callers: int  # two budgets each
    repeats: int  # of what is measured several times: the median counts
    alerts: int  # on their way while `up` runs
    idle_s: int
    storage_days: int
    storage_passes: int  # a day
    past_events: int  # of the sixty days that a cluster makes again


FULL = Size(
    "full", messages=2_000_000, runs=100_000, rounds=3, round_rows=200_000, history=(1_000_000, 10_000_000),
    unchanged=30_000, budget_callers=5_000, repeats=5, alerts=20, idle_s=90, storage_days=9, storage_passes=720,
    past_events=200_000,
)  # fmt: skip
SMALL = Size(
    "small", messages=100_000, runs=5_000, rounds=2, round_rows=20_000, history=(50_000, 500_000),
    unchanged=3_000, budget_callers=500, repeats=3, alerts=4, idle_s=20, storage_days=8, storage_passes=96,
    past_events=30_000,
)  # fmt: skip
SIZES = {size.name: size for size in (FULL, SMALL)}


@dataclass(frozen=True)
class Figure:
    """One figure: ``ours`` in a unit, and where there is one the ``reference`` that was measured in the same run.

    ``at_most`` and ``at_least`` are of their ratio, or of ours where there is no reference.
    """

    what: str
    ours: float
    unit: str
    against: str = ""
    reference: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    quoted: bool = False  # in the README

    @property
    def value(self) -> float:
        """Returns what the limit is of: the ratio, or ours."""
        return self.ours / self.reference if self.reference else self.ours

    @property
    def used(self) -> float | None:
        """Returns the part of the limit that is used, 1 at the limit; None without a limit."""
        if self.at_most is not None:
            return self.value / self.at_most
        if self.at_least is not None:
            return self.at_least / self.value if self.value else float("inf")
        return None

    @property
    def limit(self) -> str:
        """Returns the limit as a person reads it; empty for none."""
        if self.at_most is None and self.at_least is None:
            return ""
        word, number = ("at most", self.at_most) if self.at_most is not None else ("at least", self.at_least)
        return f"{word} {shown(number or 0)}{' times' if self.reference else f' {self.unit}'}"

    def line(self) -> str:
        """Returns the figure as one line of text."""
        parts = [f"{self.what}: {shown(self.ours)} {self.unit}"]
        if self.reference:
            parts.append(f"{shown(self.value)} times {self.against} ({shown(self.reference)} {self.unit})")
        if self.limit:
            parts.append(f"{self.limit}: {'holds' if (self.used or 0) <= 1 else 'MISSED'}")
        return "; ".join(parts)


def shown(number: float) -> str:
    """Returns a number with three digits that count, and separators."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if abs(number) < 10 else f"{number:.1f}"


def write(figures: Sequence[Figure], path: Path) -> None:
    """Writes figures as JSON."""
    path.write_text(json.dumps([asdict(figure) for figure in figures]), encoding="utf-8")


def read(path: Path) -> list[Figure]:
    """Returns figures that were written."""
    return [Figure(**found) for found in json.loads(path.read_text(encoding="utf-8"))]
