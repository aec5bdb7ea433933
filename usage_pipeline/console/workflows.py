"""Drafts and published versions of workflows and chatflows. Every function raises ConsoleError."""

from collections.abc import Mapping
from typing import Any

from usage_pipeline.console.answers import Workflow, shaped
from usage_pipeline.console.client import Console


def published_workflow(console: Console, app_id: str) -> Workflow | None:
    """The version that callers get; None when none was ever published."""
    document = console.get(f"apps/{app_id}/workflows/publish")
    return shaped(Workflow, f"GET apps/{app_id}/workflows/publish", document) if document else None


def draft_workflow(console: Console, app_id: str) -> Workflow:
    """What is being edited. Raises NotFoundError (draft_workflow_not_exist) when there is none yet."""
    return shaped(Workflow, f"GET apps/{app_id}/workflows/draft", console.get(f"apps/{app_id}/workflows/draft"))


def post_draft(console: Console, app_id: str, draft: Workflow, graph: Mapping[str, Any]) -> str:
    """Replaces the draft's graph and returns the new hash; features and both lists of variables go back as they were
    read, for Dify wipes what is left out.

    Raises ConflictError (draft_workflow_not_sync) when somebody edited it since ``draft`` was read.
    """
    body: dict[str, object] = {
        "graph": dict(graph), "features": draft.features, "hash": draft.hash,
        "environment_variables": draft.environment_variables, "conversation_variables": draft.conversation_variables,
    }  # fmt: skip
    answer = console.change("POST", f"apps/{app_id}/workflows/draft", body)
    return str(answer.get("hash", "")) if isinstance(answer, dict) else ""


def publish(console: Console, app_id: str, name: str = "", comment: str = "") -> None:
    """Makes the draft the version that callers get. Dify keeps 20 characters of the name, 100 of the comment."""
    body = {"marked_name": name[:20], "marked_comment": comment[:100]}
    console.change("POST", f"apps/{app_id}/workflows/publish", body)
