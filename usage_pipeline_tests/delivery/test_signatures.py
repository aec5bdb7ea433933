"""What channels sign is what their makers say: by published examples, and by what a server computes for itself."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels import sms_aliyun, sms_tencent
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings import Settings, parse_settings
from usage_pipeline_tests.delivery.test_outbox import FACTS
from usage_pipeline_tests.support.every_channel import MARK, TAKES, configuration, environment
from usage_pipeline_tests.support.fault_servers import FaultyHttp, Taken, faulty_http

MESSAGE = Message("Babc-1", "Babc", "budget", "emergency", FACTS, "zh")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyHttp]:
    """A server that every channel is led to."""
    with faulty_http() as state:
        for name, value in environment(state.base, 1).items():
            monkeypatch.setenv(name, value)
        yield state


@pytest.fixture
def every(server: FaultyHttp) -> Settings:
    """A configuration with every channel."""
    return parse_settings(configuration(server.base), "c.yaml")


def sent(name: str, every: Settings, server: FaultyHttp) -> Taken:
    """What the server got of one message."""
    server.mood = TAKES[name]
    recipient = every.recipients[name]
    assert CHANNELS[recipient.channel](MESSAGE, recipient).kind == "accepted"
    return server.taken[-1]


def mac(key: bytes, text: str) -> bytes:
    """HMAC-SHA256."""
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def test_dingtalk_signs_the_time_in_milliseconds(every: Settings, server: FaultyHttp) -> None:
    query = parse_qs(urlsplit(sent("dingtalk", every, server).path).query)
    secret, stamp = f"SEC{MARK}", query["timestamp"][0]
    assert abs(int(stamp) / 1000 - time.time()) < 60
    assert query["sign"] == [base64.b64encode(mac(secret.encode(), f"{stamp}\n{secret}")).decode()]
    assert query["access_token"] == [f"{MARK}-dingtalk"]


def test_feishu_signs_the_empty_message_under_time_and_secret(every: Settings, server: FaultyHttp) -> None:
    document = sent("feishu", every, server).document
    stamp = str(document["timestamp"])
    assert abs(int(stamp) - time.time()) < 60
    assert document["sign"] == base64.b64encode(mac(f"{stamp}\n{MARK}-feishu-sign".encode(), "")).decode()


def test_a_robot_without_a_signing_secret_is_not_signed(every: Settings, server: FaultyHttp) -> None:
    assert "sign" not in sent("lark", every, server).document


def test_aliyuns_published_example() -> None:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    found = sms_aliyun.authorization(headers, query, "YourAccessKeyId", "YourAccessKeySecret")
    assert found.endswith("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")


def test_aliyun_gets_what_was_signed(every: Settings, server: FaultyHttp) -> None:
    taken = sent("sms-aliyun", every, server)
    parts = dict(part.split("=", 1) for part in taken.headers["authorization"].split(" ", 1)[1].split(","))
    names = parts["SignedHeaders"].split(";")
    lines = ["POST", "/", urlsplit(taken.path).query, *(f"{name}:{taken.headers[name]}" for name in names), ""]
    canonical = "\n".join([*lines, ";".join(names), hashlib.sha256(taken.body).hexdigest()])
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    assert parts["Signature"] == mac(f"{MARK}-aliyun".encode(), text).hex()
    assert parts["Credential"] == "LTAI-id"
    assert {"host", "x-acs-action", "x-acs-date", "x-acs-signature-nonce"} <= set(names)
    nonces = {
        taken.headers["x-acs-signature-nonce"],
        sent("sms-aliyun", every, server).headers["x-acs-signature-nonce"],
    }
    assert len(nonces) == 2, "a repeat is a request of its own"


def test_tencents_published_example() -> None:
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    found = sms_tencent.authorization(
        "cvm", "cvm.tencentcloudapi.com", body, 1551113065,
        "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
    )  # fmt: skip
    assert found == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, "
        "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


def test_tencent_gets_what_was_signed(every: Settings, server: FaultyHttp) -> None:
    taken = sent("sms-tencent", every, server)
    stamp = int(taken.headers["x-tc-timestamp"])
    again = sms_tencent.authorization("sms", taken.headers["host"], taken.body, stamp, "AKID-id", f"{MARK}-tencent")
    assert taken.headers["authorization"] == again
    assert taken.headers["content-type"] == "application/json; charset=utf-8"
    assert (taken.headers["x-tc-action"], taken.headers["x-tc-version"]) == ("SendSms", "2021-01-11")


def test_twilio_is_asked_as_the_account(every: Settings, server: FaultyHttp) -> None:
    taken = sent("sms-twilio", every, server)
    assert base64.b64decode(taken.headers["authorization"].removeprefix("Basic ")).decode() == f"AC-id:{MARK}-twilio"
    assert taken.path == "/2010-04-01/Accounts/AC-id/Messages.json"


def test_a_gateways_secret_stands_where_the_configuration_puts_it(every: Settings, server: FaultyHttp) -> None:
    taken = sent("sms-http", every, server)
    assert taken.headers["authorization"] == f"Bearer {MARK}-gateway-key"
    assert json.loads(taken.body)["phone"] == "+8613600000000"
