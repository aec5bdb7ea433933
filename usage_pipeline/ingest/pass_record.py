"""Records when passes began and whether they came to their end, so that somebody is notified when they do not."""

from datetime import datetime

from usage_pipeline.warehouse.connection import Connection

_LONGEST_ERROR = 500


def begin_pass(connection: Connection, pass_id: str, now: datetime) -> None:
    """Writes that a pass began; a run that is tried again begins anew."""
    connection.execute(
        "INSERT INTO usage.pass_record (pass_id, started_at) VALUES (%s, %s) ON CONFLICT (pass_id)"
        " DO UPDATE SET started_at = excluded.started_at, finished_at = NULL, held = NULL, error = NULL",
        [pass_id, now],
    )


def end_pass(connection: Connection, pass_id: str, now: datetime, error: str | None = None) -> None:
    """Writes that a pass came to its end, or the kind of error that kept it from that: never its text, with secrets."""
    connection.execute(
        "UPDATE usage.pass_record SET finished_at = %s, held = %s, error = %s WHERE pass_id = %s",
        [now, error is None, error[:_LONGEST_ERROR] if error else None, pass_id],
    )
