"""What of the look-back has to be read again: only what was written at the source since it was counted."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version

from usage_pipeline.sources.base import Source, SourceSlot, TellsChanges, Window
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value
from usage_pipeline.warehouse.statements import statement

_WIDTH = timedelta(seconds=10)
_WORTH_LOOKING_AT = timedelta(hours=1)
# A window costs as much as that many rows: fewer between two that have to be read are read with them.
_WORTH_A_WINDOW = 1_500


@dataclass(frozen=True)
class _Known:
    starts_at: datetime
    digest: Decimal


@dataclass
class LookBack:
    """The windows that a pass has to read, and the slots that it notes as read with each. Times aware UTC."""

    source_id: str
    windows: Sequence[Window]
    rules: str = ""
    slots: Sequence[SourceSlot] = field(default_factory=list)

    def note_read(self, warehouse: Connection, window: Window, now: datetime) -> None:
        """Notes the slots that lie in a window as read, in the transaction that counted it.

        What was noted of others that it touches no longer holds: they may have been counted by other rules since.
        """
        read = [slot for slot in self.slots if _lies_in(slot, window)]
        parameters = {
            "source": self.source_id,
            "rules": self.rules,
            "since": window.since,
            "until": window.until,
            "starts": [slot.starts_at for slot in read],
            "digests": [slot.digest for slot in read],
            "now": now,
        }
        warehouse.execute(statement("ingest/slots_read"), parameters)


def look_back(
    warehouse: Connection,
    source: Source,
    since: datetime,
    clock: datetime,
    booking: Mapping[str, object],
    *,
    read_up_to: datetime | None,
    sweep: bool,
) -> LookBack:
    """Returns what of the rows created from ``since`` on has to be read: the new ones, and those written again.

    All of them where the source cannot tell, or has never been read. ``booking``: the rules by which they are counted.
    Digests are taken before the rows are read: what is written between the two is read once more by the next pass.
    """
    everything = LookBack(source.source_id, [Window(since, None)])
    if read_up_to is None or not isinstance(source, TellsChanges):
        return everything
    begin = _floor(since)
    # After a long rest most is new: it is read anyway, and need not be looked at before.
    end = min(clock, max(read_up_to, since) + _WORTH_LOOKING_AT)
    slots = source.slots(Window(begin, end), _WIDTH)
    if slots is None:
        return everything
    rules = _rules(warehouse, source.source_id, booking)
    parameters = {"source": source.source_id, "since": begin, "rules": rules}
    known = {
        slot.starts_at: slot.digest for slot in rows(warehouse, _Known, statement("ingest/slots_known"), parameters)
    }
    if sweep:
        warehouse.execute(statement("ingest/slots_past"), parameters)
    changed = [known.get(slot.starts_at) != slot.digest for slot in slots]
    windows = [*_windows(slots, changed, _floor(min(read_up_to, clock)), since)]
    return LookBack(source.source_id, windows, rules, slots)


def _windows(
    slots: Sequence[SourceSlot], changed: Sequence[bool], end: datetime, steps_since: datetime
) -> Iterator[Window]:
    """Yields a window for each stretch of changed slots before ``end``, and one from there on to the end of all."""
    stretches: list[tuple[datetime, datetime]] = []
    unchanged_rows = 0
    for slot, is_changed in zip(slots, changed, strict=True):
        if slot.starts_at >= end:
            break
        if not is_changed:
            unchanged_rows += slot.rows
            continue
        begins = slot.starts_at
        if stretches and unchanged_rows <= _WORTH_A_WINDOW:
            begins = stretches.pop()[0]
        stretches.append((begins, slot.starts_at + _WIDTH))
        unchanged_rows = 0
    if stretches and unchanged_rows <= _WORTH_A_WINDOW:
        end = stretches.pop()[0]
    yield from (Window(begins, ends) for begins, ends in stretches)
    yield Window(end, None, steps_since)


def _lies_in(slot: SourceSlot, window: Window) -> bool:
    ends = slot.starts_at + _WIDTH
    return slot.starts_at >= window.since and (window.until is None or ends <= window.until)


def _floor(moment: datetime) -> datetime:
    width = int(_WIDTH.total_seconds())
    return datetime.fromtimestamp(moment.timestamp() // width * width, UTC)


def _rules(warehouse: Connection, source_id: str, booking: Mapping[str, object]) -> str:
    known = value(warehouse, str, statement("ingest/slot_rules"), {"source": source_id})
    said = repr([version("usage-pipeline"), known, sorted(booking.items())])
    return hashlib.sha256(said.encode()).hexdigest()
