"""Acknowledgements: a person has seen an alert, so that it is neither repeated nor escalated."""

from datetime import datetime

from usage_pipeline.warehouse.connection import Connection


def acknowledge(connection: Connection, alert_id: str, by: str, note: str | None, now: datetime) -> bool:
    """Writes who has seen the alert; False when somebody had before. Raises LookupError when there is no such alert."""
    if connection.execute("SELECT 1 FROM usage.alert WHERE alert_id = %s", [alert_id]).fetchone() is None:
        raise LookupError(f"there is no alert {alert_id!r}; `usage-pipeline alerts list` shows them")
    row = connection.execute(
        "INSERT INTO usage.acknowledgement (alert_id, at, by_whom, note) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING alert_id",
        [alert_id, now, by, note],
    ).fetchone()
    return row is not None
