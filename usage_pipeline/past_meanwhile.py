"""Makes past days while their sources are still being read: a first reading of months keeps two sessions busy."""

import logging
from collections.abc import Callable
from datetime import date, timedelta
from threading import Event, Thread

from usage_pipeline.budgets.past_days import correct_days
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.ingest.read_source import Progress
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, address_of, connected, hang_up
from usage_pipeline.warehouse.rows import values
from usage_pipeline.warehouse.statements import statement

_log = logging.getLogger(__name__)
# A source that is further behind than this is read for so long that days are worth a session of their own.
_FAR_BEHIND = timedelta(days=7)
# Fewer days at a time would have budgets looked through again and again.
_DAYS_AT_ONCE = 14
_LOOK_EVERY_S = 0.5


class PastMeanwhile:
    """Rolls up past days, and corrects their budgets, on a session of its own until reading ends.

    Nothing hangs on it: a day that changes again is made again, and what fails here is told where days are made in
    their turn.
    """

    def __init__(self, connection: Connection, configuration: ActiveConfiguration) -> None:
        self._address = address_of(connection)
        self._configuration = configuration
        self._over = Event()
        self._thread: Thread | None = None
        self._session: Connection | None = None
        self._made: list[date] = []

    def hearing(self, tell: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
        """Returns what takes a reading's progress: it begins the work where that is worth it, and tells others."""

        def hear(progress: Progress) -> None:
            if self._thread is None and progress.clock - progress.read_up_to > _FAR_BEHIND:
                self._thread = Thread(target=self._run, name="past days", daemon=True)
                self._thread.start()
            if tell:
                tell(progress)

        return hear

    def end(self) -> list[date]:
        """Waits for what it is at; returns the days that were made, oldest first."""
        self._over.set()
        if self._thread:
            self._thread.join()
        return sorted({*self._made})

    def cut(self) -> None:
        """Ends at once: what it is at is rolled back."""
        self._over.set()
        if self._session:
            hang_up(self._session)

    def _run(self) -> None:
        try:
            with connected(self._address) as connection:
                self._session = connection
                while not self._over.is_set():
                    if not self._make_some(connection):
                        self._over.wait(_LOOK_EVERY_S)
        except Exception as error:  # the same work is done again in its turn, and fails there for all to see
            _log.warning("past days are made when all is read (%s)", type(error).__name__)

    def _make_some(self, connection: Connection) -> bool:
        settings = self._configuration.settings
        asked = {
            "before": settings.today() - timedelta(days=1),
            "sources": [source.id for source in settings.sources],
        }
        days = values(connection, date, statement("usage/closed_days"), asked)
        if len(days) < _DAYS_AT_ONCE:
            return False
        roll_up(connection, days, anew=False, sessions=1)
        correct_days(connection, self._configuration, days)
        self._made += days
        return True
