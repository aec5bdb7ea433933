"""Tells the operators that a changed configuration file was refused and the last valid one stays in force."""

from datetime import UTC, datetime

from usage_pipeline.alerts.outbox import NewAlert, raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.warehouse.connection import Connection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def raise_configuration_alert(connection: Connection, configuration: ActiveConfiguration) -> bool:
    """Writes the alert, once a refused version of the file; False when nothing is refused or it was told already."""
    if configuration.refused is None or configuration.refused_hash is None:
        return False
    recipients = operators(configuration.settings)
    problems = configuration.refused.problems
    alert = NewAlert(
        kind="configuration",
        budget_id=configuration.refused_hash[:16],
        scope_value="",
        period_start=_EPOCH,
        period_end=None,
        tier="0",
        level="critical",
        facts={
            "file": problems[0].file if problems else "",
            "problems": [str(problem) for problem in problems[:10]],
            "in_force_version": configuration.version,
            "level": "critical",
            "recipients": [name for name, _ in recipients],
        },
        config_version=configuration.version,
    )
    with connection.transaction():
        return raise_alert(connection, alert, recipients)
