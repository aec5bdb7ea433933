"""The servers that all channels are led to."""

from collections.abc import Iterator

import pytest

from usage_pipeline_tests.support.fault_servers import FaultyHttp, FaultySmtp, faulty_http, faulty_smtp


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
