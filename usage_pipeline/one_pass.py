"""One whole pass: read the sources, roll up, hold against budgets, write alerts, deliver, check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from usage_pipeline.alerts.configuration_alerts import raise_configuration_alert
from usage_pipeline.alerts.judge_and_alert import judge_and_alert
from usage_pipeline.alerts.source_alerts import raise_source_alerts
from usage_pipeline.budgets.evaluate import Evaluation
from usage_pipeline.budgets.past_days import judge_days
from usage_pipeline.configuration import InForce, configuration_in_force
from usage_pipeline.delivery.outbox import DeliverySummary, deliver_due
from usage_pipeline.ingest.every_source import read_every_source
from usage_pipeline.ingest.read_source import IngestResult, Progress
from usage_pipeline.ingest.recount import recount
from usage_pipeline.usage.roll_up import Difference, changed_days, differences, roll_up
from usage_pipeline.warehouse.connection import Connection


@dataclass
class PassSummary:
    """What a pass did, and what did not hold."""

    ingested: list[IngestResult] = field(default_factory=list)
    source_errors: dict[str, str] = field(default_factory=dict)
    days: list[date] = field(default_factory=list)
    evaluation: Evaluation = field(default_factory=Evaluation)
    alerts: list[str] = field(default_factory=list)
    delivery: DeliverySummary | None = None
    differences: list[Difference] = field(default_factory=list)
    configuration_error: str | None = None

    @property
    def held(self) -> bool:
        """Whether every step held: all sources read, tables equal events, file valid, nothing failed to be told."""
        undelivered = self.delivery.failed if self.delivery else 0
        return not (self.source_errors or self.differences or self.configuration_error or undelivered)


def run_pass(
    connection: Connection,
    config: Path,
    *,
    by: str,
    sweep: bool = True,
    deliver: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> PassSummary:
    """One whole pass without a daemon. Safe to run twice, at once with another, and to kill anywhere."""
    summary = PassSummary()
    configuration = configuration_in_force(connection, config)
    raise_configuration_alert(connection, configuration)
    summary.configuration_error = str(configuration.refused) if configuration.refused else None
    summary.ingested, summary.source_errors = read_every_source(
        connection, configuration.settings, sweep=sweep, progress=progress
    )
    summary.alerts = raise_source_alerts(connection, configuration, datetime.now(UTC))
    summary.days = changed_days(connection)
    roll_up(connection, summary.days)
    summary.evaluation, raised = judge_and_alert(connection, configuration, datetime.now(UTC))
    summary.alerts += raised
    if deliver:
        summary.delivery = deliver_due(connection, configuration.settings, by=by)
    summary.differences = differences(connection, summary.days)
    return summary


def backfill(
    connection: Connection,
    configuration: InForce,
    days: Sequence[date],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Difference]:
    """Books past days' events again under the configuration in force, then makes their daily tables and budget_status.

    Keys, projects, environments, zones and prices are told from what the warehouse holds; no source is read, nothing is
    sent. A day that an event moved to or from, and that was not asked for, is marked as changed for the next pass.
    """
    recount(connection, configuration.settings, days)
    roll_up(connection, days, progress=progress)
    judge_days(connection, configuration, days)
    return differences(connection, days)
