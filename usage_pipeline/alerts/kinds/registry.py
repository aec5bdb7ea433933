"""The kinds of alerts: one line each. What code or SQL must know of a kind is a trait of it, asked for here."""

from collections.abc import Callable, Mapping
from typing import Any

from psycopg.types.json import Jsonb

from usage_pipeline.alerts.kinds.anomaly import ANOMALY
from usage_pipeline.alerts.kinds.base import AlertKind
from usage_pipeline.alerts.kinds.budget import BUDGET
from usage_pipeline.alerts.kinds.configuration import CONFIGURATION
from usage_pipeline.alerts.kinds.delivery import DELIVERY
from usage_pipeline.alerts.kinds.enforcement import ENFORCEMENT
from usage_pipeline.alerts.kinds.override import OVERRIDE
from usage_pipeline.alerts.kinds.pipeline import PIPELINE
from usage_pipeline.alerts.kinds.report import REPORT
from usage_pipeline.alerts.kinds.source import SOURCE
from usage_pipeline.alerts.kinds.test import TEST
from usage_pipeline.alerts.kinds.unknown import UnknownKind

Kind = AlertKind[Any, Any]
_ALL: tuple[Kind, ...] = (
    BUDGET,
    ANOMALY,
    OVERRIDE,
    ENFORCEMENT,
    SOURCE,
    PIPELINE,
    CONFIGURATION,
    DELIVERY,
    REPORT,
    TEST,
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}


def kind_of(name: str) -> Kind:
    """Returns the kind that rows of usage.alert name so; one that knows only the name where there is none."""
    return KINDS.get(name) or UnknownKind(name)


def kinds_that(trait: Callable[[Kind], bool]) -> list[str]:
    """Returns the names of the kinds of which that is true, for a statement's parameter."""
    return [kind.name for kind in KINDS.values() if trait(kind)]


def of_budgets() -> list[str]:
    """Returns the kinds that are of a budget."""
    return kinds_that(lambda kind: kind.of_budget)


def only_notes() -> Jsonb:
    """Returns what calls nobody again, by kind and facts, for a statement's parameter."""
    notes = [{"kind": kind.name, "facts": dict(facts)} for kind in KINDS.values() for facts in kind.only_notes]
    return Jsonb(notes)
