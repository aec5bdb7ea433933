"""Workspaces, members and tags of the fake console, and the service API that callers of an app see."""

from typing import Any

from usage_pipeline.fake_dify.console_calls import Call, DifyError, Reply, Route, page_of, unix
from usage_pipeline.fake_dify.console_sessions import Sessions
from usage_pipeline.warehouse.statements import statement


def workspace_routes(sessions: Sessions) -> tuple[Route, ...]:
    """The calls that depend on who is logged in."""

    def listed(call: Call) -> list[dict[str, Any]]:
        account = sessions.account_of(call)
        rows = call.rows("SELECT id::text, name, created_at FROM tenants ORDER BY name")
        return [row for row in rows if account is None or not account.workspaces or row["id"] in account.workspaces]

    def shown(call: Call, row: dict[str, Any]) -> dict[str, object]:
        return {
            "id": row["id"], "name": row["name"], "plan": "sandbox", "status": "normal",
            "created_at": unix(row["created_at"]), "current": row["id"] == call.tenant_id,
        }  # fmt: skip

    def workspaces(call: Call) -> object:
        return {"workspaces": [shown(call, row) for row in listed(call)]}

    def current(call: Call) -> object:
        found = next((row for row in listed(call) if row["id"] == call.tenant_id), None)
        if found is None:
            raise DifyError(401, "unauthorized", "Workspace not found.")
        return {**shown(call, found), "role": call.role}

    def switch(call: Call) -> object:
        account = sessions.account_of(call)
        wanted = next((row for row in listed(call) if row["id"] == call.body.get("tenant_id")), None)
        if wanted is None or account is None:
            raise DifyError(400, "account_not_link_tenant", "Account not link tenant.")
        account.current = wanted["id"]
        call.tenant_id = wanted["id"]
        return {"result": "success", "new_tenant": shown(call, wanted)}

    def members(call: Call) -> object:
        rows = call.rows("SELECT id::text, name, email FROM accounts ORDER BY email")
        return {"accounts": [{**row, "role": "owner", "status": "active"} for row in rows]}

    return (
        Route("GET", "workspaces", workspaces),
        Route("POST", "workspaces/current", current),
        Route("POST", "workspaces/switch", switch),
        Route("GET", "workspaces/current/members", members),
        Route("GET", "account/profile", lambda call: {"id": call.account_id, "timezone": "UTC"}),
        Route("GET", "tags", _tags),
    )


def all_workspaces(call: Call, admin_key: str) -> object:
    """GET /all-workspaces, for the admin key alone and without a workspace."""
    if not admin_key or call.headers.get("authorization") != f"Bearer {admin_key}":
        raise DifyError(401, "unauthorized", "API key is invalid.")
    rows = call.rows("SELECT id::text, name, created_at FROM tenants ORDER BY name")
    return page_of(call, [{**row, "status": "normal", "created_at": unix(row["created_at"])} for row in rows])


def _tags(call: Call) -> object:
    return call.rows(statement("fake_dify/tags"), tenant=call.tenant_id, type=call.query.get("type", "app"))


def service_call(call: Call) -> Reply:
    """A call of /v1 with an app's key: 200, 401 or 403 by the state of the app."""
    token = call.headers.get("authorization", "").removeprefix("Bearer ")
    key = call.row("SELECT app_id FROM api_tokens WHERE token = %s AND type = 'app'", token)
    if key is None:
        raise DifyError(401, "unauthorized", "Access token is invalid")
    app = call.row("SELECT * FROM apps WHERE id = %s", key["app_id"])
    if app is None:
        raise DifyError(403, "forbidden", "The app no longer exists.")
    if not app["enable_api"]:
        raise DifyError(403, "forbidden", "The app's API service has been disabled.")
    if (call.method, call.path) == ("GET", "/v1/info"):
        return Reply(200, {"name": app["name"], "description": app["description"], "tags": [], "mode": app["mode"]})
    if (call.method, call.path) == ("POST", "/v1/chat-messages"):
        if app["mode"] not in ("chat", "agent-chat", "advanced-chat"):
            raise DifyError(400, "not_chat_app", "Please check if your app mode matches the right API route.")
        return Reply(200, {"event": "message", "mode": app["mode"], "answer": "Here you are."})
    raise DifyError(404, "not_found", "The requested URL was not found on the server.")
