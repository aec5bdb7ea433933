"""How the sources stand: which were read to their end lately, and what in them nothing explains."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class SourceHealth:
    """A source as its last readings left it; ``beginning`` while its first reading is under way. Times aware UTC.

    ``behind`` says in words that its replica has stopped or is behind, and ``replayed_up_to`` how far that is.
    """

    source: str
    fresh: bool
    beginning: bool
    last_success_at: datetime | None
    read_up_to: datetime | None
    last_error: str | None
    behind: str | None
    replayed_up_to: datetime | None


def source_health(connection: Connection, sources: Sequence[str], within: timedelta) -> list[SourceHealth]:
    """Returns a row a source, in their order; fresh: read to its end ``within`` that time, without an error,
    and not behind."""
    return rows(
        connection, SourceHealth, statement("ingest/source_health"), {"sources": list(sources), "within": within}
    )


def problem_count(connection: Connection) -> int:
    """Returns how many things in the sources nothing explains."""
    return value(connection, int, "SELECT count(*) FROM usage.source_problem")
