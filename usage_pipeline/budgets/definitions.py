"""Budgets as the SQL of sql/budgets takes them: what is counted apart from what is allowed."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from usage_pipeline.budgets.dimension_sql import ROW, needs
from usage_pipeline.budgets.names import Names, ScopeNames, exact_values
from usage_pipeline.settings import Budget, Settings
from usage_pipeline.settings.dimensions import BY_KEY, KEYS, TENANT
from usage_pipeline.warehouse.statements import like_pattern


@dataclass
class Definitions:
    """The parameters of sql/budgets/definitions.sql, as JSON; ``absent`` are bits for a dimension without a value.

    Budgets that count the same (scope and ``per``) share a definition, whatever their limits and periods are. Each has
    a number, which is its place in a string of bits.
    """

    definitions: list[dict[str, object]] = field(default_factory=list)
    conditions: list[dict[str, object]] = field(default_factory=list)
    masks: list[dict[str, str]] = field(default_factory=list)
    budgets: list[dict[str, object]] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def parameters(self) -> dict[str, object]:
        """The variables of the SQL files."""
        return {
            "definitions": json.dumps(self.definitions),
            "conditions": json.dumps(self.conditions),
            "masks": json.dumps(self.masks),
            "budgets": json.dumps(self.budgets),
            **{f"absent_{key}": self.absent[key] for key in KEYS},
            **{f"uses_{column}": bool(self.used & needs(column)) for column in ROW},
        }


@dataclass(frozen=True)
class _Condition:
    """What values of one dimension a definition accepts."""

    dimension: str
    included: tuple[str, ...] | None
    excluded: tuple[str, ...] | None
    exact_included: tuple[str, ...] = ()
    exact_excluded: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        exact = [self.exact_included, self.exact_excluded] if self.exact_included or self.exact_excluded else []
        return _short_hash([self.dimension, self.included, self.excluded, *exact])


def definitions_of(settings: Settings, names: Names) -> Definitions:
    """Returns all budgets of a configuration, with what their names stand for."""
    found = Definitions()
    numbers: dict[str, int] = {}
    conditions: list[Mapping[str, _Condition]] = []
    for budget in settings.budgets:
        own = _conditions(budget, names.by_budget.get(budget.id))
        number = numbers.setdefault(_counted_hash(budget, own), len(numbers))
        if number == len(conditions):
            conditions.append(own)
            found.definitions.append(_definition(budget, number, own))
            found.used |= set(own) | set(budget.per)
        found.budgets.append(_terms(settings, budget, number))
    _spread(found, conditions)
    return found


def definition_hash(budget: Budget) -> str:
    """Returns the same text for budgets whose files say to count the same things by the same values."""
    return _counted_hash(budget, _conditions(budget))


def _counted_hash(budget: Budget, own: Mapping[str, _Condition]) -> str:
    conditions = sorted(condition.hash for condition in own.values())
    return _short_hash([conditions, list(budget.per), budget.include_estimated, budget.by_the_hour, by_event(budget)])


def terms_hash(settings: Settings, budget: Budget) -> str:
    """Returns the same text as long as a budget's own settings are: what it counts, its limit, period and tiers."""
    return _short_hash(_terms(settings, budget, 0, hashed=False))


def zone_of(settings: Settings, budget: Budget) -> str:
    """Returns the zone of periods where a value has no tenant: a single tenant's own, else the configuration's."""
    names = budget.scope.values().get(TENANT.key)
    if names and len(names) == 1:
        return settings.zone_of_tenant(names[0], names[0])
    return settings.timezone


def scope_parameters(
    names: ScopeNames, included: Mapping[str, Sequence[str]], excluded: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Returns the variables of sql/budgets/fits_scope.sql, JSON by dimension of LIKE patterns and of exact values."""
    both = (("included", included), ("excluded", excluded))
    return {
        **{
            word: json.dumps({d: _patterns(names.split(d, given)[0]) for d, given in globs.items()})
            for word, globs in both
        },
        **{f"exact_{word}": json.dumps(exact_values(names, globs)) for word, globs in both},
    }


def by_event(budget: Budget) -> bool:
    """Returns whether it is counted from the events: the daily tables know neither hours nor all dimensions."""
    return budget.by_the_hour or any(not BY_KEY[key].daily for key in (*budget.per, *_conditions(budget)))


def _conditions(budget: Budget, names: ScopeNames | None = None) -> dict[str, _Condition]:
    included, excluded = budget.scope.values(), budget.excluded()
    return {
        dimension: _condition(dimension, included.get(dimension), excluded.get(dimension), names or ScopeNames())
        for dimension in KEYS
        if dimension in included or dimension in excluded
    }


def _condition(
    dimension: str, included: Sequence[str] | None, excluded: Sequence[str] | None, names: ScopeNames
) -> _Condition:
    taken, exactly_taken = names.split(dimension, included or ())
    left_out, exactly_left_out = names.split(dimension, excluded or ())
    return _Condition(
        dimension,
        _patterns(taken) if included is not None else None,
        _patterns(left_out) if excluded is not None else None,
        tuple(exactly_taken),
        tuple(exactly_left_out),
    )


def _patterns(globs: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(like_pattern(glob) for glob in globs) if globs is not None else None


def _definition(budget: Budget, number: int, own: Mapping[str, _Condition]) -> dict[str, object]:
    return {
        "n": number,
        "hash": _counted_hash(budget, own),
        "per": list(budget.per),
        "by_event": by_event(budget),
        "by_quarter": budget.by_the_hour,
        "estimated": budget.include_estimated,
    }


def _terms(settings: Settings, budget: Budget, number: int, *, hashed: bool = True) -> dict[str, object]:
    terms: dict[str, object] = {
        "id": budget.id,
        "period": budget.period_key,
        "zone": zone_of(settings, budget),
        "rollover": str(budget.rollover.up_to) if budget.rollover else None,
        "limits": {name: str(limit) for name, limit in budget.limit.measures().items()},
        "tiers": [
            {
                "on": tier.on,
                "at": str(tier.at),
                "level": tier.level,
                "for_seconds": tier.for_duration.total_seconds() if tier.for_duration else None,
                "min_spend": {name: str(least) for name, least in tier.min_spend.measures().items()}
                if tier.min_spend
                else None,
            }
            for tier in settings.tiers_of(budget)
        ],
    }
    if not hashed:
        return {**terms, "definition": definition_hash(budget)}
    return {**terms, "n": number, "terms": terms_hash(settings, budget)}


def _spread(found: Definitions, conditions: Sequence[Mapping[str, _Condition]]) -> None:
    """Bits of each condition, and of each dimension for definitions that do not ask for it."""
    for dimension in KEYS:
        own = [by_dimension.get(dimension) for by_dimension in conditions]
        # A call without a value (no API key, say) fits unless certain values are asked for.
        found.absent[dimension] = _bits(one is None or one.included is None for one in own)
        distinct = dict.fromkeys(one for one in own if one is not None)
        if distinct:
            base = _bits(one is None for one in own)
            found.masks.append({"dimension": dimension, "base": base, "absent": found.absent[dimension]})
        for condition in distinct:
            found.conditions.append(
                {
                    "dimension": dimension,
                    "hash": condition.hash,
                    "included": condition.included,
                    "excluded": condition.excluded,
                    "exact_included": condition.exact_included,
                    "exact_excluded": condition.exact_excluded,
                    "mask": _bits(one == condition for one in own),
                }
            )


def _bits(flags: Iterable[bool]) -> str:
    return "".join("1" if flag else "0" for flag in flags)


def _short_hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
