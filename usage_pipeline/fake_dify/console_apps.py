"""Apps of the fake console: lists, switches, triggers, the MCP server, keys, the configuration of basic apps."""

import json
import uuid
from typing import Any

from usage_pipeline.fake_dify.console_calls import Call, DifyError, Route, loaded, page_of, unix
from usage_pipeline.fake_dify.world import MODELS

_BASIC = ("chat", "agent-chat", "completion")
# Keys of a configuration with what Dify puts where they are left out.
_CONFIG_KEYS: dict[str, object] = {
    "opening_statement": None, "suggested_questions": [], "suggested_questions_after_answer": {"enabled": False},
    "more_like_this": {"enabled": False}, "model": None, "user_input_form": [], "pre_prompt": "",
    "agent_mode": {"enabled": False, "strategy": None, "tools": [], "prompt": None},
    "speech_to_text": {"enabled": False}, "text_to_speech": {"enabled": False}, "sensitive_word_avoidance":
    {"enabled": False}, "retriever_resource": {"enabled": True}, "dataset_query_variable": "", "prompt_type": "simple",
    "chat_prompt_config": {}, "completion_prompt_config": {}, "dataset_configs": {"retrieval_model": "multiple"},
    "external_data_tools": [], "file_upload": {"image": {"enabled": False}},
}  # fmt: skip
_SERVER_KEYS = ("id", "name", "server_code", "description", "status", "parameters", "created_at", "updated_at")
_PLAIN = ("opening_statement", "pre_prompt", "dataset_query_variable", "prompt_type")


def _list(call: Call) -> object:
    mode = call.query.get("mode", "all")
    apps = call.rows("SELECT * FROM apps WHERE tenant_id::text = %s ORDER BY created_at DESC, id", call.tenant_id)
    named = call.query.get("name", "")
    fitting = [app for app in apps if mode in ("all", app["mode"]) and named in app["name"]]
    return page_of(call, fitting, lambda app: _shown(call, app))


def _detail(call: Call) -> object:
    return _switches(call, call.app())


def _shown(call: Call, app: dict[str, Any]) -> dict[str, object]:
    tags = call.rows(
        "SELECT t.id::text, t.name, t.type FROM tag_bindings b JOIN tags t ON t.id = b.tag_id"
        " WHERE b.target_id = %s AND t.type = 'app' ORDER BY t.name",
        app["id"],
    )
    config = config_of(call, app)
    return {
        "id": str(app["id"]), "name": app["name"], "mode": app["mode"], "description": app["description"],
        "icon_type": app["icon_type"], "icon": app["icon"], "icon_background": app["icon_background"],
        "max_active_requests": app["max_active_requests"], "created_by": str(app["created_by"]), "tags": tags,
        "model_config": config, "workflow": {"id": str(app["workflow_id"])} if app["workflow_id"] else None,
        "created_at": unix(app["created_at"]), "updated_at": unix(app["updated_at"]),
        "use_icon_as_answer_icon": app["use_icon_as_answer_icon"],
    }  # fmt: skip


def _switches(call: Call, app: dict[str, Any]) -> dict[str, object]:
    return {**_shown(call, app), "enable_api": app["enable_api"], "enable_site": app["enable_site"]}


def config_of(call: Call, app: dict[str, Any]) -> dict[str, object] | None:
    """The live configuration of a basic app, as the console shows it."""
    row = call.row("SELECT * FROM app_model_configs WHERE id = %s", app["app_model_config_id"])
    if row is None:
        return None
    return {
        key: (row[key] if row[key] is not None else empty) if key in _PLAIN else loaded(row[key], empty)
        for key, empty in _CONFIG_KEYS.items()
    }


def _replace_config(call: Call) -> object:
    app = call.app_of_mode(*_BASIC)
    model = call.body.get("model")
    if not isinstance(model, dict) or not model.get("provider") or not model.get("name"):
        raise DifyError(400, "invalid_param", "model is required")
    known = [found.name for found in MODELS.values() if found.provider_id == model["provider"]]
    if not known:
        raise DifyError(400, "invalid_param", f"model.provider is required and must be in {model['provider']}")
    if model["name"] not in known:
        raise DifyError(400, "invalid_param", "model.name must be in the specified model list")
    new_id = str(uuid.uuid4())
    call.rows("INSERT INTO app_model_configs (id, app_id) VALUES (%s, %s) RETURNING id", new_id, app["id"])
    for key, empty in _CONFIG_KEYS.items():
        value = call.body.get(key, empty)
        stored = value if key in _PLAIN else json.dumps(value)
        call.rows(f"UPDATE app_model_configs SET {key} = %s WHERE id = %s RETURNING id", stored, new_id)
    call.rows("UPDATE apps SET app_model_config_id = %s WHERE id = %s RETURNING id", new_id, app["id"])
    return {"result": "success"}


def _enable_api(call: Call) -> object:
    return _set(call, "enable_api", _boolean(call, "enable_api"))


def _enable_site(call: Call) -> object:
    return _set(call, "enable_site", _boolean(call, "enable_site"))


def _boolean(call: Call, name: str) -> bool:
    value = call.body.get(name)
    if not isinstance(value, bool):
        raise DifyError(400, "invalid_param", f"{name} is required")
    return value


def _set(call: Call, column: str, value: object) -> object:
    app = call.app()
    call.rows(f"UPDATE apps SET {column} = %s, updated_at = now() WHERE id = %s RETURNING id", value, app["id"])
    return _switches(call, call.app())


def _update(call: Call) -> object:
    app = call.app()
    if not call.body.get("name"):
        raise DifyError(400, "invalid_param", "name is required")
    values = {
        "name": call.body["name"], "description": call.body.get("description", ""),
        "icon_type": call.body.get("icon_type"), "icon": call.body.get("icon"),
        "icon_background": call.body.get("icon_background"),
        "use_icon_as_answer_icon": call.body.get("use_icon_as_answer_icon", False),
        "max_active_requests": call.body.get("max_active_requests"),
    }  # fmt: skip
    for column, value in values.items():
        call.rows(f"UPDATE apps SET {column} = %s WHERE id = %s RETURNING id", value, app["id"])
    return _switches(call, call.app())


def _triggers(call: Call) -> object:
    app = call.app_of_mode("workflow")
    return {"data": [_trigger(row) for row in call.rows(
        "SELECT * FROM app_triggers WHERE app_id = %s ORDER BY created_at, id", app["id"])]}  # fmt: skip


def _trigger(row: dict[str, Any]) -> dict[str, object]:
    names = ("trigger_type", "title", "node_id", "provider_name", "status")
    return {"id": str(row["id"]), "icon": "", **{name: row[name] for name in names},
            "created_at": unix(row["created_at"]), "updated_at": unix(row["updated_at"])}  # fmt: skip


def _enable_trigger(call: Call) -> object:
    app = call.app_of_mode("workflow")
    status = "enabled" if _boolean(call, "enable_trigger") else "disabled"
    row = call.row(
        "UPDATE app_triggers SET status = %s, updated_at = now() WHERE id::text = %s AND app_id = %s RETURNING *",
        status, str(call.body.get("trigger_id")), app["id"],
    )  # fmt: skip
    if row is None:
        raise DifyError(404, "not_found", "Trigger not found")
    return _trigger(row)


def _server(call: Call) -> object:
    """An app without one: a server of nulls up to 1.13, an empty object from 1.14 on."""
    row = call.row("SELECT * FROM app_mcp_servers WHERE app_id = %s", call.app()["id"])
    if row:
        return _shown_server(row)
    return {} if call.version >= (1, 14, 0) else dict.fromkeys(_SERVER_KEYS)


def _shown_server(row: dict[str, Any]) -> dict[str, object]:
    return {"id": str(row["id"]), **{name: row[name] for name in ("name", "server_code", "description", "status")},
            "parameters": loaded(row["parameters"], {}), "created_at": unix(row["created_at"])}  # fmt: skip


def _update_server(call: Call) -> object:
    call.app()
    if not isinstance(call.body.get("parameters"), dict):
        raise DifyError(400, "invalid_param", "parameters is required")
    row = call.row(
        "UPDATE app_mcp_servers SET parameters = %s, description = %s, status = coalesce(%s, status)"
        " WHERE id::text = %s RETURNING *",
        json.dumps(call.body["parameters"]), call.body.get("description") or "", call.body.get("status"),
        str(call.body.get("id")),
    )  # fmt: skip
    if row is None:
        raise DifyError(404, "not_found", "Server not found")
    return _shown_server(row)


def _keys(call: Call) -> object:
    rows = call.rows(
        "SELECT * FROM api_tokens WHERE app_id = %s AND type = 'app' ORDER BY created_at, id", call.app()["id"]
    )
    return {"data": [{"id": str(row["id"]), "type": "app", "token": row["token"],
                      "last_used_at": unix(row["last_used_at"]), "created_at": unix(row["created_at"])}
                     for row in rows]}  # fmt: skip


ROUTES = (
    Route("GET", "apps", _list),
    Route("GET", "apps/{app}", _detail),
    Route("PUT", "apps/{app}", _update, "editor", changing=True),
    Route("POST", "apps/{app}/api-enable", _enable_api, "admin", changing=True),
    Route("POST", "apps/{app}/site-enable", _enable_site, "editor", changing=True),
    Route("GET", "apps/{app}/triggers", _triggers),
    Route("POST", "apps/{app}/trigger-enable", _enable_trigger, "editor", changing=True),
    Route("GET", "apps/{app}/server", _server),
    Route("PUT", "apps/{app}/server", _update_server, "editor", changing=True),
    Route("GET", "apps/{app}/api-keys", _keys, "editor"),
    Route("POST", "apps/{app}/model-config", _replace_config, "editor", changing=True),
)
