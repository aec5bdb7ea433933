"""Dify's tables as it makes them on MySQL, and the made-up history written into them."""

import csv
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pymysql

import usage_pipeline.fake_dify.schema as postgres_schema
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.scripts import RowWrite, naive
from usage_pipeline.fake_dify.world import World
from usage_pipeline.fake_dify.write import rows_as_of, world_rows

Connection = pymysql.Connection
Row = Mapping[str, object]

VERSIONS = ("1.12.1", "1.15.0")  # of which columns and indexes are known; Dify runs on MySQL since 1.10.1
# The columns that the database fills with its own clock, in its own zone. All others are the application's, in UTC.
MADE_BY_DATABASE = {
    "messages": ("created_at", "updated_at"),
    "conversations": ("created_at", "updated_at"),
    "workflow_app_logs": ("created_at",),
    "end_users": ("created_at", "updated_at"),
    "api_tokens": ("created_at",),
    "apps": ("created_at", "updated_at"),
    "message_agent_thoughts": ("created_at",),
    "tool_model_invokes": ("created_at", "updated_at"),
    "datasets": ("created_at", "updated_at"),
    "documents": ("created_at", "updated_at"),
    "document_segment_summaries": ("created_at", "updated_at"),
}
_TYPES = {
    "uuid": "char(36)",
    "text": "longtext",
    "json": "json",
    "jsonb": "json",
    "integer": "int",
    "bigint": "bigint",
    "boolean": "tinyint(1)",
    "double precision": "double",
    "numeric": "decimal(20,7)",
    "character varying": "varchar(255)",
}
_SCHEMA = Path(postgres_schema.__file__).parent / "columns"


def create_dify_on_mysql(connection: Connection, version: str = "1.12.1", *, fractions: bool = True) -> None:
    """Makes the tables of a Dify version in the connection's database; without ``fractions`` in whole seconds."""
    time_type = "datetime(6)" if fractions else "datetime"
    tables: dict[str, list[str]] = defaultdict(list)
    for row in _rows("dify_columns.csv", version):
        rest = _column_type(row["type"], time_type) + (" NOT NULL" if row["nullable"] == "NO" else " NULL")
        tables[row["table"]].append(f"`{row['column']}` {rest}{_default(row['default'], fractions=fractions)}")
    with connection.cursor() as cursor:
        for table, columns in tables.items():
            cursor.execute(f"CREATE TABLE `{table}` ({', '.join(columns)}, PRIMARY KEY (id))")
        for row in _rows("dify_indexes.csv", version):
            found = re.match(r"btree \(([^)]*)\)", row["definition"])
            if found is None or row["index"].endswith("_pkey"):
                continue
            unique = "UNIQUE" if row["index"].endswith("_key") or row["index"].startswith("unique_") else ""
            # An index's name is its table's own on MySQL; 64 characters are enough for Dify's.
            cursor.execute(f"CREATE {unique} INDEX `{row['index']}` ON `{row['table']}` ({found[1]})")


def _rows(name: str, version: str) -> list[dict[str, str]]:
    with (_SCHEMA / name).open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["version"] == version]


def _column_type(given: str, time_type: str) -> str:
    if given.startswith("timestamp"):
        return time_type
    if given in _TYPES:
        return _TYPES[given]
    return given.replace("character varying", "varchar").replace("numeric", "decimal")


def _default(given: str, *, fractions: bool) -> str:
    if not given:
        return ""
    if given.startswith("CURRENT_TIMESTAMP"):
        return f" DEFAULT CURRENT_TIMESTAMP{'(6)' if fractions else ''}"
    if given.startswith("uuid"):
        return " DEFAULT (UUID())"
    return f" DEFAULT {given.partition('::')[0]}"


def write_history_to_mysql(connection: Connection, history: History, until: datetime, zone: tzinfo = UTC) -> None:
    """Fills the tables with the state that all steps committed by ``until`` leave behind, on a server in ``zone``."""
    insert_rows(connection, world_rows(history.world), zone)
    insert_rows(connection, _tag_rows(history.world), zone)
    insert_rows(connection, rows_as_of(history.calls, until), zone)


def insert_rows(connection: Connection, tables: Mapping[str, Mapping[str, Row]], zone: tzinfo = UTC) -> None:
    """Writes rows; columns left out take Dify's defaults."""
    columns_of = _columns(connection)
    for table, rows in tables.items():
        _insert(connection, table, rows, columns_of[table], zone)


def _insert(connection: Connection, table: str, rows: Mapping[str, Row], known: set[str], zone: tzinfo) -> None:
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows.values():
        groups[tuple(sorted(known & row.keys()))].append(row)
    for columns, group in groups.items():
        names = ", ".join(f"`{name}`" for name in columns)
        values = [[_value(table, name, row[name], zone) for name in columns] for row in group]
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO `{table}` ({names}) VALUES ({', '.join(['%s'] * len(columns))})", values)


def write_steps_to_mysql(
    connection: Connection, history: History, since: datetime, until: datetime, zone: tzinfo = UTC
) -> None:
    """The writes that a running Dify commits after ``since`` and up to ``until``, each by itself."""
    steps = sorted((s for call in history.calls for s in call.steps), key=lambda step: step.at)
    columns_of = _columns(connection)
    begun = {(step.table, step.key) for step in steps if step.at <= since}
    for step in steps:
        if since < step.at <= until:
            if (step.table, step.key) in begun:
                _update(connection, step, columns_of[step.table], zone)
            else:
                _insert(connection, step.table, {step.key: step.values}, columns_of[step.table], zone)
            begun.add((step.table, step.key))


def _update(connection: Connection, step: RowWrite, known: set[str], zone: tzinfo) -> None:
    names = [name for name in step.values if name in known]
    key = "workflow_run_id" if step.table in ("workflow_app_logs", "workflow_trigger_logs") else "id"
    values = [_value(step.table, name, step.values[name], zone) for name in names]
    with connection.cursor() as cursor:
        assignments = ", ".join(f"`{name}` = %s" for name in names)
        cursor.execute(f"UPDATE `{step.table}` SET {assignments} WHERE `{key}` = %s", [*values, step.key])


def _value(table: str, column: str, value: object, zone: tzinfo) -> object:
    if isinstance(value, datetime) and column in MADE_BY_DATABASE.get(table, ()):
        return value.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    return value


def _tag_rows(world: World) -> dict[str, dict[str, Row]]:
    started, owner = naive(world.started), next(iter(world.accounts.values()))
    tags: dict[str, Row] = {}
    bindings: dict[str, Row] = {}
    for app, name in ((known, tag) for known in world.apps.values() for tag in known.tags):
        tag_id, binding_id = (str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}{app.app_id}{name}")) for kind in "tb")
        made = {"tenant_id": app.tenant_id, "created_by": owner, "created_at": started}
        tags[tag_id] = {"id": tag_id, "type": "app", "name": name, **made}
        bindings[binding_id] = {"id": binding_id, "tag_id": tag_id, "target_id": app.app_id, **made}
    return {"tags": tags, "tag_bindings": bindings}


def _columns(connection: Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for table, column in read(connection, "SELECT table_name, column_name FROM information_schema.columns"
                              " WHERE table_schema = DATABASE()"):  # fmt: skip
        found[str(table)].add(str(column))
    return found


def read(connection: Connection, statement: str, parameters: Iterable[object] = ()) -> list[tuple[object, ...]]:
    """The rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        return list(cursor.fetchall())
