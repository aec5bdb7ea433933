"""The seam of channels: what a channel is given, what it must say about the outcome, and the limits that it knows."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from usage_pipeline.alerts.message import Message
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient

LONGEST_ANSWER = 500


@dataclass(frozen=True)
class Rate:
    """So many messages in so long a time, and not one more."""

    most: int
    per: timedelta


class Channel(ABC):
    """Hands a message to one kind of recipient. Never raises for what the other side does; never shows a secret.

    ``rates`` hold for each of ``rate_keys``; who sends more is not heard for ``mute``. ``most_bytes`` is what one
    message may hold in UTF-8. Only where ``grouped`` is true may one message speak of several alerts.
    """

    name: ClassVar[str]
    rates: ClassVar[tuple[Rate, ...]] = ()
    mute: ClassVar[timedelta] = timedelta(0)
    most_bytes: ClassVar[int | None] = None
    grouped: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, message: Message, recipient: Recipient) -> Outcome:
        """Sends and says what the channel answered."""

    @abstractmethod
    def preview(self, message: Message, recipient: Recipient) -> str:
        """What would be sent, for people to look at: no secret, no address, and nothing leaves the house."""

    @abstractmethod
    def rate_keys(self, recipient: Recipient) -> tuple[str, ...]:
        """What the rates count: two recipients with the same robot share its limit. Hashes, never secrets."""


def hashed(text: str) -> str:
    """A short name for a secret, which tells two apart and gives neither away."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shortened(text: str) -> str:
    """An answer as it is kept on record."""
    flat = " ".join(text.replace("\x00", "").encode("utf-8", "replace").decode().split())
    return flat if len(flat) <= LONGEST_ANSWER else flat[: LONGEST_ANSWER - 1] + "…"
