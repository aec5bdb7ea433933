"""What is done about an alert, in words: done at once, once it is approved, or only rehearsed."""

from collections.abc import Sequence
from typing import Protocol

from usage_pipeline.alerts.kinds.budget_words import BUDGET_WORDS
from usage_pipeline.alerts.kinds.enforcement import ENFORCEMENT
from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.settings.enforcement import AT_DIFY


class ActingFacts(Protocol):
    """The facts of an alert that asks for actions; ``dry_run_apps`` are those at which they were only rehearsed."""

    @property
    def actions(self) -> tuple[str, ...]:
        """The names of the actions."""
        ...

    @property
    def enforcement_mode(self) -> str | None:
        """The mode that the alert was raised in."""
        ...

    @property
    def dry_run_apps(self) -> tuple[str, ...]:
        """The names of apps."""
        ...


def action_names(actions: Sequence[str], language: str) -> str:
    """Returns actions as a person calls them."""
    known = ENFORCEMENT.words[language].enforcement_actions
    return BUDGET_WORDS[language].list_mark.join(known.get(action, plain(action)) for action in actions)


def what_is_done(facts: ActingFacts, language: str) -> str:
    """Returns what is done about the alert; nothing where nothing is."""
    words = BUDGET_WORDS[language]
    if not facts.actions or facts.enforcement_mode == "off":
        return ""
    actions, apps = action_names(facts.actions, language), words.list_mark.join(map(plain, facts.dry_run_apps))
    if facts.enforcement_mode in ("auto", "approve"):
        form = words.action_auto if facts.enforcement_mode == "auto" else words.action_approve
        return form.format(actions=actions)
    return (words.action_dry_run_of if apps else words.action_dry_run).format(actions=actions, apps=apps)


def undoing(facts: ActingFacts) -> tuple[str, ...]:
    """Returns the deed that undoes what is done about the alert, where apps are touched without asking anybody."""
    at_dify = any(action in AT_DIFY for action in facts.actions)
    return ("undo",) if at_dify and facts.enforcement_mode == "auto" else ()
