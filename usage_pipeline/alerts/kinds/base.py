"""What a kind of alert is: the key that tells one from every other, its typed facts, its texts, and what follows it.

To add a kind, write one file beside this one and one line in registry.py:

1. The facts: a frozen dataclass of AlertFacts, each field with a default. They are all that its texts, and templates of
   users, may ask for; docs/delivery.md lists them (a test compares).
2. The key: a frozen dataclass with ``identity()``, which says what makes another alert of it. What was raised under one
   key is never raised again, so its columns may not change afterwards.
3. The kind: a subclass of AlertKind with ``name``, ``facts_class``, ``words`` (in Chinese and English), ``title``,
   ``lines`` and ``example``; and those of the traits below that differ.
4. A function that raises it, by ``raise_alert`` of alerts/outbox.py, from plain values: what stands to the right of
   alerts (enforcement, reports, delivery) calls it, and is not imported.

Every kind of the registry joins usage_pipeline_tests/alerts/test_kinds.py by itself: its example is written, read back
from hostile rows, and rendered in every template, channel, language and event.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from usage_pipeline.alerts.kinds.facts import AlertFacts
from usage_pipeline.settings.budget import Level
from usage_pipeline.warehouse.short_id import short_id

Lines = Sequence[tuple[str, str]]
F = TypeVar("F", bound=AlertFacts)
W = TypeVar("W")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Identity:
    """The columns of usage.alert that tell an alert of a kind from every other; times aware.

    ``about`` stands in the column budget_id; ``tier`` is per cent, or whatever number a kind counts its steps by.
    """

    about: str
    scope_value: str = ""
    period_start: datetime = EPOCH
    tier: Decimal = Decimal(0)
    tier_on: str = "spent"
    round: int = 0

    def alert_id(self, kind: str) -> str:
        """Returns the alert's id, short and always the same, so that writing it twice is writing it once."""
        parts = [kind, self.about, self.scope_value, self.period_start.isoformat(), f"{float(self.tier):g}"]
        parts += ["forecast"] if self.tier_on == "forecast" else []
        parts += [str(self.round)] if self.round else []
        return kind[0].upper() + short_id("|".join(parts), 10)


class AlertKey(Protocol):
    """What tells one alert of a kind from every other, in the kind's own words."""

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""


class AlertKind(ABC, Generic[F, W]):
    """One kind of alert. Its texts are not escaped: channels do that."""

    name: ClassVar[str]  # as it stands in usage.alert.kind
    facts_class: type[F]
    words: Mapping[str, W]  # the kind's own, a dataclass for each language

    # What a person is to do: `alerts ack` is offered.
    acknowledgeable: ClassVar[bool] = True
    # May stand in one message with others.
    grouped: ClassVar[bool] = True
    # Is held in quiet hours, as long as it is no emergency.
    waits_in_quiet_hours: ClassVar[bool] = True
    # Facts of which an emergency calls nobody again, neither by repeats, escalation nor fallback; an empty one: any.
    only_notes: ClassVar[Sequence[Mapping[str, str]]] = ()
    # A delivery that failed for good is alerted itself, and keeps the check `alerts_delivered` red.
    failure_is_alerted: ClassVar[bool] = True
    awaited: ClassVar[bool] = True
    # Is of a budget: silences hide it, a higher tier stands for it, and it is over when the budget is below again.
    of_budget: ClassVar[bool] = False
    # Stands in reports.
    reported: ClassVar[bool] = True
    # Brings files to who gets mail.
    brings_files: ClassVar[bool] = False

    @abstractmethod
    def title(self, facts: F, language: str) -> str:
        """Returns in one line what is the matter, without the level."""

    @abstractmethod
    def lines(self, facts: F, language: str) -> Lines:
        """Returns label and value of everything that is known, in reading order. One without a value is left out."""

    @abstractmethod
    def example(self) -> F:
        """Returns facts as they may be, every one known."""

    def deeds(self, facts: F) -> Sequence[str]:
        """Returns what a recipient can do about it on the web page: words of usage_pipeline/links.py."""
        return ("acknowledge",) if self.acknowledgeable else ()

    def heading(self, facts: F, language: str, level: str) -> str:
        """Returns the title with the level, which is a word of the language."""
        return f"[{level}] {self.title(facts, language)}"

    def leading(self, language: str) -> Sequence[str]:
        """Returns the labels of the lines that a card shows first, the first three of them that have a value.

        None: those that stand first.
        """
        return ()

    def summary(self, facts: F, language: str) -> str:
        """Returns the most telling line, with its label: for a list of alerts."""
        return next((f"{label}: {value}" for label, value in self.lines(facts, language) if label and value), "")

    def read(self, stored: Mapping[str, object]) -> F:
        """Returns the typed facts of a row."""
        return self.facts_class.read(stored)

    def words_by_name(self, language: str) -> Mapping[str, object]:
        """Returns the kind's own words by the names that templates know them by."""
        own: Any = self.words[language]
        return {str(each.metadata.get("key", each.name)): getattr(own, each.name) for each in fields(own)}

    def for_templates(self, stored: Mapping[str, object]) -> Mapping[str, object]:
        """Returns the facts of a row by name; those of the kind that the row lacks are there, as none."""
        return {**dict.fromkeys(self.facts_class.names()), **stored}


def of_labels(lines: Lines, labels: Sequence[str]) -> str:
    """Returns those of the lines that have one of the labels and a value, in one line."""
    return "; ".join(f"{label}: {value}" for label, value in lines if label in labels and value)


@dataclass(frozen=True)
class NewAlert(Generic[F]):
    """Something that people must be notified of, before it is written."""

    kind: AlertKind[F, Any]
    key: AlertKey
    level: Level
    facts: F
    period_end: datetime | None = None
    config_version: int | None = None
    at: datetime | None = None  # when it became true, aware; left out: now

    @property
    def alert_id(self) -> str:
        """Short and always the same for the same alert."""
        return self.key.identity().alert_id(self.kind.name)


__all__ = ["EPOCH", "AlertFacts", "AlertKey", "AlertKind", "Identity", "Lines", "NewAlert", "of_labels"]
