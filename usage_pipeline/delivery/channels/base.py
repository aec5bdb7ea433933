"""What every channel is: what it is given, what it returns of the outcome, and the limits that it knows."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar, cast

from usage_pipeline.alerts.message import Message
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient
from usage_pipeline.settings.environment import MissingSecretError

LONGEST_ANSWER = 500
R = TypeVar("R", bound=Recipient)


@dataclass(frozen=True)
class Rate:
    """So many messages in so long a time, and not one more."""

    limit: int
    per: timedelta


@dataclass(frozen=True)
class Trial:
    """What can be known of a recipient without sending: whether it would be reached, and what was found."""

    reached: bool
    says: str


class ChannelOf(ABC, Generic[R]):
    """Hands a message to one kind of recipient. Never raises for what the other side does; never shows a secret.

    ``rates`` hold for each of ``rate_keys``; who sends more is not heard for ``mute``. ``max_bytes`` is what one
    message may hold in UTF-8. Only where ``grouped`` is true may one message speak of several alerts.
    ``recipient_class`` is what the configuration may say of a recipient; ``example`` what it must say at least, where
    that is not ``secret_env`` alone.
    """

    name: ClassVar[str]
    recipient_class: ClassVar[type[Recipient]]
    example: ClassVar[Mapping[str, object]] = {}
    rates: ClassVar[tuple[Rate, ...]] = ()
    mute: ClassVar[timedelta] = timedelta(0)
    max_bytes: ClassVar[int | None] = None
    grouped: ClassVar[bool] = True

    def __call__(self, message: Message, recipient: Recipient) -> Outcome:
        """Sends, and returns what the channel answered. Raises MissingSecretError."""
        return self.send(message, self._mine(recipient))

    def preview(self, message: Message, recipient: Recipient) -> str:
        """What would be sent, for people to look at: no secret, no address, and nothing leaves the house."""
        return self.shown(message, self._mine(recipient))

    def trial(self, recipient: Recipient) -> Trial:
        """Tries address, TLS and login, and sends nothing. Raises MissingSecretError."""
        return self.tried(self._mine(recipient))

    def rate_keys(self, recipient: Recipient) -> tuple[str, ...]:
        """What the rates count, hashed: two recipients with the same robot share its limit. Never a secret.

        A variable that is not set counts by its name.
        """
        try:
            counted = self.counted(self._mine(recipient))
        except MissingSecretError as error:
            counted = [str(error)]
        return tuple(f"{self.name}:{hashed(each)}" for each in counted)

    @abstractmethod
    def send(self, message: Message, recipient: R) -> Outcome:
        """Sends, and returns what the channel answered. Raises MissingSecretError."""

    @abstractmethod
    def shown(self, message: Message, recipient: R) -> str:
        """What would be sent, without a secret."""

    @abstractmethod
    def counted(self, recipient: R) -> Sequence[str]:
        """What the other side counts. Raises MissingSecretError."""

    def tried(self, recipient: R) -> Trial:
        """Tries address, TLS and login; where a channel knows no way without sending, it says so."""
        return Trial(True, f"{self.name} shows only by a message whether it takes one (--send)")

    def _mine(self, recipient: Recipient) -> R:
        if not isinstance(recipient, self.recipient_class):
            raise TypeError(f"not a recipient of {self.name}")
        return cast("R", recipient)  # recipient_class is R's


Channel = ChannelOf[Any]


def hashed(text: str) -> str:
    """A short name for a secret, by which two can be told apart and neither is known."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shortened(text: str) -> str:
    """An answer as it is kept on record."""
    flat = " ".join(text.replace("\x00", "").encode("utf-8", "replace").decode().split())
    return flat if len(flat) <= LONGEST_ANSWER else flat[: LONGEST_ANSWER - 1] + "…"
