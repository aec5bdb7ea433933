"""Reconciles days: looks, reads again what does not fit, looks again, and keeps the result of each day."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

import psycopg

from usage_pipeline.ingest.counting import counting_rules, make_events, open_staging
from usage_pipeline.reconciliation.look import Comparable, DaySums, Found, SourceDay, day_of, look
from usage_pipeline.reconciliation.read_again import GONE, Misfit, read_again
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.sources.base import Following, SourceError
from usage_pipeline.sources.cut_reads import read_through_cuts
from usage_pipeline.sources.registry import open_source
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_ROUNDS = 3
_ROWS_NAMED = 50


class DayState(StrEnum):
    """How a day came out."""

    GREEN = "green"
    HEALED = "healed"  # it did not fit, and does since it was read again
    RED = "red"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True)
class DayResult:
    """How a day of a source came out."""

    source_id: str
    usage_date: date
    state: DayState
    says: str
    compared_until: datetime | None = None
    sums: DaySums | None = None  # None when it was not compared
    misfits: Sequence[Misfit] = ()
    failed: bool = False  # the source could not be read, or not all of it; another time it can be


def reconcile(
    warehouse: Connection,
    settings: Settings,
    days: Sequence[date],
    *,
    source_id: str | None = None,
    roll_up_healed: bool = True,
    progress: Callable[[DayResult], None] | None = None,
) -> list[DayResult]:
    """Holds days against every source's own sums (or one source's), oldest first; each source fails alone.

    Days are usage dates in the tenants' zones. Safe to run twice, beside a pass, and to kill anywhere. With
    ``roll_up_healed`` the daily tables of days that reading again changed are made again; without, they stay marked.
    """
    results: list[DayResult] = []
    for source in settings.sources:
        if source_id not in (None, source.id):
            continue
        for result in _of_source(warehouse, source, settings, sorted(days)):
            _keep(warehouse, result)
            results.append(result)
            if progress:
                progress(result)
    if roll_up_healed and any(result.misfits for result in results):
        roll_up(warehouse, changed_days(warehouse))
    return results


def _of_source(
    warehouse: Connection, source: SourceSettings, settings: Settings, days: Sequence[date]
) -> list[DayResult]:
    try:
        opened = open_source(source, settings)
    except SourceError as error:
        return [_not_compared(source.id, day, str(error), failed=True) for day in days]
    try:
        if not isinstance(opened, Comparable):
            says = f"cannot be reconciled: a source of kind {source.kind} gives no sums of its own"
            return [_not_compared(source.id, day, says) for day in days]
        return _days(warehouse, opened, settings, days)
    except (SourceError, psycopg.Error) as error:
        if warehouse.closed:
            raise
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        return [_not_compared(source.id, day, f"could not be compared: {text}", failed=True) for day in days]
    finally:
        opened.close()


def _days(warehouse: Connection, source: Comparable, settings: Settings, days: Sequence[date]) -> list[DayResult]:
    open_staging(warehouse)
    warehouse.execute(statement("reconciliation/staging"))
    replica = source.replica() if isinstance(source, Following) else None
    spans = {day: day_of(warehouse, source, day, settings, replica) for day in days}
    read = [span for span in spans.values() if span]
    if read:
        since = min(span.since for span in read)
        read_through_cuts(_stage_units, warehouse, source, settings, since)
    return [
        _one_day(warehouse, source, settings, span)
        if span
        else _not_compared(source.source_id, day, "not read yet: run `usage-pipeline run` first")
        for day, span in spans.items()
    ]


def _stage_units(warehouse: Connection, source: Comparable, settings: Settings, since: datetime) -> None:
    """Reads once what no sum of the source holds: nodes run by themselves, and tools' own model calls."""
    clock = source.clock()
    rules = counting_rules(settings, source.source_id)
    warehouse.execute("TRUNCATE own_unit")
    with warehouse.transaction():
        source.stage_single_steps(warehouse, since)
        source.stage_tool_calls(warehouse, since)
        parameters = rules.parameters(clock, clock - timedelta(days=settings.lookback.give_up_days))
        make_events(warehouse, source.family, parameters)
        warehouse.execute(statement("reconciliation/own_units"), parameters)


def _one_day(warehouse: Connection, source: Comparable, settings: Settings, day: SourceDay) -> DayResult:
    healed: dict[str, Misfit] = {}
    left: list[Misfit] = []
    found = read_through_cuts(look, warehouse, source, day)
    for _ in range(_ROUNDS):
        if found.fits:
            left = []
            break
        left = read_through_cuts(read_again, warehouse, source, settings, day, found)
        if not any(misfit.can_be_healed for misfit in left):
            break
        healed |= {misfit.event_id: misfit for misfit in left if misfit.can_be_healed}
        if any(event.startswith(("node:", "tool_call:")) for event in found.events):
            read_through_cuts(_stage_units, warehouse, source, settings, day.since)
        found = read_through_cuts(look, warehouse, source, day)
    return _evaluated(day, found, healed, left)


def _evaluated(day: SourceDay, found: Found, healed: dict[str, Misfit], left: list[Misfit]) -> DayResult:
    """The day's result from what was found last, what reading again put right, and what is left."""
    sums = found.sums
    if sums.unexplained_tokens and left and all(misfit.expected for misfit in left):
        # Calls under way change faster than they can be compared; they are compared again next time.
        sums = replace(sums, late_tokens=sums.late_tokens + sums.unexplained_tokens, unexplained_tokens=0)
    wrong = [misfit for misfit in left if not misfit.expected]
    put_right = [m for m in healed.values() if not m.expected and m.event_id not in {w.event_id for w in wrong}]
    misfits = wrong + put_right
    gone = sums.gone_events
    remark = f"; {gone} events are gone at the source and stay counted" if gone else ""
    state = DayState.GREEN
    says = f"fits to the last token{remark}"
    if wrong:
        state, says = DayState.RED, f"{_names(wrong)} does not fit{remark}"
    elif sums.unexplained_tokens:
        state, says = DayState.RED, f"{sums.unexplained_tokens} tokens are not explained by any row{remark}"
    elif put_right:
        state, says = DayState.HEALED, f"{_names(put_right)} did not fit; healed by reading again{remark}"
    if day.held_back and state is not DayState.RED:
        state, says = DayState.NOT_COMPARED, f"{day.held_back}; as far as it goes: {says}"
        return DayResult(day.source_id, day.date, state, says, day.until, sums, misfits, failed=True)
    return DayResult(day.source_id, day.date, state, says, day.until, sums, misfits)


def _names(misfits: Sequence[Misfit]) -> str:
    first = misfits[0]
    more = f" and {len(misfits) - 1} more" if len(misfits) > 1 else ""
    return f"{first.event_id} ({first.what}){more}"


def _not_compared(source_id: str, day: date, says: str, *, failed: bool = False) -> DayResult:
    return DayResult(source_id, day, DayState.NOT_COMPARED, says, failed=failed)


def _keep(warehouse: Connection, result: DayResult) -> None:
    rows = [
        {"event_id": m.event_id, "what": m.what, "ours": m.ours, "theirs": m.theirs}
        for m in result.misfits[:_ROWS_NAMED]
    ]
    healed = any(misfit.what != GONE for misfit in result.misfits) and result.state is DayState.HEALED
    warehouse.execute(
        statement("reconciliation/keep_day"),
        {
            "source": result.source_id,
            "day": result.usage_date,
            "state": result.state,
            "says": result.says,
            "compared_until": result.compared_until,
            "sums": json.dumps(asdict(result.sums) if result.sums else {}, default=str),
            "misfits": len(result.misfits),
            "rows": json.dumps(rows, default=str),
            "healed_at": datetime.now(UTC) if healed else None,
        },
    )
