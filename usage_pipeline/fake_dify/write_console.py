"""Writes what the console shows beside usage: configurations of basic apps, triggers, MCP servers, variables."""

import json
import uuid
from datetime import datetime

from usage_pipeline.fake_dify.scripts import naive
from usage_pipeline.fake_dify.world import MODELS, FakeApp, World
from usage_pipeline.warehouse.connection import Connection

Rows = dict[str, dict[str, dict[str, object]]]
_TRIGGERS = {"schedule": "trigger-schedule", "webhook": "trigger-webhook"}


def console_rows(world: World) -> Rows:
    """By table and key. Ids follow from the app's, so that they are the same whenever they are made."""
    started = naive(world.started)
    rows: Rows = {"app_model_configs": {}, "app_triggers": {}, "app_mcp_servers": {}}
    for app in world.apps.values():
        if not app.nodes:
            config = _config(app, started)
            rows["app_model_configs"][str(config["id"])] = config
        for source in app.sources:
            if source in _TRIGGERS:
                trigger = _trigger(app, source, started)
                rows["app_triggers"][str(trigger["id"])] = trigger
        if "mcp" in app.sources:
            server = _server(app, started)
            rows["app_mcp_servers"][str(server["id"])] = server
    return rows


def link_configs(connection: Connection) -> None:
    """Points each basic app at its configuration."""
    connection.execute("UPDATE apps a SET app_model_config_id = c.id FROM app_model_configs c WHERE c.app_id = a.id")


def workflow_variables(world: World, app: FakeApp) -> dict[str, object]:
    """Returns the two lists of variables of a workflow; one of them is a secret that the console shows masked."""
    secret = {"id": _id(app, "secret"), "name": "WIKI_TOKEN", "value_type": "secret", "value": world.canaries[-1]}
    topic = {"id": _id(app, "topic"), "name": "topic", "value_type": "string", "value": "general"}
    return {"environment_variables": json.dumps([secret]), "conversation_variables": json.dumps([topic])}


def _id(app: FakeApp, what: str) -> str:
    return str(uuid.uuid5(uuid.UUID(app.app_id), what))


def _config(app: FakeApp, started: datetime) -> dict[str, object]:
    model = MODELS[app.model]
    named = {"provider": model.provider_id, "name": model.name, "mode": "chat", "completion_params": {"temperature": 0}}
    return {
        "id": _id(app, "config"), "app_id": app.app_id, "model": json.dumps(named), "pre_prompt": "Be brief.",
        "prompt_type": "simple", "opening_statement": f"Welcome to {app.name}", "created_at": started,
        "suggested_questions": json.dumps(["What can you do?"]), "updated_at": started,
        "user_input_form": json.dumps([{"text-input": {"variable": "topic", "label": "Topic"}}]),
        "agent_mode": json.dumps({"enabled": app.mode == "agent-chat", "strategy": "function_call", "tools": []}),
    }  # fmt: skip


def _trigger(app: FakeApp, source: str, started: datetime) -> dict[str, object]:
    return {
        "id": _id(app, source), "tenant_id": app.tenant_id, "app_id": app.app_id, "node_id": source,
        "trigger_type": _TRIGGERS[source], "title": source.title(), "provider_name": "", "status": "enabled",
        "created_at": started, "updated_at": started,
    }  # fmt: skip


def _server(app: FakeApp, started: datetime) -> dict[str, object]:
    return {
        "id": _id(app, "mcp"), "tenant_id": app.tenant_id, "app_id": app.app_id, "name": app.name,
        "description": "Answers questions", "server_code": _id(app, "code").replace("-", "")[:16], "status": "active",
        "parameters": json.dumps({"query": "What is asked"}), "created_at": started, "updated_at": started,
    }  # fmt: skip
