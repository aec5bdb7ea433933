"""Finds what is new at a console: a few lists an app, newest first, read until they are older than is asked for."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from usage_pipeline.console import logs
from usage_pipeline.console.answers import AppSummary, named_model
from usage_pipeline.console.client import Console
from usage_pipeline.sources.dify_api.rows import Asker, Place, Run, Talk, asker_of, moment_of, run_of, word

# A log is written moments after its run began, and its time is rounded.
_LOG_AFTER_RUN = timedelta(minutes=2)
LISTED_ONLY = "the console lists it and has no log of it: it was deleted meanwhile"
NOT_VISIBLE = (
    ("message prices", "messages of chat, agent and completion apps are priced by `prices:` or the catalogue"),
    ("entry points", "their callers are told apart as outside (unknown) and console only; nested runs count as api"),
    ("agent apps", "apps of mode agent (Dify 1.15 and later) are not listed: only Dify's database has them"),
    ("agent thoughts", "what an agent used before it failed is not shown"),
    ("stopped answers", "a stopped answer looks like one without tokens"),
    ("single steps", "nodes tried by themselves, tools' own model calls, RAG pipelines and deleted apps are not shown"),
    ("read marks", "completion apps: looking at a log entry takes its mark as unread in the console"),
)


def runs_since(console: Console, place: Place, since: datetime) -> Iterator[Run]:
    """Yields runs of a workflow or chatflow that were created from ``since`` on.

    Lists of runs leave out what triggers started; a workflow's log has it, and who asked for it: it comes first, and
    a run may come again.
    """
    if place.mode == "advanced-chat":
        yield from _chatflow_runs(console, place, since)
        return
    yield from _logged_runs(console, place, since)
    for origin in ("debugging", "app-run"):
        yield from _listed_runs(console, place, origin, since)


def _chatflow_runs(console: Console, place: Place, since: datetime) -> Iterator[Run]:
    """Older versions list what was debugged whatever is asked for: there, messages lead to their runs."""
    debugged = list(_listed_runs(console, place, "debugging", since))
    yield from debugged
    listed = list(_listed_runs(console, place, "app-run", since))
    filtered = not {run.run_id for run in debugged} & {run.run_id for run in listed}
    if listed and filtered:
        yield from listed
    else:
        yield from _runs_of_messages(console, place, since)


def _listed_runs(console: Console, place: Place, origin: str, since: datetime) -> Iterator[Run]:
    for row in logs.runs(console, place.app_id, origin, chatflow=place.mode == "advanced-chat"):
        if moment_of(row.get("created_at")) < since:
            return
        yield run_of(place, row, origin, None, asker_of(row))


def _runs_of_messages(console: Console, place: Place, since: datetime) -> Iterator[Run]:
    for conversation in logs.conversations(console, place.app_id):
        if moment_of(conversation.get("updated_at")) < since:
            return
        for block in logs.messages(console, place.app_id, str(conversation["id"])):
            recent = [message for message in block if moment_of(message.get("created_at")) >= since]
            for run_id in (message.get("workflow_run_id") for message in recent):
                if run_id:
                    detail = logs.run(console, place.app_id, str(run_id))
                    yield run_of(place, detail, "app-run", None, asker_of(detail))
            if len(recent) < len(block):
                break


def _logged_runs(console: Console, place: Place, since: datetime) -> Iterator[Run]:
    for row in logs.app_logs(console, place.app_id):
        if moment_of(row.get("created_at")) < since - _LOG_AFTER_RUN:
            return
        listed = row.get("workflow_run")
        for run in logs.named("workflow-app-logs", [listed] if isinstance(listed, dict) else []):
            if moment_of(run.get("created_at")) >= since:
                origin = word(run.get("triggered_from")) or "app-run"
                yield run_of(place, run, origin, row.get("created_from"), asker_of(row))


def talks_since(
    console: Console, place: Place, app: AppSummary, emails: Mapping[str, str], since: datetime
) -> Iterator[Talk]:
    """Yields conversations of a basic app in which something was said from ``since`` on."""
    completion = place.mode == "completion"
    rows = logs.completions(console, place.app_id) if completion else logs.conversations(console, place.app_id)
    for row in rows:
        said_last = moment_of(row.get("created_at" if completion else "updated_at"))
        if said_last < since:
            return
        yield _talk(place, app, emails, row, said_last)


def _talk(place: Place, app: AppSummary, emails: Mapping[str, str], row: Mapping[str, Any], moment: datetime) -> Talk:
    settings = row.get("model_config")
    provider, model = named_model(settings.get("model") if isinstance(settings, dict) else None)
    if model is None:
        # Older versions do not say what the conversation began with: what the app is set to now is the nearest.
        provider, model = app.model()
    from_source = word(row.get("from_source")) or "api"
    email = emails.get(str(row.get("from_account_id"))) if from_source == "console" else None
    session = row.get("from_end_user_session_id")
    return Talk(
        place, str(row["id"]), moment, word(provider), word(model), from_source,
        word(session) if session else None, email,
    )  # fmt: skip


def asker_from_nodes(run: Run, nodes: list[dict[str, Any]]) -> Asker:
    """Who asked for a run: the lists of chatflows do not name end users, their node executions do."""
    if run.asker.known:
        return run.asker
    return next((asker for asker in map(asker_of, nodes) if asker.known), run.asker)
