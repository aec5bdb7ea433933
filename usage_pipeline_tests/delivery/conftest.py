"""The servers that all channels are led to."""

from collections.abc import Iterator

import pytest

from usage_pipeline_tests.support.fault_servers import MoodyHttp, MoodySmtp, moody_http, moody_smtp


@pytest.fixture(scope="module")
def server() -> Iterator[MoodyHttp]:
    """The web server that all channels are led to."""
    with moody_http() as state:
        yield state


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MoodySmtp]:
    """The mail server."""
    with moody_smtp() as state:
        yield state
