"""API keys, what they were used for in the last 30 days, and how many calls of a project are attributed to one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class KeyUsage:
    """A key that was ever seen, or that a rule declares; times aware UTC, cost in the configuration's currency."""

    tenant: str
    project: str
    name: str | None
    masked: str | None
    api_key_id: str
    state: str  # live, gone or declared
    created_at: datetime | None
    last_used_at: datetime | None
    gone_at: datetime | None
    calls: int
    tokens: int
    cost: Decimal
    told_by: str | None


@dataclass(frozen=True)
class KeyAttribution:
    """A project's API calls by what attributes them to a key; ``rate`` is the part (0 to 1) that a key is named for."""

    tenant: str
    project: str
    calls: int
    rate: Decimal
    exact: int
    sole: int
    observed: int
    declared: int
    shared: int


def key_usage(connection: Connection) -> list[KeyUsage]:
    """Returns every key, the dearest first."""
    return rows(connection, KeyUsage, statement("reports/api_keys"))


def key_attribution(connection: Connection) -> list[KeyAttribution]:
    """Returns a line a project that was called through its API, the least attributed first."""
    return rows(connection, KeyAttribution, statement("reports/key_attribution"))
