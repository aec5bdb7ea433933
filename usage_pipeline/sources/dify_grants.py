"""What is read of Dify, by table and column, and what to grant where a role may not read it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

Columns = Mapping[str, Set[str]]  # by table


FORKS_TABLE = "api_token_message_joins_extend"  # in which dify-plus keeps the API key of each call


def _listed(tables: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    return {table: tuple(columns.split()) for table, columns in tables.items()}


# Without any of these nothing can be counted.
NEEDED = _listed({
    "messages": "id app_id conversation_id message_tokens answer_tokens answer query message created_at",
    "workflow_runs": "id tenant_id app_id workflow_id type triggered_from status total_tokens created_by_role"
                     " created_by created_at finished_at",
    "workflow_node_executions": "id workflow_run_id tenant_id app_id workflow_id triggered_from node_id node_type title"
                                " status execution_metadata process_data inputs outputs created_by created_at"
                                " finished_at node_execution_id",
    "apps": "id tenant_id name mode",
    "tenants": "id name",
    "conversations": "id mode",
    "message_agent_thoughts": "message_id tokens message_token answer_token total_price currency",
    "workflows": "id tenant_id app_id version graph",
    "end_users": "id app_id type session_id",
    "accounts": "id email",
    "api_tokens": "id app_id tenant_id type token created_at last_used_at",
    "tags": "id type name",
    "tag_bindings": "tag_id target_id",
})  # fmt: skip
# Versions of Dify differ in these: one that is not there is counted without.
BY_VERSION = _listed({
    "messages": "workflow_run_id model_provider model_id total_price currency message_unit_price answer_unit_price"
                " message_price_unit answer_price_unit status invoke_from from_source from_end_user_id from_account_id"
                " app_mode",
})  # fmt: skip
# And these tables, with what is lost without them.
OPTIONAL = _listed({
    "workflow_app_logs": "workflow_run_id created_from",
    "pipelines": "id tenant_id name",
    "tool_workflow_providers": "id app_id",
    "tool_model_invokes": "id user_id tenant_id provider tool_type tool_name prompt_tokens answer_tokens total_price"
                          " currency created_at",
    "documents": "id tenant_id dataset_id tokens completed_at created_at",
    "document_segment_summaries": "id dataset_id tokens created_at updated_at",
    "datasets": "id tenant_id name embedding_model embedding_model_provider",
    FORKS_TABLE: "record_id app_token_id",
})  # fmt: skip
NOT_IN_EACH = (FORKS_TABLE, "document_segment_summaries")  # the latter since 1.12
LOST: Mapping[str, str] = {
    "workflow_app_logs": "callers of workflow runs are attributed by user alone",
    "pipelines": "RAG pipelines stand under their ids",
    "tool_workflow_providers": "workflows that are called as tools are not told from their callers",
    "tool_model_invokes": "the tools' own model calls are not counted",
    "documents": "embedded documents are not estimated",
    "document_segment_summaries": "embedded summaries of documents are not estimated",
    "datasets": "embedded documents are not estimated",
    FORKS_TABLE: "the fork's record of keys is not used",
}


@dataclass(frozen=True)
class Rights:
    """What of the tables that are there a role may not read, and how its server names the two in a GRANT."""

    grantee: str
    hidden: Columns = field(default_factory=dict)
    filtered: Set[str] = frozenset()  # tables of which a policy hides rows
    qualified: str = "{}"  # a table's name

    def refused(self, readable: Columns) -> Mapping[str, Sequence[str]]:
        """Returns what is needed and may not be read: columns by table, none where it is the whole table."""
        asked = {table: {*columns, *BY_VERSION.get(table, ())} for table, columns in NEEDED.items()}
        found = {table: sorted(columns & self.hidden.get(table, frozenset())) for table, columns in asked.items()}
        return {table: columns if readable.get(table) else [] for table, columns in found.items() if columns}

    def lost(self) -> Mapping[str, str]:
        """Returns by optional table that may not be read what is lost, and the right that brings it back."""
        return {
            table: f"may not read {table}: {LOST[table]}; {self.grant({table: []})}"
            for table, columns in OPTIONAL.items()
            if self.hidden.get(table, frozenset()) & {*columns}
        }

    def grant(self, tables: Mapping[str, Sequence[str]]) -> str:
        """Returns the statements that let the role read these columns by table, or whole tables."""
        return "; ".join(
            f"GRANT SELECT{_in_brackets(columns)} ON {self.qualified.format(table)} TO {self.grantee}"
            for table, columns in tables.items()
        )


def _in_brackets(columns: Sequence[str]) -> str:
    return f" ({', '.join(columns)})" if columns else ""
