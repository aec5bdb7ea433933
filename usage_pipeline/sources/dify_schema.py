"""What a Dify database allows by the columns and indexes that it has; its version string is not trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.dify_grants import BY_VERSION, NEEDED, OPTIONAL, Columns, Rights

# Not missed where it is not there: conversations say the same.
_NEWER = ("app_mode", "message_price_unit", "answer_price_unit")
# By which column a version that the tests know is told from older ones; the newest first.
_APPEARED = (
    ("1.15 or later", "apps", "maintainer"),
    ("1.12 or later", "messages", "app_mode"),
    ("1.9 or later", "app_mcp_servers", "server_code"),
    ("1.4 or later", "workflows", "marked_name"),
    ("before 1.4", "", ""),
)


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
    like_version: str  # the newest version that the tests know whose columns can be read, in words
    has_summaries: bool  # embedded summaries of their parts are there and can be read
    key_use_is_prompt: bool  # api_tokens.last_used_at is written within the request, not in batches later
    key_record_type: str | None = None  # type of the fork's record_id, where calls can be looked up by it
    key_records_unindexed: bool = False  # the fork's table is there, but looking a call up would read it whole
    lost: Mapping[str, str] = field(default_factory=dict)  # by table that may not be read, in words
    filtered: tuple[str, ...] = ()  # tables of which a policy hides rows from the role


def is_dify(columns: Mapping[str, set[str]]) -> bool:
    """Returns whether tables with these columns can be Dify's."""
    return {"messages", "apps"} <= columns.keys()


def schema_of(columns: Columns, indexes: set[tuple[str, tuple[str, ...]]], rights: Rights) -> DifySchema:
    """Returns what the columns that may be read, by table, and indexes as (table, columns) allow.

    Raises SourceError when too much is missing, or may not be read.
    """
    if refused := rights.refused(columns):
        named = [f"{table} ({', '.join(names)})" if names else table for table, names in refused.items()]
        raise SourceError(f"the role may not read {', '.join(named)}: {rights.grant(refused)}")
    lacking = [f"{table}.{name}" for table, names in NEEDED.items() for name in names
               if name not in columns.get(table, ())]  # fmt: skip
    if lacking:
        unseen = {table: list[str]() for table in NEEDED if table not in columns}
        advice = f": {rights.grant(unseen)}" if unseen else ""
        raise SourceError(
            f"this is not a Dify database that can be read: it lacks {', '.join(lacking)}; "
            f"check the database in the URL, or the role's SELECT rights (README, 'Connect a real Dify'){advice}"
        )
    missing = tuple(f"{table}.{name}" for table, names in BY_VERSION.items() for name in names
                    if name not in columns[table] and name not in _NEWER)  # fmt: skip
    has = {table: columns.get(table, frozenset[str]()) >= {*names} for table, names in OPTIONAL.items()}
    return DifySchema(
        missing=missing,
        like_version=next(version for version, table, name in _APPEARED if not table or name in columns.get(table, ())),
        has_pipelines=has["pipelines"],
        has_tool_calls=has["tool_model_invokes"],
        app_log_by_run=has["workflow_app_logs"] and ("workflow_app_logs", ("workflow_run_id",)) in indexes,
        run_by_time=any(table == "workflow_runs" and names[0] == "created_at" for table, names in indexes),
        node_by_run=any(
            table == "workflow_node_executions" and names[0] == "workflow_run_id" for table, names in indexes
        ),
        node_by_workflow=any(
            table == "workflow_node_executions" and names[:3] == ("tenant_id", "workflow_id", "node_id")
            for table, names in indexes
        ),
        has_workflow_tools=has["tool_workflow_providers"],
        has_documents=has["documents"] and has["datasets"],
        has_summaries=has["document_segment_summaries"] and has["datasets"],
        # 1.13 dropped this index with the change; its tables of human input are looked for too, were the index kept.
        key_use_is_prompt=("messages", ("created_at",)) in indexes
        and not any(table.startswith("human_input") for table in columns),
        lost=rights.lost(),
        filtered=tuple(sorted(rights.filtered & {*NEEDED, *OPTIONAL})),
    )


def schema_problems(schema: DifySchema) -> list[tuple[str, str, str]]:
    """Returns what this Dify lacks and counting would have used: (kind, name, detail)."""
    found = [("missing_column", name, f"this Dify has no column {name}") for name in schema.missing]
    found += [("missing_column", table, f"the role {words}") for table, words in schema.lost.items()]
    if not schema.has_tool_calls and "tool_model_invokes" not in schema.lost:
        detail = "the tools' own model calls cannot be read: grant SELECT on tool_model_invokes to the role"
        found.append(("missing_column", "tool_model_invokes", detail))
    if not schema.has_documents and not schema.lost.keys() & {"documents", "datasets"}:
        detail = "embedded documents cannot be estimated: grant SELECT on documents and datasets to the role"
        found.append(("missing_column", "documents", detail))
    found += [("not_visible", table, filtered_words(table)) for table in schema.filtered]
    if schema.key_records_unindexed:
        detail = (
            "the fork's record of keys is not used, for a look-up would read it whole: "
            "CREATE INDEX CONCURRENTLY ON api_token_message_joins_extend (record_id)"
        )
        found.append(("missing_column", "api_token_message_joins_extend.record_id", detail))
    return found


def filtered_words(table: str) -> str:
    """Returns what is wrong with a table of which a policy may hide rows, and what to do."""
    return f"row level security may hide rows of {table} from the role: ALTER ROLE ... BYPASSRLS, or a policy for it"
