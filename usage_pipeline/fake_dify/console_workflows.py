"""Workflows of the fake console: the draft with its hash, publishing, versions that never change."""

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from usage_pipeline.fake_dify.console_calls import Call, DifyError, Route, loaded, page_of, unix
from usage_pipeline.warehouse.statements import statement

_MODES = ("workflow", "advanced-chat")
_HIDDEN = "[__HIDDEN__]"


def _published(call: Call) -> object:
    app = call.app_of_mode(*_MODES)
    row = call.row("SELECT * FROM workflows WHERE id = %s", app["workflow_id"])
    return _shown(row) if row else None


def _draft_row(call: Call, app: dict[str, Any]) -> dict[str, Any] | None:
    return call.row("SELECT * FROM workflows WHERE app_id = %s AND version = 'draft'", app["id"])


def _draft(call: Call) -> object:
    row = _draft_row(call, call.app_of_mode(*_MODES))
    if row is None:
        raise DifyError(404, "draft_workflow_not_exist", "Draft workflow need to be initialized.")
    return _shown(row)


def _post_draft(call: Call) -> object:
    app = call.app_of_mode(*_MODES)
    graph, features = call.body.get("graph"), call.body.get("features")
    if not isinstance(graph, dict) or not isinstance(features, dict):
        raise DifyError(400, "invalid_param", "graph and features are required")
    row = _draft_row(call, app)
    if row is not None and call.body.get("hash") != _hash(row):
        raise DifyError(409, "draft_workflow_not_sync", "Workflow has been modified. Please refresh.")
    environment = _kept_secrets(call.body.get("environment_variables") or [], row)
    content = {
        "graph": json.dumps(graph),
        "features": json.dumps(features),
        "environment": json.dumps(environment),
        "conversation": json.dumps(call.body.get("conversation_variables") or []),
    }
    if row is None:
        call.rows(
            statement("fake_dify/insert_draft"),
            **content,
            id=uuid.uuid4(),
            tenant=app["tenant_id"],
            app=app["id"],
            type="chat" if app["mode"] == "advanced-chat" else "workflow",
            created_by=app["created_by"],
        )
    else:
        call.rows(statement("fake_dify/update_draft"), **content, id=row["id"])
    changed = _draft_row(call, app) or {}
    return {"result": "success", "hash": _hash(changed), "updated_at": unix(changed["updated_at"])}


def _kept_secrets(given: list[dict[str, Any]], row: dict[str, Any] | None) -> list[dict[str, Any]]:
    known = {variable["id"]: variable for variable in _variables(row["environment_variables"])} if row else {}
    return [
        {**variable, "value": known[variable["id"]]["value"]}
        if variable.get("value") == _HIDDEN and variable.get("id") in known
        else variable
        for variable in given
    ]


def _publish(call: Call) -> object:
    app = call.app_of_mode(*_MODES)
    name, comment = str(call.body.get("marked_name") or ""), str(call.body.get("marked_comment") or "")
    if len(name) > 20 or len(comment) > 100:
        raise DifyError(400, "invalid_param", "Marked name or comment is too long")
    row = _draft_row(call, app)
    if row is None:
        raise DifyError(404, "draft_workflow_not_exist", "No valid workflow found.")
    now = datetime.now(UTC).replace(tzinfo=None)
    new_id = str(uuid.uuid4())
    publish = statement("fake_dify/publish_draft")
    call.rows(publish, id=new_id, version=str(now), name=name, comment=comment, now=now, draft=row["id"])
    call.rows("UPDATE apps SET workflow_id = %s WHERE id = %s RETURNING id", new_id, app["id"])
    return {"result": "success", "created_at": unix(now)}


def _versions(call: Call) -> object:
    app = call.app_of_mode(*_MODES)
    rows = call.rows(
        "SELECT * FROM workflows WHERE app_id = %s AND version <> 'draft' ORDER BY created_at DESC, version DESC",
        app["id"],
    )
    found = page_of(call, [_shown(row) for row in rows])
    return {"items": found["data"], "page": found["page"], "limit": found["limit"], "has_more": found["has_more"]}


def _shown(row: dict[str, Any]) -> dict[str, object]:
    hidden = [
        {**variable, "value": _HIDDEN} if variable.get("value_type") == "secret" else variable
        for variable in _variables(row["environment_variables"])
    ]
    return {
        "id": str(row["id"]), "graph": loaded(row["graph"], {}), "features": loaded(row["features"], {}),
        "hash": _hash(row), "version": row["version"], "marked_name": row["marked_name"],
        "marked_comment": row["marked_comment"], "environment_variables": hidden,
        "conversation_variables": _variables(row["conversation_variables"]),
        "created_at": unix(row["created_at"]), "updated_at": unix(row["updated_at"]),
    }  # fmt: skip


def _variables(text: object) -> list[dict[str, Any]]:
    found = loaded(text, [])
    return found if isinstance(found, list) else []


def _hash(row: dict[str, Any]) -> str:
    """Over graph and features only, as Dify's."""
    content = json.dumps([loaded(row["graph"], {}), loaded(row["features"], {})], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


ROUTES = (
    Route("GET", "apps/{app}/workflows/publish", _published, "editor"),
    Route("GET", "apps/{app}/workflows/draft", _draft, "editor"),
    Route("POST", "apps/{app}/workflows/draft", _post_draft, "editor", changing=True),
    Route("POST", "apps/{app}/workflows/publish", _publish, "editor", changing=True),
    Route("GET", "apps/{app}/workflows", _versions, "editor"),
)
