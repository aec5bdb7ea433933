"""The pass comes evenly, whatever number of minutes lies between two, or every few seconds by the fast setting."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from usage_pipeline.defs.ingest import is_due
from usage_pipeline.run_tags import Work
from usage_pipeline.settings import SettingsError, parse_settings
from usage_pipeline.settings.environment import project_dir

START = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("every", [1, 2, 7, 15, 45, 59, 60, 90, 1440])
def test_passes_are_evenly_apart(every: int) -> None:
    minutes = [START + timedelta(minutes=minute) for minute in range(4 * 1440)]
    due = [at for at in minutes if is_due(at, every)]
    assert {later - sooner for sooner, later in pairwise(due)} == {timedelta(minutes=every)}


LOADED = """
import json
from usage_pipeline.definitions import defs
repository = defs.get_repository_def()
print(json.dumps({
    "schedules": [each.name for each in repository.schedule_defs],
    "sensors": {each.name: each.minimum_interval_seconds for each in repository.sensor_defs},
}))
"""


def fast_setting(page: str) -> str:
    """The fast setting, as a page of the documents says it."""
    text = (project_dir() / "docs" / page).read_text(encoding="utf-8")
    (found,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.S) if "schedule: {every_seconds" in block]
    return str(found)


def loaded(folder: Path, more: str) -> dict[str, Any]:
    """What the daemon does by itself under a configuration with these lines."""
    (folder / "c.yaml").write_text(f"version: 1\n{more}", encoding="utf-8")
    ours = {"USAGE_PIPELINE_CONFIG": str(folder / "c.yaml"), "USAGE_PIPELINE_HOME": str(folder)}
    done = subprocess.run([sys.executable, "-c", LOADED], env={**os.environ, **ours}, capture_output=True, text=True,
                          check=True, timeout=120)  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_fast_setting_of_the_documents_asks_by_a_sensor_instead_of_the_schedule(tmp_path: Path) -> None:
    fast = fast_setting("operations.md")
    assert yaml.safe_load(fast) == yaml.safe_load(fast_setting("zh/operations.md"))
    usual, often = loaded(tmp_path, ""), loaded(tmp_path, fast)
    assert "usage_pass_schedule" in usual["schedules"]
    assert "usage_pass_often" not in usual["sensors"]
    assert "usage_pass_schedule" not in often["schedules"]
    assert often["sensors"]["usage_pass_often"] == yaml.safe_load(fast)["schedule"]["every_seconds"]
    # Whoever waits for what a pass has raised waits no longer than for the pass itself.
    assert often["sensors"]["alerts_due"] <= often["sensors"]["usage_pass_often"]


def test_a_pass_is_asked_for_unless_one_is_under_way() -> None:
    from usage_pipeline.defs.ingest import usage_pass_often  # noqa: PLC0415  (reads the configuration when loaded)

    job = dg.GraphDefinition(name="usage_pass", node_defs=[]).to_job()
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance) as context:
        asked = usage_pass_often(context)
        assert isinstance(asked, dg.RunRequest)
        assert asked.tags.items() >= Work.PASS.tags.items()
        instance.create_run_for_job(job, tags=asked.tags, status=dg.DagsterRunStatus.STARTED)
        assert isinstance(usage_pass_often(context), dg.SkipReason)


def test_seconds_and_minutes_are_not_both_said() -> None:
    with pytest.raises(SettingsError, match="leave one of them out"):
        parse_settings("version: 1\nschedule: {every_minutes: 5, every_seconds: 10}\n", "c.yaml")
    assert parse_settings("version: 1\nschedule: {every_seconds: 10}\n", "c.yaml").schedule.every_seconds == 10
