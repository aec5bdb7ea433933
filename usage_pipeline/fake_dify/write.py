"""Writes calls into a Dify database: whole states fast, by COPY, or step by step as time goes."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from psycopg import sql

from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.scripts import CallScript, RowWrite, naive
from usage_pipeline.fake_dify.world import FakeApp, Node, World
from usage_pipeline.fake_dify.write_console import console_rows, link_configs, workflow_variables
from usage_pipeline.warehouse.connection import Connection

Row = Mapping[str, object]
PIPELINE = "rag-pipeline"


def write_history(connection: Connection, history: History, until: datetime) -> None:
    """Fills the tables with the state that all steps committed by ``until`` leave behind."""
    with connection.transaction():
        write_world(connection, history.world)
        copy_rows(connection, rows_as_of(history.calls, until))


def rows_as_of(calls: Iterable[CallScript], until: datetime) -> dict[str, dict[str, dict[str, object]]]:
    """By table and key, the rows as they stand at a moment."""
    rows: dict[str, dict[str, dict[str, object]]] = defaultdict(dict)
    for call in calls:
        # A row's insert is its first step; a late insert keeps the updates that belong after it.
        for step in sorted(call.steps, key=lambda step: step.at):
            if step.at <= until:
                rows[step.table].setdefault(step.key, {}).update(step.values)
    return rows


def copy_rows(connection: Connection, tables: Mapping[str, Mapping[str, Row]]) -> None:
    """Streams rows in, grouped by the columns they have; columns left out take Dify's defaults.

    Tables and columns that this version of Dify does not have yet are left out.
    """
    for table, rows in tables.items():
        known = _columns_of(connection, table)
        if not known:
            continue
        groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in rows.values():
            groups[tuple(sorted(known & row.keys()))].append(row)
        for columns, group in groups.items():
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                for row in group:
                    copy.write_row([row[name] for name in columns])


def _columns_of(connection: Connection, table: str) -> set[str]:
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", [table]
    )
    return {str(name) for (name,) in found}


def write_step(connection: Connection, step: RowWrite, *, insert: bool) -> None:
    """One write of a live Dify, committed by itself."""
    table, names = sql.Identifier(step.table), list(step.values)
    if insert:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            table, sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join([sql.Placeholder()] * len(names))
        )
        connection.execute(statement, list(step.values.values()))
        return
    assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in names)
    key = "workflow_run_id" if step.table in ("workflow_app_logs", "workflow_trigger_logs") else "id"
    statement = sql.SQL("UPDATE {} SET {} WHERE {} = %s").format(table, assignments, sql.Identifier(key))
    connection.execute(statement, [*step.values.values(), step.key])


def write_world(connection: Connection, world: World) -> None:
    """Workspaces, accounts, apps, keys, tags, users and workflows."""
    copy_rows(connection, {**world_rows(world), **console_rows(world)})
    link_configs(connection)


def world_rows(world: World) -> dict[str, dict[str, Row]]:
    """Returns the rows of what stands before the first call, by table and key."""
    started = naive(world.started)
    owner = next(iter(world.accounts.values()))
    apps = [app for app in world.apps.values() if app.mode != PIPELINE]
    return {
        "tenants": {
            i: {"id": i, "name": name, "created_at": started} for name, (i, _) in world.tenants.items()
        },
        "accounts": {
            i: {"id": i, "name": email.split("@")[0], "email": email, "created_at": started}
            for email, i in world.accounts.items()
        },
        "apps": {app.app_id: _app_row(app, started, owner) for app in apps},
        "pipelines": {
            app.app_id: {"id": app.app_id, "tenant_id": app.tenant_id, "name": app.name, "created_at": started}
            for app in world.apps.values() if app.mode == PIPELINE
        },
        "api_tokens": {
            key_id: {"id": key_id, "app_id": app.app_id, "tenant_id": app.tenant_id, "type": "app", "token": secret,
                     "created_at": naive(created)}
            for app in apps for key_id, secret, created in app.keys
        },
        "workflows": {
            str(row["id"]): row
            for app in world.apps.values() if app.nodes
            for row in _workflow_rows(world, app, started, owner)
        },
        "tool_workflow_providers": {
            app.draft_id: {"id": app.draft_id, "app_id": app.app_id, "tenant_id": app.tenant_id, "name": app.name,
                           "icon": "{}", "user_id": owner, "description": app.name, "created_at": started}
            for app in world.apps.values() if app.name in _called(world)
        },
        "end_users": {user.user_id: _user_row(world, key) for key, user in world.users.items()},
        **_tag_rows(apps, started, owner),
    }  # fmt: skip


def _called(world: World) -> set[str]:
    """The apps whose workflows others call as tools."""
    return {str(node.calls) for app in world.apps.values() for node in app.nodes if node.calls}


def add_users(connection: Connection, world: World, known: set[str]) -> None:
    """Writes end users that appeared since."""
    rows = {u.user_id: _user_row(world, key) for key, u in world.users.items() if u.user_id not in known}
    copy_rows(connection, {"end_users": rows})
    known.update(rows)


def _user_row(world: World, key: tuple[str, str, str]) -> Row:
    user = world.users[key]
    return {
        "id": user.user_id, "tenant_id": user.tenant_id, "app_id": user.app_id, "type": user.kind,
        "session_id": user.session_id, "created_at": naive(world.started),
    }  # fmt: skip


def _app_row(app: FakeApp, started: datetime, owner: str) -> Row:
    return {
        "id": app.app_id, "tenant_id": app.tenant_id, "name": app.name, "mode": app.mode, "enable_site": True,
        "enable_api": True, "workflow_id": app.workflow_id if app.nodes else None, "created_by": owner,
        "created_at": started,
    }  # fmt: skip


def _workflow_rows(world: World, app: FakeApp, started: datetime, owner: str) -> list[dict[str, object]]:
    graph = json.dumps({"nodes": list(_graph_nodes(app.nodes)), "edges": []})
    kind = {"advanced-chat": "chat"}.get(app.mode, app.mode)
    return [
        {"id": workflow_id, "tenant_id": app.tenant_id, "app_id": app.app_id, "type": kind, "version": version,
         "graph": graph, "features": "{}", "created_by": owner, "created_at": started, "updated_at": started,
         **workflow_variables(world, app)}
        for workflow_id, version in ((app.workflow_id, "2026-01-05 08:00:00"), (app.draft_id, "draft"))
    ]  # fmt: skip


def _graph_nodes(nodes: Iterable[Node]) -> Iterable[dict[str, object]]:
    from usage_pipeline.fake_dify.world import MODELS  # noqa: PLC0415

    for node in nodes:
        data: dict[str, object] = {"type": node.kind, "title": node.title}
        if node.model:
            model = MODELS[node.model]
            named = {"provider": model.provider_id, "name": model.name, "mode": "chat"}
            if node.kind == "agent":
                data["agent_parameters"] = {"model": {"value": {"provider": model.provider_id, "model": model.name}}}
            elif node.kind == "knowledge-retrieval":
                data["single_retrieval_config"] = {"model": named}
            else:
                data["model"] = named
        yield {"id": node.node_id, "data": data}
        yield from _graph_nodes(node.children)


def _tag_rows(apps: Iterable[FakeApp], started: datetime, owner: str) -> dict[str, dict[str, Row]]:
    tags: dict[str, Row] = {}
    bindings: dict[str, Row] = {}
    for app in apps:
        for name in app.tags:
            tag, binding = (str(uuid.uuid5(uuid.UUID(app.app_id), f"{kind} {name}")) for kind in ("tag", "binding"))
            common = {"tenant_id": app.tenant_id, "created_by": owner, "created_at": started}
            tags[tag] = {"id": tag, "type": "app", "name": name, **common}
            bindings[binding] = {"id": binding, "tag_id": tag, "target_id": app.app_id, **common}
    return {"tags": tags, "tag_bindings": bindings}
