"""What every source hands over, and how: the seam between a place that logs usage and the counting of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from usage_pipeline.warehouse.connection import Connection


class SourceError(Exception):
    """A source cannot be read; the text says what is wrong and what to do, without any secret."""


class SourceTooSlowError(SourceError):
    """A statement on a source took longer than it may."""


@dataclass(frozen=True)
class Window:
    """Rows created from ``since`` (inclusive) up to ``until`` (exclusive; None: all there is)."""

    since: datetime
    until: datetime | None


class Source(Protocol):
    """A deployment whose usage can be read into the staging tables of sql/ingest/staging.sql.

    Every method writes into temporary tables of the warehouse connection it is given and nowhere else.
    """

    @property
    def source_id(self) -> str:
        """The short id that the configuration gives it."""
        ...

    def clock(self) -> datetime:
        """What time it is at the source, aware UTC."""
        ...

    def problems(self) -> Sequence[tuple[str, str, str]]:
        """What is odd about the source as a whole: (kind, row id or name, detail)."""
        ...

    def stage_dimensions(self, warehouse: Connection) -> None:
        """Fills stage_tenant, stage_project and stage_api_key."""
        ...

    def window_end(self, since: datetime) -> datetime | None:
        """Where a window from ``since`` should end to hold a moderate number of rows; None when little is left."""
        ...

    def stage_window(self, warehouse: Connection, window: Window) -> None:
        """Fills stage_message, stage_run, stage_node and stage_node_model with what was created in the window."""
        ...

    def stage_rows(self, warehouse: Connection, message_ids: Sequence[str], run_ids: Sequence[str]) -> None:
        """The same for single rows, by primary key."""
        ...

    def stage_tool_calls(self, warehouse: Connection, since: datetime) -> None:
        """Fills stage_tool_call with the model calls that tools made by themselves from ``since`` on."""
        ...

    def close(self) -> None:
        """Lets go of connections."""
        ...


@runtime_checkable
class Reconcilable(Protocol):
    """What a source can do further when its days can be held against its own sums.

    A source without it is said to be not compared. Tables named own_* are those of sql/reconciliation/staging.sql.
    """

    def stage_own_sums(self, warehouse: Connection, window: Window) -> None:
        """Fills own_sum with the source's own sums over what was created in the window, made where the rows lie."""
        ...

    def stage_runs(self, warehouse: Connection, windows: Sequence[Window]) -> None:
        """Fills stage_run and stage_node with the runs that were created in the windows."""
        ...

    def stage_single_steps(self, warehouse: Connection, since: datetime) -> None:
        """Fills stage_node with nodes that were run by themselves from ``since`` on."""
        ...

    def message_ids(self, app_id: str, window: Window) -> Sequence[str]:
        """The ids of an app's messages that were created in the window."""
        ...

    def can_be_row(self, row_id: str) -> bool:
        """Whether an id has the shape of the source's ids."""
        ...
