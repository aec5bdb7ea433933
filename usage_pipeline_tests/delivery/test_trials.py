"""A recipient is tried without sending: address, TLS and login, on every channel, and no secret in what is said."""

import socket
from collections.abc import Iterator

import pytest

from usage_pipeline.delivery.channels.base import Trial
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings import parse_settings
from usage_pipeline_tests.support.every_channel import MARK, RECIPIENTS, configuration, environment
from usage_pipeline_tests.support.fault_servers import FaultyHttp, FaultySmtp

# A service of Apprise's is known to Apprise alone.
UNTRIED = {"apprise"}


def trial(name: str, base: str) -> Trial:
    recipient = parse_settings(configuration(base), "x.yaml").recipients[name]
    return CHANNELS[recipient.channel].trial(recipient)


@pytest.fixture
def closed() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.mark.parametrize("name", RECIPIENTS)
def test_what_would_be_reached_is_found_and_nothing_is_sent(
    name: str, server: FaultyHttp, mail_server: FaultySmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment(server.base, mail_server.port).items():
        monkeypatch.setenv(variable, value)
    before = len(server.taken)
    found = trial(name, server.base)
    assert found.reached, found
    assert MARK not in found.says
    assert len(server.taken) == before
    assert not mail_server.mails


@pytest.mark.parametrize("name", sorted(RECIPIENTS.keys() - UNTRIED))
def test_what_would_not_be_reached_is_found(name: str, closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    base = f"http://127.0.0.1:{closed}"
    for variable, value in environment(base, closed).items():
        monkeypatch.setenv(variable, value)
    found = trial(name, base)
    assert not found.reached
    assert "Connection refused" in found.says
    assert MARK not in found.says


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://nobody.invalid/send?key=s3cr3tMARK", "there is no host nobody.invalid"),
        ("nonsense", "not http:// or https://"),
        ("https://127.0.0.1:1/s3cr3tMARK", "private address"),
    ],
)
def test_an_address_that_cannot_be_is_said_in_words(url: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT", url)
    settings = parse_settings("version: 1\nrecipients: {ops: {channel: wecom, secret_env: ROBOT}}", "x.yaml")
    found = CHANNELS["wecom"].trial(settings.recipients["ops"])
    assert not found.reached
    assert said in found.says
    assert MARK not in found.says


@pytest.mark.parametrize(
    ("answer", "reached", "said"),
    [
        ("235 welcome", True, "the login is taken"),
        ("535 go away", False, "refuses the user or the password"),
        ("", False, "takes no login"),
    ],
)
def test_a_mail_servers_login_is_tried(
    answer: str, reached: bool, said: str, mail_server: FaultySmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_server, "at_login", answer)
    monkeypatch.setenv("SMTP_URL", f"smtp://somebody:{MARK}@127.0.0.1:{mail_server.port}")
    found = trial("email", "http://127.0.0.1")
    assert found.reached is reached
    assert said in found.says
    assert MARK not in found.says


def test_a_certificate_that_is_not_trusted_is_named(server: FaultyHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that speaks plain HTTP where TLS is asked for is none that can be trusted."""
    monkeypatch.setenv("ROBOT", server.base.replace("http://", "https://"))
    settings = parse_settings(
        "version: 1\nrecipients: {ops: {channel: wecom, secret_env: ROBOT, allow_private: true}}", "x.yaml"
    )
    found = CHANNELS["wecom"].trial(settings.recipients["ops"])
    assert not found.reached
    assert "TLS" in found.says
