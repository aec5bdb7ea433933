"""What the code location defines under the example configuration, as a file that a person can read and compare.

    python -m usage_pipeline_tests.support.definitions_snapshot --write    # after a change that is meant

Run as a program of its own: definitions are fixed by the configuration that is there when they are loaded.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from usage_pipeline_tests.support.company import EXAMPLE

SNAPSHOT = Path(__file__).resolve().parents[1] / "defs" / "definitions.json"


def snapshot() -> str:
    """The names of all definitions and what ties them together, as JSON."""
    import dagster as dg  # noqa: PLC0415  (loads the code location)

    from usage_pipeline.definitions import defs  # noqa: PLC0415

    specs = sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string())
    repository = defs.get_repository_def()
    graph = defs.resolve_asset_graph()
    checks = sorted((key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys)
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    found = {
        "assets": {
            spec.key.to_user_string(): {
                "group": spec.group_name,
                "deps": _named(dep.asset_key.to_user_string() for dep in spec.deps),
                "partitioned": isinstance(graph.get(spec.key).partitions_def, dg.DailyPartitionsDefinition),
                "owners": _named(spec.owners),
                "kinds": _named(spec.kinds),
                "fresh": str(spec.freshness_policy.fail_window.to_timedelta())  # type: ignore[union-attr]
                if spec.freshness_policy
                else None,
                "checks": _named(name for asset, name in checks if asset == spec.key.to_user_string()),
            }
            for spec in specs
        },
        "jobs": {
            job.name: {
                "work": job.tags["usage_pipeline/work"],
                "does": _named(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
                or _named(node.name for node in job.graph.nodes),
            }
            for job in sorted(jobs, key=lambda job: job.name)
        },
        "schedules": {
            schedule.name: f"{schedule.cron_schedule} {schedule.execution_timezone or 'UTC'}: {schedule.job_name}"
            for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name)
        },
        "sensors": {
            sensor.name: f"each {sensor.minimum_interval_seconds} s: {sensor.job_name if sensor.targets else 'no run'}"
            for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)
        },
        "running": all(
            each.default_status.value == "RUNNING" for each in (*repository.schedule_defs, *repository.sensor_defs)
        ),
    }
    return json.dumps(found, indent=2) + "\n"


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


if __name__ == "__main__":
    os.environ["USAGE_PIPELINE_CONFIG"] = str(EXAMPLE)
    if "--write" in sys.argv:
        SNAPSHOT.write_text(snapshot(), encoding="utf-8")
    else:
        sys.stdout.write(snapshot())
