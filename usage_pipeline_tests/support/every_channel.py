"""One recipient of every channel, all led to a server of ours, and what each other side answers when it takes."""

from collections.abc import Mapping

from usage_pipeline_tests.support.fault_servers import Mood, answers

# What must never be seen anywhere: a part of every secret below.
MARK = "s3cr3tMARK"

RECIPIENTS: Mapping[str, str] = {
    "wecom": "{channel: wecom, secret_env: WECOM_URL, mention: [zhang.san], allow_private: true}",
    "dingtalk": "{channel: dingtalk, secret_env: DINGTALK_URL, sign_env: DINGTALK_SIGN, mention: [li.si],"
    " mobiles: ['13800000000'], allow_private: true}",
    "feishu": "{channel: feishu, secret_env: FEISHU_URL, sign_env: FEISHU_SIGN, mention: [ou_1], allow_private: true}",
    "lark": "{channel: lark, secret_env: LARK_URL, allow_private: true}",
    "slack": "{channel: slack, secret_env: SLACK_URL, mention: [U0123], allow_private: true}",
    "teams": "{channel: teams, secret_env: TEAMS_URL, mention: [wang@example.com], allow_private: true}",
    "email": "{channel: email, to: [owner@example.com, second@example.com]}",
    "webhook": "{channel: webhook, url_env: HOOK_URL, secret_env: HOOK_SECRET, allow_private: true}",
    "pagerduty": "{channel: pagerduty, secret_env: PAGERDUTY_KEY, endpoint: 'BASE', allow_private: true}",
    "sms-aliyun": "{channel: sms, provider: aliyun, to: ['+8613800000000'], secret_env: ALIYUN_SMS, sign_name: Ops,"
    " template: SMS_1, endpoint: 'BASE', allow_private: true}",
    "sms-tencent": "{channel: sms, provider: tencent, to: ['+8613700000000'], secret_env: TENCENT_SMS, sign_name: Ops,"
    " template: '7', app_id: '1400', endpoint: 'BASE', allow_private: true}",
    "sms-twilio": "{channel: sms, provider: twilio, to: ['+15550000000'], secret_env: TWILIO_SMS, from: '+15551111111',"
    " endpoint: 'BASE', allow_private: true}",
    "sms-http": "{channel: sms, provider: http, to: ['+8613600000000'], url_env: GATEWAY_URL, secret_env: GATEWAY_KEY,"
    ' headers: {Authorization: \'Bearer {{ secret }}\'}, body: \'{"phone": "{{ to }}", "content": "{{ text }}"}\','
    " accepted: {field: code, equals: '0'}, allow_private: true}",
    "apprise": "{channel: apprise, url_env: APPRISE_URL, allow_private: true}",
}

TAKES: Mapping[str, Mood] = {
    "wecom": answers(200, {"errcode": 0, "errmsg": "ok"}),
    "dingtalk": answers(200, {"errcode": 0, "errmsg": "ok"}),
    "feishu": answers(200, {"code": 0, "msg": "success", "data": {}}),
    "lark": answers(200, {"StatusCode": 0, "StatusMessage": "success"}),
    "slack": answers(200, b"ok"),
    "teams": answers(202),
    "webhook": answers(204),
    "pagerduty": answers(202, {"status": "success", "message": "Event processed", "dedup_key": "B"}),
    "sms-aliyun": answers(200, {"Code": "OK", "Message": "OK", "BizId": "9"}),
    "sms-tencent": answers(200, {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "1"}]}}),
    "sms-twilio": answers(201, {"sid": "SM1", "status": "queued"}),
    "sms-http": answers(200, {"code": 0}),
    "apprise": answers(200, {}),
}


def environment(base: str, smtp_port: int) -> dict[str, str]:
    """The variables that the recipients name, every one with a secret in it."""
    host = base.removeprefix("http://")
    return {
        "WECOM_URL": f"{base}/cgi-bin/webhook/send?key={MARK}-wecom",
        "DINGTALK_URL": f"{base}/robot/send?access_token={MARK}-dingtalk",
        "DINGTALK_SIGN": f"SEC{MARK}",
        "FEISHU_URL": f"{base}/open-apis/bot/v2/hook/{MARK}-feishu",
        "FEISHU_SIGN": f"{MARK}-feishu-sign",
        "LARK_URL": f"{base}/open-apis/bot/v2/hook/{MARK}-lark",
        "SLACK_URL": f"{base}/services/T0/B0/{MARK}-slack",
        "TEAMS_URL": f"{base}/workflows/1/triggers/manual/paths/invoke?sig={MARK}-teams",
        "SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "HOOK_URL": f"{base}/itsm/{MARK}-hook",
        "HOOK_SECRET": f"{MARK}-hook-secret",
        "PAGERDUTY_KEY": f"{MARK}-routing-key",
        "ALIYUN_SMS": f"LTAI-id:{MARK}-aliyun",
        "TENCENT_SMS": f"AKID-id:{MARK}-tencent",
        "TWILIO_SMS": f"AC-id:{MARK}-twilio",
        "GATEWAY_URL": f"{base}/send/{MARK}-gateway",
        "GATEWAY_KEY": f"{MARK}-gateway-key",
        "APPRISE_URL": f"json://user:{MARK}-apprise@{host}/{MARK}-apprise-path",
    }


def configuration(base: str) -> str:
    """A configuration with every recipient."""
    lines = [f"  {name}: {text.replace('BASE', base)}" for name, text in RECIPIENTS.items()]
    return "version: 1\nlanguage: zh\nrecipients:\n" + "\n".join(lines) + "\n"
