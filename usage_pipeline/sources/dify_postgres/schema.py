"""Finds out what a Dify database on PostgreSQL has: its columns and indexes, and the fork's record of API keys."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.dify_grants import FORKS_TABLE, Rights
from usage_pipeline.sources.dify_schema import DifySchema, is_dify, schema_of
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, value, values
from usage_pipeline.warehouse.statements import statement

_FOLDER = "sources/dify_postgres"
_TYPES_OF_IDS = ("uuid", "text", "character varying")
_SMALL = 16 * 1024 * 1024  # bytes; read whole in a moment

Columns = Mapping[str, set[str]]  # by table
Indexes = set[tuple[str, tuple[str, ...]]]  # table and columns


@dataclass(frozen=True)
class _PostgresColumn:
    table_name: str
    column_name: str
    readable: bool
    filtered: bool


@dataclass(frozen=True)
class _Index:
    table_name: str
    columns: list[str]


@dataclass(frozen=True)
class _KeyRecords:
    """The table in which dify-plus keeps the API key of each call."""

    record_type: str
    size: int  # bytes


def read_schema(connection: Connection) -> DifySchema:
    """Probes columns and indexes. Raises SourceError when the database is not Dify's or may not be read."""
    columns: dict[str, set[str]] = defaultdict(set)
    hidden: dict[str, set[str]] = defaultdict(set)
    filtered = set[str]()
    for found in rows(connection, _PostgresColumn, statement(f"{_FOLDER}/columns")):
        (columns if found.readable else hidden)[found.table_name].add(found.column_name)
        if found.filtered:
            filtered.add(found.table_name)
    if not is_dify(columns):
        raise SourceError(_not_dify(connection))
    indexes = {
        (index.table_name, tuple(index.columns)) for index in rows(connection, _Index, statement(f"{_FOLDER}/indexes"))
    }
    record_type, by_record = _key_records(connection, columns, indexes)
    return replace(
        schema_of(columns, indexes, Rights(_role(connection), hidden, filtered)),
        key_record_type=record_type if by_record else None,
        key_records_unindexed=record_type is not None and not by_record,
    )


def _key_records(connection: Connection, columns: Columns, indexes: Indexes) -> tuple[str | None, bool]:
    """The type of record_id in the fork's record of keys, and whether a call can be looked up by it."""
    if not columns.get(FORKS_TABLE, set()) >= {"record_id", "app_token_id"}:
        return None, False
    found = row(connection, _KeyRecords, statement(f"{_FOLDER}/key_record_type"), {"table": FORKS_TABLE})
    if found is None or found.record_type not in _TYPES_OF_IDS:
        return None, False
    indexed = any(table == FORKS_TABLE and names[0] == "record_id" for table, names in indexes)
    return found.record_type, indexed or found.size <= _SMALL


def _role(connection: Connection) -> str:
    return value(connection, str, "SELECT quote_ident(current_user)")


def _not_dify(connection: Connection) -> str:
    name = value(connection, str, "SELECT current_database()::text")
    if value(connection, bool, "SELECT to_regclass('messages') IS NOT NULL"):
        return (
            f"database {name!r} looks like Dify's but the role may not read it: "
            "grant SELECT on its tables (README, 'Connect a real Dify')"
        )
    if shut := values(connection, str, statement(f"{_FOLDER}/shut_schemas")):
        return (
            f"database {name!r} looks like Dify's but the role may not enter its schema: "
            f"GRANT USAGE ON SCHEMA {shut[0]} TO {_role(connection)}"
        )
    return (
        f"database {name!r} is not Dify's: it has no tables `messages` and `apps`; "
        "set the database name in the URL (Dify's is 'dify' unless DB_DATABASE says otherwise)"
    )
