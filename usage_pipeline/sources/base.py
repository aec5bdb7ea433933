"""What every source hands over, and how; what stands between a place that logs usage and the counting of it.

To add a kind of source, `gateway` say:

1. `usage_pipeline/sources/gateway.py`, or a folder of that name: a class that is a `Source`, and
   `DRIVER = Driver(open_source, examine)`. It stages what the statements of a `Family` read: `LOG` for a row a call,
   `DIFY` for messages, runs and node executions. `ReadsAgain` is for rows that are final only later, `Reconcilable`
   for a place that can sum up its own days, `Following` for a database that may be a replica. Its SQL goes to
   `sql/sources/gateway/`.
2. One line in `SOURCE_KINDS` (usage_pipeline/settings/sources.py): the configuration takes the kind from there, the
   registry finds the module by the name. Keys that only this kind has are fields of `SourceSettings`.
3. `python -m usage_pipeline.settings.schema` writes the kind into the schema for editors; `make check` asks for it.

A staging table that none of the families has is one more `Family`, with its statements in `sql/ingest/`.
Tests: `usage_pipeline_tests/sources/test_kinds.py` looks at every kind of `SOURCE_KINDS` by itself, and fails until
`EXAMPLES` there has a configuration of the new one. A kind that sees calls of Dify joins `test_same_calls.py`, which
reads the same calls through each; a database's URL joins `test_database_urls.py`; and a way for it to fail joins
`usage_pipeline_tests/ingest/test_side_by_side.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable

from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, secret
from usage_pipeline.sources.replica import Replica
from usage_pipeline.warehouse.connection import Connection


@dataclass(frozen=True)
class Examined:
    """One thing that `usage-pipeline doctor` looked at in a source."""

    state: Literal["ok", "warning", "wrong"]
    says: str


class SourceError(Exception):
    """A source cannot be read; the text says what is wrong and what to do, without any secret."""


class SourceTooSlowError(SourceError):
    """A statement on a source took longer than it may."""


class SourceInterruptedError(SourceError):
    """The server cut a read that has nothing wrong with it; the same read may succeed a moment later."""


class EnoughForNow(Exception):  # noqa: N818  (nothing is wrong)
    """A source has read as much as one pass may; the next pass goes on. The text says what is left."""


# Problems that a source states anew in each pass: those that it no longer states are over.
STATED_PROBLEMS = ("missing_column", "no_index", "missing_time", "not_visible", "behind")


@dataclass(frozen=True)
class Window:
    """Rows created from ``since`` (inclusive) up to ``until`` (exclusive; None: all there is).

    ``steps_since``: from when on single steps of a console are wanted, where that is not ``since``.
    """

    since: datetime
    until: datetime | None
    steps_since: datetime | None = None


@dataclass(frozen=True)
class SourceSlot:
    """Some seconds of a source: how many rows were created in them, and a digest that is another after each write."""

    starts_at: datetime
    digest: Decimal
    rows: int


@dataclass(frozen=True)
class Family:
    """How what some kinds of source stage becomes usage events: names of statements in sql/, in their order."""

    staged: tuple[str, ...]  # the large staging tables, which counting wants statistics of
    events: tuple[str, ...]  # from the staged rows to stage_event, with the ledger's word on them in known_event
    afterwards: tuple[str, ...] = ()  # when the events are merged
    set_aside: tuple[str, ...] = ()  # before these: takes out what cannot be counted, and notes it
    names_in_rows: bool = False  # workspaces, projects and keys are known by the rows alone


DIFY = Family(
    staged=("stage_message", "stage_run", "stage_node"),
    set_aside=("ingest/set_aside", "ingest/note_set_aside"),
    events=(
        "ingest/dify_late_notes",
        "ingest/dify_messages",
        "ingest/dify_callers",
        "ingest/dify_nodes",
        "ingest/dify_runs",
        "ingest/dify_tool_calls",
        "ingest/dify_documents",
        "ingest/dify_key_records",
        "ingest/dify_stopped",
        "ingest/known_events",
        "ingest/keep_known",
        "ingest/dify_nested",
        "ingest/restage",
        "ingest/dify_estimates_over",
    ),
    afterwards=("ingest/dify_open_rows", "ingest/dify_problems"),
)
LOG = Family(
    staged=("stage_log",),
    events=("ingest/completion_logs", "ingest/known_events"),
    afterwards=("ingest/completion_log_problems",),
    names_in_rows=True,
)


class Source(Protocol):
    """A place whose usage can be read into the staging tables of sql/ingest/staging.sql.

    Every method writes into temporary tables of the warehouse connection it is given and nowhere else.
    """

    @property
    def source_id(self) -> str:
        """The short id that the configuration gives it."""
        ...

    @property
    def family(self) -> Family:
        """What it stages, and how that is counted."""
        ...

    def clock(self) -> datetime:
        """Returns what time it is at the source, aware UTC."""
        ...

    def problems(self) -> Sequence[tuple[str, str, str]]:
        """Returns what is odd about the source as a whole: (kind, row id or name, detail)."""
        ...

    def stage_dimensions(self, warehouse: Connection) -> None:
        """Fills stage_tenant, stage_project and stage_api_key; what is left out counts as gone.

        Fills stage_workflow_tool too, where it knows of such.
        """
        ...

    def window_end(self, since: datetime) -> datetime | None:
        """Returns where a window from ``since`` should end to hold a moderate number of rows; None when little is left.

        Raises EnoughForNow when the rest is left to the next pass.
        """
        ...

    def stage_window(self, warehouse: Connection, window: Window) -> None:
        """Fills the staging tables of its family with what was created in the window."""
        ...

    def close(self) -> None:
        """Lets go of connections."""
        ...


@runtime_checkable
class ReadsAgain(Protocol):
    """A source whose rows are final only later, and are read again one by one until they are."""

    def stage_rows(self, warehouse: Connection, message_ids: Sequence[str], run_ids: Sequence[str]) -> None:
        """What stage_window does, for single rows by primary key."""
        ...

    def stage_tool_calls(self, warehouse: Connection, since: datetime, ids: Sequence[str] = ()) -> None:
        """Fills stage_tool_call with model calls that tools made by themselves: from ``since`` on, and by ``ids``."""
        ...

    def stage_documents(self, warehouse: Connection, since: datetime, ids: Sequence[str] = ()) -> None:
        """Fills stage_document with what was embedded from ``since`` on, and by ``ids``.

        Nothing where the source cannot know.
        """
        ...


@runtime_checkable
class TellsChanges(Protocol):
    """A source that can tell which of its rows were written since it was last read, without handing them over."""

    def slots(self, window: Window, width: timedelta) -> Sequence[SourceSlot] | None:
        """Returns the slots of a width that hold rows, oldest first; None where this source cannot tell.

        The digest of a slot changes whenever one of the rows that stage_window would read for it does.
        """
        ...


@runtime_checkable
class Following(Protocol):
    """A source that may be a replica: it holds only what it has replayed of another database."""

    def replica(self) -> Replica | None:
        """Returns how far it has replayed; None when it follows no other. May take a second."""
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
        """Returns the ids of an app's messages that were created in the window."""
        ...

    def can_be_row(self, row_id: str) -> bool:
        """Returns whether an id has the shape of the source's ids."""
        ...


def batches(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    """Yields the ids in their order, at most ``size`` at a time: what one statement can carry."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


@dataclass(frozen=True)
class Driver:
    """A kind of source: how one is opened, and what doctor finds in it."""

    # Connects. Raises SourceError that says what is wrong and what to do, without the password.
    open_source: Callable[[SourceSettings, Settings], Source]
    # Looks at a source before anything is read from it; what is wrong is said, not raised.
    examine: Callable[[SourceSettings, Settings], Iterator[Examined]]


def url_of(source: SourceSettings, example: str) -> str:
    """Returns the URL that the source's variable holds. Raises SourceError, with an example, when it is not set."""
    try:
        return secret(source.url_env, f"source {source.id!r}")
    except MissingSecretError as error:
        raise SourceError(f"{error}: set it to {example}") from None
