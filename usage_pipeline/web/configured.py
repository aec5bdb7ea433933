"""The active configuration as the web page has it: read again when its file has changed."""

import asyncio
import logging
import threading
from contextlib import suppress

from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.settings import Settings
from usage_pipeline.settings.environment import config_path
from usage_pipeline.warehouse.connection import connected

_log = logging.getLogger("usage_pipeline.web")
_LOOKS_EVERY_S = 3.0


class Configured:
    """Keeps what is active. Safe to ask from several threads at once."""

    def __init__(self, warehouse_url: str) -> None:
        self.warehouse_url = warehouse_url
        self._lock = threading.Lock()
        self._seen: tuple[float, int] | None = None
        self._active: ActiveConfiguration | None = None

    def seen(self) -> Settings:
        """Returns the settings as they were last looked at, at once: for who has no time to look."""
        return self._active.settings if self._active is not None else self.settings

    async def watch(self) -> None:
        """Looks every few seconds until it is cancelled; what cannot be read leaves things as they are."""
        while True:
            await asyncio.sleep(_LOOKS_EVERY_S)
            try:
                await asyncio.to_thread(self.active)
            except Exception as error:
                _log.warning("the configuration could not be looked at: %s", type(error).__name__)

    @property
    def settings(self) -> Settings:
        """Returns the active settings."""
        return self.active().settings

    def active(self) -> ActiveConfiguration:
        """Returns the active configuration. Raises SettingsError when no version was ever valid."""
        with self._lock:
            seen = _stamp()
            if self._active is None or seen != self._seen:
                with connected(self.warehouse_url) as connection:
                    self._active = active_configuration(connection, config_path())
                self._seen = seen
            return self._active


def _stamp() -> tuple[float, int] | None:
    """What changes when the file does; None while it is not there."""
    with suppress(OSError):
        found = config_path().stat()
        return found.st_mtime, found.st_size
    return None
