"""Reads every source that the configuration names, side by side; each fails alone, none holds back another."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from queue import Empty, SimpleQueue

from usage_pipeline.ingest.read_source import IngestResult, Progress
from usage_pipeline.ingest.source_lock import SourceBusyError
from usage_pipeline.ingest.source_reader import SourceReader, in_words
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.warehouse.connection import Connection, address_of
from usage_pipeline.warehouse.rows import values

_LONGEST_ERROR = 2_000
_LOOK_EVERY_SECONDS = 0.25
# A statement may take its whole timeout before the source says that it is over.
_AFTER_A_TIMEOUT_SECONDS = 5
_THREADS_GO_WITHIN_SECONDS = 5.0
# A pass that others wait for does not wait long itself for another that reads the same source.
_SHORT_WAIT, _LONG_WAIT = timedelta(seconds=5), timedelta(seconds=60)


def read_all_sources(
    connection: Connection,
    settings: Settings,
    *,
    sweep: bool,
    within: timedelta | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[list[IngestResult], dict[str, str]]:
    """Returns what was read, and by source what went wrong, in words that hold no secret.

    A source that gives no sign of life for ``reading.silent_after_seconds`` has failed. One that is alive but not at
    its end is left ``within`` the time given (None: read to the end, however long); the next pass goes on there.
    Raises psycopg.OperationalError only when the warehouse itself is lost.
    """
    return _SideBySide(connection, settings, sweep, within, progress).run()


class _SideBySide:
    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        sweep: bool,
        within: timedelta | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._within = within
        self._progress = progress
        self._news: SimpleQueue[Progress | SourceReader] = SimpleQueue()
        address, wait = address_of(connection), _SHORT_WAIT if within else _LONG_WAIT
        self._waiting = [
            SourceReader(source, settings, address, self._news, sweep=sweep, wait_for_others=wait)
            for source in _failed_last(connection, settings.sources)
        ]
        self._running: list[SourceReader] = []
        self._left: list[SourceReader] = []
        self._results: dict[str, IngestResult] = {}
        self._errors: dict[str, str] = {}
        timeout = settings.lookback.statement_timeout_seconds + _AFTER_A_TIMEOUT_SECONDS
        self._silent_after = max(settings.reading.silent_after_seconds, timeout)

    def run(self) -> tuple[list[IngestResult], dict[str, str]]:
        try:
            while self._waiting or self._running:
                self._start_some()
                self._hear()
                self._watch()
        finally:
            # Whatever ends the pass early, no reading outlives it.
            for reader in self._running:
                reader.end()
            for reader in (*self._left, *self._running):
                reader.wait(_THREADS_GO_WITHIN_SECONDS)
        order = [source.id for source in self._settings.sources]
        return (
            [self._results[name] for name in order if name in self._results],
            {name: self._errors[name] for name in order if name in self._errors},
        )

    def _start_some(self) -> None:
        while self._waiting and len(self._running) < self._settings.reading.sources_at_once:
            self._running.append(self._waiting.pop(0))
            self._running[-1].start()

    def _hear(self) -> None:
        try:
            news = self._news.get(timeout=_LOOK_EVERY_SECONDS)
        except Empty:
            return
        if isinstance(news, Progress):
            if self._progress:
                self._progress(news)
        elif news in self._running:  # else it was left before, and has gone by now
            self._running.remove(news)
            self._note_end(news)

    def _watch(self) -> None:
        for reader in list(self._running):
            if reader.silent_for() > self._silent_after:
                self._running.remove(reader)
                self._left.append(reader)
                reader.end()
                self._fail(reader.source, f"gave no answer for {self._silent_after} seconds; it was left out")
            elif self._within and reader.running_for() > self._within.total_seconds():
                reader.ask_to_stop()

    def _note_end(self, reader: SourceReader) -> None:
        if reader.result:
            self._results[reader.source.id] = reader.result
        elif isinstance(reader.failure, SourceBusyError):
            # Whoever reads it notes how that ended.
            self._errors[reader.source.id] = f"source {reader.source.id!r}: {reader.failure}"
        elif reader.failure:
            self._fail(reader.source, in_words(reader.failure))

    def _fail(self, source: SourceSettings, words: str) -> None:
        error = f"source {source.id!r}: {words}"
        self._errors[source.id] = error
        self._connection.execute(
            "INSERT INTO usage.source_state (source, kind, last_pass_at, last_error) VALUES (%s, %s, now(), %s)"
            " ON CONFLICT (source) DO UPDATE SET last_pass_at = now(), last_error = excluded.last_error",
            [source.id, source.kind, error[:_LONGEST_ERROR]],
        )


def _failed_last(connection: Connection, sources: Sequence[SourceSettings]) -> list[SourceSettings]:
    """Returns the sources that failed last time after all others: where few are read at once, none waits for them."""
    failed = {*values(connection, str, "SELECT source FROM usage.source_state WHERE last_error IS NOT NULL")}
    return sorted(sources, key=lambda source: source.id in failed)
