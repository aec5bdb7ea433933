"""What channels have in common that show cards: the same message as text, where that is wanted or a card is refused."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from usage_pipeline.alerts.message import Links, Message
from usage_pipeline.delivery.channels.http_channel import Draft, WebChannel, as_json
from usage_pipeline.delivery.rendering import Escape, Fields, fitted
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.recipients import CardRecipient

# How the answer on record begins where the next attempt is to be a text: claims look for it.
CARD_REFUSED = "card refused as malformed, the next attempt is a text"
C = TypeVar("C", bound=CardRecipient)


class CardChannel(WebChannel[C], Generic[C]):
    """A channel with cards. One that its robot does not understand is no reason to lose an alert."""

    def send(self, message: Message, recipient: C) -> Outcome:
        """Sends; a card that is refused for its form is to be tried again, once, as text: an attempt like others."""
        outcome = super().send(message, recipient)
        if outcome.malformed and _is_card(message, recipient):
            return replace(outcome, kind="retry", answer=f"{CARD_REFUSED}: {outcome.answer}")
        return outcome

    def drafts(self, message: Message, recipient: C) -> Sequence[Draft]:
        """A card or a text."""
        return [self.card(message, recipient) if _is_card(message, recipient) else self.text(message, recipient)]

    @abstractmethod
    def card(self, message: Message, recipient: C) -> Draft:
        """The message as a card."""

    @abstractmethod
    def text(self, message: Message, recipient: C) -> Draft:
        """The same in the plainest form that the channel knows."""


def drafted(
    body: Callable[[str], Mapping[str, object]],
    template: str,
    message: Message,
    escape: Escape,
    limit: int,
    *,
    buttons: Links = (),
    fields: Fields = (),
) -> Draft:
    """Returns the body, which ``body`` makes of a text, with as much of the message as fits into ``limit`` bytes."""

    def size(text: str) -> int:
        return len(as_json(body(text)))

    text = fitted(template, message, escape, limit, size, buttons=buttons, fields=fields)
    return Draft(body(text.text), text.note)


def _is_card(message: Message, recipient: CardRecipient) -> bool:
    return recipient.style == "card" and not message.as_text
