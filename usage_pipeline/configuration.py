"""Which configuration is in force: the file when it is valid, else the last valid version of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.settings import Settings, SettingsError, parse_settings
from usage_pipeline.settings.load import Problem
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class InForce:
    """The configuration to work by, its version, and what is wrong with the file if it was refused."""

    settings: Settings
    version: int
    refused: SettingsError | None = None
    refused_hash: str | None = None


def configuration_in_force(connection: Connection, path: Path) -> InForce:
    """Reads the file and keeps its version on record; a file that is refused leaves the last valid one in force.

    Raises SettingsError when the file is refused and there was never a valid one.
    """
    data, unreadable = _read(path)
    digest = hashlib.sha256(data).hexdigest()
    try:
        if unreadable:
            raise unreadable
        settings = parse_settings(data, str(path))
    except SettingsError as error:
        return _last_valid(connection, path, digest, error)
    version = _record(connection, path, digest, content=data.decode("utf-8-sig"), error=None)
    return InForce(settings, version)


def _read(path: Path) -> tuple[bytes, SettingsError | None]:
    try:
        return path.read_bytes(), None
    except OSError as error:
        fix = "set USAGE_PIPELINE_CONFIG to the file, or copy config/usage_pipeline.yaml of the project"
        return b"", SettingsError([Problem(str(path), 0, "", "", f"cannot be read ({error.strerror})", fix)])


def _last_valid(connection: Connection, path: Path, digest: str, error: SettingsError) -> InForce:
    row = connection.execute(statement("configuration/last_valid"), {"path": str(path)}).fetchone()
    if row is None:
        raise error
    _record(connection, path, digest, content=None, error=str(error))
    version, content = row
    return InForce(parse_settings(str(content), str(path)), int(str(version)), error, digest)


def _record(connection: Connection, path: Path, digest: str, *, content: str | None, error: str | None) -> int:
    row = connection.execute(
        statement("configuration/record"),
        {"hash": digest, "path": str(path), "content": content, "valid": error is None, "error": error},
    ).fetchone()
    if row is None:  # pragma: no cover  (RETURNING always gives the row)
        raise RuntimeError("the configuration's version could not be recorded")
    return int(str(row[0]))
