"""Keeps the active configuration as a plain file, for loading the code location while the file itself is not active."""

import logging
import os
from contextlib import suppress
from pathlib import Path

from usage_pipeline.settings.environment import home_dir
from usage_pipeline.settings.files import bounded_bytes
from usage_pipeline.settings.load import LARGEST_FILE, SettingsError, load_settings, parse_settings
from usage_pipeline.settings.losses import lost_in
from usage_pipeline.settings.model import Settings

_log = logging.getLogger(__name__)


def last_valid_copy() -> Path:
    """Where passes keep the copy."""
    return home_dir() / "last_valid_configuration.yaml"


def keep_last_valid(data: bytes) -> None:
    """Keeps the active configuration; an installation that has no folder to write in goes without the copy."""
    copy = last_valid_copy()
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    with suppress(OSError):
        if copy.is_file() and copy.read_bytes() == data:
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(data)
        unfinished.replace(copy)


def settings_to_load(path: Path) -> Settings:
    """Returns what the code location is loaded by: the file; while that is refused or waits, the copy, as the log says.

    Each run loads the location anew. A file that is refused while the daemon runs must not keep the passes from going
    on and from raising the alert about it. Raises SettingsError where the file is refused and there is no copy.
    """
    kept = _kept()
    try:
        settings = load_settings(path)
    except SettingsError as error:
        if kept is None:
            raise
        _log.warning("the configuration is refused, its last valid version is used (%s):\n%s", last_valid_copy(), error)
        return kept
    lost = _lost_against(kept, settings, path) if kept else []
    if kept and lost:
        _log.warning("the configuration waits, what was active is used (%s): %s", last_valid_copy(), "; ".join(lost))
        return kept
    return settings


def settings_quietly(path: Path) -> Settings | None:
    """Returns what the file says; while it is refused the copy, None where there is neither. Nothing is logged."""
    try:
        return load_settings(path)
    except SettingsError:
        return _kept()


def _lost_against(kept: Settings, settings: Settings, path: Path) -> list[str]:
    with suppress(OSError, UnicodeDecodeError):
        before, after = (bounded_bytes(file, LARGEST_FILE).decode("utf-8-sig") for file in (last_valid_copy(), path))
        return lost_in(path.name, before, after, kept, settings) if before != after else []
    return []


def _kept() -> Settings | None:
    """The copy; None where there is none, or none that this installation understands."""
    copy = last_valid_copy()
    try:
        return parse_settings(bounded_bytes(copy, LARGEST_FILE), str(copy))
    except (OSError, SettingsError):
        return None
