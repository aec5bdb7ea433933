"""Budgets as the SQL of sql/budgets takes them: what is counted apart from what is allowed."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from usage_pipeline.budgets.dimension_sql import ROW, needs
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

    @property
    def hash(self) -> str:
        return _short_hash([self.dimension, self.included, self.excluded])


def definitions_of(settings: Settings) -> Definitions:
    """Returns all budgets of a configuration."""
    found = Definitions()
    numbers: dict[str, int] = {}
    conditions: list[Mapping[str, _Condition]] = []
    for budget in settings.budgets:
        own = _conditions(budget)
        number = numbers.setdefault(definition_hash(budget), len(numbers))
        if number == len(conditions):
            conditions.append(own)
            found.definitions.append(_definition(budget, number))
            found.used |= set(own) | set(budget.per)
        found.budgets.append(_terms(settings, budget, number))
    _spread(found, conditions)
    return found


def definition_hash(budget: Budget) -> str:
    """Returns the same text for budgets that count the same things by the same values."""
    conditions = sorted(condition.hash for condition in _conditions(budget).values())
    return _short_hash([conditions, list(budget.per), budget.include_estimated, budget.by_the_hour, _by_event(budget)])


def terms_hash(settings: Settings, budget: Budget) -> str:
    """Returns the same text as long as a budget's own settings are: what it counts, its limit, period and tiers."""
    return _short_hash(_terms(settings, budget, 0, hashed=False))


def zone_of(settings: Settings, budget: Budget) -> str:
    """Returns the zone of periods where a value has no tenant: a single tenant's own, else the configuration's."""
    names = budget.scope.values().get(TENANT.key)
    if names and len(names) == 1:
        return settings.zone_of_tenant(names[0], names[0])
    return settings.timezone


def patterns_of(globs: Mapping[str, Sequence[str]]) -> str:
    """Returns globs by dimension as JSON of LIKE patterns, as sql/budgets/in_scope.sql takes them."""
    return json.dumps({dimension: [like_pattern(glob) for glob in given] for dimension, given in globs.items()})


def _by_event(budget: Budget) -> bool:
    """Whether it is counted from the events: the daily tables know neither hours nor all dimensions."""
    return budget.by_the_hour or any(not BY_KEY[key].daily for key in (*budget.per, *_conditions(budget)))


def _conditions(budget: Budget) -> dict[str, _Condition]:
    included, excluded = budget.scope.values(), budget.excluded()
    return {
        dimension: _Condition(dimension, _patterns(included.get(dimension)), _patterns(excluded.get(dimension)))
        for dimension in KEYS
        if dimension in included or dimension in excluded
    }


def _patterns(globs: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(like_pattern(glob) for glob in globs) if globs is not None else None


def _definition(budget: Budget, number: int) -> dict[str, object]:
    return {
        "n": number,
        "hash": definition_hash(budget),
        "per": list(budget.per),
        "by_event": _by_event(budget),
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
                    "mask": _bits(one == condition for one in own),
                }
            )


def _bits(flags: Iterable[bool]) -> str:
    return "".join("1" if flag else "0" for flag in flags)


def _short_hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
