"""Opens what a command works on: the migrated warehouse and the active configuration."""

from collections.abc import Iterator
from contextlib import contextmanager

from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.settings.environment import config_path, variable
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.demo_databases import use_demo_dify
from usage_pipeline.warehouse.location import embedded, warehouse_url
from usage_pipeline.warehouse.schema import migrate


@contextmanager
def open_warehouse() -> Iterator[Connection]:
    """A connection to the warehouse, its schema up to date."""
    if not variable("WAREHOUSE_URL"):
        use_demo_dify(embedded())
    url = warehouse_url()
    migrate(url)
    with connected(url) as connection:
        yield connection


@contextmanager
def open_as_owner() -> Iterator[Connection]:
    """The same as the role that owns it, where WAREHOUSE_OWNER_URL names one: for making roles."""
    with open_warehouse() as connection:
        owner = variable("WAREHOUSE_OWNER_URL")
        if not owner:
            yield connection
            return
        with connected(owner) as own:
            yield own


@contextmanager
def open_context() -> Iterator[tuple[Connection, ActiveConfiguration]]:
    """The warehouse and the active configuration. Raises SettingsError when no version was ever valid."""
    with open_warehouse() as connection:
        yield connection, active_configuration(connection, config_path())
