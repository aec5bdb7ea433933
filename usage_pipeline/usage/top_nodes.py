"""Which workflow nodes burn the most, and what they burnt in as many days before."""

from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value_or_none
from usage_pipeline.warehouse.statements import like_pattern, statement


@dataclass(frozen=True)
class NodeUsage:
    """A node's last full days and the days before them; cost in the configuration's currency, change in per cent."""

    source: str
    tenant: str
    project: str
    app_id: str
    node_id: str
    title: str | None
    type: str | None
    models: str | None
    calls: int
    failed_calls: int
    tokens: int
    tokens_before: int
    tokens_change_percent: Decimal | None
    cost: Decimal
    cost_before: Decimal
    cost_change_percent: Decimal | None
    unpriced_tokens: int

    def as_row(self, columns: tuple[str, ...]) -> tuple[object, ...]:
        """Returns some of its fields, in their order."""
        named = dict(zip(self.__dataclass_fields__, astuple(self), strict=True))
        return tuple(named[column] for column in columns)


def top_nodes(
    connection: Connection,
    *,
    days: int = 7,
    project: str | None = None,
    by: Literal["tokens", "cost"] = "tokens",
    limit: int = 20,
    now: datetime | None = None,
) -> list[NodeUsage]:
    """Returns the largest first. ``project`` is a name, an id or a glob; days are full ones of each tenant's zone."""
    return rows(
        connection,
        NodeUsage,
        statement("reports/top_nodes"),
        {
            "days": days,
            "project": like_pattern(project) if project else None,
            "project_id": project,
            "by": by,
            "limit": limit,
            "now": now or datetime.now(UTC),
        },
    )


def has_project(connection: Connection, project: str) -> bool:
    """Returns whether a project of this name, id or glob was ever seen."""
    query = "SELECT 1 FROM usage.project WHERE name LIKE %s OR app_id = %s LIMIT 1"
    return value_or_none(connection, int, query, [like_pattern(project), project]) is not None
