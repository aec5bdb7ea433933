"""Reads a Dify through its console API where its database cannot be reached: fewer figures, more calls.

Lists say what is new, and one call a run or conversation brings its figures; a pass makes a limited number of these
and the next pass goes on where it ended.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from usage_pipeline.console import apps, logs
from usage_pipeline.console.answers import AppSummary
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConsoleError, NotAllowedError, NotFoundError
from usage_pipeline.sources.base import DIFY, EnoughForNow, Family, SourceError, Window
from usage_pipeline.sources.dify_api.index import LISTED_ONLY, NOT_VISIBLE, asker_from_nodes, runs_since, talks_since
from usage_pipeline.sources.dify_api.rows import (
    Place,
    Run,
    Talk,
    asker_of,
    configured_models,
    key_row,
    node_row_of,
    run_of,
    word,
)
from usage_pipeline.sources.node_json import plain_text
from usage_pipeline.sources.watchdog import heard_from_source
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value, value_or_none
from usage_pipeline.warehouse.statements import statement

_FOLDER = "sources/dify_api"
_BASIC = ("completion", "chat", "agent-chat")
_FLOWS = ("workflow", "advanced-chat")
_FINAL = ("succeeded", "failed", "stopped", "partial-succeeded")
_CALLS_A_WINDOW = 200
_OPEN_ROWS_A_BATCH = 50
# Messages are committed the moment they are made; only runs may be stored late, and need the long look-back.
_MESSAGES_LATE = timedelta(minutes=2)
_LONGEST_LOOKBACK = timedelta(days=32)


@dataclass(frozen=True)
class _KnownRun:
    """A run that was final when it was read."""

    run_id: str
    status: str
    total_tokens: int


@dataclass(frozen=True)
class _OpenRun:
    """A run that is read again."""

    run_id: str
    app_id: str
    triggered_from: str


@dataclass(frozen=True)
class _KnownMessage:
    """A message that is read again, as it was counted before."""

    message_id: str
    app_id: str
    provider: str | None
    model: str | None
    caller_kind: str | None
    caller_id: str | None

    def talk(self, place: Place, app: AppSummary) -> Talk:
        """Returns what its conversation says of it: the console does not say it again for one message.

        Where it was not counted before, what the app is set to now is the nearest to its model.
        """
        provider, model = (self.provider, self.model) if self.model else app.model()
        if self.caller_kind == "console":
            return Talk(place, "", datetime.now(UTC), provider, model, "console", None, self.caller_id)
        return Talk(place, "", datetime.now(UTC), provider, model, "api", self.caller_id, None)


class DifyApi:
    """A Dify behind its console."""

    def __init__(self, source_id: str, console: Console, *, calls_per_pass: int = 2_000) -> None:
        """Signs in. Raises SourceError when the console does not let us in."""
        self._source_id = source_id
        self._console = console
        self._calls_left = calls_per_pass
        self._apps: dict[str, tuple[Place, AppSummary]] = {}
        self._emails: dict[str, str] = {}
        self._read_before: dict[str, tuple[str, int]] = {}
        self._read_up_to: datetime | None = None
        self._waiting: list[Run | Talk] | None = None
        self._models_known: dict[str, list[tuple[object, ...]]] = {}
        self._keys_hidden: list[tuple[str, str, str]] = []
        self._odd_apps: list[str] = []
        self._apps_without_log: list[str] = []
        with _failures_in_words():
            self._workspaces = apps.workspaces(console)
        if not self._workspaces:
            raise SourceError("the console shows no workspace: the account must be a member of those to be counted")

    @property
    def source_id(self) -> str:
        """The short id that the configuration gives it."""
        return self._source_id

    @property
    def family(self) -> Family:
        """Dify's messages, runs and node executions, as the console shows them."""
        return DIFY

    @property
    def open_rows_a_batch(self) -> int:
        """How many open rows to read at once: each is a call or two."""
        return max(1, min(_OPEN_ROWS_A_BATCH, self._calls_left // 2))

    def clock(self) -> datetime:
        """Returns what time it is at the console, aware UTC, to the second."""
        return self._console.server_time

    def problems(self) -> Sequence[tuple[str, str, str]]:
        """Returns what the console does not show, and what this account may not see."""
        odd = [("not_visible", f"app {app}", "its row in the console's list cannot be read") for app in self._odd_apps]
        gone = [("not_visible", f"app {app}", LISTED_ONLY) for app in self._apps_without_log]
        return [*(("not_visible", name, detail) for name, detail in NOT_VISIBLE), *odd, *gone, *self._keys_hidden]

    def stage_dimensions(self, warehouse: Connection) -> None:
        """Fills stage_tenant, stage_project and stage_api_key."""
        keys: list[tuple[object, ...]] = []
        with _failures_in_words():
            for workspace in self._workspaces:
                self._console.enter_workspace(workspace.id)
                listed = list(apps.list_apps(self._console, self._odd_apps))
                self._emails |= self._members(listed)
                if not self._console.still_there():
                    raise SourceError("somebody switches the account's workspace: give the pipeline one of its own")
                for app in listed:
                    place = Place(workspace.id, app.id, app.mode)
                    self._apps[app.id] = (place, app)
                    keys += self._keys(place)
        _copy(warehouse, "stage_tenant", ((workspace.id, word(workspace.name)) for workspace in self._workspaces))
        _copy(warehouse, "stage_project", (
            (app.id, place.tenant_id, word(app.name), app.mode, _tags(app)) for place, app in self._apps.values()
        ))  # fmt: skip
        _copy(warehouse, "stage_api_key", keys)
        self._remember_what_was_read(warehouse)

    def window_end(self, since: datetime) -> datetime | None:
        """Returns where a window from ``since`` should end; None when little is left.

        Raises EnoughForNow when this pass has made its calls and something is left.
        """
        if self._waiting is None:
            with _failures_in_words():
                self._waiting = sorted(self._new_since(since), key=lambda entry: entry.moment)
        left = [entry.moment for entry in self._waiting if entry.moment >= since]
        new = [moment for moment in left if self._is_new(moment)]
        if new and self._calls_left <= 0:
            raise EnoughForNow(
                f"the console was asked as often as `calls_per_pass` allows; {len(new)} runs and conversations"
                f" from {new[0]:%Y-%m-%d %H:%M} UTC on are left to the next pass"
            )
        limit = min(_CALLS_A_WINDOW, max(1, self._calls_left))
        # Several may share one second; a window must still move on.
        return max(left[limit], since + timedelta(seconds=1)) if len(left) > limit else None

    def stage_window(self, warehouse: Connection, window: Window) -> None:
        """Fills the staging tables with what was created in the window, and with its runs' node executions."""
        inside = [
            entry
            for entry in self._waiting or []
            if window.since <= entry.moment and (window.until is None or entry.moment < window.until)
        ]
        with _failures_in_words():
            for place in self._places({entry.place.app_id for entry in inside}):
                mine = [entry for entry in inside if entry.place.app_id == place.app_id]
                self._stage_runs(warehouse, [entry for entry in mine if isinstance(entry, Run)])
                self._stage_talks(warehouse, [entry for entry in mine if isinstance(entry, Talk)])

    def stage_rows(self, warehouse: Connection, message_ids: Sequence[str], run_ids: Sequence[str]) -> None:
        """The same for single rows, by primary key. Raises EnoughForNow when the pass has made its calls."""
        if self._calls_left <= 0:
            raise EnoughForNow("the console was asked as often as `calls_per_pass` allows")
        with _failures_in_words():
            self._stage_messages_again(warehouse, message_ids)
            self._stage_runs_again(warehouse, run_ids)

    def stage_tool_calls(self, warehouse: Connection, since: datetime, ids: Sequence[str] = ()) -> None:
        """Nothing: the console does not show what tools call by themselves."""

    def stage_documents(self, warehouse: Connection, since: datetime, ids: Sequence[str] = ()) -> None:
        """Nothing: the console does not list what was embedded."""

    def close(self) -> None:
        """Lets go of connections."""
        self._console.close()

    def _is_new(self, moment: datetime) -> bool:
        """What is read again for its lateness does not count: a pass always gets further than the one before."""
        return self._read_up_to is None or moment >= self._read_up_to

    def _members(self, listed: Sequence[AppSummary]) -> dict[str, str]:
        if not any(app.mode in _BASIC for app in listed):
            return {}
        try:
            return logs.members(self._console)
        except NotAllowedError:
            return {}

    def _keys(self, place: Place) -> list[tuple[object, ...]]:
        try:
            return [key_row(place, key) for key in logs.api_keys(self._console, place.app_id)]
        except NotAllowedError as error:
            self._keys_hidden = [("not_visible", "api keys", f"no call can be attributed to a key: {error}")]
        except NotFoundError:
            pass
        return []

    def _remember_what_was_read(self, warehouse: Connection) -> None:
        """Runs that were read when they were final need no call again: lists say whether they have changed."""
        self._read_up_to = value_or_none(
            warehouse, datetime, "SELECT read_up_to FROM usage.source_state WHERE source = %s", [self._source_id]
        )
        if self._read_up_to:
            parameters = {
                "source": self._source_id,
                "final": list(_FINAL),
                "since": self._read_up_to - _LONGEST_LOOKBACK,
            }
            found = rows(warehouse, _KnownRun, statement(f"{_FOLDER}/final_runs"), parameters)
            self._read_before = {run.run_id: (run.status, run.total_tokens) for run in found}

    def _new_since(self, since: datetime) -> Iterator[Run | Talk]:
        talks_from = max(since, self._read_up_to - _MESSAGES_LATE) if self._read_up_to else since
        seen: set[str] = set()
        for place in self._places(set(self._apps)):
            try:
                for entry in self._log_of(place, since, talks_from):
                    name = entry.run_id if isinstance(entry, Run) else entry.conversation_id
                    if name not in seen:
                        seen.add(name)
                        yield entry
            except NotFoundError:
                if self._is_there(place):
                    raise
                self._apps_without_log.append(place.app_id)

    def _is_there(self, place: Place) -> bool:
        """Whether an app was not deleted since it was listed: then it keeps no other from being read."""
        try:
            apps.app_detail(self._console, place.app_id)
        except NotFoundError:
            return False
        return True

    def _log_of(self, place: Place, since: datetime, talks_from: datetime) -> Iterator[Run | Talk]:
        _, app = self._apps[place.app_id]
        if place.mode in _FLOWS:
            for run in runs_since(self._console, place, since):
                if self._read_before.get(run.run_id) != (run.status, run.total_tokens):
                    yield run
        elif place.mode in _BASIC:
            yield from talks_since(self._console, place, app, self._emails, talks_from)

    def _places(self, app_ids: set[str]) -> Iterator[Place]:
        """The apps, workspace after workspace, so that the account moves as rarely as can be."""
        known = [place for place, _ in self._apps.values() if place.app_id in app_ids]
        entered = ""
        for place in sorted(known, key=lambda place: (place.tenant_id, place.app_id)):
            if place.tenant_id != entered:
                self._console.enter_workspace(place.tenant_id)
                entered = place.tenant_id
            yield place

    def _stage_runs(self, warehouse: Connection, runs: Iterable[Run]) -> None:
        for run in runs:
            self._calls_left -= self._is_new(run.moment)
            try:
                nodes = logs.node_executions(self._console, run.place.app_id, run.run_id)
                asker = asker_from_nodes(run, nodes)
                detail = None if asker.known else logs.run(self._console, run.place.app_id, run.run_id)
            except NotFoundError:
                continue  # deleted since it was listed
            self._stage_run(warehouse, run, nodes, detail)

    def _stage_run(
        self, warehouse: Connection, run: Run, nodes: list[dict[str, Any]], detail: Mapping[str, Any] | None
    ) -> None:
        asker = asker_from_nodes(run, nodes)
        asker = asker if asker.known or detail is None else asker_of(detail)
        _copy(warehouse, "stage_run", [run.row(asker)])
        rows = [row for row in (node_row_of(run, node) for node in nodes) if row is not None]
        _copy(warehouse, "stage_node", rows)
        if any(row[7] in ("agent", "knowledge-retrieval") and row[22] is None for row in rows):
            _copy(warehouse, "stage_node_model", self._models(run, detail))

    def _models(self, run: Run, detail: Mapping[str, Any] | None) -> list[tuple[object, ...]]:
        """A published version never changes: its graph is looked at once."""
        if run.workflow_id in self._models_known:
            return self._models_known[run.workflow_id]
        detail = detail or logs.run(self._console, run.place.app_id, run.run_id)
        found = configured_models(run, detail.get("graph"))
        if run.version not in ("", "draft"):
            self._models_known[run.workflow_id] = found
        return found

    def _stage_talks(self, warehouse: Connection, talks: Iterable[Talk]) -> None:
        for talk in talks:
            try:
                for block in self._messages(warehouse, talk):
                    self._calls_left -= self._is_new(talk.moment)
                    _copy(warehouse, "stage_message", [talk.row(message) for message in block])
            except NotFoundError:
                continue  # deleted since it was listed

    def _messages(self, warehouse: Connection, talk: Talk) -> Iterator[list[dict[str, Any]]]:
        """What was said, newest first, back to what has been read before: beyond it everything has been."""
        if talk.place.mode == "completion":
            message = logs.completion(self._console, talk.place.app_id, talk.conversation_id).get("message")
            yield list(logs.named("completion-conversations", [message] if isinstance(message, dict) else []))
            return
        for block in logs.messages(self._console, talk.place.app_id, talk.conversation_id):
            yield block
            known = value(
                warehouse,
                bool,
                "SELECT EXISTS (SELECT FROM usage.usage_event WHERE source = %s AND event_id = ANY(%s))",
                [self._source_id, [f"message:{message['id']}" for message in block]],
            )
            if known:
                return

    def _stage_messages_again(self, warehouse: Connection, message_ids: Sequence[str]) -> None:
        known = rows(
            warehouse,
            _KnownMessage,
            statement(f"{_FOLDER}/known_messages"),
            {"source": self._source_id, "ids": list(message_ids)},
        )
        for place in self._places({message.app_id for message in known}):
            for message in known:
                if message.app_id != place.app_id:
                    continue
                self._calls_left -= 1
                try:
                    answer = logs.message(self._console, place.app_id, message.message_id)
                except NotFoundError:
                    continue
                _copy(warehouse, "stage_message", [message.talk(place, self._apps[place.app_id][1]).row(answer)])

    def _stage_runs_again(self, warehouse: Connection, run_ids: Sequence[str]) -> None:
        known = rows(
            warehouse,
            _OpenRun,
            "SELECT run_id, app_id, triggered_from FROM usage.run_ledger WHERE source = %s AND run_id = ANY(%s)",
            [self._source_id, list(run_ids)],
        )
        for place in self._places({run.app_id for run in known}):
            for run in known:
                if run.app_id != place.app_id:
                    continue
                self._calls_left -= 2
                try:
                    detail = logs.run(self._console, place.app_id, run.run_id)
                    nodes = logs.node_executions(self._console, place.app_id, run.run_id)
                except NotFoundError:
                    continue
                found = run_of(place, detail, run.triggered_from, None, asker_of(detail))
                self._stage_run(warehouse, found, nodes, detail)


@contextmanager
def _failures_in_words() -> Iterator[None]:
    """A failed call as the failure of the source; its words name the call and the way out, and hold no secret."""
    try:
        yield
    except ConsoleError as error:
        raise SourceError(f"Dify's console: {error}") from None
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        # The error's own text may hold what somebody wrote into a prompt.
        way_out = "check that the address is Dify's console, and its version (0.15 to 1.16 are known)"
        raise SourceError(f"Dify's console answers in an unknown shape ({type(error).__name__}); {way_out}") from None


def _copy(warehouse: Connection, table: LiteralString, rows: Iterable[Sequence[object]]) -> None:
    heard_from_source()
    with warehouse.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _tags(app: AppSummary) -> list[str]:
    return sorted({plain_text(tag.name) for tag in app.tags if tag.type in (None, "app")})
