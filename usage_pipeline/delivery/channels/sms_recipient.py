"""A phone in the configuration, and what each provider of text messages needs of it."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from usage_pipeline.settings.recipients import Endpoint, Number, VariableName, WebRecipient
from usage_pipeline.settings.values import StrictModel, one_or_more

SmsParameter = Literal["level", "name", "scope", "spent", "percent", "id", "text"]
_NEEDED = {
    "aliyun": ("secret_env", "sign_name", "template"),
    "tencent": ("secret_env", "sign_name", "template", "app_id"),
    "twilio": ("secret_env", "sender"),
    "http": ("url_env",),
}


Status = Annotated[int, Field(ge=100, le=599)]


class AcceptedAnswer(StrictModel):
    """What in a gateway's answer means accepted: its status, and a field of its JSON or a text in it."""

    status: Annotated[tuple[Status, ...], BeforeValidator(lambda v: [v] if isinstance(v, int) else v)] = (200, 201, 202)
    field: str | None = None
    equals: str | None = None
    contains: str | None = None

    @model_validator(mode="after")
    def _field_with_value(self) -> Self:
        if (self.field is None) != (self.equals is None):
            raise ValueError('has one of field and equals; write both: {field: data.code, equals: "0"}')
        return self


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
