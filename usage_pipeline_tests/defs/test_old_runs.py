"""Old runs go from Dagster's storage, and nothing is forgotten with them: partitions, checks, what people launched."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from usage_pipeline.defs import old_runs
from usage_pipeline.run_tags import Work, range_tags
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.dagster_storage import Storage, opened

DAYS = dg.DailyPartitionsDefinition(start_date="2026-11-01", end_date="2026-11-12")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def daily_usage(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """A row a day."""
    context.log.info("rolled up")
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


@dg.asset
def usage_events() -> dg.MaterializeResult[None]:
    """All rows."""
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


@dg.asset_check(asset=usage_events)
def fresh() -> dg.AssetCheckResult:
    """Always."""
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=daily_usage)
def adds_up() -> dg.AssetCheckResult:
    """Always."""
    return dg.AssetCheckResult(passed=True)


@dg.op
def nothing() -> None:
    """A run that makes no asset."""


empty = dg.GraphDefinition(name="empty", node_defs=[nothing]).to_job()
DEFINITIONS = dg.Definitions(assets=[daily_usage, usage_events], asset_checks=[fresh, adds_up], jobs=[empty],
                             executor=dg.in_process_executor)  # fmt: skip


@dataclass
class Pattern:
    """A storage with a pass over the first two days of November and a run without assets, to be copied."""

    url: str
    a_pass: str
    a_run: str


@pytest.fixture(scope="module")
def pattern(module_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Pattern:
    """Made once: a run costs a second."""
    url = module_database()
    with opened(url, tmp_path_factory.mktemp("pattern")) as storage:
        tags = {**Work.PASS.tags, **range_tags(date(2026, 11, 1), date(2026, 11, 2))}
        a_pass = storage.run(DEFINITIONS, "__ASSET_JOB", tags)
        return Pattern(url, a_pass, storage.run(DEFINITIONS, "empty", Work.DELIVERY.tags))


@pytest.fixture
def storage(postgres: EmbeddedServer, pattern: Pattern, tmp_path: Path) -> Iterator[Storage]:
    """A copy of it, whose own two runs are young."""
    name = str(conninfo_to_dict(pattern.url)["dbname"])
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        copy = f"{name}_copy"
        connection.execute(f"CREATE DATABASE {copy} TEMPLATE {name}".encode())
        with opened(postgres.url(copy), tmp_path) as storage:
            yield storage
        connection.execute(f"DROP DATABASE {copy} WITH (FORCE)".encode())


def old_passes(storage: Storage, pattern: Pattern) -> dict[int, list[str]]:
    """Three passes a day of four days, the last of which ended three days ago."""
    return {day: storage.copies(pattern.a_pass, f"pass-{day}", 3, ago=timedelta(days=12 - day),
                                every=timedelta(minutes=1), days=day - 2)
            for day in (6, 7, 8, 9)}  # fmt: skip


def test_each_partition_and_check_stays_as_it_was_and_the_rest_goes(storage: Storage, pattern: Pattern) -> None:
    runs = old_passes(storage, pattern)
    before = storage.grid()
    assert before == {f"2026-11-{day:02}" for day in (1, 2, 5, 6, 7, 8, 9)}
    assert storage.remove() == 8
    assert storage.grid() == before
    # A day's last pass holds what the day before was found to be at last.
    assert storage.run_ids() == {pattern.a_pass, pattern.a_run, *(ids[-1] for ids in runs.values())}
    newest = storage.instance.fetch_materializations(dg.AssetKey("usage_events"), limit=1).records
    assert storage.count("event_logs", f"id = {newest[0].storage_id} AND run_id = '{runs[9][-1]}'") == 1
    for asset, check in (("usage_events", "fresh"), ("daily_usage", "adds_up")):
        kept = f"asset_key = '[\"{asset}\"]' AND check_name = '{check}' AND run_id = '{runs[9][-1]}'"
        assert storage.count("asset_check_executions", kept) == 1
    assert storage.count("asset_check_executions", "run_id NOT IN (SELECT run_id FROM runs)") == 0
    assert storage.count("event_logs", "run_id <> '' AND run_id NOT IN (SELECT run_id FROM runs)") == 0
    assert storage.count("asset_event_tags", "event_id NOT IN (SELECT id FROM event_logs)") == 0
    assert storage.remove() == 0


def test_what_is_kept_holds_up_nothing_behind_it(
    storage: Storage, pattern: Pattern, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_runs, "_RUNS_AT_ONCE", 5)
    storage.copies(pattern.a_run, "backfill", 12, ago=timedelta(days=9))
    storage.copies(pattern.a_run, "report", 12, ago=timedelta(days=9))
    storage.execute("UPDATE run_tags SET value = 'daily_report' WHERE run_id LIKE 'report-%'")
    storage.execute("INSERT INTO run_tags (run_id, key, value) SELECT run_id, 'dagster/backfill', 'b' FROM runs"
                    " WHERE run_id LIKE 'backfill-%'")  # fmt: skip
    storage.copies(pattern.a_run, "late", 505, ago=timedelta(days=8))
    storage.execute("UPDATE run_tags SET value = 'late_days' WHERE run_id LIKE 'late-%'")
    storage.copies(pattern.a_run, "old", 20, ago=timedelta(days=3))
    storage.copies(pattern.a_run, "young", ago=timedelta(hours=47))
    assert storage.remove() == 525
    left = sorted(run_id.partition("-")[0] for run_id in storage.run_ids() - {pattern.a_pass, pattern.a_run})
    assert left == ["backfill"] * 12 + ["report"] * 12 + ["young"]


def test_a_run_that_has_not_ended_stays(storage: Storage, pattern: Pattern) -> None:
    storage.copies(pattern.a_run, "under_way", ago=timedelta(days=9))
    storage.execute("UPDATE runs SET status = 'STARTED' WHERE run_id = 'under_way-1'")
    assert storage.remove() == 0


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_killed_in_mid_run_the_next_one_goes_on_and_the_grid_is_whole(
    storage: Storage, pattern: Pattern, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    runs = old_passes(storage, pattern)
    before, number = storage.grid(), len(storage.run_ids())
    monkeypatch.setattr(old_runs, "_RUNS_AT_ONCE", 3)
    left, remove = iter(range(batches)), old_runs._remove_batch

    def killed(connection: psycopg.Connection[tuple[object, ...]], moment: datetime) -> int:
        if next(left, None) is None:
            with connection.transaction():
                assert remove(connection, moment)
                raise KeyboardInterrupt
        return remove(connection, moment)

    with monkeypatch.context() as patched:
        patched.setattr(old_runs, "_remove_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            storage.remove()
    assert len(storage.run_ids()) == number - 3 * batches
    assert storage.grid() == before
    storage.remove()
    assert storage.grid() == before
    assert storage.run_ids() == {pattern.a_pass, pattern.a_run, *(ids[-1] for ids in runs.values())}


def test_what_lies_beside_runs_goes_when_there_is_a_newer_one(storage: Storage, pattern: Pattern) -> None:
    for day in ("2026-11-03", "2026-11-04"):
        for _ in range(3):
            storage.instance.report_runless_asset_event(dg.AssetMaterialization("daily_usage", partition=day))
    for days_ago in (4, 3):
        storage.copies(pattern.a_pass, f"pass-{days_ago}", ago=timedelta(days=days_ago))
    storage.instance.delete_run("pass-4-1")  # as people do in the UI; it leaves what its checks found
    storage.execute("UPDATE event_logs SET timestamp = timestamp - interval '3 days' WHERE run_id = ''")
    storage.execute(
        "INSERT INTO job_ticks (selector_id, status, timestamp)"
        " SELECT id, 'SUCCESS', (now() AT TIME ZONE 'UTC') - days * interval '1 day'"
        " FROM (SELECT 's', generate_series(9, 0, -1) UNION ALL VALUES ('stopped', 30)) AS tick (id, days)"
    )
    before = storage.grid()
    assert {"2026-11-03", "2026-11-04"} < before
    storage.remove()
    assert storage.grid() == before
    assert storage.count("event_logs", "run_id = ''") == 2
    assert storage.count("asset_check_executions", "run_id NOT IN (SELECT run_id FROM runs)") == 0
    assert storage.count("job_ticks", "selector_id = 's'") == 2
    assert storage.count("job_ticks", "selector_id = 'stopped'") == 1, "how a schedule stands is kept"


def test_a_longer_history_of_passes_does_not_make_the_storage_larger(storage: Storage, pattern: Pattern) -> None:
    """A pass an hour stands for one a minute: what stays is two days of them, and a run a day for the grid."""
    rows: list[int] = []
    of_a_run = storage.count("event_logs", f"run_id = '{pattern.a_pass}'")
    for day in range(3, 13):
        ago = 12 - day
        storage.copies(
            pattern.a_pass, f"day-{day}", 24, ago=timedelta(days=ago), every=timedelta(hours=1), days=day - 2
        )
        storage.remove(days_ago=ago)
        rows.append(storage.count("event_logs"))
    grown = [later - sooner for sooner, later in pairwise(rows)]
    assert rows[2] > 48 * of_a_run, "two days of passes are there"
    assert len(set(grown[2:])) == 1, "from the third day on, each adds as much"
    # Of the run a day that stays for the grid: when it began and ended, and what its partitions were found to be.
    assert grown[-1] <= 8 < of_a_run / 3
    assert storage.grid() == {f"2026-11-{day:02}" for day in range(1, 13)}


def test_what_people_launched_keeps_its_log(storage: Storage, pattern: Pattern) -> None:
    storage.copies(pattern.a_pass, "launched", ago=timedelta(days=9))
    storage.execute("DELETE FROM run_tags WHERE run_id = 'launched-1' AND key = 'usage_pipeline/work'")
    log = storage.count("event_logs", "run_id = 'launched-1'")
    storage.copies(pattern.a_pass, "pass", ago=timedelta(days=8), days=4)
    storage.remove()
    assert storage.count("event_logs", "run_id = 'launched-1'") == log
    assert 0 < storage.count("event_logs", "run_id = 'pass-1'") < log / 3
