"""Logs of the fake console: conversations and messages of apps, as their pages show them."""

from datetime import UTC, datetime
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from usage_pipeline.fake_dify.console_apps import config_of
from usage_pipeline.fake_dify.console_calls import Call, DifyError, Route, unix
from usage_pipeline.warehouse.statements import statement

_CHATS = ("chat", "agent-chat", "advanced-chat")
_SORTS: dict[str, LiteralString] = {
    "created_at": "created_at, id", "-created_at": "created_at DESC, id",
    "updated_at": "updated_at, id", "-updated_at": "updated_at DESC, id",
}  # fmt: skip


def paged(call: Call, shown: Any, statement: LiteralString, *values: object) -> dict[str, object]:
    """One page of a SELECT, each row as ``shown`` shows it."""
    page, limit = call.number("page", 1), call.number("limit", 20)
    rows = call.rows(f"{statement} LIMIT %s OFFSET %s", *values, limit + 1, (page - 1) * limit)
    total = call.row(f"SELECT count(*) AS n FROM ({statement}) AS q", *values)
    return {
        "page": page, "limit": limit, "total": total["n"] if total else 0, "has_more": len(rows) > limit,
        "data": [shown(row) for row in rows[:limit]],
    }  # fmt: skip


def _chat_conversations(call: Call) -> object:
    app = call.app_of_mode(*_CHATS)
    order = _SORTS.get(call.query.get("sort_by", "-updated_at"))
    if order is None:
        raise DifyError(400, "invalid_param", "sort_by is unknown")
    by: LiteralString = "updated_at" if "updated_at" in order else "created_at"
    since, until = _span(call)
    # The console hides debugging of chatflows only.
    return paged(
        call, lambda row: _conversation(call, app, row),
        f"SELECT * FROM conversations WHERE app_id = %s AND NOT is_deleted AND {by} >= %s AND {by} <= %s"
        f" AND (mode <> 'advanced-chat' OR invoke_from <> 'debugger') ORDER BY {order}",
        app["id"], since, until,
    )  # fmt: skip


def _completion_conversations(call: Call) -> object:
    app = call.app_of_mode("completion")
    since, until = _span(call)
    return paged(
        call, lambda row: _conversation(call, app, row),
        "SELECT * FROM conversations WHERE app_id = %s AND NOT is_deleted AND created_at >= %s AND created_at <= %s"
        " ORDER BY created_at DESC, id",
        app["id"], since, until,
    )  # fmt: skip


def _span(call: Call) -> tuple[datetime, datetime]:
    """``start`` and ``end`` are in the zone of the account."""
    row = call.row("SELECT timezone FROM accounts WHERE id::text = %s", call.account_id)
    zone = ZoneInfo(str(row["timezone"] if row and row["timezone"] else "UTC"))

    def moment(name: str, default: datetime) -> datetime:
        text = call.query.get(name)
        if not text:
            return default
        local = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    return moment("start", datetime(1970, 1, 1)), moment("end", datetime(9999, 1, 1))  # noqa: DTZ001


def _conversation(call: Call, app: dict[str, Any], row: dict[str, Any]) -> dict[str, object]:
    user = call.row("SELECT session_id FROM end_users WHERE id = %s", row["from_end_user_id"])
    account = call.row("SELECT name FROM accounts WHERE id = %s", row["from_account_id"])
    count = call.row("SELECT count(*) AS n FROM messages WHERE conversation_id = %s", row["id"])
    model = {"provider": row["model_provider"], "name": row["model_id"], "mode": "chat", "completion_params": {}}
    return {
        "id": str(row["id"]), "status": row["status"], "from_source": row["from_source"], "name": row["name"],
        "from_end_user_id": _text(row["from_end_user_id"]), "from_account_id": _text(row["from_account_id"]),
        "from_end_user_session_id": user["session_id"] if user else None,
        "from_account_name": account["name"] if account else None, "read_at": unix(row["read_at"]),
        "created_at": unix(row["created_at"]), "updated_at": unix(row["updated_at"]),
        "message_count": count["n"] if count else 0,
        # Conversations keep the model that they began with.
        "model_config": {"model": model if row["model_id"] else None, "pre_prompt": (config_of(call, app) or {}).get(
            "pre_prompt")},
    }  # fmt: skip


def _completion(call: Call) -> object:
    app = call.app_of_mode("completion")
    row = call.row(
        "SELECT * FROM conversations WHERE id::text = %s AND app_id = %s", call.names["conversation"], app["id"]
    )
    if row is None:
        raise DifyError(404, "not_found", "Conversation Not Exists.")
    call.rows(
        "UPDATE conversations SET read_at = coalesce(read_at, now()), read_account_id = %s WHERE id = %s RETURNING id",
        call.account_id, row["id"],
    )  # fmt: skip
    message = call.row("SELECT * FROM messages WHERE conversation_id = %s ORDER BY created_at LIMIT 1", row["id"])
    return {**_conversation(call, app, row), "message": _message(message) if message else None}


def _chat_messages(call: Call) -> object:
    app = call.app_of_mode(*_CHATS)
    conversation = call.row(
        "SELECT id FROM conversations WHERE id::text = %s AND app_id = %s", call.query.get("conversation_id"), app["id"]
    )
    if conversation is None:
        raise DifyError(404, "not_found", "Conversation Not Exists.")
    limit = call.number("limit", 20)
    first = call.row("SELECT created_at, id FROM messages WHERE id::text = %s", call.query.get("first_id"))
    rows = call.rows(
        "SELECT * FROM messages WHERE conversation_id = %s AND (%s::timestamp IS NULL OR (created_at, id) < (%s, %s))"
        " ORDER BY created_at DESC, id DESC LIMIT %s",
        conversation["id"], *((first["created_at"], first["created_at"], first["id"]) if first else (None, None, None)),
        limit + 1,
    )  # fmt: skip
    return {"limit": limit, "has_more": len(rows) > limit, "data": [_message(row) for row in rows[:limit]][::-1]}


def _one_message(call: Call) -> object:
    row = call.row(
        "SELECT * FROM messages WHERE id::text = %s AND app_id = %s", call.names["message"], call.app()["id"]
    )
    if row is None:
        raise DifyError(404, "not_found", "Message Not Exists.")
    return _message(row)


def _message(row: dict[str, Any]) -> dict[str, object]:
    """As the console shows it: tokens without a price, thoughts without tokens, nobody's entry point."""
    return {
        "id": str(row["id"]), "conversation_id": str(row["conversation_id"]), "inputs": row["inputs"],
        "query": row["query"], "message": row["message"], "message_tokens": row["message_tokens"],
        "answer": row["answer"], "answer_tokens": row["answer_tokens"],
        "provider_response_latency": row["provider_response_latency"], "from_source": row["from_source"],
        "from_end_user_id": _text(row["from_end_user_id"]), "from_account_id": _text(row["from_account_id"]),
        "feedbacks": [], "workflow_run_id": _text(row["workflow_run_id"]), "annotation": None, "agent_thoughts": [],
        "created_at": unix(row["created_at"]), "message_files": [], "metadata": {}, "status": row["status"],
        "error": row["error"], "parent_message_id": _text(row["parent_message_id"]),
    }  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _token_costs(call: Call) -> object:
    since, until = _span(call)
    costs = statement("fake_dify/token_costs_of_messages")
    return {
        "data": [
            {
                "date": str(row["date"]),
                "token_count": row["tokens"],
                "total_price": str(row["price"]),
                "currency": "USD",
            }
            for row in call.rows(costs, app=call.app()["id"], since=since, until=until)
        ]
    }


ROUTES = (
    Route("GET", "apps/{app}/chat-conversations", _chat_conversations, "editor"),
    Route("GET", "apps/{app}/completion-conversations", _completion_conversations, "editor"),
    Route("GET", "apps/{app}/completion-conversations/{conversation}", _completion, "editor"),
    Route("GET", "apps/{app}/chat-messages", _chat_messages, "editor"),
    Route("GET", "apps/{app}/messages/{message}", _one_message),
    Route("GET", "apps/{app}/statistics/token-costs", _token_costs),
)
