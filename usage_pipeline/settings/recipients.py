"""Who can be told, and through which channel: one class a channel, and one line in Recipient."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Language = Literal["zh", "en"]


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


VariableName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_texts), Field(min_length=1)]


class _Recipient(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Language | None = None


class WecomRecipient(_Recipient):
    """A WeCom group robot; the variable holds its whole URL, which is a secret."""

    channel: Literal["wecom"]
    secret_env: VariableName
    mention: tuple[str, ...] = ()


class EmailRecipient(_Recipient):
    """People by mail; the variable holds smtp:// or smtps://user:password@host:port."""

    channel: Literal["email"]
    to: Addresses
    smtp_url_env: VariableName = "SMTP_URL"
    sender: str = Field(default="usage-pipeline@localhost", alias="from")


class WebhookRecipient(_Recipient):
    """A system of your own; requests are signed as Standard Webhooks says."""

    channel: Literal["webhook"]
    url_env: VariableName
    secret_env: VariableName | None = None
    allow_private: bool = False


class SmsRecipient(_Recipient):
    """A phone, for what is critical when nothing else got through."""

    channel: Literal["sms"]
    provider: Literal["aliyun", "tencent", "twilio", "http"]
    to: Addresses
    secret_env: VariableName


Recipient = Annotated[
    WecomRecipient | EmailRecipient | WebhookRecipient | SmsRecipient,
    Field(discriminator="channel"),
]
