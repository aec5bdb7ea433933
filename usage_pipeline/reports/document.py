"""The report as one typed document. Money is in the configuration's currency, exact; days are usage dates."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from usage_pipeline.reports.edition import Edition, ReportPeriod
from usage_pipeline.reports.happened import ActionLine, AlertLine, LockLine, OverrideLine
from usage_pipeline.reports.measures import ZERO, Measures, Spent
from usage_pipeline.reports.movers import Mover
from usage_pipeline.reports.prices import ListPrice, ModelPrice, UsedRate
from usage_pipeline.reports.savings import Enforced, Saving


@dataclass(frozen=True)
class Comparison:
    """An earlier edition, or the mean of several."""

    name: str
    period: ReportPeriod
    calls: Decimal
    total_tokens: Decimal
    base_cost: Decimal
    change: Decimal | None  # of this report's cost against it, as a ratio; None where it was zero


@dataclass(frozen=True)
class MonthToDate:
    """The last day's calendar month up to that day, and where a straight line leads."""

    period: ReportPeriod
    base_cost: Decimal
    total_tokens: int
    forecast: Decimal
    method: str = "straight_line"


@dataclass(frozen=True, kw_only=True)
class ReportDay(Measures):
    """One day of the trend."""

    usage_date: date


@dataclass(frozen=True)
class BudgetLine:
    """Where a budget's value stood when the edition ended, and how full it was at its fullest within it.

    ``base_limit`` is the configured one; ``limit`` has what overrides and rollover added when the edition ended;
    ``added`` is what they added within it. Amounts are in the measure's unit, ratios 1 at the limit. ``name`` is what
    people call it.
    """

    budget_id: str
    scope_value: str
    scope_name: str
    period: str
    first: date
    last: date
    measure: str
    spent: Decimal
    base_limit: Decimal
    limit: Decimal
    ratio: Decimal
    level: str
    highest_ratio: Decimal
    highest_level: str
    forecast: Decimal | None
    as_of: datetime
    name: str = ""
    added: Decimal = ZERO


@dataclass(frozen=True)
class Gap:
    """Tokens without a price (`unpriced`), or calls that no API key is known for (`unattributed`)."""

    kind: str
    project: str
    what: str
    calls: int
    total_tokens: int
    base_cost: Decimal


@dataclass(frozen=True)
class Unreconciled:
    """A day that does not fit its source's own sums."""

    usage_date: date
    source: str
    state: str
    unexplained_tokens: int | None
    says: str | None


@dataclass(frozen=True)
class OpenReason:
    """Why the report's figures may still change."""

    reason: str  # not_over, not_read, not_replayed, changed, not_compared, not_compared_to_end, unreconciled
    source: str
    usage_date: date


@dataclass(frozen=True)
class Correction:
    """A figure that is not what the report said when it was sent, or first was final.

    ``what`` is base_cost, total_tokens, spent, limit, ...; ``about`` the project or budget, empty for everything;
    ``said`` and ``now`` are exact, as text, None for what was not there or is no more.
    """

    what: str
    about: str
    measure: str
    said: str | None
    now: str | None


@dataclass(frozen=True)
class DayPart:
    """What one tenant, project or model spent on a day; the lesser ones stand together under an empty key."""

    dimension: str
    key: str
    name: str
    usage_date: date
    base_cost: Decimal


_SHARED = (
    "source", "tenant_id", "tenant", "zone", "environment", "app_id", "project", "app_mode", "api_key_id", "api_key",
    "key_attribution", "caller_kind", "caller_id", "caller", "provider", "model", "currency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A row of usage.daily_usage with its names."""

    usage_date: date
    source: str
    tenant_id: str
    tenant: str
    zone: str
    environment: str
    app_id: str
    project: str
    app_mode: str | None
    tags: Sequence[str] | None
    api_key_id: str | None
    api_key: str
    key_attribution: str
    caller_kind: str
    caller_id: str | None
    caller: str
    provider: str | None
    model: str | None
    currency: str | None
    calls: int
    failed_calls: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated_tokens: int
    unpriced_tokens: int
    cost: Decimal
    base_cost: Decimal

    def __post_init__(self) -> None:
        """Names stand in very many rows: each is kept once."""
        for name in _SHARED:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, sys.intern(value))


@dataclass(frozen=True)
class Tenant:
    """A tenant as a report names it."""

    source: str
    tenant_id: str
    name: str
    zone: str


@dataclass(frozen=True)
class Report:
    """All that any format shows."""

    edition: Edition
    tenant: Tenant | None  # None: all of them
    zone: str
    currency: str
    made_at: datetime
    open_reasons: Sequence[OpenReason]
    totals: Measures
    comparisons: Sequence[Comparison]
    month: MonthToDate
    spent: dict[str, Sequence[Spent]]  # by dimension
    trend: Sequence[ReportDay]
    budgets: Sequence[BudgetLine]
    movers: Sequence[Mover]
    alerts: Sequence[AlertLine]
    actions: Sequence[ActionLine]
    overrides: Sequence[OverrideLine]
    locks: Sequence[LockLine]
    gaps: Sequence[Gap]
    unreconciled: Sequence[Unreconciled]
    savings: Sequence[Saving]
    enforced: Sequence[Enforced]
    savings_period: ReportPeriod
    rows: Sequence[UsageRow]
    history: Sequence[DayPart] = ()  # of the trend's days
    config_version: int | None = None  # that was active when the edition ended; None where none is kept
    reconciled_at: datetime | None = None  # when the last of its days was found to fit the source; None: not yet
    prices: Sequence[ModelPrice] = ()
    list_prices: Sequence[ListPrice] = ()
    rates: Sequence[UsedRate] = ()
    corrections: Sequence[Correction] = ()
    said_at: datetime | None = None  # when the figures were said that the corrections are of

    @property
    def provisional(self) -> bool:
        """Returns whether the figures may still change: a day is not over, not read to its end, or not reconciled."""
        return bool(self.open_reasons)
