"""The seam of channels: what a channel is given, what it must say about the outcome, and the limits that it knows."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Literal

from usage_pipeline.settings import Recipient
from usage_pipeline.settings.templates import TemplateSettings

LONGEST_ANSWER = 500
_SEVERITY = ("emergency", "critical", "warning", "info")


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt, by the channel's own answer."""

    kind: Literal["accepted", "retry", "permanent"]
    answer: str
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Alert:
    """One alert of a message: its id, what kind it is, how severe, and the facts when it was raised."""

    alert_id: str
    kind: str
    level: str
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Message:
    """What goes to one recipient at once: one alert as a rule, several when ``others`` has more.

    ``delivery_id`` is the same at each attempt. ``event`` says whether the alert begins, was acknowledged or is over.
    """

    delivery_id: str
    alert_id: str
    kind: str
    level: str
    facts: Mapping[str, object]
    language: str
    others: tuple[Alert, ...] = ()
    event: Literal["trigger", "acknowledge", "resolve"] = "trigger"
    templates: TemplateSettings = field(default_factory=TemplateSettings)

    @property
    def alerts(self) -> Sequence[Alert]:
        """All alerts of the message, the most severe first."""
        every = [Alert(self.alert_id, self.kind, self.level, self.facts), *self.others]
        return sorted(every, key=lambda alert: severity(alert.level))


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


def severity(level: str) -> int:
    """Where a level stands, 0 for the most severe; what is not known stands last."""
    return _SEVERITY.index(level) if level in _SEVERITY else len(_SEVERITY)


def shortened(text: str) -> str:
    """An answer as it is kept on record."""
    flat = " ".join(text.replace("\x00", "").encode("utf-8", "replace").decode().split())
    return flat if len(flat) <= LONGEST_ANSWER else flat[: LONGEST_ANSWER - 1] + "…"
