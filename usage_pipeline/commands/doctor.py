"""`usage-pipeline doctor`: says what is wrong with an installation and what to do."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import typer

from usage_pipeline.commands.doctor_logs import look_at_log
from usage_pipeline.commands.output import EXIT_FAILED, AsJson, for_people, print_json, show_rows
from usage_pipeline.console.access import console_access
from usage_pipeline.console.apps import workspaces
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConsoleError
from usage_pipeline.settings import Settings, SettingsError, SourceSettings, load_settings
from usage_pipeline.settings.environment import MissingSecretError, config_path, home_dir
from usage_pipeline.settings.model import ConsoleSettings
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.dify import examine
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServerError
from usage_pipeline.warehouse.location import warehouse_url
from usage_pipeline.warehouse.schema import WarehouseError, migrate

_CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True)
class DoctorFinding:
    """One thing that was looked at."""

    checked: str
    state: str  # ok, warning, wrong
    says: str


@for_people
def doctor(as_json: AsJson = False) -> None:
    """Look at configuration, warehouse, every source and every secret; say what is wrong and what to do."""
    findings = list(_look())
    if as_json:
        print_json(findings)
    else:
        show_rows("Doctor", ("checked", "state", "says"), [(f.checked, f.state, f.says) for f in findings])
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(EXIT_FAILED)


def _look() -> Iterator[DoctorFinding]:
    settings = None
    try:
        settings = load_settings(config_path())
        yield DoctorFinding("configuration", "ok", f"{config_path()}: {len(settings.budgets)} budgets")
    except SettingsError as error:
        for problem in error.problems:
            yield DoctorFinding("configuration", "wrong", str(problem))
    yield _warehouse()
    if settings is None:
        return
    for source in settings.sources:
        if source.kind == "completion_logs":
            yield from (DoctorFinding(f"source {source.id}", *found) for found in look_at_log(source, settings))
        else:
            yield from _source(source)
    yield from _secrets(settings)


def _warehouse() -> DoctorFinding:
    try:
        url = warehouse_url()
        revision = migrate(url)
        with connected(url) as connection:
            version = connection.info.server_version // 10000
    except (psycopg.OperationalError, EmbeddedServerError, WarehouseError) as error:
        text = str(error).strip().splitlines()
        return DoctorFinding(
            "warehouse", "wrong", f"{text[-1] if text else error}; check WAREHOUSE_URL, or leave it out"
        )
    where = "WAREHOUSE_URL" if os.environ.get("WAREHOUSE_URL") else "embedded server"
    return DoctorFinding("warehouse", "ok", f"PostgreSQL {version}, {where}, schema {revision}")


def _source(source: SourceSettings) -> Iterator[DoctorFinding]:
    name = f"source {source.id}"
    if source.console is not None:
        yield from _console(name, source.console)
    if source.kind == "dify_api":
        return
    url = os.environ.get(source.url_env)
    if not url:
        yield DoctorFinding(name, "wrong", f"the variable {source.url_env} is not set: set it to Dify's database URL, "
                      "postgresql://reader:password@host:5432/dify")  # fmt: skip
        return
    try:
        found = examine(source, url)
    except SourceError as error:
        yield DoctorFinding(name, "wrong", str(error))
        return
    yield DoctorFinding(name, "ok", "a Dify database that can be read")
    if found.schema.missing:
        yield DoctorFinding(name, "warning", f"lacks {', '.join(found.schema.missing)}: counted without")
    if not found.schema.app_log_by_run:
        yield DoctorFinding(
            name, "warning", "workflow_app_logs has no index on workflow_run_id: callers are attributed by user"
        )
    if found.unindexed:
        named = ", ".join(found.unindexed)
        yield DoctorFinding(
            name,
            "warning",
            f"no index on created_at of {named}: each pass reads the table whole; "
            "upgrade Dify, or read from a replica and raise schedule.every_minutes",
        )
    if found.writable:
        named = ", ".join(found.writable[:3]) + (" …" if len(found.writable) > 3 else "")
        yield DoctorFinding(name, "wrong", f"the role may write to {named}: "
                      "use a role with SELECT only (README, 'Connect a real Dify'); we never write, but "
                      "a password that can is worth stealing")  # fmt: skip
    if found.zone:
        yield DoctorFinding(name, "ok", f"times that the database makes by itself are read as {found.zone}")
    yield _clock(name, found.clock)


def _console(name: str, settings: ConsoleSettings) -> Iterator[DoctorFinding]:
    name = f"{name}, console"
    try:
        console = Console(console_access(settings, name), refusals=home_dir() / "console_refusals")
        found = ", ".join(workspace.name for workspace in workspaces(console))
        console.close()
    except (ConsoleError, MissingSecretError, ValueError) as error:
        yield DoctorFinding(name, "wrong", str(error))
        return
    yield DoctorFinding(
        name, "ok" if found else "wrong", f"shows the workspaces {found or 'none: make the account a member'}"
    )
    if settings.admin_key_env:
        yield DoctorFinding(
            name,
            "warning",
            "is entered with the admin key, which may do everything in every workspace: "
            "an account with the role that is needed is safer",
        )
    if abs(datetime.now(UTC) - console.server_time) > _CLOCKS_APART:
        yield DoctorFinding(name, "warning", "its clock is minutes apart from ours: synchronise both")


def _clock(name: str, there: datetime) -> DoctorFinding:
    apart = abs(datetime.now(UTC) - there)
    if apart > _CLOCKS_APART:
        return DoctorFinding(name, "warning", f"its clock is {apart} apart from ours: synchronise both")
    return DoctorFinding(name, "ok", "clocks agree")


def _secrets(settings: Settings) -> Iterator[DoctorFinding]:
    for name, recipient in settings.recipients.items():
        variables = [str(v) for k, v in recipient.model_dump().items() if k.endswith("_env") and v]
        for variable in variables:
            if not os.environ.get(variable):
                yield DoctorFinding(
                    f"recipient {name}", "warning", f"the variable {variable} is not set: its alerts will wait"
                )
