"""Dagster's storage in a PostgreSQL: runs are made once and copied, so that weeks of them cost seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg

from usage_pipeline.defs.old_runs import remove_old

KEPT_FOR = timedelta(days=2)
_MOMENTS = {"timestamp without time zone", "timestamp with time zone"}
_AGO = '"{}" - %(ago)s - (n - 1) * %(every)s::interval'


class Storage:
    """Dagster's storage in a PostgreSQL. A run is made once and copied, with other moments and days: that is quick."""

    def __init__(self, instance: dg.DagsterInstance, url: str) -> None:
        self.instance, self.url = instance, url

    def run(self, defs: dg.Definitions, job: str, tags: dict[str, str]) -> str:
        """A run that ended just now."""
        return defs.resolve_job_def(job).execute_in_process(instance=self.instance, tags=tags).run_id

    def copies(
        self, run_id: str, name: str, number: int = 1, *, ago: timedelta, every: timedelta = timedelta(), days: int = 0
    ) -> list[str]:
        """Runs like this one, the newest so long ago, over partitions so many days later; returns their ids, oldest
        first."""
        moved = {"partition": "(partition::date + %(days)s)::text"}
        with psycopg.connect(self.url, autocommit=True) as connection:
            for table in ("runs", "run_tags", "event_logs", "asset_check_executions"):
                columns = [
                    (f'"{column}"', _AGO.format(column) if kind in _MOMENTS else moved.get(column, f'"{column}"'))
                    for column, kind in connection.execute(
                        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
                        " AND column_name NOT IN ('id', 'run_id')", [table]).fetchall()
                ]  # fmt: skip
                into, of = (", ".join(part) for part in zip(*columns, strict=True))
                connection.execute(
                    f"INSERT INTO {table} (run_id, {into}) SELECT %(name)s || '-' || n, {of} FROM {table},"
                    " generate_series(1, %(number)s) AS n WHERE run_id = %(run)s ORDER BY n DESC, id".encode(),
                    {"run": run_id, "name": name, "number": number, "ago": ago, "every": every, "days": days},
                )
        return [f"{name}-{n}" for n in range(number, 0, -1)]

    def execute(self, query: str) -> None:
        """Changes something as nobody does."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(query.encode())

    def run_ids(self) -> set[str]:
        """The runs that are there."""
        with psycopg.connect(self.url) as connection:
            return {run_id for (run_id,) in connection.execute("SELECT run_id FROM runs").fetchall()}

    def grid(self) -> set[str]:
        """The partitions that count as materialized, asked for anew."""
        self.execute("UPDATE asset_keys SET cached_status_data = NULL")
        return set(self.instance.get_materialized_partitions(dg.AssetKey("daily_usage")))

    def count(self, table: str, where: str = "true") -> int:
        """How many rows a table of the storage has."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute(f"SELECT count(*) FROM {table} WHERE {where}".encode()).fetchone()
        assert found
        return int(found[0])

    def remove(self, *, days_ago: int = 0) -> int:
        """What the job does, or did so many days ago; returns how many runs went."""
        return remove_old(self.url, before=datetime.now(UTC) - timedelta(days=days_ago) - KEPT_FOR).runs


@contextmanager
def opened(url: str, home: Path) -> Iterator[Storage]:
    """An instance whose storage is that database."""
    home.mkdir(exist_ok=True)
    address = url.replace("postgresql://", "postgresql+psycopg2://")
    config = f"storage: {{postgres: {{postgres_url: '{address}'}}}}\ntelemetry: {{enabled: false}}\n"
    (home / "dagster.yaml").write_text(config, encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield Storage(instance, url)
