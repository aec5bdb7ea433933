"""No webhook leads into the private network: not by an address, a name, a redirect, or a name that changes its mind."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.apprise_service import AppriseRecipient
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.channels.webhook import WebhookRecipient
from usage_pipeline.http.addresses import refused_target
from usage_pipeline.settings import parse_settings
from usage_pipeline_tests.delivery.test_outbox import FACTS
from usage_pipeline_tests.support.every_channel import RECIPIENTS, configuration, environment
from usage_pipeline_tests.support.fault_servers import answers, faulty_http

MESSAGE = Message("Babc-1", "Babc", "budget", "critical", FACTS, "en")
PUBLIC = "93.184.216.34"


def hook(monkeypatch: pytest.MonkeyPatch, url: str, *, allow_private: bool = False) -> WebhookRecipient:
    """A webhook without a signature."""
    monkeypatch.setenv("HOOK_URL", url)
    return WebhookRecipient(channel="webhook", url_env="HOOK_URL", allow_private=allow_private)


def resolve(monkeypatch: pytest.MonkeyPatch, *turns: list[str]) -> None:
    """Names resolve to these addresses, turn by turn; the last turn stays."""
    left = list(turns)

    def getaddrinfo(host: object, port: int | str | None, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (each, int(port or 0), 0, 0))
            if ":" in each
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, int(port or 0)))
            for each in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.8", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
     "::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::",
     "::10.0.0.1", "ff02::1"],
)  # fmt: skip
def test_a_name_that_resolves_to_a_private_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, [address])
    reason = refused_target("https://hook.example/x", allow_private=False)
    assert reason is not None
    assert "private address" in reason
    assert "hook.example" not in reason


def test_one_private_address_among_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, [PUBLIC, "10.0.0.8"])
    assert refused_target("https://hook.example/x", allow_private=False)


def test_a_public_name_is_taken_and_a_private_one_where_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946"])
    assert refused_target("https://hook.example/x", allow_private=False) is None
    assert refused_target("http://hook.example/x", allow_private=True), "plain http never leaves the private network"
    resolve(monkeypatch, ["10.0.0.8"])
    assert refused_target("https://hook.example/x", allow_private=True) is None
    assert refused_target("http://hook.example/x", allow_private=True) is None


@pytest.mark.parametrize("url", ["https://2130706433/x", "https://0x7f000001/x", "https://127.1/x", "https://0/x"])
def test_other_ways_to_write_loopback_are_refused(url: str) -> None:
    assert refused_target(url, allow_private=False)


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A private server that keeps whatever is said to it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                with taken:
                    taken.settimeout(2)
                    try:
                        heard.append(taken.recv(1000))
                    except OSError:
                        heard.append(b"")

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard


def test_a_name_that_changes_between_the_look_and_the_connection_gets_nothing(
    listener: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, heard = listener
    recipient = hook(monkeypatch, f"https://rebinding.example:{port}/x")
    resolve(monkeypatch, [PUBLIC], ["127.0.0.1"])
    outcome = CHANNELS["webhook"](MESSAGE, recipient)
    assert outcome.kind == "permanent"
    assert "private address" in outcome.answer
    assert not any(heard), "not even a TLS greeting"


def test_a_redirect_into_the_private_network_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty_http() as inside, faulty_http() as outside:
        outside.mood = answers(307, b"", Location=f"{inside.base}/secret")
        outcome = CHANNELS["webhook"](MESSAGE, hook(monkeypatch, f"{outside.base}/x", allow_private=True))
        assert outcome.kind == "permanent"
        assert "redirect" in outcome.answer
        assert len(outside.taken) == 1
        assert not inside.taken


@pytest.mark.parametrize("name", [name for name in RECIPIENTS if name != "email"])
def test_no_channel_leads_into_the_private_network_unless_it_may(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty_http() as server:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            if name == "apprise" and host.startswith("["):
                continue  # No URL that Apprise knows.
            base = f"https://{host}:{server.base.rsplit(':', 1)[1]}"
            for variable, value in environment(base, 1).items():
                monkeypatch.setenv(variable, value)
            monkeypatch.setenv("APPRISE_URL", f"jsons://{base.removeprefix('https://')}/s3cr3t")
            text = configuration(base).replace(", allow_private: true", "")
            recipient = parse_settings(text, "c.yaml").recipients[name]
            outcome = CHANNELS[recipient.channel](MESSAGE, recipient)
            assert outcome.kind == "permanent", outcome
            assert "private address" in outcome.answer
            assert "allow_private: true" in outcome.answer
            assert base not in outcome.answer
        assert not server.taken


def test_an_apprise_service_whose_name_changes_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty_http() as server:
        port = server.base.rsplit(":", 1)[1]
        monkeypatch.setenv("APPRISE_URL", f"json://hook.example:{port}/x")
        resolve(monkeypatch, [PUBLIC], ["127.0.0.1"])
        socket.getaddrinfo("hook.example", 80)  # What a look beforehand would have seen.
        recipient = AppriseRecipient(channel="apprise", url_env="APPRISE_URL")
        outcome = CHANNELS["apprise"](MESSAGE, recipient)
        assert (outcome.kind, server.taken) == ("permanent", [])
        allowed = recipient.model_copy(update={"allow_private": True})
        assert CHANNELS["apprise"](MESSAGE, allowed).kind == "accepted"
        assert len(server.taken) == 1
