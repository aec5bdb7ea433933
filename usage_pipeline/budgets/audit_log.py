"""What happens to a budget, kept for ever: who asked, who approved, what was locked and why."""

from datetime import datetime

from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.warehouse.connection import Connection

THE_PIPELINE = "usage_pipeline"


def record_event(
    connection: Connection,
    now: datetime,
    budget_id: str,
    scope_value: str,
    what: str,
    *,
    by: str = THE_PIPELINE,
    known_by: KnownBy | None = None,
    about: str = "",
    detail: str = "",
) -> None:
    """Adds one row to usage.budget_event, which the database lets nobody change. ``now`` is aware UTC.

    ``known_by`` is how it is known who acted; None where nobody did.
    """
    connection.execute(
        "INSERT INTO usage.budget_event (at, budget_id, scope_value, kind, by, known_by, about, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [now, budget_id, scope_value, what, by, known_by, about, detail],
    )
