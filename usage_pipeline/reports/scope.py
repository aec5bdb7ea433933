"""The one place that decides whose rows a report may read."""

from collections.abc import Iterator
from contextlib import contextmanager

from usage_pipeline.alerts.kinds.registry import kinds_that
from usage_pipeline.inputs import InputError
from usage_pipeline.reports.document import Tenant
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement


class NoSuchTenantError(InputError):
    """A tenant that is asked for is not known, or its name stands for several."""


@contextmanager
def scoped(connection: Connection, tenant: Tenant | None) -> Iterator[Connection]:
    """Yields the connection with the views of sql/reports/edition/scope.sql over one tenant's rows, or over all.

    All statements of the block see one state of the warehouse. The views go with the block.
    """
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(
            statement("reports/edition/scope"),
            {
                "source": tenant.source if tenant else None,
                "tenant_id": tenant.tenant_id if tenant else None,
                "not_reported": kinds_that(lambda kind: not kind.reported),
            },
        )
        yield connection


def tenants(connection: Connection) -> list[Tenant]:
    """Returns every tenant that was ever seen."""
    return rows(connection, Tenant, statement("reports/edition/find_tenant"), {"tenant": None})


def find_tenant(connection: Connection, asked: str, source: str | None = None) -> Tenant:
    """Returns the tenant of that id or name, of one source or any; NoSuchTenantError names those known."""
    every = rows(connection, Tenant, statement("reports/edition/find_tenant"), {"tenant": asked})
    found = [tenant for tenant in every if source in (None, tenant.source)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{tenant.tenant_id} of source {tenant.source}" for tenant in found)
        raise NoSuchTenantError(f"{asked!r} is the name of several tenants: give the id of one: {ids}")
    names = ", ".join(sorted(tenant.name for tenant in tenants(connection))) or "none yet"
    raise NoSuchTenantError(f"there is no tenant {asked!r}; the warehouse knows: {names}")
