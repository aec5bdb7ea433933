"""Keeps the last valid configuration as a plain file, for loading the code location while the file is refused."""

import logging
import os
from contextlib import suppress
from pathlib import Path

from usage_pipeline.settings.environment import home_dir
from usage_pipeline.settings.load import SettingsError, load_settings, parse_settings
from usage_pipeline.settings.model import Settings

_log = logging.getLogger(__name__)


def last_valid_copy() -> Path:
    """Where passes keep the copy."""
    return home_dir() / "last_valid_configuration.yaml"


def keep_last_valid(data: bytes) -> None:
    """Keeps a valid configuration; an installation that has no folder to write in goes without the copy."""
    copy = last_valid_copy()
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    with suppress(OSError):
        if copy.is_file() and copy.read_bytes() == data:
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(data)
        unfinished.replace(copy)


def settings_to_load(path: Path) -> Settings:
    """Returns what the code location is loaded by: the file; while that is refused, the copy, and the log says so.

    Each run loads the location anew. A file that is refused while the daemon runs must not keep the passes from going
    on and from raising the alert about it. Raises SettingsError where the file is refused and there is no copy.
    """
    try:
        return load_settings(path)
    except SettingsError as error:
        copy = last_valid_copy()
        try:
            settings = parse_settings(copy.read_bytes(), str(copy))
        except (OSError, SettingsError):
            raise error from None
        _log.warning("the configuration is refused, its last valid version is used (%s):\n%s", copy, error)
        return settings
