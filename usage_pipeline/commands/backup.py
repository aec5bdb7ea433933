"""`usage-pipeline backup` and `restore`: the warehouse and the configuration, into a file and out of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from usage_pipeline.commands.output import for_people, say
from usage_pipeline.inputs import InputError
from usage_pipeline.settings.environment import config_path
from usage_pipeline.warehouse.backup import configuration_of, read_manifest, restore_backup, write_backup
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.location import owner_url
from usage_pipeline.warehouse.restored import hold


@for_people
def backup(
    target: Annotated[
        Path | None, typer.Argument(help="The file to write; left out: a name with the time, here.")
    ] = None,
) -> None:
    """Write the warehouse and the configuration into one file, as of one moment, while everything goes on."""
    path = target or Path(f"usage-pipeline-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup")
    if path.exists():
        raise InputError(f"there is {path} already; give `backup` another name")
    manifest = write_backup(owner_url(), config_path(), path)
    say(f"Written: {path}, {path.stat().st_size / 1e6:,.1f} MB, schema {manifest.schema}; only you can read it.")
    say(f"  {int(manifest.sums['events']):,} events with {int(manifest.sums['tokens']):,} tokens, and the audit")
    say("Not in it: .env and other secrets, and what Dagster shows of runs. Keep the secrets where secrets are kept.")


@for_people
def restore(source: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")]) -> None:
    """Put a backup into an empty warehouse. Nothing is sent or done at Dify until `restored --accept`."""
    manifest = read_manifest(source)
    url = owner_url()
    restore_backup(url, source, manifest)
    with connected(url) as connection:
        hold(connection)
    say(f"Restored: the warehouse as of {manifest.made_at}, rows and sums are those of the backup.")
    _restore_configuration(source)
    if manifest.roles:
        say(f"Roles without a login: {', '.join(manifest.roles)}; `grant-reader` gives readers new passwords.")
    say("It reads, counts and evaluates what came since. Nothing is sent or done at Dify before you say so, for people")
    say("may know it already: `usage-pipeline restored` shows what waits, `restored --accept` goes on.")


def _restore_configuration(source: Path) -> None:
    path, text = config_path(), configuration_of(source)
    if text is None:
        return
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        say(f"  {path} is the backup's configuration.")
    elif path.read_text(encoding="utf-8-sig") != text:
        say(f"  {path} is another configuration than the backup's, and stays; `tar -xOf {source} usage_pipeline.yaml`")
        say("  shows the backup's.")
