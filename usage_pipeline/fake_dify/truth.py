"""Sums true units by whatever the pipeline sums by."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage_pipeline.fake_dify.scripts import TrueUnit


@dataclass
class Totals:
    """Sums of true units; cost by currency is kept apart by grouping, never added."""

    calls: int = 0
    failed_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cost: Decimal = Decimal(0)


def usage_date(unit: TrueUnit, zone: str) -> date:
    """Returns the unit's day in a zone."""
    return unit.occurred_at.astimezone(ZoneInfo(zone)).date()


def true_totals(
    units: Iterable[TrueUnit], by: Sequence[str], zone_of: Callable[[str], str]
) -> dict[tuple[object, ...], Totals]:
    """Totals by fields of the units; ``usage_date`` is the day in the tenant's zone."""
    found: dict[tuple[object, ...], Totals] = defaultdict(Totals)
    for unit in units:
        key = tuple(
            usage_date(unit, zone_of(unit.tenant_id)) if name == "usage_date" else getattr(unit, name) for name in by
        )
        totals = found[key]
        is_call = not unit.event_id.startswith("residual:")
        totals.calls += is_call
        totals.failed_calls += is_call and unit.status == "failed"
        totals.input_tokens += unit.input_tokens
        totals.output_tokens += unit.output_tokens
        totals.total_tokens += unit.total_tokens
        totals.cost += unit.cost or Decimal(0)
    return dict(found)
