"""A kind that this installation does not know: rows of a newer one are still sent, by what all kinds share."""

from dataclasses import dataclass

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Lines
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.words import WORDS


@dataclass(frozen=True, kw_only=True)
class UnknownFacts(AlertFacts):
    """What any kind may say."""

    budget_id: str | None = None
    budget_name: str | None = None
    scope_name: str | None = None


class UnknownKind(AlertKind[UnknownFacts, None]):
    """Its name and what it is about."""

    facts_class = UnknownFacts

    def __init__(self, name: str) -> None:
        self.called = name

    def title(self, facts: UnknownFacts, language: str) -> str:
        """Its name, or what it is about."""
        about = plain(facts.budget_name or facts.budget_id or self.called)
        return " · ".join(part for part in (about, plain(facts.scope_name)) if part)

    def lines(self, facts: UnknownFacts, language: str) -> Lines:
        """Budget and scope."""
        words = WORDS[language]
        return [(words.budget, line(facts.budget_name)), (words.scope, line(facts.scope_name))]

    def example(self) -> UnknownFacts:
        """Facts of no kind."""
        return UnknownFacts(budget_id="company-month", budget_name="Company", scope_name="Marketing")
