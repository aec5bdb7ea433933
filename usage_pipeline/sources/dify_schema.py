"""What a Dify database allows by the columns and indexes that it has; its version string is not trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

from usage_pipeline.sources.base import SourceError

_NEEDED = {
    "messages": ("id", "app_id", "conversation_id", "message_tokens", "answer_tokens", "answer", "created_at"),
    "workflow_runs": ("id", "tenant_id", "app_id", "workflow_id", "type", "triggered_from", "status", "total_tokens",
                      "created_by_role", "created_by", "created_at", "finished_at"),
    "workflow_node_executions": ("id", "workflow_run_id", "tenant_id", "app_id", "workflow_id", "triggered_from",
                                 "node_id", "node_type", "title", "status", "execution_metadata", "process_data",
                                 "outputs", "created_by", "created_at"),
    "apps": ("id", "tenant_id", "name", "mode"),
    "tenants": ("id", "name"),
}  # fmt: skip
_OPTIONAL = {
    "messages": ("workflow_run_id", "model_provider", "model_id", "total_price", "currency", "message_unit_price",
                 "answer_unit_price", "status", "invoke_from", "from_source", "from_end_user_id", "from_account_id"),
}  # fmt: skip

_TOOL_CALLS = {"id", "user_id", "tenant_id", "provider", "tool_type", "tool_name", "prompt_tokens", "answer_tokens",
               "total_price", "currency", "created_at"}  # fmt: skip

_DOCUMENTS = {"id", "tenant_id", "dataset_id", "tokens", "completed_at", "created_at"}
_DATASETS = {"id", "name", "embedding_model", "embedding_model_provider"}


@dataclass(frozen=True)
class DifySchema:
    """What this Dify's tables and indexes allow."""

    missing: tuple[str, ...]  # columns that counting would have used, as table.column
    has_pipelines: bool
    app_log_by_run: bool  # workflow_app_logs can be read by run
    has_tool_calls: bool  # model calls of tools can be read
    run_by_time: bool  # runs can be read by time
    node_by_run: bool  # node executions can be read by run alone
    node_by_workflow: bool  # node executions can be walked by workflow and node
    has_workflow_tools: bool  # workflows published as tools are listed
    has_documents: bool  # embedded documents can be read
    key_use_is_prompt: bool  # api_tokens.last_used_at is written within the request, not in batches later
    key_record_type: str | None = None  # type of the fork's record_id, where calls can be looked up by it
    key_records_unindexed: bool = False  # the fork's table is there, but looking a call up would read it whole


def is_dify(columns: Mapping[str, set[str]]) -> bool:
    """Returns whether tables with these columns can be Dify's."""
    return {"messages", "apps"} <= columns.keys()


def schema_of(columns: Mapping[str, set[str]], indexes: set[tuple[str, tuple[str, ...]]]) -> DifySchema:
    """Returns what columns by table, and indexes as (table, columns), allow.

    Raises SourceError when too much is missing.
    """
    lacking = [f"{table}.{name}" for table, names in _NEEDED.items() for name in names
               if name not in columns.get(table, ())]  # fmt: skip
    if lacking:
        raise SourceError(
            f"this is not a Dify database that can be read: it lacks {', '.join(lacking)}; "
            "check the database in the URL, or the role's SELECT rights (README, 'Connect a real Dify')"
        )
    missing = tuple(f"{table}.{name}" for table, names in _OPTIONAL.items() for name in names
                    if name not in columns[table])  # fmt: skip
    return DifySchema(
        missing=missing,
        has_pipelines="pipelines" in columns,
        has_tool_calls=columns.get("tool_model_invokes", set()) >= _TOOL_CALLS,
        app_log_by_run=("workflow_app_logs", ("workflow_run_id",)) in indexes,
        run_by_time=any(table == "workflow_runs" and names[0] == "created_at" for table, names in indexes),
        node_by_run=any(
            table == "workflow_node_executions" and names[0] == "workflow_run_id" for table, names in indexes
        ),
        node_by_workflow=any(
            table == "workflow_node_executions" and names[:3] == ("tenant_id", "workflow_id", "node_id")
            for table, names in indexes
        ),
        has_workflow_tools=columns.get("tool_workflow_providers", set()) >= {"id", "app_id"},
        has_documents=columns.get("documents", set()) >= _DOCUMENTS and columns.get("datasets", set()) >= _DATASETS,
        # 1.13 dropped this index with the change; its tables of human input are looked for too, were the index kept.
        key_use_is_prompt=("messages", ("created_at",)) in indexes
        and not any(table.startswith("human_input") for table in columns),
    )


def schema_problems(schema: DifySchema) -> list[tuple[str, str, str]]:
    """Returns what this Dify lacks and counting would have used: (kind, name, detail)."""
    found = [("missing_column", name, f"this Dify has no column {name}") for name in schema.missing]
    if not schema.has_tool_calls:
        detail = "the tools' own model calls cannot be read: grant SELECT on tool_model_invokes to the role"
        found.append(("missing_column", "tool_model_invokes", detail))
    if not schema.has_documents:
        detail = "embedded documents cannot be estimated: grant SELECT on documents and datasets to the role"
        found.append(("missing_column", "documents", detail))
    if schema.key_records_unindexed:
        detail = (
            "the fork's record of keys is not used, for a look-up would read it whole: "
            "CREATE INDEX CONCURRENTLY ON api_token_message_joins_extend (record_id)"
        )
        found.append(("missing_column", "api_token_message_joins_extend.record_id", detail))
    return found
