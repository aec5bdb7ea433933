"""`usage-pipeline doctor`: says what is wrong with an installation and what to do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from usage_pipeline.budgets.names import names_of
from usage_pipeline.commands.bundle import write_bundle
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.doctor_actions import look_at_actions
from usage_pipeline.commands.doctor_finding import DoctorFinding, show_findings
from usage_pipeline.commands.doctor_place import look_at_place, look_for_sample
from usage_pipeline.commands.doctor_recipients import look_at_recipients, send_to_recipients
from usage_pipeline.commands.doctor_web import look_at_web
from usage_pipeline.commands.output import AsJson, complain, for_people
from usage_pipeline.configuration import active_configuration
from usage_pipeline.console.access import console_access
from usage_pipeline.console.apps import workspaces
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConsoleError
from usage_pipeline.settings import Settings, SettingsError, load_settings
from usage_pipeline.settings.environment import MissingSecretError, config_path, home_dir, variable
from usage_pipeline.settings.sources import ConsoleSettings
from usage_pipeline.sources.registry import examine
from usage_pipeline.warehouse.audit_chain import links, verify
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServerError
from usage_pipeline.warehouse.location import warehouse_url
from usage_pipeline.warehouse.reader_limits import open_to_public
from usage_pipeline.warehouse.refusals import recent_refusals
from usage_pipeline.warehouse.restored import look
from usage_pipeline.warehouse.schema import WarehouseError, migrate
from usage_pipeline.warehouse.writer import owns_tables

_CLOCKS_APART = timedelta(minutes=5)


@for_people
def doctor(
    as_json: AsJson = False,
    send: Annotated[
        bool, typer.Option("--send", help="Send every recipient a marked test, and show the answer.")
    ] = False,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Write what somebody who helps wants to see into this file (zip).")
    ] = None,
) -> None:
    """Look at configuration, warehouse, every source and recipient; say what is wrong and what to do."""
    findings = list(_look(send=send))
    if bundle is not None:
        names = write_bundle(bundle, findings)
        complain(f"{bundle} holds {', '.join(names)}, and no secret that is known; look into it before you send it")
    show_findings(findings, as_json=as_json)


def _look(*, send: bool) -> Iterator[DoctorFinding]:
    settings = None
    try:
        settings = load_settings(config_path())
        yield DoctorFinding("configuration", "ok", f"{config_path()}: {len(settings.budgets)} budgets")
        yield from look_for_sample(settings)
    except SettingsError as error:
        for problem in error.problems:
            yield DoctorFinding("configuration", "wrong", str(problem))
    yield from look_at_place()
    warehouse = _warehouse()
    yield warehouse
    if settings is None:
        return
    if warehouse.state == "ok":
        yield from _writer()
        yield from _waiting_file()
        yield from _restored()
        yield from _readers()
        yield _audit()
        yield from _refused()
        yield from _names(settings)
    for source in settings.sources:
        name = f"source {source.id}"
        if source.console is not None:
            yield from _console(name, source.console)
        yield from (DoctorFinding(name, found.state, found.says) for found in examine(source, settings))
    yield from look_at_actions(settings, reads=warehouse.state == "ok")
    yield from look_at_web(settings)
    yield from look_at_recipients(settings)
    if send and warehouse.state == "ok":
        with open_context() as (connection, configuration):
            yield from send_to_recipients(connection, configuration, settings.recipients)


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
    where = "WAREHOUSE_URL" if variable("WAREHOUSE_URL") else "embedded server"
    return DoctorFinding("warehouse", "ok", f"PostgreSQL {version}, {where}, schema {revision}")


def _waiting_file() -> Iterator[DoctorFinding]:
    with connected(warehouse_url()) as connection:
        waiting = active_configuration(connection, config_path()).waiting
    if waiting is not None:
        yield DoctorFinding("configuration", "warning", str(waiting))


def _writer() -> Iterator[DoctorFinding]:
    if not variable("WAREHOUSE_URL"):
        return
    with connected(warehouse_url()) as connection:
        owns = owns_tables(connection)
    if owns:
        yield DoctorFinding(
            "warehouse's role",
            "warning",
            "it owns the tables, so whoever has it can switch the guards of the audit off: let a role that owns nothing"
            " run the passes, and name the owner in WAREHOUSE_OWNER_URL (docs/operations.md)",
        )


def _restored() -> Iterator[DoctorFinding]:
    with connected(warehouse_url()) as connection:
        restored = look(connection)
    if restored is not None:
        yield DoctorFinding("restored backup", "wrong", str(restored))


def _readers() -> Iterator[DoctorFinding]:
    with connected(warehouse_url()) as connection:
        readers = connection.execute("SELECT FROM usage.reader LIMIT 1").fetchone()
        can = open_to_public(connection) if readers is not None else []
    if can:
        yield DoctorFinding(
            "readers",
            "warning",
            f"logins of tenants can {', '.join(can)}: run grant-reader once as a superuser of the warehouse's database"
            " (their sessions are ended when they hold a lock or take too long)",
        )


def _audit() -> DoctorFinding:
    with connected(warehouse_url()) as connection:
        misfit, length = verify(connection), links(connection)
    if misfit is None:
        return DoctorFinding("audit", "ok", f"all {length:,} links of its chain fit, and each row is as it was sealed")
    return DoctorFinding(
        "audit",
        "wrong",
        f"{misfit}: somebody changed the history past its guards; hold it against a backup (docs/operations.md)",
    )


def _refused() -> Iterator[DoctorFinding]:
    if variable("WAREHOUSE_URL"):
        return  # the log of such a server is its administrator's
    says = recent_refusals(home_dir(), datetime.now(UTC))
    if says is not None:
        yield DoctorFinding(
            "refusals",
            "warning",
            f"{says}; all of them stand in {home_dir() / 'postgres' / 'log'} (docs/operations.md)",
        )


def _names(settings: Settings) -> Iterator[DoctorFinding]:
    with connected(warehouse_url()) as connection:
        for name in names_of(connection, settings.budgets).ambiguous:
            yield DoctorFinding(f"budget {name.budget_id}", "wrong", str(name))


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
