"""A message as channels get it: one alert or several, with the facts of when they were raised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from usage_pipeline.settings.alerting import TemplateSettings
from usage_pipeline.settings.budget import Level

# What a recipient can do about an alert, and the address at which: deeds are words of usage_pipeline/links.py.
Links = Sequence[tuple[str, str]]

# As usage.severity() of the warehouse has it.
_SEVERITY = tuple(reversed(get_args(Level)))


@dataclass(frozen=True)
class Alert:
    """One alert of a message: its id, what kind it is, how severe, and the facts when it was raised."""

    alert_id: str
    kind: str
    level: str
    facts: Mapping[str, object]
    links: Links = ()


@dataclass(frozen=True)
class Message:
    """What goes to one recipient at once: one alert as a rule, several when ``others`` has more.

    ``delivery_id`` is the same at each attempt. ``event`` says whether the alert begins, was acknowledged or is over.
    ``as_text`` is true once the channel has refused it as a card.
    """

    delivery_id: str
    alert_id: str
    kind: str
    level: str
    facts: Mapping[str, object]
    language: str
    others: tuple[Alert, ...] = ()
    links: Links = ()
    event: Literal["trigger", "acknowledge", "resolve"] = "trigger"
    templates: TemplateSettings = field(default_factory=TemplateSettings)
    as_text: bool = False

    @property
    def alerts(self) -> Sequence[Alert]:
        """All alerts of the message, the most severe first."""
        every = [Alert(self.alert_id, self.kind, self.level, self.facts, self.links), *self.others]
        return sorted(every, key=lambda alert: severity(alert.level))


def severity(level: str) -> int:
    """Where a level stands, 0 for the most severe; what is not known stands last."""
    return _SEVERITY.index(level) if level in _SEVERITY else len(_SEVERITY)
