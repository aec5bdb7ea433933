"""The channels by name: one line each."""

from collections.abc import Mapping

from usage_pipeline.delivery.apprise_service import AppriseService
from usage_pipeline.delivery.channel import Channel
from usage_pipeline.delivery.dingtalk import Dingtalk
from usage_pipeline.delivery.feishu import Feishu, Lark
from usage_pipeline.delivery.mail import Mail
from usage_pipeline.delivery.pagerduty import Pagerduty
from usage_pipeline.delivery.slack import Slack
from usage_pipeline.delivery.sms import Sms
from usage_pipeline.delivery.teams import Teams
from usage_pipeline.delivery.webhook import OwnWebhook
from usage_pipeline.delivery.wecom import Wecom

CHANNELS: Mapping[str, Channel] = {
    "wecom": Wecom(),
    "dingtalk": Dingtalk(),
    "feishu": Feishu(),
    "lark": Lark(),
    "slack": Slack(),
    "teams": Teams(),
    "email": Mail(),
    "webhook": OwnWebhook(),
    "pagerduty": Pagerduty(),
    "sms": Sms(),
    "apprise": AppriseService(),
}
