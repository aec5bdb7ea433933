"""The servers that all channels are led to, and the house in which the rules after an alert are tried."""

from collections.abc import Callable, Iterator

import pytest

from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.fault_servers import FaultyHttp, FaultySmtp, faulty_http, faulty_smtp
from usage_pipeline_tests.support.house import HOUSE, House


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyHttp]:
    """The web server that all channels are led to."""
    with faulty_http() as state:
        yield state


@pytest.fixture(scope="module")
def mail_server() -> Iterator[FaultySmtp]:
    """The mail server."""
    with faulty_smtp() as state:
        yield state


@pytest.fixture
def house(warehouse: Connection) -> Callable[[str], House]:
    """A house under a configuration with these alerting settings."""

    def build(alerting: str = "{}") -> House:
        return House(warehouse, parse_settings(f"{HOUSE}alerting: {alerting}\n", "c.yaml"))

    return build
