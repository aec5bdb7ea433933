"""Who can be notified: what recipients of all channels have in common, and the values that their keys take."""

from functools import reduce
from operator import or_
from types import ModuleType
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from usage_pipeline.settings.values import StrictModel, WebAddress, one_or_more

Language = Literal["zh", "en"]


VariableName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]
# Ids of people as the channels write them: nothing in them can end a mention and begin something else.
Person = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@^+-]{1,128}$")]
People = Annotated[tuple[Person, ...], BeforeValidator(one_or_more)]
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")]
Numbers = Annotated[tuple[Number, ...], BeforeValidator(one_or_more)]
Endpoint = Annotated[WebAddress, AfterValidator(lambda address: address.rstrip("/"))]


class Recipient(StrictModel):
    """Somebody who can be notified; each channel has a class of its own, which stands beside its sending code."""

    channel: str
    language: Language | None = None


class WebRecipient(Recipient):
    """Someone reached by HTTP. Only with allow_private may that be an address of the private network, or plain http."""

    allow_private: bool = False


Style = Literal["card", "text"]


class CardRecipient(WebRecipient):
    """Someone whose channel shows cards, with buttons and colours; ``style: text`` asks for plain text instead."""

    style: Style = "card"


class _OfItsChannel:
    """Makes pydantic read a recipient as the class of the channel that it names."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        of_any_channel = reduce(or_, registry().recipient_classes())
        return handler.generate_schema(Annotated[of_any_channel, Field(discriminator="channel")])


AnyRecipient = Annotated[Recipient, _OfItsChannel()]


def channel_names() -> tuple[str, ...]:
    """Every channel that a recipient may name."""
    return tuple(registry().CHANNELS)


def registry() -> ModuleType:
    """The channels, which stand far above: a channel is one file, with what the configuration says of it.

    It is the one import upwards, made only when a configuration is read, and imports nothing that only sending needs.
    """
    from usage_pipeline.delivery.channels import registry as channels  # noqa: PLC0415

    return channels
