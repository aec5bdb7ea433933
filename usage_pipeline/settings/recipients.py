"""Who can be told, and through which channel: one class a channel, and one line in Recipient."""

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from usage_pipeline.settings.values import StrictModel, one_or_more

Language = Literal["zh", "en"]


def _https(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ValueError("is not a web address; write it with https://")
    return value.rstrip("/")


VariableName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]
Addresses = Annotated[tuple[str, ...], BeforeValidator(one_or_more), Field(min_length=1)]
# Ids of people as the channels write them: nothing in them can end a mention and begin something else.
Person = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@^+-]{1,128}$")]
People = Annotated[tuple[Person, ...], BeforeValidator(one_or_more)]
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")]
Numbers = Annotated[tuple[Number, ...], BeforeValidator(one_or_more)]
Endpoint = Annotated[str, AfterValidator(_https)]


class _Recipient(StrictModel):
    language: Language | None = None


class WebRecipient(_Recipient):
    """Someone reached by HTTP. Only with allow_private may that be an address of the private network, or plain http."""

    allow_private: bool = False


class WecomRecipient(WebRecipient):
    """A WeCom group robot; the variable holds its whole URL, which is a secret. Mentions: user ids, or @all."""

    channel: Literal["wecom"]
    secret_env: VariableName
    mention: People = ()


class DingtalkRecipient(WebRecipient):
    """A DingTalk group robot; one variable holds its URL, sign_env its signing secret. Mentions: user ids, or @all."""

    channel: Literal["dingtalk"]
    secret_env: VariableName
    sign_env: VariableName | None = None
    keyword: str | None = None
    mention: People = ()
    mobiles: Numbers = ()


class FeishuRecipient(WebRecipient):
    """A Feishu or Lark bot; one variable holds its URL, sign_env its signing secret. Mentions: open ids, or @all."""

    channel: Literal["feishu", "lark"]
    secret_env: VariableName
    sign_env: VariableName | None = None
    keyword: str | None = None
    mention: People = ()


class SlackRecipient(WebRecipient):
    """A Slack incoming webhook; the variable holds its URL. Mentions: member ids, group ids, @channel, @here."""

    channel: Literal["slack"]
    secret_env: VariableName
    mention: People = ()


class TeamsRecipient(WebRecipient):
    """A Teams channel by a workflow's webhook; the variable holds its URL. Mentions: addresses of people."""

    channel: Literal["teams"]
    secret_env: VariableName
    mention: People = ()


class EmailRecipient(_Recipient):
    """People by mail; the variable holds smtp:// or smtps://user:password@host:port."""

    channel: Literal["email"]
    to: Addresses
    smtp_url_env: VariableName = "SMTP_URL"
    sender: str = Field(default="usage-pipeline@localhost", alias="from")


class WebhookRecipient(WebRecipient):
    """A system of your own; requests are signed as Standard Webhooks says."""

    channel: Literal["webhook"]
    url_env: VariableName
    secret_env: VariableName | None = None


class PagerdutyRecipient(WebRecipient):
    """A PagerDuty service by its Events API v2 integration; the variable holds the routing key."""

    channel: Literal["pagerduty"]
    secret_env: VariableName
    endpoint: Endpoint = "https://events.pagerduty.com"


class AppriseRecipient(WebRecipient):
    """Any other service that Apprise knows; the variable holds Apprise's URL, which is a secret."""

    channel: Literal["apprise"]
    url_env: VariableName


class AcceptedAnswer(BaseModel):
    """What in a gateway's answer means accepted: its status, and a field of its JSON or a text in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Annotated[tuple[int, ...], BeforeValidator(lambda v: [v] if isinstance(v, int) else v)] = (200, 201, 202)
    field: str | None = None
    equals: str | None = None
    contains: str | None = None

    @model_validator(mode="after")
    def _field_with_value(self) -> Self:
        if (self.field is None) != (self.equals is None):
            raise ValueError('has one of field and equals; write both: {field: data.code, equals: "0"}')
        return self


SmsParameter = Literal["level", "name", "scope", "spent", "percent", "id", "text"]
_NEEDED = {
    "aliyun": ("secret_env", "sign_name", "template"),
    "tencent": ("secret_env", "sign_name", "template", "app_id"),
    "twilio": ("secret_env", "sender"),
    "http": ("url_env",),
}


class SmsRecipient(WebRecipient):
    """A phone, for what is critical when nothing else got through.

    secret_env: id and key of the account, joined by a colon; for http whatever the request needs as {{ secret }}.
    """

    channel: Literal["sms"]
    provider: Literal["aliyun", "tencent", "twilio", "http"]
    to: Annotated[tuple[Number, ...], BeforeValidator(one_or_more), Field(min_length=1)]
    secret_env: VariableName | None = None
    sign_name: str | None = None
    template: str | None = None
    parameters: tuple[SmsParameter, ...] = ("level", "name", "percent", "id")
    app_id: str | None = None
    region: str | None = None
    sender: str | None = Field(default=None, alias="from")
    endpoint: Endpoint | None = None
    url_env: VariableName | None = None
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: dict[str, str] = Field(default={})
    format: Literal["json", "form", "text"] = "json"
    body: str = '{"to": "{{ to }}", "text": "{{ text }}"}'
    accepted: AcceptedAnswer = AcceptedAnswer()

    @model_validator(mode="after")
    def _has_what_the_provider_needs(self) -> Self:
        missing = [name for name in _NEEDED[self.provider] if not getattr(self, name)]
        if missing:
            names = ", ".join("from" if name == "sender" else name for name in missing)
            raise ValueError(f"lacks {names}, which provider {self.provider} needs; see docs/delivery.md")
        return self


Recipient = Annotated[
    WecomRecipient
    | DingtalkRecipient
    | FeishuRecipient
    | SlackRecipient
    | TeamsRecipient
    | EmailRecipient
    | WebhookRecipient
    | PagerdutyRecipient
    | SmsRecipient
    | AppriseRecipient,
    Field(discriminator="channel"),
]

CHANNEL_NAMES: tuple[str, ...] = tuple(
    name for kind in get_args(get_args(Recipient)[0]) for name in get_args(kind.model_fields["channel"].annotation)
)
