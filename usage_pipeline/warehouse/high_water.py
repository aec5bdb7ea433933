"""What was sent and done outside, in a file beside the warehouse: one that was restored from a backup is behind it.

A line for each message that was answered and each action that was carried out, with the newest link of the audit's
chain: ids and switches of apps, no text and no secret. An installation without a folder to write in goes without.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from usage_pipeline.settings.environment import home_dir
from usage_pipeline.warehouse.audit_chain import head
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value
from usage_pipeline.warehouse.short_id import short_id

_LARGEST = 4_000_000
_ENOUGH_FOR_A_LINE = 65_536
_SWITCH = (bool, int, str, type(None))


@dataclass(frozen=True)
class Mark:
    """A line: the chain's newest link then, when (aware UTC), and what had been sent or done outside."""

    seq: int
    hash: str
    at: datetime
    sent: tuple[str, ...] = ()
    action: str | None = None
    state: str | None = None
    before: Mapping[str, object] | None = None


def mark_sent(connection: Connection, deliveries: Sequence[str]) -> None:
    """Adds that a message was answered; ``deliveries`` are those that the channel has accepted."""
    _add(connection, {"sent": list(deliveries)})


def mark_done(connection: Connection, action_id: str, state: str, before: Mapping[str, Any] | None) -> None:
    """Adds where an action stands, and what it found as far as these are switches; models and prompts stay outside."""
    switches = {name: found for name, found in (before or {}).items() if isinstance(found, _SWITCH)}
    _add(connection, {"action": action_id, "state": state, "before": switches})


def mark(connection: Connection) -> None:
    """Adds a line of nothing but the newest link: from here on the warehouse is not behind."""
    _add(connection, {})


def newest_mark(connection: Connection) -> Mark | None:
    """Returns the newest line of this warehouse; None where there is none."""
    found = None
    with suppress(OSError), _file(connection).open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _ENOUGH_FOR_A_LINE, 0))
        for line in file:
            found = _mark(line) or found
    return found


def marks(connection: Connection) -> Iterator[Mark]:
    """Returns every line that is kept, the oldest first."""
    path = _file(connection)
    for each in (_older(path), path):
        with suppress(OSError):
            yield from (found for line in each.read_bytes().splitlines() if (found := _mark(line)))


def _add(connection: Connection, fields: Mapping[str, object]) -> None:
    newest = head(connection)
    if newest is None:
        return
    path = _file(connection)
    line = json.dumps({"seq": newest.seq, "hash": newest.hash, "at": datetime.now(UTC).isoformat(), **fields}) + "\n"
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size > _LARGEST:
            path.replace(_older(path))
        with path.open("ab", buffering=0) as file:
            file.write(line.encode())


def _file(connection: Connection) -> Path:
    """Of the warehouse in its database: a copy beside it, under another name, is no older state of it."""
    name = value(connection, str, "SELECT warehouse_id::text FROM usage.warehouse")
    return home_dir() / "sent" / f"{name}-{short_id(connection.info.dbname, 8)}.jsonl"


def _older(path: Path) -> Path:
    return path.with_suffix(".older.jsonl")


def _mark(line: bytes) -> Mark | None:
    """A line as it was written; None for one that was cut by a crash or a full disk."""
    try:
        read = json.loads(line)
        at = datetime.fromisoformat(read["at"])
        return Mark(**{**read, "at": at, "sent": tuple(read.get("sent", ()))})
    except (ValueError, TypeError, KeyError):
        return None
