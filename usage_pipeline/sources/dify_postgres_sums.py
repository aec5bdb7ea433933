"""What reconciliation asks of a Dify on PostgreSQL: its own sums, made on its server in short statements."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from usage_pipeline.sources.seam import Window
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_FOLDER = "sources/dify_postgres"
_SUMS = ("message_sums", "run_sums")


class DifyPostgresSums:
    """The part of a Dify on PostgreSQL by which its days can be reconciled; see sources/seam.py, Reconcilable."""

    _connection: Connection

    def stage_own_sums(self, warehouse: Connection, window: Window) -> None:
        """Fills own_sum with Dify's sums over the messages and runs that were created in the window."""
        for name in _SUMS:
            self._stage(warehouse, "own_sum", sql.SQL(_text(name)), _between(window))

    def stage_runs(self, warehouse: Connection, windows: Sequence[Window]) -> None:
        """Fills stage_run with the runs of the windows, and stage_node with their node executions."""
        for window in windows:
            self._stage(warehouse, "stage_run", self._runs_by_time(), _between(window))
        self._stage_nodes_of_runs(warehouse)

    def stage_single_steps(self, warehouse: Connection, since: datetime) -> None:
        """Fills stage_node with the nodes that people tried by themselves from ``since`` on."""
        self._stage_single_steps(warehouse, since)

    def message_ids(self, app_id: str, window: Window) -> Sequence[str]:
        """The ids of an app's messages that were created in the window."""
        if not self.can_be_row(app_id):
            return []
        rows = self._connection.execute(_text("message_ids"), {"app_id": app_id, **_between(window)})
        return [str(row_id) for (row_id,) in rows]

    def can_be_row(self, row_id: str) -> bool:
        """Whether an id has the shape of Dify's ids; any other would fail a statement."""
        try:
            UUID(row_id)
        except ValueError:
            return False
        return True

    # What the class that this is a part of has.
    def _stage(
        self, warehouse: Connection, table: LiteralString, select: sql.SQL, parameters: Mapping[str, object]
    ) -> None:
        raise NotImplementedError

    def _runs_by_time(self) -> sql.SQL:
        raise NotImplementedError

    def _stage_nodes_of_runs(self, warehouse: Connection) -> None:
        raise NotImplementedError

    def _stage_single_steps(self, warehouse: Connection, since: datetime) -> None:
        raise NotImplementedError


def iter_sum_statements() -> Iterator[tuple[str, sql.SQL]]:
    """Every further statement that reconciliation runs on Dify's big tables, by name: for EXPLAIN."""
    for name in (*_SUMS, "message_ids"):
        yield name, sql.SQL(_text(name))


def _text(name: str) -> LiteralString:
    return statement(f"{_FOLDER}/{name}")


def _between(window: Window) -> dict[str, object]:
    until = window.until.astimezone(UTC).replace(tzinfo=None) if window.until else datetime(9999, 1, 1)  # noqa: DTZ001  (Dify's times are naive)
    return {"since": window.since.astimezone(UTC).replace(tzinfo=None), "until": until}
