"""Writes the warehouse and the configuration into one file, as of one moment, and puts them back into an empty one."""

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import sql

from usage_pipeline.warehouse.client_tools import run_tool
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.rows import row, value, values
from usage_pipeline.warehouse.schema import WarehouseError, migrate, schema_revision
from usage_pipeline.warehouse.statements import newest_migration, statement

_FORMAT = 1
_MANIFEST, _DUMP, CONFIGURATION_MEMBER = "manifest.json", "warehouse.dump", "usage_pipeline.yaml"
_LARGEST_TEXT = 64_000_000


@dataclass(frozen=True)
class CountedSums:
    """What the events add up to, exactly, as text."""

    events: str
    tokens: str
    base_cost: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself: when and by which program it was made, its schema, rows by table, and sums."""

    format: int
    made_at: str
    program: str
    schema: str
    rows: Mapping[str, int]
    sums: Mapping[str, str]
    roles: list[str]
    sha256: str


def write_backup(url: str, configuration: Path, target: Path) -> Manifest:
    """Writes the backup, which only its owner can read; returns what it holds. ``target`` must not be there.

    Rows and sums are those of the dump's own snapshot. Raises WarehouseError when there is nothing to back up,
    ClientToolError, FileExistsError, OSError.
    """
    revision = schema_revision(url)
    if revision is None:
        raise WarehouseError("the warehouse is empty: there is nothing to back up")
    with tempfile.TemporaryDirectory(prefix="usage-pipeline-backup-", dir=target.absolute().parent) as folder:
        dump = Path(folder) / _DUMP
        with _snapshot(url) as (connection, snapshot):
            arguments = ["--format=custom", "--schema=usage", "--no-owner", f"--snapshot={snapshot}", f"--file={dump}"]
            run_tool("pg_dump", url, arguments, server_version=connection.info.server_version // 10000)
            manifest = _manifest(connection, revision, dump)
        finished = Path(folder) / "finished.tar"
        with tarfile.open(finished, "w") as archive:
            _add_text(archive, Path(folder), _MANIFEST, json.dumps(asdict(manifest), indent=1))
            if configuration.is_file():
                _add_text(archive, Path(folder), CONFIGURATION_MEMBER, configuration.read_text(encoding="utf-8-sig"))
            archive.add(dump, _DUMP, filter=_without_owner)
        finished.chmod(0o600)
        if target.exists():
            raise FileExistsError(str(target))
        finished.replace(target)  # whole or not at all
    return manifest


def read_manifest(source: Path) -> Manifest:
    """Returns what a backup says of itself. Raises WarehouseError when the file is none, or a newer program's."""
    try:
        with tarfile.open(source, "r:") as archive:
            manifest = Manifest(**json.loads(_text(archive, _MANIFEST)))
    except (tarfile.TarError, KeyError, ValueError, TypeError):
        raise WarehouseError(
            f"{source} is no backup of usage-pipeline, or it was cut short; take another one"
        ) from None
    if manifest.format != _FORMAT or manifest.schema > newest_migration():
        raise WarehouseError(
            f"{source} was made by usage-pipeline {manifest.program} (schema {manifest.schema}), which is newer than"
            f" this program (schema {newest_migration()}): upgrade it, then restore"
        )
    return manifest


def configuration_of(source: Path) -> str | None:
    """Returns the configuration that a backup holds."""
    with tarfile.open(source, "r:") as archive:
        return _text(archive, CONFIGURATION_MEMBER) if CONFIGURATION_MEMBER in archive.getnames() else None


def restore_backup(url: str, source: Path, manifest: Manifest) -> None:
    """Puts a backup into an empty warehouse, holds rows and sums against it, and brings the schema up to date.

    In one transaction: what does not come to its end leaves nothing. Raises WarehouseError, ClientToolError.
    """
    with connected(url) as connection:
        if value(connection, bool, "SELECT to_regnamespace('usage') IS NOT NULL"):
            raise WarehouseError(
                "the warehouse holds data already, and a backup goes into an empty one alone: let WAREHOUSE_URL name a"
                " new database, or USAGE_PIPELINE_HOME a new folder"
            )
        _make_roles(connection, manifest.roles)
        server = connection.info.server_version // 10000
    with tempfile.TemporaryDirectory(prefix="usage-pipeline-restore-") as folder:
        dump = Path(folder) / _DUMP
        with tarfile.open(source, "r:") as archive:
            archive.extract(_DUMP, folder, filter="data")
        if _sha256(dump) != manifest.sha256:
            raise WarehouseError(f"{source} is damaged: its dump is not what it says; take another one")
        arguments = ["--exit-on-error", "--single-transaction", "--no-owner", str(dump)]
        run_tool("pg_restore", url, arguments, server_version=server)
    with connected(url) as connection:
        _compare(connection, manifest)
    migrate(url)


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[Connection, str]]:
    with connected(url) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection, value(connection, str, "SELECT pg_export_snapshot()")


def _manifest(connection: Connection, revision: str, dump: Path) -> Manifest:
    return Manifest(
        format=_FORMAT,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        program=version("usage-pipeline"),
        schema=revision,
        rows=_rows(connection),
        sums=_sums(connection),
        roles=values(connection, str, statement("backup/roles")),
        sha256=_sha256(dump),
    )


def _rows(connection: Connection) -> dict[str, int]:
    count = sql.SQL("SELECT count(*) FROM {}")
    tables = values(connection, str, statement("backup/tables"))
    return {table: value(connection, int, count.format(sql.Identifier("usage", table))) for table in tables}


def _sums(connection: Connection) -> dict[str, str]:
    found = row(connection, CountedSums, statement("backup/sums"))
    return asdict(found) if found else {}


def _compare(connection: Connection, manifest: Manifest) -> None:
    found = {table: count for table, count in _rows(connection).items() if count != manifest.rows.get(table)}
    if found or _sums(connection) != manifest.sums:
        named = ", ".join(found) or "usage_event"
        raise WarehouseError(f"the restored warehouse is not what the backup says: look at {named}")


def _make_roles(connection: Connection, roles: list[str]) -> None:
    """Rights are given to roles; one that this server does not have is made without a login."""
    for role in roles:
        if not value(connection, bool, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role]):
            try:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            except psycopg.errors.InsufficientPrivilege:
                raise WarehouseError(
                    f"the backup gives rights to the role {role!r}, which this server lacks and you may not make: "
                    f"CREATE ROLE {role} NOLOGIN as its superuser, then restore"
                ) from None


def _add_text(archive: tarfile.TarFile, folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    archive.add(path, name, filter=_without_owner)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _text(archive: tarfile.TarFile, name: str) -> str:
    member = archive.getmember(name)
    file = archive.extractfile(member)
    if file is None or member.size > _LARGEST_TEXT:
        raise ValueError(name)
    return file.read().decode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
