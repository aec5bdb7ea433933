"""Builds Dify's tables, types, defaults and indexes in an empty database, as a given version has them."""

import csv
from collections import defaultdict
from pathlib import Path

from psycopg import sql

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

# Versions whose columns and indexes were taken from their own migrations.
VERSIONS = ("0.15.8", "1.0.0", "1.4.0", "1.9.0", "1.12.1", "1.15.0")
# Versions of whose tables nothing that is read is known to differ from those of an older one.
ALIKE = {"1.16.0": "1.15.0"}
_REVISIONS = {
    "0.15.8": "a91b476a53de",
    "1.0.0": "08ec4f75af5e",
    "1.4.0": "d28f2004b072",
    "1.9.0": "68519ad5cd18",
    "1.12.1": "788d3099ae3a",
    "1.15.0": "d9e8f7a6b5c4",
}
_FOLDER = Path(__file__).parent / "columns"


def create_dify_schema(connection: Connection, version: str = "1.12.1") -> None:
    """Makes the tables of a Dify version in the connection's database; empty, with every index."""
    connection.execute(statement("fake_dify/functions"))
    for table, columns in _columns(version).items():
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(table), sql.SQL(", ").join(columns)))
    for table, name, definition in _indexes(version):
        unique = name.endswith(("_pkey", "_key")) or name.startswith("unique_")
        connection.execute(
            sql.SQL("CREATE {} INDEX {} ON {} USING {}").format(
                sql.SQL("UNIQUE" if unique else ""),
                sql.Identifier(name),
                sql.Identifier(table),
                sql.SQL(definition),
            )
        )
    connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    if version in _REVISIONS:
        connection.execute("INSERT INTO alembic_version VALUES (%s)", [_REVISIONS[version]])


def _columns(version: str) -> dict[str, list[sql.Composed]]:
    tables: dict[str, list[sql.Composed]] = defaultdict(list)
    with (_FOLDER / "dify_columns.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["version"] != ALIKE.get(version, version):
                continue
            rest = row["type"] + (" NOT NULL" if row["nullable"] == "NO" else "")
            rest += f" DEFAULT {row['default']}" if row["default"] else ""
            tables[row["table"]].append(sql.SQL("{} {}").format(sql.Identifier(row["column"]), sql.SQL(rest)))
    return tables


def _indexes(version: str) -> list[tuple[str, str, str]]:
    with (_FOLDER / "dify_indexes.csv").open(encoding="utf-8", newline="") as file:
        return [
            (row["table"], row["index"], row["definition"])
            for row in csv.DictReader(file)
            if row["version"] == ALIKE.get(version, version)
        ]
