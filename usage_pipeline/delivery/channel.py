"""The seam of channels: what a channel is given, and what it must say about the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from usage_pipeline.settings import Recipient

LONGEST_ANSWER = 500


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt, by the channel's own answer."""

    kind: Literal["accepted", "retry", "permanent"]
    answer: str
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Message:
    """One alert on its way to one recipient."""

    delivery_id: str
    alert_id: str
    kind: str
    level: str
    facts: Mapping[str, object]
    language: str


class Channel(Protocol):
    """Hands a message to one kind of recipient. Never raises for what the other side does; never shows a secret."""

    def __call__(self, message: Message, recipient: Recipient) -> Outcome:
        """Sends and says what the channel answered."""
        ...


def shortened(text: str) -> str:
    """An answer as it is kept on record."""
    flat = " ".join(text.replace("\x00", "").encode("utf-8", "replace").decode().split())
    return flat if len(flat) <= LONGEST_ANSWER else flat[: LONGEST_ANSWER - 1] + "…"
