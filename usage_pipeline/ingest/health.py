"""How the sources stand: which were read to their end lately, and what in them nothing explains."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from usage_pipeline.sources.base import STATED_PROBLEMS
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


def note_problem(connection: Connection, source: str, kind: str, name: str, detail: str) -> None:
    """Adds what stands in a source's way; one that is known stays as it was found."""
    connection.execute(
        "INSERT INTO usage.source_problem (source, kind, row_id, detail) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (source, kind, row_id) DO NOTHING",
        [source, kind, name, detail],
    )


def note_stated_problems(connection: Connection, source: str, problems: Sequence[tuple[str, str, str]]) -> None:
    """Leaves of the problems that a source states itself those that it states now: kind, name and words of each."""
    connection.execute(
        "DELETE FROM usage.source_problem WHERE source = %s AND kind = ANY(%s) AND row_id <> ALL(%s)",
        [source, list(STATED_PROBLEMS), [name for _, name, _ in problems]],
    )
    note_problems(connection, source, problems)


def note_problems(connection: Connection, source: str, problems: Sequence[tuple[str, str, str]]) -> None:
    """Adds what stands in a source's way: kind, name and words of each. What is known stays."""
    for kind, name, detail in problems:
        note_problem(connection, source, kind, name, detail)
