"""The command and the Dagster asset say what reconciliation found, and end accordingly."""

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.reconciliation.reconcile import reconcile
from usage_pipeline.sources import registry
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.reconciliation.conftest import Reconciled
from usage_pipeline_tests.support.company import PROJECT
from usage_pipeline_tests.support.typed import typed


def command(reconciled: Reconciled, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a person or a cron job runs it."""
    environment = {
        **os.environ,
        "DIFY_DATABASE_URL": reconciled.company.dify_url,
        "WAREHOUSE_URL": reconciled.company.warehouse_url,
        "USAGE_PIPELINE_CONFIG": str(reconciled.company.config),
    }
    return typed("reconcile", *words, environment=environment, folder=PROJECT)


def span(reconciled: Reconciled) -> tuple[str, str, str, str]:
    """The options for every day."""
    with connected(reconciled.company.warehouse_url) as connection:
        days = reconciled.days(connection)
    return "--from", str(days[0]), "--to", str(days[-1])


def test_it_exits_1_and_names_the_row_and_once_healed_0(reconciled: Reconciled) -> None:
    unit = reconciled.an_old("message:")
    with connected(reconciled.company.warehouse_url) as connection:
        connection.execute("UPDATE usage.usage_event SET total_tokens = total_tokens + 5 WHERE event_id = %s",
                           [unit.event_id])  # fmt: skip
    first = command(reconciled, *span(reconciled))
    assert first.returncode == 1, first.stderr
    assert unit.event_id in first.stderr
    assert "healed" in first.stdout
    second = command(reconciled, *span(reconciled), "--json")
    assert second.returncode == 0, second.stderr
    document = json.loads(second.stdout)
    assert document["green"] is True
    assert {day["state"] for day in document["days"]} == {"green"}
    assert all(day["unexplained_tokens"] == 0 for day in document["days"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "2026-11-02", "--to", "2026-11-01"), "lies before"),
        (("--from", "2999-01-01", "--to", "2999-01-02"), "in the future"),
        (("--from", "2026-11-01", "--to", "2026-11-02", "--source", "nobody"), "'nobody'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(reconciled: Reconciled, words: tuple[str, ...], says: str) -> None:
    done = command(reconciled, *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_check_is_red_with_the_row_and_green_once_it_fits(
    reconciled: Reconciled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", reconciled.company.warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(reconciled.company.config))
    from usage_pipeline.defs.reconciliation import days_fit, reconciliation  # noqa: PLC0415  (reads the warehouse)

    unit = reconciled.an_old("node:")
    day = reconciled.day_of(unit).isoformat()
    with connected(reconciled.company.warehouse_url) as connection:
        connection.execute("UPDATE usage.usage_event SET total_tokens = total_tokens + 5 WHERE event_id = %s",
                           [unit.event_id])  # fmt: skip
    for passed in (False, True):
        done = dg.materialize([reconciliation], partition_key=day, resources={"warehouse": Warehouse()})
        assert done.success
        result = days_fit(warehouse=Warehouse())
        assert isinstance(result, dg.AssetCheckResult)
        assert result.passed is passed
        assert (unit.event_id in str(result.metadata["rows"].value)) is not passed


def test_a_source_without_sums_of_its_own_is_said_not_green(
    reconciled: Reconciled, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bare:
        """A source that can be read and no more."""

        def __init__(self, inner: DifyPostgres) -> None:
            self.source_id, self.clock, self.close = inner.source_id, inner.clock, inner.close

    opened = registry.open_source

    monkeypatch.setattr(
        "usage_pipeline.reconciliation.reconcile.open_source",
        lambda source, settings: Bare(opened(source, settings)),  # type: ignore[arg-type]
    )
    results = reconciled.run()
    assert {result.state for result in results} == {"not_compared"}
    assert "cannot be reconciled" in results[0].says


def test_a_source_that_cannot_be_reached_is_said_not_green(
    reconciled: Reconciled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFY_DATABASE_URL", "postgresql://reader:secret@127.0.0.1:1/dify")
    with connected(reconciled.company.warehouse_url) as connection:
        settings = reconciled.settings(connection)
        results = reconcile(connection, settings, [settings.today() - timedelta(days=1)])
    assert [(result.state, result.failed) for result in results] == [("not_compared", True)]
    assert "secret" not in results[0].says


def test_no_text_and_no_secret_is_kept(reconciled: Reconciled, tmp_path: Path) -> None:
    reconciled.run()
    with connected(reconciled.company.warehouse_url) as connection:
        text = str(connection.execute("SELECT r::text FROM usage.reconciliation r").fetchall())
    assert not [canary for canary in reconciled.company.history.canaries if canary in text]
