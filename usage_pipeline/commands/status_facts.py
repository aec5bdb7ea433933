"""Gathers how an installation stands, for `status`: nothing is started, migrated or written for it."""

import platform
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import psycopg

from usage_pipeline.delivery.waiting import Undelivered, undelivered
from usage_pipeline.ingest.health import SourceHealth, source_health
from usage_pipeline.settings import Settings, SettingsError
from usage_pipeline.settings.environment import MissingSecretError, config_path, home_dir
from usage_pipeline.settings.last_valid import settings_to_load
from usage_pipeline.settings.load import load_settings
from usage_pipeline.ui.processes import LOCK
from usage_pipeline.ui.running import RunningUp, running_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.location import dagster_home, url_if_running
from usage_pipeline.warehouse.restored import not_accepted
from usage_pipeline.warehouse.rows import row, value
from usage_pipeline.warehouse.schema import schema_revision
from usage_pipeline.warehouse.statements import newest_migration, statement

_LATE_AFTER = timedelta(minutes=10)
_PASSES_MISSED = 3
_LITTLE_ROOM = 1_000_000_000


@dataclass(frozen=True)
class LastPass:
    """The newest pass that ended (aware UTC), whether every step held, and when the newest of all began."""

    started_at: datetime
    finished_at: datetime
    ok: bool
    error: str | None
    newest_began_at: datetime


@dataclass(frozen=True)
class Disk:
    """Where the data lie, what is free there, and what the warehouse takes; bytes."""

    folder: str
    free_bytes: int
    warehouse_bytes: int | None


@dataclass
class Status:
    """How an installation stands; ``problems`` are sentences, none when all is well. Lags are seconds."""

    at: datetime
    versions: dict[str, str]
    up: RunningUp | None
    disk: Disk | None = None
    last_pass: LastPass | None = None
    sources: list[SourceHealth] = field(default_factory=list)
    alerts: Undelivered | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def lags(self) -> dict[str, float]:
        """By source: how long ago the moment is up to which it was read. What was never read has none."""
        return {
            source.source: max((self.at - source.read_up_to).total_seconds(), 0.0)
            for source in self.sources
            if source.read_up_to is not None
        }


def gather() -> Status:
    """Returns how the installation stands. Raises psycopg.Error when the warehouse breaks in the middle of it."""
    status = Status(datetime.now(UTC), _versions(), running_up(dagster_home() / LOCK))
    if status.up is not None and not status.up.answers:
        status.problems.append(f"`up` runs (process {status.up.pid}), but its UI does not answer at {status.up.url}")
    settings = _settings(status)
    size = None
    try:
        url = url_if_running()
        if url is None:
            status.problems.append("the embedded server does not run: `usage-pipeline up` or `run` starts it")
        elif _schema_fits(status, url):
            with connected(url) as connection:
                size = _look_into(status, connection, settings)
    except (psycopg.OperationalError, MissingSecretError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        status.problems.append(f"the warehouse cannot be reached: {lines[-1].strip()}; check WAREHOUSE_URL")
    status.disk = _disk(status, size)
    return status


def _versions() -> dict[str, str]:
    names = {"usage-pipeline": "usage-pipeline", "dagster": "Dagster"}
    found = {shown: version(package) for package, shown in names.items()}
    return found | {"Python": platform.python_version(), "schema known": newest_migration()}


def _settings(status: Status) -> Settings | None:
    try:
        return load_settings(config_path())
    except SettingsError as error:
        status.problems.append(f"the configuration is refused: {error.problems[0]}")
    try:
        return settings_to_load(config_path())
    except SettingsError:
        return None


def _schema_fits(status: Status, url: str) -> bool:
    """Whether the warehouse can be asked; one of another version of the program is a problem in words."""
    found, known = schema_revision(url), newest_migration()
    status.versions["schema"] = found or "none"
    if found == known:
        return True
    if found is None:
        status.problems.append(
            "the warehouse is empty: nothing was read yet; `usage-pipeline run` makes the first pass"
        )
    elif found > known:
        status.problems.append(
            f"the warehouse is at schema {found}, this program knows {known}: upgrade this installation"
        )
    else:
        status.problems.append(f"the warehouse is at schema {found}: the next pass brings it to {known}")
    return False


def _look_into(status: Status, connection: Connection, settings: Settings | None) -> int:
    """Fills in what the warehouse knows; returns its size in bytes."""
    status.versions["PostgreSQL"] = str(connection.info.server_version // 10000)
    status.last_pass = row(connection, LastPass, statement("warehouse/last_pass"))
    every = timedelta(minutes=settings.schedule.every_minutes if settings else 1)
    late = max(_LATE_AFTER, _PASSES_MISSED * every)
    status.problems += _of_pass(status.last_pass, status.at, late)
    status.sources = source_health(connection, [source.id for source in settings.sources] if settings else [], late)
    status.problems += [_of_source(source) for source in status.sources if not source.fresh and not source.beginning]
    restored = not_accepted(connection)
    if restored is not None:
        status.problems.append(str(restored))
    status.alerts = undelivered(connection)
    if status.alerts.failed or status.alerts.waiting:
        status.problems.append(
            f"{status.alerts.waiting} message(s) wait for more than five minutes and {status.alerts.failed} failed:"
            " `usage-pipeline alerts list`"
        )
    return value(connection, int, "SELECT pg_database_size(current_database())")


def _of_pass(last: LastPass | None, now: datetime, late: timedelta) -> list[str]:
    if last is None:
        return ["no pass has ended yet: `usage-pipeline run` makes one, `up` one each minute"]
    found = []
    if now - last.finished_at > late:
        ago = int((now - last.finished_at).total_seconds() // 60)
        found.append(f"no pass has ended for {ago:,} minutes: look whether `up` (or whatever runs passes) runs")
    if not last.ok:
        found.append(f"the last pass ended with an error ({last.error or 'not named'}): `usage-pipeline run` shows it")
    return found


def _of_source(source: SourceHealth) -> str:
    why = source.last_error or source.behind or "it was not read to its end lately"
    return f"source {source.source}: {why}"


def _disk(status: Status, warehouse_bytes: int | None) -> Disk:
    folder = home_dir().absolute()
    free = shutil.disk_usage(_existing(folder)).free
    if free < _LITTLE_ROOM:
        status.problems.append(f"only {free / 1e6:,.0f} MB are free at {folder}: make room")
    return Disk(str(folder), free, warehouse_bytes)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
