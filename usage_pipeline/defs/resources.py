"""The warehouse as a Dagster resource: assets ask it for connections, secrets never reach run configuration."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.settings.environment import config_path
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.location import warehouse_url


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Connections to the warehouse named by WAREHOUSE_URL, else the embedded one."""

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for the block."""
        with connected(warehouse_url()) as connection:
            yield connection

    def configuration(self, connection: Connection) -> ActiveConfiguration:
        """The configuration in force; a refused file leaves the last valid one."""
        return active_configuration(connection, config_path())
