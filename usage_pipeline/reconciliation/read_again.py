"""Reads the rows of a day again that do not fit, says how each differs, and puts right what the source explains."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from usage_pipeline.ingest.counting import counting_rules, make_events, merge_events, open_staging
from usage_pipeline.ingest.source_lock import source_lock
from usage_pipeline.reconciliation.look import SLOT, Comparable, Found, SourceDay
from usage_pipeline.settings import Settings
from usage_pipeline.sources.base import Window
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.statements import statement

GONE = "gone at the source"
FOREIGN = "added or changed in the warehouse"
_HARMLESS = (GONE, "back at the source")
_UNITS = ("node:", "tool_call:")


@dataclass(frozen=True)
class Misfit:
    """An event that did not stand as its source row says: what is odd, and both sides' words."""

    event_id: str
    what: str
    late: bool  # not read again yet, or not final: nobody's mistake
    ours: Mapping[str, object] | None
    theirs: Mapping[str, object] | None

    @property
    def expected(self) -> bool:
        """Whether the rules explain it: it came late, or the source has deleted it (or brought it back)."""
        return self.late or self.what in _HARMLESS

    @property
    def can_be_healed(self) -> bool:
        """Whether reading the source again can put it right; what no source row explains cannot be."""
        return self.what != FOREIGN


def read_again(
    warehouse: Connection, source: Comparable, settings: Settings, day: SourceDay, found: Found
) -> list[Misfit]:
    """Reads by primary key what did not fit and merges it as a pass would, in one transaction; safe to run twice.

    Raises SourceError when a pass has been reading the source for over a minute, psycopg.Error when a database fails.
    """
    clock = source.clock()
    give_up = clock - timedelta(days=settings.lookback.give_up_days)
    parameters = {
        **counting_rules(settings, source.source_id).parameters(clock, give_up),
        **day.parameters(),
        "runs": sorted(found.runs),
    }
    with source_lock(warehouse, source.source_id):
        open_staging(warehouse)
        messages = _messages(warehouse, source, found)
        asked = sorted(found.events | {f"message:{row_id}" for row_id in messages})
        with warehouse.transaction():
            source.stage_rows(
                warehouse,
                sorted(filter(source.can_be_row, messages)),
                sorted(filter(source.can_be_row, found.runs)),
            )
            if any(event_id.startswith(_UNITS) for event_id in found.events):
                source.stage_single_steps(warehouse, day.since)
                source.stage_tool_calls(warehouse, day.since)
            make_events(warehouse, source.family, parameters)
            found_misfits = rows(
                warehouse, Misfit, statement("reconciliation/misfits"), {**parameters, "events": asked}
            )
            merge_events(warehouse, source.family, parameters)
            warehouse.execute(statement("reconciliation/mark_gone"), parameters)
    return found_misfits


def _messages(warehouse: Connection, source: Comparable, found: Found) -> set[str]:
    """The ids, on either side, of the messages in slots that differ, and of single ones."""
    ids = {event_id.removeprefix("message:") for event_id in found.events if event_id.startswith("message:")}
    for slot in found.slots:
        window = Window(slot.begins_at, slot.begins_at + SLOT)
        ids.update(source.message_ids(slot.app_id, window))
        parameters = {
            "source": source.source_id,
            "app_id": slot.app_id,
            "since": window.since,
            "until": window.until,
        }
        ours = values(warehouse, str, statement("reconciliation/our_messages"), parameters)
        ids.update(event_id.removeprefix("message:") for event_id in ours)
    return ids
