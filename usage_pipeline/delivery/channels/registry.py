"""The channels by name: one line each."""

from collections.abc import Mapping

from usage_pipeline.delivery.channels.apprise_service import AppriseService
from usage_pipeline.delivery.channels.base import Channel
from usage_pipeline.delivery.channels.dingtalk import Dingtalk
from usage_pipeline.delivery.channels.feishu import Feishu, Lark
from usage_pipeline.delivery.channels.mail import Mail
from usage_pipeline.delivery.channels.pagerduty import Pagerduty
from usage_pipeline.delivery.channels.slack import Slack
from usage_pipeline.delivery.channels.sms import Sms
from usage_pipeline.delivery.channels.teams import Teams
from usage_pipeline.delivery.channels.webhook import OwnWebhook
from usage_pipeline.delivery.channels.wecom import Wecom

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
