"""Evaluates the budgets now, finds what is unusual, writes alerts, settles overrides and locks: in one transaction."""

from datetime import datetime

from usage_pipeline.alerts.budget_alert import raise_budget_alerts
from usage_pipeline.alerts.kinds.anomaly import raise_anomaly_alerts
from usage_pipeline.alerts.kinds.loop import raise_loop_alerts
from usage_pipeline.alerts.kinds.override import notify_override
from usage_pipeline.alerts.quiet_hours import hold
from usage_pipeline.budgets.anomalies import find_anomalies
from usage_pipeline.budgets.evaluate import Evaluation, evaluate_budgets
from usage_pipeline.budgets.locks import settle_locks
from usage_pipeline.budgets.loops import find_loops
from usage_pipeline.budgets.overrides import close_due
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


def evaluate_and_alert(
    connection: Connection, configuration: ActiveConfiguration, as_of: datetime, *, everything: bool = True
) -> tuple[Evaluation, list[str]]:
    """Returns what was found and the ids of the alerts that are new. ``as_of`` is aware UTC.

    Without ``everything``, budgets whose spending and terms are as they were are not evaluated again for a while.
    A status and the alerts that it leads to stand together or not at all; running it twice raises nothing twice.
    """
    settings, version = configuration.settings, configuration.version
    with connection.transaction():
        ended = [notify_override(connection, settings, version, each, as_of) for each in close_due(connection, as_of)]
        found = evaluate_budgets(connection, settings, version, as_of, everything=everything)
        raised = raise_budget_alerts(connection, settings, version, found.reached, as_of)
        hold(connection, settings, as_of, raised)
        connection.execute(statement("alerts/resolve"), {"as_of": as_of})
        settle_locks(connection, settings, as_of)
        unusual = find_anomalies(connection, settings, version, as_of)
        raised += raise_anomaly_alerts(connection, settings, version, unusual, as_of)
        circling = find_loops(connection, settings, version, as_of)
        raised += raise_loop_alerts(connection, settings, version, circling, as_of)
    return found, [*(alert_id for alert_id in ended if alert_id), *raised]
