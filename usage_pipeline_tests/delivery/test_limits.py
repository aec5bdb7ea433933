"""Each channel says its rates as data, and whom they count; two recipients with one robot share its turns."""

from datetime import timedelta

import pytest

from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings import parse_settings
from usage_pipeline.settings.recipients import channel_names
from usage_pipeline_tests.support.every_channel import MARK, RECIPIENTS, configuration, environment

A_SECOND, A_MINUTE, AN_HOUR, A_DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86_400))


@pytest.mark.parametrize(
    ("name", "rates", "mute"),
    [
        ("wecom", {Rate(20, A_MINUTE)}, 0),
        ("dingtalk", {Rate(20, A_MINUTE)}, 600),
        ("feishu", {Rate(100, A_MINUTE), Rate(5, A_SECOND)}, 0),
        ("lark", {Rate(100, A_MINUTE), Rate(5, A_SECOND)}, 0),
        ("slack", {Rate(1, A_SECOND)}, 0),
        ("sms", {Rate(1, A_MINUTE), Rate(5, AN_HOUR), Rate(10, A_DAY)}, 0),
    ],
)
def test_the_limits_are_the_channels_own(name: str, rates: set[Rate], mute: int) -> None:
    assert set(CHANNELS[name].rates) == rates
    assert CHANNELS[name].mute == timedelta(seconds=mute)


def test_every_channel_of_the_configuration_is_there() -> None:
    assert set(CHANNELS) == set(channel_names())
    assert all(channel.name == name for name, channel in CHANNELS.items())


def test_turns_are_counted_by_robot_and_by_number_and_tell_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("http://127.0.0.1:1", 1).items():
        monkeypatch.setenv(name, value)
    recipients = parse_settings(configuration("http://127.0.0.1:1"), "c.yaml").recipients
    keys = {name: CHANNELS[recipients[name].channel].rate_keys(recipients[name]) for name in RECIPIENTS}
    assert all(keys.values())
    assert MARK not in str(keys)
    assert "13800000000" not in str(keys)
    same = recipients["wecom"].model_copy(update={"mention": ()})
    assert CHANNELS["wecom"].rate_keys(same) == keys["wecom"], "the robot counts, not the recipient's name"
    monkeypatch.setenv("WECOM_URL", "https://robot.example/send?key=another")
    assert CHANNELS["wecom"].rate_keys(recipients["wecom"]) != keys["wecom"]
    two = recipients["sms-aliyun"].model_copy(update={"to": ("+8613800000000", "+8613900000000")})
    assert len(set(CHANNELS["sms"].rate_keys(two))) == 2
    assert set(keys["sms-aliyun"]) < set(CHANNELS["sms"].rate_keys(two)), "a number counts whoever names it"


def test_a_variable_that_is_not_set_still_counts_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    recipients = parse_settings(configuration("http://127.0.0.1:1"), "c.yaml").recipients
    for name, value in environment("http://127.0.0.1:1", 1).items():
        monkeypatch.delenv(name, raising=False)
        assert MARK in value or name == "SMTP_URL"
    assert all(CHANNELS[r.channel].rate_keys(r) for r in recipients.values())
