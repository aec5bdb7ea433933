"""One whole pass: read the sources, roll up, hold against budgets, write alerts, act, deliver, check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.alerts.kinds.configuration import raise_configuration_alert
from usage_pipeline.alerts.kinds.pipeline import raise_watch_alerts
from usage_pipeline.alerts.kinds.source import raise_source_alerts
from usage_pipeline.budgets.evaluate import Evaluation
from usage_pipeline.budgets.past_days import evaluate_days
from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.delivery.heartbeat import send_heartbeat
from usage_pipeline.delivery.worker import DeliverySummary, deliver_due
from usage_pipeline.enforcement.carry_out import Carried, enforce
from usage_pipeline.ingest.pass_record import begin_pass, end_pass
from usage_pipeline.ingest.read_all_sources import read_all_sources
from usage_pipeline.ingest.read_source import IngestResult, Progress
from usage_pipeline.ingest.recount import recount
from usage_pipeline.settings import Settings
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
    enforcement: Carried = field(default_factory=Carried)
    delivery: DeliverySummary | None = None
    differences: list[Difference] = field(default_factory=list)
    configuration_error: str | None = None

    @property
    def held(self) -> bool:
        """Whether every step held: all read, tables equal events, file valid, consoles reached, nothing untold."""
        undelivered = self.delivery.failed if self.delivery else 0
        problems = (self.source_errors, self.differences, self.configuration_error, self.enforcement.errors)
        return not (any(problems) or undelivered)


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
    began = datetime.now(UTC)
    pass_id = f"{by} {began:%Y-%m-%dT%H:%M:%S.%f}"
    begin_pass(connection, pass_id, began)
    try:
        summary, settings = _passed(connection, config, by, sweep, deliver, progress)
    except Exception as error:
        if not connection.closed:
            end_pass(connection, pass_id, datetime.now(UTC), type(error).__name__)
        raise
    end_pass(connection, pass_id, datetime.now(UTC))
    if deliver:
        send_heartbeat(settings)
    return summary


def _passed(
    connection: Connection,
    config: Path,
    by: str,
    sweep: bool,
    deliver: bool,
    progress: Callable[[Progress], None] | None,
) -> tuple[PassSummary, Settings]:
    summary = PassSummary()
    configuration = active_configuration(connection, config)
    raise_configuration_alert(connection, configuration)
    summary.configuration_error = str(configuration.refused) if configuration.refused else None
    summary.ingested, summary.source_errors = read_all_sources(
        connection, configuration.settings, sweep=sweep, progress=progress
    )
    summary.alerts = raise_source_alerts(connection, configuration, datetime.now(UTC))
    summary.days = changed_days(connection)
    roll_up(connection, summary.days)
    summary.evaluation, raised = evaluate_and_alert(connection, configuration, datetime.now(UTC))
    summary.alerts += raised
    summary.alerts += raise_watch_alerts(connection, configuration, datetime.now(UTC))
    summary.enforcement = enforce(connection, configuration.settings, configuration.version, by=by)
    if deliver:
        summary.delivery = deliver_due(connection, configuration.settings, by=by, config_version=configuration.version)
    summary.differences = differences(connection, summary.days)
    return summary, configuration.settings


def backfill(
    connection: Connection,
    configuration: ActiveConfiguration,
    days: Sequence[date],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Difference]:
    """Books past days' events again under the active configuration, then makes their daily tables and budget_status.

    Keys, projects, environments, zones and prices are told from what the warehouse holds; no source is read, nothing is
    sent. A day that an event moved to or from, and that was not asked for, is marked as changed for the next pass.
    """
    recount(connection, configuration.settings, days)
    roll_up(connection, days, progress=progress)
    evaluate_days(connection, configuration, days)
    return differences(connection, days)
