"""What a call does to Dify's tables, step by step in time, and what it truly used."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

# A run of which nothing has happened for so long has ended, whatever its row says.
SILENCE = timedelta(hours=1)


@dataclass(frozen=True)
class RowWrite:
    """One committed write: the first for its row is the INSERT, later ones are UPDATEs."""

    at: datetime
    table: str
    key: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class TrueUnit:
    """What one billed unit truly used, by the words that the pipeline counts with."""

    event_id: str
    tenant_id: str
    app_id: str
    app_mode: str
    run_id: str | None
    node_id: str | None
    node_type: str | None
    caller_kind: str
    caller_id: str | None
    provider: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: Decimal | None
    currency: str | None
    status: str
    occurred_at: datetime
    api_key_id: str | None = None
    key_attribution: str = "none"

    def usage_date(self, zone: str) -> date:
        """Returns the unit's day in a zone."""
        return self.occurred_at.astimezone(ZoneInfo(zone)).date()


@dataclass
class UnitScript:
    """A unit as its row says it, version after version: (committed at, unit)."""

    versions: list[tuple[datetime, TrueUnit]] = field(default_factory=list)
    emptied_at: datetime | None = None  # when the note of its start was applied after that of its end

    def as_of(self, until: datetime) -> TrueUnit | None:
        """Returns the newest version that is committed by then."""
        found = None
        for at, unit in self.versions:
            if at <= until:
                found = unit
        return found


@dataclass
class RunScript:
    """What a run's own total says, and when it is committed; the rest of it is its leaves' and nested runs'."""

    ended_at: datetime | None
    total_tokens: int
    residual: TrueUnit
    leaves: list[UnitScript] = field(default_factory=list)
    nested: list[tuple[datetime, int]] = field(default_factory=list)
    moved_to: datetime | None = None  # the time of creation that its row says since it was resumed
    reopened_at: datetime | None = None  # when the note of its start was applied after that of its end

    def as_of(self, until: datetime) -> TrueUnit | None:
        """Returns the residual that stands at that moment."""
        if self.ended_at is None or self.ended_at > until:
            return None
        if self.reopened_at is not None and self.reopened_at <= until:
            return None
        leaves = sum(unit.total_tokens for leaf in self.leaves if (unit := leaf.as_of(until)))
        nested = sum(tokens for at, tokens in self.nested if at <= until)
        left = self.total_tokens - leaves - nested
        return replace(self.residual, total_tokens=left) if left > 0 else None


@dataclass
class CallScript:
    """One call: its writes and its truth."""

    steps: list[RowWrite] = field(default_factory=list)
    units: list[UnitScript] = field(default_factory=list)
    runs: list[RunScript] = field(default_factory=list)
    lost_runs: list[str] = field(default_factory=list)  # named by a message, stored nowhere

    def truth(self, until: datetime) -> Iterable[TrueUnit]:
        """Yields what Dify has logged of the call by then; what a silent run left running has been stopped."""
        found = [unit.as_of(until) for unit in self.units] + [run.as_of(until) for run in self.runs]
        silent = {run.residual.run_id for run in self.runs if self._is_silent(run, until)}
        for unit in found:
            if unit is not None:
                is_over = unit.status == "running" and unit.run_id in silent
                yield replace(unit, status="stopped") if is_over else unit

    def _is_silent(self, run: RunScript, until: datetime) -> bool:
        """Whether nothing of a run that has not ended has happened for an hour."""
        if run.ended_at is not None and run.ended_at <= until:
            return False
        nodes = {step.key for step in self.steps if step.values.get("workflow_run_id") == run.residual.run_id}
        times = [
            step.values.get(name)
            for step in self.steps
            if step.key in nodes and step.at <= until
            for name in ("created_at", "finished_at")
        ]
        newest = max((time for time in times if isinstance(time, datetime)), default=naive(run.residual.occurred_at))
        return newest < naive(until) - SILENCE


def naive(moment: datetime) -> datetime:
    """Returns a time as Dify stores it: UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def whole_second(moment: datetime) -> datetime:
    """As CURRENT_TIMESTAMP(0) rounds."""
    rounded = round(moment.timestamp())
    return datetime.fromtimestamp(rounded, UTC)
