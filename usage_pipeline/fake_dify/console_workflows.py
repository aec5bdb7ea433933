"""Workflows of the fake console: the draft with its hash, publishing, versions that never change."""

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from usage_pipeline.fake_dify.console_calls import Call, DifyError, Route, loaded, page_of, unix

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
    values = (json.dumps(graph), json.dumps(features), json.dumps(environment),
              json.dumps(call.body.get("conversation_variables") or []))  # fmt: skip
    if row is None:
        kind = "chat" if app["mode"] == "advanced-chat" else "workflow"
        call.rows(
            "INSERT INTO workflows (graph, features, environment_variables, conversation_variables, id, tenant_id,"
            " app_id, type, version, created_by, updated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'draft', %s, now()) RETURNING id",
            *values, str(uuid.uuid4()), app["tenant_id"], app["id"], kind, app["created_by"],
        )  # fmt: skip
    else:
        call.rows(
            "UPDATE workflows SET graph = %s, features = %s, environment_variables = %s, conversation_variables = %s,"
            " updated_at = now() WHERE id = %s RETURNING id",
            *values, row["id"],
        )  # fmt: skip
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
    call.rows(
        "INSERT INTO workflows (id, tenant_id, app_id, type, version, graph, features, environment_variables,"
        " conversation_variables, marked_name, marked_comment, created_by, created_at, updated_at)"
        " SELECT %s, tenant_id, app_id, type, %s, graph, features, environment_variables, conversation_variables,"
        " %s, %s, created_by, %s, %s FROM workflows WHERE id = %s RETURNING id",
        new_id, str(now), name, comment, now, now, row["id"],
    )  # fmt: skip
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
