"""Runs of the fake console: workflow runs, their node executions, and who asked for them."""

from typing import Any

from usage_pipeline.fake_dify.console_calls import Call, DifyError, Route, loaded, unix
from usage_pipeline.fake_dify.console_logs import paged
from usage_pipeline.warehouse.statements import statement

_LISTED = ("debugging", "app-run")
_ORIGIN_SINCE = (1, 10, 0)


def _app_logs(call: Call) -> object:
    app = call.app_of_mode("workflow")
    return paged(
        call, lambda row: _app_log(call, row),
        "SELECT * FROM workflow_app_logs WHERE app_id = %s ORDER BY created_at DESC, id", app["id"],
    )  # fmt: skip


def _app_log(call: Call, row: dict[str, Any]) -> dict[str, object]:
    run = call.row("SELECT * FROM workflow_runs WHERE id = %s", row["workflow_run_id"])
    return {
        "id": str(row["id"]), "created_from": row["created_from"], "created_at": unix(row["created_at"]),
        "workflow_run": {**_listed(run), "triggered_from": run["triggered_from"], "error": run["error"]}
        if run else None, **_creator(call, row),
    }  # fmt: skip


def _listed(row: dict[str, Any]) -> dict[str, object]:
    return {
        "id": str(row["id"]), "version": row["version"], "status": row["status"], "elapsed_time": row["elapsed_time"],
        "total_tokens": row["total_tokens"], "total_steps": row["total_steps"], "created_at": unix(row["created_at"]),
        "finished_at": unix(row["finished_at"]), "exceptions_count": 0,
    }  # fmt: skip


def _creator(call: Call, row: dict[str, Any]) -> dict[str, object]:
    account = user = None
    if row["created_by_role"] == "account":
        account = call.row("SELECT id::text, name, email FROM accounts WHERE id = %s", row["created_by"])
    else:
        user = call.row(
            "SELECT id::text, type, is_anonymous, session_id FROM end_users WHERE id = %s", row["created_by"]
        )
    return {
        "created_by_role": row["created_by_role"], "created_by_account": account, "created_by_end_user": user,
    }  # fmt: skip


def _runs(call: Call) -> object:
    return _run_list(call, call.app_of_mode("workflow", "advanced-chat"))


def _chatflow_runs(call: Call) -> object:
    return _run_list(call, call.app_of_mode("advanced-chat"), chatflow=True)


def _run_list(call: Call, app: dict[str, Any], *, chatflow: bool = False) -> dict[str, object]:
    """Newest first after ``last_id``; runs that triggers started are in no list."""
    origin = call.query.get("triggered_from", "debugging")
    if origin not in _LISTED:
        raise DifyError(400, "invalid_param", "triggered_from is unknown")
    if call.version < _ORIGIN_SINCE:
        origin = "debugging"
    limit = call.number("limit", 20)
    last = call.row("SELECT created_at, id FROM workflow_runs WHERE id::text = %s", call.query.get("last_id"))
    if call.query.get("last_id") and last is None:
        raise DifyError(404, "not_found", "Last Workflow Run Not Exists.")
    rows = call.rows(
        "SELECT * FROM workflow_runs WHERE app_id = %s AND triggered_from = %s"
        " AND (%s::timestamp IS NULL OR (created_at, id) < (%s, %s)) ORDER BY created_at DESC, id DESC LIMIT %s",
        app["id"], origin, *((last["created_at"], last["created_at"], last["id"]) if last else (None, None, None)),
        limit + 1,
    )  # fmt: skip
    shown = [
        _listed(row)
        | {"created_by_account": _creator(call, row)["created_by_account"]}
        | (_message_of(call, row) if chatflow else {})
        for row in rows[:limit]
    ]
    return {"limit": limit, "has_more": len(rows) > limit, "data": shown}


def _message_of(call: Call, run: dict[str, Any]) -> dict[str, object]:
    row = call.row(
        "SELECT id::text AS message_id, conversation_id::text FROM messages WHERE app_id = %s AND workflow_run_id = %s",
        run["app_id"], run["id"],
    )  # fmt: skip
    return row or {"message_id": None, "conversation_id": None}


def _run_row(call: Call) -> dict[str, Any]:
    app = call.app_of_mode("workflow", "advanced-chat")
    row = call.row("SELECT * FROM workflow_runs WHERE id::text = %s AND app_id = %s", call.names["run"], app["id"])
    if row is None:
        raise DifyError(404, "not_found", "Workflow run not found")
    return row


def _run(call: Call) -> object:
    row = _run_row(call)
    workflow = call.row("SELECT graph FROM workflows WHERE id = %s", row["workflow_id"])
    graph = loaded(row["graph"], {}) or (loaded(workflow["graph"], {}) if workflow else {})
    return {
        **_listed(row), **_creator(call, row), "graph": graph, "inputs": loaded(row["inputs"], {}),
        "outputs": loaded(row["outputs"], {}), "error": row["error"],
    }  # fmt: skip


def _nodes(call: Call) -> object:
    run = _run_row(call)
    rows = call.rows(
        "SELECT * FROM workflow_node_executions WHERE workflow_run_id = %s AND triggered_from = 'workflow-run'"
        ' ORDER BY "index" DESC, id',
        run["id"],
    )
    shown = [_node(call, row) for row in rows]
    if call.version >= (1, 16, 0):
        shown += [
            node | {"id": f"{node['id']}:retry:1", "status": "retry"} for node in shown if node["execution_metadata"]
        ]
    return {"data": shown}


def _node(call: Call, row: dict[str, Any]) -> dict[str, object]:
    return {
        "id": str(row["id"]), "index": row["index"], "predecessor_node_id": row["predecessor_node_id"],
        "node_id": row["node_id"], "node_type": row["node_type"], "title": row["title"],
        "inputs": loaded(row["inputs"]), "process_data": loaded(row["process_data"]),
        "outputs": loaded(row["outputs"]), "status": row["status"], "error": row["error"],
        "elapsed_time": row["elapsed_time"], "execution_metadata": loaded(row["execution_metadata"]),
        "created_at": unix(row["created_at"]), "finished_at": unix(row["finished_at"]), **_creator(call, row),
    }  # fmt: skip


def _token_costs(call: Call) -> object:
    rows = call.rows(statement("fake_dify/token_costs_of_runs"), app=call.app()["id"])
    return {"data": [{"date": str(row["date"]), "token_count": row["tokens"]} for row in rows]}


_RUN = "apps/{app}/workflow-runs/{run}"
ROUTES = (
    Route("GET", "apps/{app}/workflow-app-logs", _app_logs),
    Route("GET", "apps/{app}/workflow-runs", _runs),
    Route("GET", "apps/{app}/advanced-chat/workflow-runs", _chatflow_runs),
    Route("GET", _RUN, _run),
    Route("GET", _RUN + "/node-executions", _nodes),
    Route("GET", "apps/{app}/workflow/statistics/token-costs", _token_costs),
)
