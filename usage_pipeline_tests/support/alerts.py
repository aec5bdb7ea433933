"""Alerts as tests need them: of any kind, by the columns that they stand in and the facts of a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from usage_pipeline.alerts.kinds.base import Identity, NewAlert
from usage_pipeline.alerts.kinds.registry import kind_of
from usage_pipeline.settings.budget import Level


@dataclass(frozen=True)
class ColumnsAsKey:
    """A key that is its columns."""

    columns: Identity

    def identity(self) -> Identity:
        return self.columns


def alert_of(
    kind: str,
    about: str,
    start: datetime,
    end: datetime | None,
    tier: str,
    level: Level,
    facts: Mapping[str, object],
) -> NewAlert[Any]:
    """An alert that is not written yet; ``about`` is a budget's id as a rule."""
    found = kind_of(kind)
    key = ColumnsAsKey(Identity(about, period_start=start, tier=Decimal(tier)))
    return NewAlert(kind=found, key=key, level=level, facts=found.read(facts), period_end=end)
