"""The kinds of alerts: one line each. What code or SQL must know of a kind is a trait of it, asked for here."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from usage_pipeline.alerts.kinds.base import AlertKind
from usage_pipeline.alerts.kinds.unknown import UnknownKind

Kind = AlertKind[Any, Any]
# A module of this folder each, which has the kind under the same name in capitals; in the order of their words.
_MODULES = (
    "budget",
    "anomaly",
    "loop",
    "override",
    "enforcement",
    "source",
    "pipeline",
    "configuration",
    "delivery",
    "report",
    "test",
)


@cache
def kinds() -> Mapping[str, Kind]:
    """Returns the kinds by name. Imported when they are asked for: checking a configuration needs none of them."""
    return {kind.name: kind for kind in (_made(module) for module in _MODULES)}


def _made(module: str) -> Kind:
    made = getattr(import_module(f"{__package__}.{module}"), module.upper())
    if not isinstance(made, AlertKind):
        raise TypeError(f"{module} is no kind of alert")
    return made


def kind_of(name: str) -> Kind:
    """Returns the kind that rows of usage.alert name so; one that knows only the name where there is none."""
    return kinds().get(name) or UnknownKind(name)


def kinds_that(trait: Callable[[Kind], bool]) -> list[str]:
    """Returns the names of the kinds of which that is true, for a statement's parameter."""
    return [kind.name for kind in kinds().values() if trait(kind)]


def of_budgets() -> list[str]:
    """Returns the kinds that are of a budget."""
    return kinds_that(lambda kind: kind.of_budget)


def only_notes() -> list[Mapping[str, object]]:
    """Returns what calls nobody again, by kind and facts, for a statement's parameter."""
    return [{"kind": kind.name, "facts": dict(facts)} for kind in kinds().values() for facts in kind.only_notes]
