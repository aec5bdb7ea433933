"""What a budget is made of: its scope, period, limit and tiers."""

from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, Field, create_model, field_validator, model_validator

from usage_pipeline.settings.dimensions import KEYS
from usage_pipeline.settings.enforcement import ActionName, Mode
from usage_pipeline.settings.periods import Period, by_the_hour, period_key
from usage_pipeline.settings.quiet_hours import QuietHours
from usage_pipeline.settings.values import Amount, Count, Duration, Globs, Names, PerCent, Slug, StrictModel

Level = Literal["info", "warning", "critical", "emergency"]
Measure = Literal["tokens", "input_tokens", "output_tokens", "cost", "calls"]
OWNER = "owner"


def _one_or_more(value: object) -> object:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


class _Values(StrictModel):
    """A key for each dimension, which ScopeValues has."""

    def values(self) -> dict[str, tuple[str, ...]]:
        """Returns each dimension that is said, with its globs."""
        return {key: given for key in KEYS if (given := getattr(self, key)) is not None}


if TYPE_CHECKING:
    DimensionKey = str
    ScopeValues = _Values
else:
    DimensionKey = Literal[KEYS]
    ScopeValues = create_model(
        "ScopeValues",
        __base__=_Values,
        __module__=__name__,
        __doc__="Values of dimensions, each a name, id or glob, or a list of them.",
        **dict.fromkeys(KEYS, (Globs | None, None)),
    )


class Scope(ScopeValues):
    """What a budget takes in: what fits every dimension said, but nothing that fits one under `not`."""

    not_: ScopeValues | None = Field(default=None, alias="not")

    def excluded(self) -> dict[str, tuple[str, ...]]:
        """Each dimension under `not`, with its globs."""
        return self.not_.values() if self.not_ else {}


class Amounts(StrictModel):
    """Amounts of measures; cost in the configuration's currency."""

    tokens: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost: Amount | None = None
    calls: Count | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.measures():
            raise ValueError("limits nothing; write at least one of tokens, input_tokens, output_tokens, cost, calls")
        return self

    def measures(self) -> dict[str, Decimal]:
        """Returns each measure that is said, with its amount."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: Decimal(value) for name, value in found.items() if value is not None}


class Limit(Amounts):
    """How much a budget allows in its period; cost in the configuration's currency. The highest ratio decides."""


class Tier(StrictModel):
    """A threshold of a budget, in per cent of the limit, of what is spent or of what is foreseen.

    What is raised in its quiet hours, in the period's zone, is sent at their end; an emergency is sent at once.
    """

    at: PerCent
    on: Literal["spent", "forecast"] = "spent"
    level: Level
    notify: Names = ()
    fallback: Names = ()
    actions: tuple[ActionName, ...] = ()
    mode: Mode | None = None  # of its actions; left out: enforcement.mode
    quiet: QuietHours | None = None
    min_spend: Amounts | None = None
    for_duration: Duration | None = Field(default=None, alias="for")

    @field_validator("quiet")
    @classmethod
    def _has_a_length(cls, quiet: QuietHours | None) -> QuietHours | None:
        if quiet and quiet.begins == quiet.ends:
            raise ValueError('begin when they end; write for example quiet: {from: "22:00", to: "07:00"}')
        return quiet

    def without_actions(self, actions: Collection[str]) -> "Tier":
        """Returns the same tier that asks for none of these actions."""
        return self.model_copy(update={"actions": tuple(each for each in self.actions if each not in actions)})


class Rollover(StrictModel):
    """What the period before left over is added to the limit, up to a part of it."""

    up_to: Annotated[PerCent, Field(le=100)]


class Budget(StrictModel):
    """A limit on a scope over a period; `per` makes one budget for each value of one or several dimensions."""

    id: Slug
    name: str | None = None
    parent: Slug | None = None
    scope: Scope = Scope()
    per: Annotated[
        tuple[DimensionKey, ...],
        BeforeValidator(_one_or_more, json_schema_input_type=DimensionKey | tuple[DimensionKey, ...]),
    ] = ()
    except_values: ScopeValues | None = Field(default=None, alias="except")
    period: Period
    limit: Limit
    tiers: tuple[Tier, ...] | None = None
    rollover: Rollover | None = None
    include_estimated: bool = False

    @model_validator(mode="before")
    @classmethod
    def _except_of_its_per(cls, value: object) -> object:
        """A plain list under `except` names values of the one dimension under `per`."""
        if not isinstance(value, dict) or not isinstance(value.get("except"), str | list):
            return value
        per = value.get("per")
        dimensions = [per] if isinstance(per, str) else per
        if not isinstance(dimensions, list) or len(dimensions) != 1:
            raise ValueError(
                "says `except:` without saying of which dimension; write for example except: {project: [billing-bot]}"
            )
        return {**value, "except": {dimensions[0]: value["except"]}}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.per)) < len(self.per):
            raise ValueError("names a dimension twice under `per:`; write each once")
        if self.except_values and not set(self.except_values.values()) <= set(self.per):
            raise ValueError("excepts values of a dimension that is not under `per:`; use `scope: {not: ...}` for it")
        if self.rollover and (by_the_hour(self.period) or period_key(self.period).partition(":")[2]):
            raise ValueError("cannot roll over; `rollover:` is for day, week, month, quarter and year")
        return self

    @property
    def of_projects(self) -> bool:
        """Whether each of its values is a project, or lies in projects that its scope names."""
        return "project" in self.per or bool(self.scope.values().get("project"))

    @property
    def period_key(self) -> str:
        """Returns the period as one word, as it stands in budget_status."""
        return period_key(self.period)

    @property
    def by_the_hour(self) -> bool:
        """Whether days are too coarse for its period."""
        return by_the_hour(self.period)

    def excluded(self) -> dict[str, tuple[str, ...]]:
        """Returns what it does not take in: `not` of its scope, and the values that have a budget of their own."""
        found = dict(self.scope.excluded())
        for name, globs in (self.except_values.values() if self.except_values else {}).items():
            found[name] = (*found.get(name, ()), *globs)
        return found


DEFAULT_TIERS = (
    Tier(at=Decimal(80), level="warning", notify=(OWNER,)),
    Tier(at=Decimal(95), level="critical", notify=(OWNER,)),
    Tier(at=Decimal(100), level="emergency", notify=(OWNER,)),
)
