"""Which projects an action touches: those that spend in the budget, the largest first, until what is left fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from usage_pipeline.budgets.evaluate import in_scope_parameters
from usage_pipeline.budgets.scope import in_scope
from usage_pipeline.enforcement.causes import Cause
from usage_pipeline.settings import Budget
from usage_pipeline.settings.enforcement import Enforcement, TargetFacts, Until
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.statements import statement

_AMOUNTS: dict[str, LiteralString] = {
    measure: f"CROSS JOIN LATERAL (SELECT {amount} AS amount) AS m"
    for measure, amount in (
        ("tokens", "d.total_tokens"),
        ("input_tokens", "d.input_tokens"),
        ("output_tokens", "d.output_tokens"),
        ("cost", "coalesce(d.base_cost, 0)"),
        ("calls", "CASE WHEN d.event_id LIKE 'residual:%%' THEN 0 ELSE 1 END"),
    )
}


@dataclass(frozen=True)
class Target:
    """A project, and what it spent in the budget's measure: in the period, and in the last 24 hours."""

    source: str
    app_id: str
    tenant_id: str
    name: str
    tenant_name: str
    environment: str
    tags: list[str]
    spent: Decimal
    of_late: Decimal

    @property
    def facts(self) -> TargetFacts:
        """What `never` looks at."""
        return TargetFacts(
            project_id=self.app_id,
            project_name=self.name,
            workspace_id=self.tenant_id,
            workspace_name=self.tenant_name,
            environment=self.environment,
            tags=tuple(self.tags),
        )


def spenders(connection: Connection, budget: Budget, cause: Cause, now: datetime) -> list[Target]:
    """Returns every project that spent in the value of the budget in its period, the largest first."""
    return rows(
        connection,
        Target,
        in_scope("enforcement/targets", _AMOUNTS[cause.measure or "tokens"]),
        {
            **in_scope_parameters(connection, budget, cause.scope or {}),
            "period_start": cause.period_start,
            "period_end": cause.period_end,
            "zone": cause.zone,
            "by_the_hour": budget.by_the_hour,
            "estimated": budget.include_estimated,
            "now": now,
        },
    )


def project_of(connection: Connection, cause: Cause) -> list[Target]:
    """Returns the project of a loop; nothing where it is gone."""
    parameters = {"source": cause.source, "app_id": cause.app_id}
    return rows(connection, Target, statement("enforcement/project_to_touch"), parameters)


def paused_by_loops(connection: Connection) -> list[str]:
    """Returns the apps (source/id) that loops keep paused now, or that wait for an approval to be."""
    return values(connection, str, statement("enforcement/paused_by_loops"))


def chosen(targets: Sequence[Target], cause: Cause, until: Until, enforcement: Enforcement) -> list[Target]:
    """Returns the first of the targets that are enough; all where nothing less is.

    What is still to come in the period is shared out by what each spent in the last 24 hours. A project that is never
    touched goes on spending and so is passed over in the sum, but stays in the list: people are notified of it.
    """
    if until == "all" or cause.spent is None or cause.limit is None:
        return list(targets)
    to_come = max((cause.forecast or cause.spent) - cause.spent, Decimal(0))
    of_late = sum((target.of_late for target in targets), Decimal(0))
    goes_on = of_late
    found: list[Target] = []
    for target in targets:
        left = to_come * goes_on / of_late if of_late else to_come
        if found and cause.spent + left <= cause.limit:
            break
        found.append(target)
        if not enforcement.never_touches(target.facts):
            goes_on -= target.of_late
    return found
