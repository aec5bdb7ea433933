"""Finds out what a Dify database on MySQL has: its columns, its indexes, and what the user may do."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.dify_grants import NOT_IN_EACH, OPTIONAL, Columns, Rights
from usage_pipeline.sources.dify_mysql.connection import MysqlReader
from usage_pipeline.sources.dify_schema import DifySchema, is_dify, schema_of
from usage_pipeline.warehouse.statements import statement

_FOLDER = "sources/dify_mysql"
_BY_ORIGIN = ("tenant_id", "app_id", "workflow_id", "triggered_from")
_WRITES = re.compile(r"\b(ALL PRIVILEGES|INSERT|UPDATE|DELETE|DROP|ALTER|CREATE|TRIGGER|DELETE HISTORY)\b")
_GRANT = re.compile(r"^GRANT (?P<rights>.+?) ON (?:TABLE )?(?P<database>`[^`]*`|\*)\.(?P<table>`[^`]*`|\*) TO ")


@dataclass(frozen=True)
class MysqlTables:
    """What statements are fitted to: the names of indexes to go along, None where this Dify has none that fits."""

    message_columns: frozenset[str]
    messages_by_time: str | None
    messages_by_app: str | None  # app_id, created_at
    runs_by_time: str | None
    nodes_by_run: str | None
    nodes_by_origin: str | None  # tenant_id, app_id, workflow_id, triggered_from
    nodes_by_origin_and_run: str | None  # the same and workflow_run_id
    thoughts_by_message: str | None
    app_logs_by_run: str | None
    # (character set, collation) of text columns by (table, column): a database may hold several.
    collations: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _MysqlColumn:
    table_name: str
    column_name: str
    character_set_name: str | None
    collation_name: str | None


def read_mysql_schema(reader: MysqlReader) -> tuple[DifySchema, MysqlTables]:
    """Probes columns and indexes. Raises SourceError when the database is not Dify's or may not be read."""
    columns: dict[str, set[str]] = defaultdict(set)
    collations: dict[tuple[str, str], tuple[str, str]] = {}
    for found in reader.rows(_MysqlColumn, statement(f"{_FOLDER}/columns")):
        columns[found.table_name].add(found.column_name)
        if found.character_set_name and found.collation_name:
            collations[found.table_name, found.column_name] = (found.character_set_name, found.collation_name)
    if not is_dify(columns):
        raise SourceError(_not_dify(reader))
    indexes = _index_columns(reader)
    schema = schema_of(columns, {(table, names) for (table, _), names in indexes.items()}, _rights(reader, columns))
    return schema, MysqlTables(
        message_columns=frozenset(columns["messages"]),
        messages_by_time=_led_by(indexes, "messages", ("created_at",)),
        messages_by_app=_led_by(indexes, "messages", ("app_id", "created_at")),
        runs_by_time=_led_by(indexes, "workflow_runs", ("created_at",)),
        nodes_by_run=_led_by(indexes, "workflow_node_executions", ("workflow_run_id",)),
        nodes_by_origin=_led_by(indexes, "workflow_node_executions", _BY_ORIGIN),
        nodes_by_origin_and_run=_led_by(indexes, "workflow_node_executions", (*_BY_ORIGIN, "workflow_run_id")),
        thoughts_by_message=_led_by(indexes, "message_agent_thoughts", ("message_id",)),
        app_logs_by_run=_led_by(indexes, "workflow_app_logs", ("workflow_run_id",)),
        collations=collations,
    )


def _rights(reader: MysqlReader, columns: Columns) -> Rights:
    """What a user may not read is not there for it, and most tables are there in each Dify that runs on MySQL."""
    user, host = reader.value(str, "SELECT CURRENT_USER()").rsplit("@", 1)
    hidden = {table: {*names} for table, names in OPTIONAL.items() if table not in {*columns, *NOT_IN_EACH}}
    database = reader.value(str, "SELECT DATABASE()")
    return Rights(f"'{user}'@'{host}'", hidden, qualified=f"`{database}`.{{}}")


def tables_it_may_write(reader: MysqlReader) -> list[str]:
    """Returns what of Dify's database the session's user may change, by its grants; a reader's list is empty."""
    database = reader.value(str, "SELECT DATABASE()")
    found: list[str] = []
    for grant in reader.values(str, "SHOW GRANTS"):
        parts = _GRANT.match(grant)
        # Columns in brackets are no rights: GRANT SELECT (`update`) ON ...
        if parts is None or not _WRITES.search(re.sub(r"\([^)]*\)", "", parts["rights"]).upper()):
            continue
        if _names(parts["database"], database):
            found.append("every table" if parts["table"] == "*" else parts["table"].strip("`"))
    return sorted(set(found), key=lambda name: (name != "every table", name != "messages", name))


def _names(granted: str, database: str) -> bool:
    """Whether a grant's database, which may hold the wildcards of LIKE, is this one."""
    if granted == "*":
        return True
    parts = re.split(r"(\\.|%|_)", granted.strip("`"))
    pattern = "".join(
        {"%": ".*", "_": "."}.get(part, re.escape(part[1:] if part.startswith("\\") else part)) for part in parts
    )
    return re.fullmatch(pattern, database, re.IGNORECASE) is not None


def _index_columns(reader: MysqlReader) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    hidden = set()
    for row in reader.named_rows(statement(f"{_FOLDER}/indexes")):
        key = (str(row["table_name"]), str(row["index_name"]))
        found[key].append(str(row["column_name"]))
        if row.get("is_visible", "YES") != "YES" or row.get("ignored", "NO") != "NO":
            hidden.add(key)
    return {key: tuple(names) for key, names in found.items() if key not in hidden}


def _led_by(indexes: dict[tuple[str, str], tuple[str, ...]], wanted: str, columns: tuple[str, ...]) -> str | None:
    """The longest index on these columns: one on (created_at, id) before one on created_at alone."""
    fitting = [(-len(names), name) for (table, name), names in indexes.items()
               if table == wanted and names[: len(columns)] == columns]  # fmt: skip
    return min(fitting)[1] if fitting else None


def _not_dify(reader: MysqlReader) -> str:
    name = reader.value(str, "SELECT DATABASE()")
    return (
        f"database {name!r} is not Dify's, or the user may not read it: it shows no tables `messages` and `apps`; "
        "set the database name in the URL (Dify's is 'dify' unless DB_DATABASE says otherwise), "
        "or grant SELECT on its tables (docs/sources.md, 'A Dify on MySQL')"
    )
