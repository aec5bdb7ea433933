"""Which configuration is active: the file when it is valid, else the last valid version of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.settings import Settings, SettingsError, parse_settings
from usage_pipeline.settings.authorship import changed_by
from usage_pipeline.settings.differences import differences
from usage_pipeline.settings.files import bounded_bytes
from usage_pipeline.settings.last_valid import keep_last_valid
from usage_pipeline.settings.load import LARGEST_FILE, NO_FILE, Problem
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, value
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class ActiveConfiguration:
    """The configuration to work by, its version, and what is wrong with the file if it was refused."""

    settings: Settings
    version: int
    refused: SettingsError | None = None
    refused_hash: str | None = None


@dataclass(frozen=True)
class _Version:
    version_id: int
    content: str
    hash: str


def active_configuration(connection: Connection, path: Path) -> ActiveConfiguration:
    """Reads the file and keeps its version on record; while a file is refused the last valid one stays active.

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
    changed, diff = _what_changed(connection, path, digest, settings)
    content = data.decode("utf-8-sig")
    version = _record(connection, path, digest, content=content, error=None, by=changed, diff=diff)
    keep_last_valid(data)
    return ActiveConfiguration(settings, version)


def _what_changed(connection: Connection, path: Path, digest: str, after: Settings) -> tuple[str | None, str | None]:
    """Who changed the file and what, in words; nothing when it is the version that was active already."""
    last = _recorded_last(connection, path)
    if last is not None and last.hash == digest:
        return None, None
    who = changed_by(path)
    if last is None:
        return who, "the first version"
    try:
        before = parse_settings(last.content, str(path))
    except SettingsError:  # it was valid for an older installation
        return who, None
    return who, "\n".join(differences(before, after)) or "nothing but comments or layout"


def _read(path: Path) -> tuple[bytes, SettingsError | None]:
    try:
        return bounded_bytes(path, LARGEST_FILE), None
    except OSError as error:
        return b"", SettingsError([Problem(str(path), 0, "", "", f"cannot be read ({error.strerror})", NO_FILE)])


def _last_valid(connection: Connection, path: Path, digest: str, error: SettingsError) -> ActiveConfiguration:
    last = _recorded_last(connection, path)
    if last is None:
        raise error
    try:
        settings = parse_settings(last.content, str(path))
    except SettingsError:  # it was valid for an older installation: what is wrong with the file is what can be mended
        raise error from None
    _record(connection, path, digest, content=None, error=str(error))
    keep_last_valid(last.content.encode())
    return ActiveConfiguration(settings, last.version_id, error, digest)


def _recorded_last(connection: Connection, path: Path) -> _Version | None:
    return row(connection, _Version, statement("configuration/last_valid"), {"path": str(path)})


def _record(
    connection: Connection,
    path: Path,
    digest: str,
    *,
    content: str | None,
    error: str | None,
    by: str | None = None,
    diff: str | None = None,
) -> int:
    version = {
        "hash": digest,
        "path": str(path),
        "content": content,
        "valid": error is None,
        "error": error,
        "changed_by": by,
        "diff": diff,
    }
    return value(connection, int, statement("configuration/record"), version)
