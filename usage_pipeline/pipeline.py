"""The pass, one list of named steps that the command and Dagster both run; and the steps of making past days again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.alerts.kinds.configuration import raise_configuration_alert
from usage_pipeline.alerts.kinds.pipeline import raise_watch_alerts
from usage_pipeline.alerts.kinds.source import raise_replica_alerts, raise_source_alerts
from usage_pipeline.budgets.evaluate import Evaluation
from usage_pipeline.budgets.past_days import correct_days
from usage_pipeline.configuration import ActiveConfiguration, active_configuration, count_pass
from usage_pipeline.delivery.heartbeat import send_heartbeat
from usage_pipeline.delivery.worker import DeliverySummary, deliver_due
from usage_pipeline.enforcement.carry_out import Carried, carry_out_due, plan_and_settle
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.ingest.pass_record import begin_pass, end_pass
from usage_pipeline.ingest.read_all_sources import read_all_sources
from usage_pipeline.ingest.read_source import IngestResult, Progress
from usage_pipeline.ingest.recount import recount
from usage_pipeline.past_meanwhile import PastMeanwhile
from usage_pipeline.usage.days import keep_first_day_of
from usage_pipeline.usage.roll_up import Difference, changed_days, differences, roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.reader_limits import keep_readers_in_bounds
from usage_pipeline.warehouse.restored import look

# Long enough for what a pass has just raised; a channel that hangs must not hold up the next pass.
_DELIVERS_FOR_S = 10.0


@dataclass
class PassSummary:
    """What a pass did, and what went wrong."""

    ingested: list[IngestResult] = field(default_factory=list)
    source_errors: dict[str, str] = field(default_factory=dict)
    # In words, by source: those whose replica has stopped or is behind.
    sources_behind: dict[str, str] = field(default_factory=dict)
    days: list[date] = field(default_factory=list)
    evaluation: Evaluation = field(default_factory=Evaluation)
    alerts: list[str] = field(default_factory=list)
    enforcement: Carried = field(default_factory=Carried)
    delivery: DeliverySummary | None = None
    differences: list[Difference] = field(default_factory=list)
    configuration_error: str | None = None
    restored: str | None = None
    heartbeat: Outcome | None = None

    @property
    def ok(self) -> bool:
        """Whether all went well: all read, and from what is not behind, tables equal events, file valid, consoles
        reached, every alert delivered."""
        undelivered = self.delivery.failed if self.delivery else 0
        unread = (self.source_errors, self.sources_behind, self.restored)
        problems = (self.differences, self.configuration_error, self.enforcement.errors)
        return not (any(unread) or any(problems) or undelivered)


@dataclass
class Pass:
    """A pass under way: what its steps work on and by, and what they found so far.

    ``by`` stands in the records of what is delivered and enforced, ``pass_id`` in pass_record. Under Dagster each
    asset has a Pass of its own with the run's connection, days and configuration; what they record is one pass.
    """

    connection: Connection
    read_configuration: Callable[[Connection], ActiveConfiguration]
    by: str
    pass_id: str
    sweep: bool = False
    deliver: bool = True
    # The newest passes before this one by Dagster's records: a warehouse that knows none of them was restored.
    newest_passes: Sequence[str] = ()
    # None: the days whose events changed.
    days: list[date] | None = None
    # Whether the days are made again from all their events, as a person or a backfill asks; a pass adds what changed.
    anew: bool = True
    # Where passes follow each other, none reads or sends to the end what holds it up: the next one goes on.
    bounded: bool = False
    progress: Callable[[Progress], None] | None = None
    rolled_up: Callable[[int, int], None] | None = None
    # Past days that were made, and their budgets corrected, while sources were read.
    made_meanwhile: list[date] = field(default_factory=list)
    summary: PassSummary = field(default_factory=PassSummary)

    @cached_property
    def configuration(self) -> ActiveConfiguration:
        """The active configuration, read once. Raises SettingsError when there never was a valid one."""
        return self.read_configuration(self.connection)


@dataclass(frozen=True)
class Step:
    """A step of the pass; where ``own_run`` is set, the daemon gives it a run of its own that a console may hold up."""

    name: str
    does: str
    function: Callable[[Pass], None]
    own_run: bool = False


def _now() -> datetime:
    return datetime.now(UTC)


def _begin(work: Pass) -> None:
    keep_readers_in_bounds(work.connection)
    begin_pass(work.connection, work.pass_id, _now())
    waiting = work.configuration.waiting
    if waiting is not None and count_pass(work.connection, waiting, work.pass_id):
        del work.configuration  # read anew: it is active now
    configuration = work.configuration
    raise_configuration_alert(work.connection, configuration)
    work.summary.configuration_error = configuration.problem
    restored = look(work.connection, work.newest_passes)
    work.summary.restored = str(restored) if restored else None


def _read_sources(work: Pass) -> None:
    deadline = timedelta(seconds=work.configuration.settings.reading.pass_deadline_seconds)
    # Where passes follow each other, runs of their own make the past days, beside those that read.
    meanwhile = None if work.bounded or work.days is not None else PastMeanwhile(work.connection, work.configuration)
    try:
        work.summary.ingested, work.summary.source_errors = read_all_sources(
            work.connection,
            work.configuration.settings,
            sweep=work.sweep,
            within=deadline if work.bounded else None,
            progress=meanwhile.hearing(work.progress) if meanwhile else work.progress,
        )
    except BaseException:
        if meanwhile:
            meanwhile.cut()
        raise
    work.made_meanwhile = meanwhile.end() if meanwhile else []
    work.summary.sources_behind = {
        result.source_id: f"source {result.source_id!r}: {result.behind}"
        for result in work.summary.ingested
        if result.behind
    }


def _alert_on_sources(work: Pass) -> None:
    work.summary.alerts += raise_source_alerts(work.connection, work.configuration, _now())
    work.summary.alerts += raise_replica_alerts(work.connection, work.configuration, _now())


def _roll_up(work: Pass) -> None:
    days = changed_days(work.connection) if work.days is None else work.days
    roll_up(work.connection, days, anew=work.anew, progress=work.rolled_up)
    work.made_meanwhile = sorted(set(work.made_meanwhile).difference(days))
    work.summary.days = sorted({*work.made_meanwhile, *days})
    keep_first_day_of(work.connection)


def _evaluate(work: Pass) -> None:
    to_correct = sorted(set(work.summary.days).difference(work.made_meanwhile))
    if late := [day for day in to_correct if work.days is None and day < _yesterday(work)]:
        correct_days(work.connection, work.configuration, late)
    work.summary.evaluation, raised = evaluate_and_alert(work.connection, work.configuration, _now(), everything=False)
    work.summary.alerts += raised


def _yesterday(work: Pass) -> date:
    return work.configuration.settings.today() - timedelta(days=1)


def _watch(work: Pass) -> None:
    work.summary.alerts += raise_watch_alerts(work.connection, work.configuration, _now())


def _plan_enforcement(work: Pass) -> None:
    configuration = work.configuration
    work.summary.enforcement.planned = plan_and_settle(
        work.connection, configuration.settings, configuration.version, by=work.by
    )


def _carry_out(work: Pass) -> None:
    planned = work.summary.enforcement.planned
    work.summary.enforcement = carry_out_due(work.connection, work.configuration.settings, by=work.by)
    work.summary.enforcement.planned = planned


def _deliver(work: Pass) -> None:
    if work.deliver:
        configuration = work.configuration
        work.summary.delivery = deliver_due(
            work.connection,
            configuration.settings,
            by=work.by,
            config_version=configuration.version,
            for_s=_DELIVERS_FOR_S if work.bounded else None,
        )


def _compare(work: Pass) -> None:
    work.summary.differences = differences(work.connection, work.days or work.summary.days)


def _end(work: Pass) -> None:
    end_pass(work.connection, work.pass_id, _now())
    if work.deliver:
        work.summary.heartbeat = send_heartbeat(work.configuration.settings)


BEGIN = Step(
    "begin", "records that the pass began, reads the configuration, alerts when its file is not active", _begin
)
READ_SOURCES = Step("read_sources", "reads every source, side by side; each fails alone", _read_sources)
ALERT_ON_SOURCES = Step("alert_on_sources", "alerts on sources that cannot be read, or are behind", _alert_on_sources)
ROLL_UP = Step("roll_up", "makes the daily tables of the days that changed", _roll_up)
EVALUATE = Step("evaluate", "holds the count against budgets and writes the alerts of tiers reached", _evaluate)
WATCH = Step("watch", "alerts when passes, channels or sources do not do what they should", _watch)
PLAN_ENFORCEMENT = Step("plan_enforcement", "plans actions for what was reached, ends what is over", _plan_enforcement)
CARRY_OUT = Step("carry_out", "carries out, looks after and releases actions at Dify", _carry_out, own_run=True)
DELIVER = Step("deliver", "sends what is due; each attempt is a row", _deliver)
COMPARE = Step("compare", "compares the daily tables with the events", _compare)
END = Step("end", "records that the pass came to its end, and sends a heartbeat", _end)

STEPS = (
    BEGIN,
    READ_SOURCES,
    ALERT_ON_SOURCES,
    ROLL_UP,
    EVALUATE,
    WATCH,
    PLAN_ENFORCEMENT,
    CARRY_OUT,
    DELIVER,
    COMPARE,
    END,
)


def run_steps(work: Pass, *steps: Step) -> PassSummary:
    """Runs the steps in the order of STEPS; returns what the pass found so far.

    A step that raises ends the pass: pass_record keeps the kind of the error, never its text, which may hold a secret.
    """
    for step in STEPS:
        if step in steps:
            _run(work, step)
    return work.summary


def _run(work: Pass, step: Step) -> None:
    try:
        step.function(work)
    except Exception as error:
        if not work.connection.closed:
            end_pass(work.connection, work.pass_id, _now(), type(error).__name__)
        raise


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
    work = Pass(
        connection,
        partial(active_configuration, path=config),
        by=by,
        pass_id=f"{by} {_now():%Y-%m-%dT%H:%M:%S.%f}",
        sweep=sweep,
        deliver=deliver,
        anew=False,
        progress=progress,
    )
    return run_steps(work, *STEPS)


def book_again(
    connection: Connection,
    configuration: ActiveConfiguration,
    days: Sequence[date],
    *,
    prepared: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Books past days' events again under the active configuration, then makes their daily tables.

    Returns how many events were booked otherwise than before. Keys, projects, environments, zones and prices come from
    what the warehouse holds; no source is read, nothing is sent. A day that an event moved to or from, and that nobody
    books again, is marked as changed for the next pass.
    Several may work at once, each on days of its own, after one :func:`prepare_recount`.
    """
    changed = recount(connection, configuration.settings, days, prepared=prepared)
    roll_up(connection, days, progress=progress)
    return changed


def correct_again(connection: Connection, configuration: ActiveConfiguration, days: Sequence[date]) -> list[Difference]:
    """Corrects the budgets of days that were all booked again; returns where the daily tables differ from the events.

    For one at a time, when all of :func:`book_again` is done: a month's budget is evaluated when its days are made.
    """
    correct_days(connection, configuration, days)
    return differences(connection, days)
