"""`usage-pipeline grant-reader`: a PostgreSQL login that sees one tenant's rows, for Grafana and for SQL."""

from typing import Annotated

import typer

from usage_pipeline.commands.context import open_as_owner
from usage_pipeline.commands.output import AsJson, for_people, print_json, say
from usage_pipeline.reports.readers import Reader, grant_reader, revoke_reader
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.warehouse.connection import Connection


@for_people
def grant(
    tenant: Annotated[str, typer.Option(help="The tenant's name or id.")],
    source: Annotated[str | None, typer.Option(help="Its source, where several know a tenant of that name.")] = None,
    new_password: Annotated[bool, typer.Option("--new-password", help="Set another password.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Remove the login instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a read-only PostgreSQL login that sees this tenant's rows only. The password is shown once, kept nowhere."""
    with open_as_owner() as connection:
        found = find_tenant(connection, tenant, source)
        if revoke:
            _show_removed(found.name, revoke_reader(connection, found), as_json)
        else:
            reader = grant_reader(connection, found, new_password=new_password)
            _show_granted(reader, connection.info.dbname, _host(connection), as_json)


def _show_removed(name: str, removed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"tenant": name, "removed": removed})
    else:
        say(f"{name} has no login any more" if removed else f"{name} had no login")


def _host(connection: Connection) -> str | None:
    """Where the login is used from; None for a server that nobody but its own account reaches."""
    host = connection.info.host
    return None if host.startswith("/") else f"{host}:{connection.info.port}"


def _show_granted(reader: Reader, database: str, host: str | None, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "role": reader.role,
                "password": reader.password,
                "database": database,
                "host": host,
                "tenant": reader.tenant.name,
                "tables": reader.tables,
            }
        )
        return
    say(f"role      {reader.role}")
    say(f"password  {reader.password or '(unchanged; --new-password sets another)'}")
    say(f"database  {database}")
    say(f"server    {host or 'reached by no network; `usage-pipeline move-warehouse` to one that Grafana can reach'}")
    say(f"sees      the rows of {reader.tenant.name} in {len(reader.tables)} tables of schema usage")
