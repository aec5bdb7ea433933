"""Whose the names are that budgets' scopes write: a name takes in what one workspace calls so, never another's.

A name that fits several workspaces stays with the one it was known to be; where that is not known it takes in nothing
and is a problem in words. Globs with wildcards are meant for many and are left alone, ids are exact.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from usage_pipeline.budgets.dimension_sql import with_dimensions
from usage_pipeline.settings import Budget
from usage_pipeline.settings.dimensions import DIMENSIONS, TENANT
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

_NAMED = tuple(dimension.key for dimension in DIMENSIONS if dimension.named_by)


@dataclass(frozen=True)
class _Named:
    budget_id: str
    dimension: str
    name: str
    source: str
    id: str
    tenant_id: str
    tenant_name: str
    by_id: bool
    remembered: bool

    @property
    def owner(self) -> tuple[str, str]:
        return self.source, self.tenant_id

    @property
    def key(self) -> tuple[str, str, str]:
        return self.budget_id, self.dimension, self.name

    @property
    def exact(self) -> str:
        return f"{self.source}/{self.id}"


@dataclass(frozen=True)
class AmbiguousName:
    """A name of a budget's scope that several workspaces have; ``kept`` are those it stays with, none where unknown."""

    budget_id: str
    dimension: str
    name: str
    fits: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        """Returns what is ambiguous, what is counted meanwhile, and how it is written."""
        word = self.dimension.replace("_", " ")
        meanwhile = (
            f"counted is {', '.join(self.kept)} as before" if self.kept else "none of them is taken by that name"
        )
        bound = "" if self.dimension == TENANT.key else ", or add tenant: to the scope"
        return (
            f"budget {self.budget_id}: the {word} {self.name!r} is {' and '.join(self.fits)}; {meanwhile};"
            f" write the id instead of the name{bound}"
        )


@dataclass
class ScopeNames:
    """Names of one budget, by dimension, that stand for certain values (``source/id``) and not for all of that name."""

    exact: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def split(self, dimension: str, globs: Iterable[str]) -> tuple[list[str], list[str]]:
        """Returns the globs that are matched by names and ids, and the values that stand for the others."""
        own = self.exact.get(dimension, {})
        matched = [glob for glob in globs if glob not in own]
        return matched, [value for glob in globs for value in own.get(glob, ())]


@dataclass
class Names:
    """What the names of all budgets stand for."""

    by_budget: dict[str, ScopeNames] = field(default_factory=lambda: defaultdict(ScopeNames))
    ambiguous: list[AmbiguousName] = field(default_factory=list)
    owners: list[dict[str, str]] = field(default_factory=list)


def names_of(connection: Connection, budgets: Sequence[Budget]) -> Names:
    """Returns what names of the budgets stand for, by what the warehouse knows. Reads only."""
    found = Names()
    asked = _asked(budgets)
    if not asked:
        return found
    named = rows(connection, _Named, with_dimensions("budgets/named_values"), {"names": json.dumps(asked)})
    by_id = {budget.id: budget for budget in budgets}
    for (budget_id, dimension, name), group in groupby(named, key=lambda one: one.key):
        budget = by_id[budget_id]
        fitting = [one for one in group if _of_its_tenants(budget, dimension, one)]
        _settle(found, budget, dimension, name, fitting)
    return found


def remember_names(connection: Connection, budgets: Sequence[Budget], names: Names) -> None:
    """Writes whose each name is, so that it stays theirs. Runs inside the caller's transaction."""
    parameters = {"names": json.dumps(_asked(budgets)), "owners": json.dumps(names.owners)}
    connection.execute(statement("budgets/remember_names"), parameters)


def _settle(found: Names, budget: Budget, dimension: str, name: str, fitting: Sequence[_Named]) -> None:
    ids = [one for one in fitting if one.by_id]
    owners = {one.owner for one in fitting}
    if ids and len(ids) < len(fitting):
        # An id is exact: what somebody calls by it is something else.
        found.by_budget[budget.id].exact.setdefault(dimension, {})[name] = tuple(one.exact for one in ids)
    elif not ids and len(owners) == 1:
        source, tenant_id = next(iter(owners))
        place = {"budget_id": budget.id, "dimension": dimension, "name": name}
        found.owners.append({**place, "source": source, "tenant_id": tenant_id})
    elif not ids and len(owners) > 1:
        kept = tuple(one.exact for one in fitting if one.remembered)
        fits = tuple(f"{one.exact} of {one.tenant_name}" for one in fitting)
        found.ambiguous.append(AmbiguousName(budget.id, dimension, name, fits, kept))
        if kept or name in budget.scope.values().get(dimension, ()):
            found.by_budget[budget.id].exact.setdefault(dimension, {})[name] = kept


def _asked(budgets: Sequence[Budget]) -> list[dict[str, str]]:
    places = ((budget.id, *name) for budget in budgets for name in _literal_names(budget))
    return [dict(zip(("budget_id", "dimension", "name"), place, strict=True)) for place in dict.fromkeys(places)]


def _literal_names(budget: Budget) -> Iterator[tuple[str, str]]:
    for globs in (budget.scope.values(), budget.excluded()):
        for dimension in _NAMED:
            yield from ((dimension, glob) for glob in globs.get(dimension, ()) if not re.search(r"[*?]", glob))


def _of_its_tenants(budget: Budget, dimension: str, one: _Named) -> bool:
    """Whether it lies in a tenant of the budget's scope."""
    if dimension == TENANT.key:
        return True
    included, excluded = budget.scope.values().get(TENANT.key), budget.excluded().get(TENANT.key, ())
    its = (one.tenant_id, one.tenant_name)
    return (included is None or _fits(its, included)) and not _fits(its, excluded)


def _fits(names: Iterable[str], globs: Iterable[str]) -> bool:
    patterns = [re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".") for glob in globs]
    return any(re.fullmatch(pattern, name, re.DOTALL) for pattern in patterns for name in names)


def exact_values(names: ScopeNames, globs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Returns the values by dimension that stand for names of several workspaces."""
    return {dimension: names.split(dimension, given)[1] for dimension, given in globs.items()}
