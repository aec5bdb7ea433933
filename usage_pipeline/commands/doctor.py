"""`usage-pipeline doctor`: says what is wrong with an installation and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import typer

from usage_pipeline.budgets.names import names_of
from usage_pipeline.commands.output import EXIT_FAILED, AsJson, for_people, print_json, show_rows
from usage_pipeline.console.access import console_access
from usage_pipeline.console.apps import workspaces
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConsoleError
from usage_pipeline.settings import Settings, SettingsError, load_settings
from usage_pipeline.settings.environment import MissingSecretError, config_path, home_dir, is_untidy, variable
from usage_pipeline.settings.sources import ConsoleSettings
from usage_pipeline.sources.registry import examine
from usage_pipeline.warehouse.audit_chain import links, verify
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServerError
from usage_pipeline.warehouse.location import warehouse_url
from usage_pipeline.warehouse.reader_limits import open_to_public
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
    warehouse = _warehouse()
    yield warehouse
    if settings is None:
        return
    if warehouse.state == "ok":
        yield from _readers()
        yield _audit()
        yield from _names(settings)
    for source in settings.sources:
        name = f"source {source.id}"
        if source.console is not None:
            yield from _console(name, source.console)
        yield from (DoctorFinding(name, found.state, found.says) for found in examine(source, settings))
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
    where = "WAREHOUSE_URL" if variable("WAREHOUSE_URL") else "embedded server"
    return DoctorFinding("warehouse", "ok", f"PostgreSQL {version}, {where}, schema {revision}")


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


def _secrets(settings: Settings) -> Iterator[DoctorFinding]:
    for name, recipient in settings.recipients.items():
        for wanted in (str(v) for k, v in recipient.model_dump().items() if k.endswith("_env") and v):
            yield from _variable(f"recipient {name}", wanted)


def _variable(name: str, wanted: str) -> Iterator[DoctorFinding]:
    try:
        found = variable(wanted)
    except MissingSecretError as error:
        yield DoctorFinding(name, "wrong", str(error))
        return
    if not found:
        yield DoctorFinding(name, "warning", f"the variable {wanted} is not set: its alerts will wait")
    elif is_untidy(wanted):
        yield DoctorFinding(name, "ok", f"{wanted} has blanks or a line break at its end, which are left off")
