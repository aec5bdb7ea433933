"""The warehouse as a Dagster resource: assets ask it for connections, secrets never reach run configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from usage_pipeline.settings.environment import config_path

if TYPE_CHECKING:
    from usage_pipeline.configuration import ActiveConfiguration
    from usage_pipeline.warehouse.connection import Connection


class Warehouse(dg.ConfigurableResource["Warehouse"]):
    """Connections to the warehouse named by WAREHOUSE_URL, else the embedded one; its schema is brought up to date."""

    _configuration: "ActiveConfiguration | None" = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002  (Dagster's signature)
        """Begins a run: it reads the configuration anew."""
        self._configuration = None

    @contextmanager
    def connection(self) -> Iterator["Connection"]:
        """A connection for the block."""
        from usage_pipeline.warehouse.connection import connected
        from usage_pipeline.warehouse.location import warehouse_url
        from usage_pipeline.warehouse.schema import migrate_once

        url = warehouse_url()
        migrate_once(url)
        with connected(url) as connection:
            yield connection

    def configuration(self, connection: "Connection") -> "ActiveConfiguration":
        """The active configuration, read once a run, so that its steps work by the same; again while a file waits."""
        from usage_pipeline.configuration import active_configuration

        if self._configuration is None or self._configuration.waiting is not None:
            self._configuration = active_configuration(connection, config_path())
        return self._configuration
