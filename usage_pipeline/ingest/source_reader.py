"""Reads one source on a thread of its own, on a warehouse connection of its own."""

import logging
import time
import traceback
from datetime import timedelta
from queue import SimpleQueue
from threading import Thread

import psycopg

from usage_pipeline.ingest.read_source import IngestResult, Progress, read_source
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.cut_reads import read_through_cuts
from usage_pipeline.sources.registry import open_source
from usage_pipeline.sources.watchdog import Watchdog
from usage_pipeline.warehouse.connection import connected, hang_up

_log = logging.getLogger(__name__)


class SourceReader:
    """A source being read. It puts its news into the queue: each progress, and itself when it has ended."""

    def __init__(
        self,
        source: SourceSettings,
        settings: Settings,
        warehouse_address: str,
        news: "SimpleQueue[Progress | SourceReader]",
        *,
        sweep: bool,
        wait_for_others: timedelta,
    ) -> None:
        self.source = source
        self.result: IngestResult | None = None
        self.failure: Exception | None = None
        self._settings = settings
        self._warehouse_address = warehouse_address
        self._news = news
        self._sweep = sweep
        self._wait_for_others = wait_for_others
        self._stop = False
        self._watchdog = Watchdog()
        self._started_at = time.monotonic()
        # Nothing that it leaves half-done needs it to end well, so it may not keep the process alive.
        self._thread = Thread(target=self._run, name=f"reading {source.id}", daemon=True)

    def start(self) -> None:
        """Begins to read."""
        self._started_at = time.monotonic()
        self._thread.start()

    def silent_for(self) -> float:
        """Seconds since the source was last heard from."""
        return self._watchdog.silent_for()

    def running_for(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    def ask_to_stop(self) -> None:
        """Lets it finish the window that it is in, and no other."""
        self._stop = True

    def end(self) -> None:
        """Cuts its connections; what it has not committed is as if it had not been read."""
        self._watchdog.end()

    def wait(self, seconds: float) -> bool:
        """Waits until its thread is gone; returns whether it is."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._watchdog.begin()
        try:
            self.result = self._read()
        except Exception as error:  # each source fails alone, whatever its fault is
            self.failure = error
        finally:
            self._news.put(self)

    def _read(self) -> IngestResult:
        with connected(self._warehouse_address) as warehouse:
            self._watchdog.end_with(lambda: hang_up(warehouse))
            source = read_through_cuts(open_source, self.source, self._settings)
            try:
                return read_source(
                    warehouse,
                    source,
                    self._settings,
                    sweep=self._sweep,
                    progress=self._news.put,
                    stop=lambda: self._stop,
                    wait_for_others=self._wait_for_others,
                )
            except psycopg.OperationalError:
                if not warehouse.broken:
                    raise
                raise SourceError("its session to the warehouse was lost") from None
            finally:
                source.close()


def in_words(error: Exception) -> str:
    """Returns what went wrong with a source, for people; a fault of ours names its place in the log, and no value."""
    if not isinstance(error, SourceError | psycopg.Error):
        _log.error("".join(traceback.format_tb(error.__traceback__)))
        return f"{type(error).__name__} while it was read, at the place that the log shows; please report it"
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"{text}; the source was too slow: raise lookback.statement_timeout_seconds or read from a replica"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"{text}; grant SELECT on Dify's tables to the role (README, 'Connect a real Dify')"
    return text
