"""Which configuration is active: the file when it is valid and has not lost much, else the last version that was."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from usage_pipeline.settings import Settings, SettingsError, parse_settings
from usage_pipeline.settings.authorship import changed_by
from usage_pipeline.settings.differences import differences
from usage_pipeline.settings.files import bounded_bytes
from usage_pipeline.settings.last_valid import keep_last_valid
from usage_pipeline.settings.load import LARGEST_FILE, NO_FILE, Problem
from usage_pipeline.settings.losses import lost_in
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, value, value_or_none
from usage_pipeline.warehouse.statements import statement

# A version that lost much is active when so many passes in a row have seen it.
_PASSES = 2


@dataclass(frozen=True)
class Waiting:
    """A version of the file that is valid and not active yet: what it loses, and since when it waits (aware UTC)."""

    file: str
    hash: str
    since: datetime
    lost: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.file}: it loses much of what is active ({'; '.join(self.lost)}), as a half-written file does. It"
            " waits until two passes have seen it unchanged; `usage-pipeline budgets confirm` makes it active at once"
        )


@dataclass(frozen=True)
class ActiveConfiguration:
    """The configuration to work by, its version, and what is wrong with the file if it was refused, or if it waits."""

    settings: Settings
    version: int
    refused: SettingsError | None = None
    refused_hash: str | None = None
    waiting: Waiting | None = None

    @property
    def problem(self) -> str | None:
        """Why the file itself is not active, in words; None when it is."""
        found = self.refused or self.waiting
        return None if found is None else str(found)


@dataclass(frozen=True)
class VersionThen:
    """The configuration that was active at a moment, and its version.

    Before the first version that one stands in for it: ``is_of_then`` is False.
    """

    version: int
    settings: Settings
    is_of_then: bool = True


@dataclass(frozen=True)
class _VersionThen:
    version_id: int
    content: str
    path: str
    is_of_then: bool


@dataclass(frozen=True)
class _Version:
    version_id: int
    content: str
    hash: str
    of_this_file: bool


@dataclass(frozen=True)
class _File:
    """A valid file as it was read; who changed it and what, where it differs from what was active."""

    path: Path
    hash: str
    content: str
    changed_by: str | None = None
    diff: str | None = None


def active_configuration(connection: Connection, path: Path) -> ActiveConfiguration:
    """Reads the file and keeps its version on record. While it is refused, what was active stays so; while it has lost
    much of that, too, until two passes have seen it unchanged (count_pass) or a person has confirmed it (confirm).

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
    content = data.decode("utf-8-sig")
    last = _recorded_last(connection, path)
    if last is not None and last.hash == digest:
        return _activated(connection, _File(path, digest, content), settings)
    before = _parsed(last, path)
    file = _File(path, digest, content, changed_by(path), _difference(last, before, settings))
    lost = lost_in(path.name, last.content, content, before, settings) if last and before and last.of_this_file else []
    waiting = _waiting(connection, file, lost) if lost else None
    if last is None or before is None or waiting is None:
        return _activated(connection, file, settings)
    keep_last_valid(last.content.encode())
    return ActiveConfiguration(before, last.version_id, waiting=waiting)


def _activated(connection: Connection, file: _File, settings: Settings) -> ActiveConfiguration:
    parameters = {**vars(file), "path": str(file.path), "valid": True, "error": None}
    version = value(connection, int, statement("configuration/record"), parameters)
    keep_last_valid(file.content.encode())
    return ActiveConfiguration(settings, version)


def version_then(connection: Connection, moment: datetime, known: int | None = None) -> VersionThen | None:
    """Returns the configuration that was active at a moment (aware UTC); None when none is kept that can be read.

    ``known`` is its version where a report of that moment has said it.
    """
    parameters = {"moment": moment, "known": known}
    found = row(connection, _VersionThen, statement("configuration/version_then"), parameters)
    if found is None:
        return None
    try:
        return VersionThen(found.version_id, parse_settings(found.content, found.path), found.is_of_then)
    except SettingsError:  # it was valid for an older installation
        return None


def confirm(connection: Connection, waiting: Waiting, by: str) -> None:
    """Makes the version active that waits, and writes who would not have it wait any longer. Safe to run twice."""
    connection.execute(statement("configuration/activate"), {"hash": waiting.hash, "confirmed_by": by})


def count_pass(connection: Connection, waiting: Waiting, pass_id: str) -> bool:
    """Counts a pass that has seen the version that waits; returns whether it is active by that. Safe to run twice."""
    parameters = {"hash": waiting.hash, "pass_id": pass_id, "enough": _PASSES}
    return value_or_none(connection, bool, statement("configuration/count_pass"), parameters) or False


def _waiting(connection: Connection, file: _File, lost: list[str]) -> Waiting:
    """Records that the version was seen and is not active yet."""
    parameters = {**vars(file), "path": str(file.path)}
    since = value(connection, datetime, statement("configuration/wait"), parameters)
    return Waiting(str(file.path), file.hash, since, tuple(lost))


def _parsed(last: _Version | None, path: Path) -> Settings | None:
    """What was active; None when nothing was, or it was valid for an older installation alone."""
    try:
        return None if last is None else parse_settings(last.content, str(path))
    except SettingsError:
        return None


def _difference(last: _Version | None, before: Settings | None, after: Settings) -> str | None:
    """What changed, in words."""
    if last is None:
        return "the first version"
    return None if before is None else "\n".join(differences(before, after)) or "nothing but comments or layout"


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
    version = {"hash": digest, "path": str(path), "content": None, "changed_by": None, "diff": None}
    connection.execute(statement("configuration/record"), {**version, "valid": False, "error": str(error)})
    keep_last_valid(last.content.encode())
    return ActiveConfiguration(settings, last.version_id, error, digest)


def _recorded_last(connection: Connection, path: Path) -> _Version | None:
    return row(connection, _Version, statement("configuration/last_valid"), {"path": str(path)})
