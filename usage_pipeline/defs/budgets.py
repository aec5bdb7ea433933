"""The assets budget_status and alert_audit, and their checks."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import dagster as dg

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.alerts.follow_ups import plan
from usage_pipeline.alerts.kinds.configuration import raise_configuration_alert
from usage_pipeline.alerts.kinds.source import raise_source_alerts
from usage_pipeline.budgets.past_days import correct_days, evaluate_days
from usage_pipeline.defs.budget_checks import budget_checks
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    LATE_DAYS,
    OWNERS,
    WORK_TAG,
    described,
    is_pass,
    markdown_table,
    partition_days,
    table_of,
    usage_days,
)
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


@dg.asset(
    deps=["daily_usage"],
    partitions_def=usage_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="budgets",
    owners=OWNERS,
    kinds={"postgres", "sql"},
    metadata=described("budget_status"),
    tags={"domain": "budgets"},
)
def budget_status(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """One row a budget, scope value and period: spent against limit, level and forecast.

    A pass evaluates the current periods and writes the alerts of tiers reached, in one transaction. A backfill
    evaluates past days under the active configuration, beside what was in force then (budget_status_what_if), and
    notifies nobody.
    """
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        raised: list[str] = []
        what_if: dict[str, dg.MetadataValue[str]] = {}
        if is_pass(context):
            raise_configuration_alert(connection, configuration)
            raised = raise_source_alerts(connection, configuration, datetime.now(UTC))
            raised += evaluate_and_alert(connection, configuration, datetime.now(UTC))[1]
            plan(connection, configuration.settings, datetime.now(UTC))
        elif context.run.tags.get(WORK_TAG) == LATE_DAYS:
            correct_days(connection, configuration, partition_days(context))
        else:
            days = partition_days(context)
            evaluate_days(connection, configuration, days)
            what_if = _what_if(connection, configuration.version, days)
        counted = connection.execute("SELECT count(*) FROM usage.budget_status WHERE period_end > now()").fetchone()
        table = table_of(
            connection,
            ["budget", "scope", "spent", "limit", "ratio", "level", "forecast"],
            'SELECT budget_id, scope_name, round(spent, 2), "limit", round(ratio, 3), level, round(forecast, 0)'
            " FROM usage.budget_status WHERE period_end > now() ORDER BY ratio DESC LIMIT 25",
            [],
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": int(str(counted[0])) if counted else 0,
            "alerts_raised": raised,
            "sends": "alerts" if is_pass(context) else "nothing",
            "config_version": configuration.version,
            "highest": dg.MetadataValue.md(table),
            **what_if,
        }
    )


def _what_if(connection: Connection, version: int, days: list[date]) -> dict[str, dg.MetadataValue[str]]:
    """The days that would have alerted under the file now in force, beside what was in force then."""
    rows = markdown_table(
        ["day", "budget", "scope", "tier", "level", "measure", "spent", "limit", "level then", "limit then", "version"],
        connection.execute(
            statement("reports/what_if_alerts"), {"config_version": version, "days": days}
        ).fetchall(),
    )  # fmt: skip
    return {"would_have_alerted": dg.MetadataValue.md(rows)}


@dg.asset(
    deps=["budget_status", "alert_deliveries"],
    group_name="alerts",
    owners=OWNERS,
    kinds={"postgres"},
    metadata=described("alert"),
    tags={"domain": "alerts"},
)
def alert_audit(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Every alert there ever was, with each attempt to deliver it and the channel's own answer."""
    with warehouse.connection() as connection:
        counted = connection.execute("SELECT count(*) FROM usage.alert").fetchone()
        table = table_of(
            connection,
            ["alert", "level", "what", "scope", "raised", "recipient", "state", "attempts", "answer"],
            "SELECT a.alert_id, a.level, a.budget_id, a.facts ->> 'scope_name', a.created_at, d.recipient, d.state,"
            " d.attempts, (SELECT t.answer FROM usage.alert_delivery t WHERE t.delivery_id = d.delivery_id"
            " ORDER BY t.attempt DESC LIMIT 1)"
            " FROM usage.alert a LEFT JOIN usage.delivery d USING (alert_id)"
            " ORDER BY a.created_at DESC, a.tier DESC, d.recipient LIMIT 30",
            [],
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": int(str(counted[0])) if counted else 0,
            "newest": dg.MetadataValue.md(table),
        }
    )


@dg.asset_check(
    asset=budget_status, description="The configuration file is valid; else the last valid one is in force."
)
def budgets_valid(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red with file, line, field, value and fix while the file is refused."""
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
    problems = [str(problem) for problem in configuration.refused.problems] if configuration.refused else []
    return dg.AssetCheckResult(
        passed=not problems, metadata={"problems": problems, "version_in_force": configuration.version}
    )


@dg.asset_check(asset=budget_status, description="Nothing was used that is far outside its own history (`anomalies:`).")
def nothing_unusual(warehouse: Warehouse) -> dg.AssetCheckResult:
    """A warning with what was found within the last day."""
    with warehouse.connection() as connection:
        rows = connection.execute(
            "SELECT rule_id, name, window_start, window_end, measure, round(amount, 2), round(usual, 2), score"
            " FROM usage.anomaly WHERE found_at > now() - interval '24 hours' ORDER BY score DESC LIMIT 50"
        ).fetchall()
    columns = ["rule", "what", "from", "to", "measure", "used", "usual", "standard deviations"]
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"unusual": dg.MetadataValue.md(markdown_table(columns, rows))},
    )


@dg.asset_check(
    asset=alert_audit, description="No alert has failed unseen, and none has waited more than five minutes."
)
def alerts_delivered(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Red while an alert is failed and nobody has acknowledged it, or waits although no quiet hours hold it."""
    with warehouse.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'failed' AND NOT EXISTS (SELECT FROM usage.acknowledgement k"
            " WHERE k.alert_id = a.alert_id)), count(*) FILTER (WHERE state IN ('pending', 'sending')"
            " AND greatest(d.created_at, d.held_until) < now() - interval '5 minutes')"
            " FROM usage.delivery d JOIN usage.alert a USING (alert_id) WHERE a.kind <> 'test'"
        ).fetchone()
    failed, waiting = (int(str(value)) for value in row) if row else (0, 0)
    return dg.AssetCheckResult(passed=failed + waiting == 0, metadata={"failed": failed, "waiting": waiting})


ASSETS: list[dg.AssetsDefinition] = [budget_status, alert_audit]
CHECKS: Iterable[dg.AssetChecksDefinition] = [budgets_valid, nothing_unusual, alerts_delivered, *budget_checks()]
