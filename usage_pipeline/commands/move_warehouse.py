"""`usage-pipeline move-warehouse`: the warehouse to another server, counted before and after."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from usage_pipeline.commands.output import for_people, say
from usage_pipeline.inputs import InputError
from usage_pipeline.settings.env_file import env_file
from usage_pipeline.settings.environment import MissingSecretError, config_path, variable
from usage_pipeline.ui.processes import LOCK
from usage_pipeline.ui.running import running_up
from usage_pipeline.warehouse.backup import restore_backup, write_backup
from usage_pipeline.warehouse.location import dagster_home, owner_url


@for_people
def move_warehouse(
    to_env: Annotated[
        str, typer.Option("--to-env", help="The NAME of the variable that holds the URL of an empty database.")
    ] = "NEW_WAREHOUSE_URL",
) -> None:
    """Copy the warehouse into an empty database of another server, counted before and after. The old one stays."""
    target = variable(to_env)
    if not target:
        raise MissingSecretError(
            f"the environment variable {to_env} is not set: export {to_env}='postgresql://user:password@host/warehouse'"
        )
    running = running_up(dagster_home() / LOCK)
    if running is not None:
        raise InputError(
            f"`up` runs (process {running.pid}) and would go on counting in the old warehouse; end it, then move"
        )
    source = owner_url()
    if source == target:
        raise InputError(f"{to_env} names the warehouse that is used already; name an empty database")
    with tempfile.TemporaryDirectory(prefix="usage-pipeline-move-") as folder:
        path = Path(folder) / "moved.backup"
        manifest = write_backup(source, config_path(), path)
        restore_backup(target, path, manifest)
    say(f"Moved: {int(manifest.sums['events']):,} events with {int(manifest.sums['tokens']):,} tokens, and the audit;")
    say(f"  rows of all {len(manifest.rows)} tables and the sums are equal on both sides.")
    place = env_file(config_path()) or "the environment"
    say(f"Now set WAREHOUSE_URL in {place} to what {to_env} says, before anything runs again.")
    say("  The old one stays as it is, and two that count apart would both notify. `grant-reader` makes logins anew.")
