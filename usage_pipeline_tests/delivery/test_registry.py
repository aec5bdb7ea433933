"""A channel is one file and one line: the registry knows it, the configuration reads it, and reading imports little."""

import subprocess
import sys
from typing import get_args

import pytest

from usage_pipeline.delivery.channels.registry import CHANNELS, recipient_classes
from usage_pipeline.settings import Settings, parse_settings
from usage_pipeline.settings.recipients import channel_names
from usage_pipeline_tests.support.every_channel import RECIPIENTS, configuration

HEAVY = ("requests", "urllib3", "jinja2", "apprise", "standardwebhooks", "httpx", "dagster", "pandas")
READS = """
import sys
import usage_pipeline.settings
assert not [name for name in sys.modules if name.startswith("usage_pipeline.delivery")], "channels are looked up late"
usage_pipeline.settings.parse_settings(sys.argv[1], "c.yaml")
assert "usage_pipeline.delivery.channels.wecom" in sys.modules
print([name for name in {heavy!r} if name in sys.modules])
"""


def test_the_configuration_reads_every_channel_of_the_registry() -> None:
    assert tuple(CHANNELS) == channel_names()
    words = [word for kind in recipient_classes() for word in get_args(kind.model_fields["channel"].annotation)]
    assert sorted(words) == sorted(CHANNELS)
    schema = Settings.model_json_schema(by_alias=True)["properties"]["recipients"]["additionalProperties"]
    assert set(schema["discriminator"]["mapping"]) == set(CHANNELS)


@pytest.mark.parametrize("name", RECIPIENTS)
def test_a_recipient_is_read_as_its_channels_class(name: str) -> None:
    recipient = parse_settings(configuration("http://127.0.0.1:1"), "c.yaml").recipients[name]
    assert type(recipient) is CHANNELS[recipient.channel].recipient_class


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_says_the_least_that_it_needs(name: str) -> None:
    channel = CHANNELS[name]
    assert channel.name == name
    needed = channel.example or {"secret_env": "A_URL"}
    text = "version: 1\nrecipients:\n  x: " + str({"channel": name, **needed}).replace("'", '"')
    assert parse_settings(text, "c.yaml").recipients["x"].channel == name


def test_a_channel_takes_no_recipient_of_another() -> None:
    recipients = parse_settings(configuration("http://127.0.0.1:1"), "c.yaml").recipients
    with pytest.raises(TypeError, match="not a recipient of wecom"):
        CHANNELS["wecom"].rate_keys(recipients["email"])


def test_reading_a_configuration_imports_nothing_that_only_sending_needs() -> None:
    text = configuration("http://127.0.0.1:1")
    command = [sys.executable, "-c", READS.format(heavy=HEAVY), text]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "[]"
