"""`usage-pipeline grant-reader`: a PostgreSQL login that sees one tenant's rows, for Grafana and for SQL."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import quote

import typer

from usage_pipeline.commands.context import open_as_owner
from usage_pipeline.commands.output import AsJson, for_people, print_json, say
from usage_pipeline.reports.readers import Reader, grant_reader, revoke_reader
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.settings.environment import variable
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.location import port_for_readers
from usage_pipeline.warehouse.rows import value

_NO_NETWORK = (
    "reached by no network; `embedded: {port: 5433}` in the configuration opens a port for readers, or"
    " `usage-pipeline move-warehouse` to a server that Grafana can reach"
)


@dataclass(frozen=True)
class _Door:
    """Where a login is used from, as host:port, or why from nowhere."""

    address: str | None
    otherwise: str = ""


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
            _show_granted(reader, connection.info.dbname, _door(connection), as_json)


def _show_removed(name: str, removed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"tenant": name, "removed": removed})
    else:
        say(f"{name} has no login any more" if removed else f"{name} had no login")


def _door(connection: Connection) -> _Door:
    host = connection.info.host
    if not host.startswith("/"):
        return _Door(f"{host}:{connection.info.port}")
    wanted = None if variable("WAREHOUSE_URL") else port_for_readers()
    if wanted is None:
        return _Door(None, _NO_NETWORK)
    if (value(connection, str, "SHOW listen_addresses"), connection.info.port) != (wanted.listen, wanted.port):
        return _Door(
            None, f"not yet: it listens on {wanted} from its next start on (`usage-pipeline down` ends this one)"
        )
    anywhere = ip_address(wanted.listen).is_unspecified
    return _Door(f"{socket.getfqdn()}:{wanted.port}" if anywhere else str(wanted))


def _show_granted(reader: Reader, database: str, door: _Door, as_json: bool) -> None:
    url = None
    if door.address:
        password = quote(reader.password, safe="") if reader.password else "PASSWORD"
        url = f"postgresql://{quote(reader.role, safe='')}:{password}@{door.address}/{quote(database, safe='')}"
    if as_json:
        print_json(
            {
                "role": reader.role,
                "password": reader.password,
                "database": database,
                "host": door.address,
                "url": url,
                "tenant": reader.tenant.name,
                "tables": reader.tables,
            }
        )
        return
    say(f"role      {reader.role}")
    say(f"password  {reader.password or '(unchanged; --new-password sets another)'}")
    say(f"database  {database}")
    say(f"server    {door.address or door.otherwise}")
    if url:
        say(f"URL       {url}")
    say(f"sees      the rows of {reader.tenant.name} in {len(reader.tables)} tables of schema usage")
