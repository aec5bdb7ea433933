"""Usage that people are notified of because it is far outside its own history, without any limit."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from usage_pipeline.settings.budget import Level, Measure, Scope
from usage_pipeline.settings.dimensions import DAILY_KEYS
from usage_pipeline.settings.values import Amount, Names, Slug, StrictModel

Window = Literal["hour", "day", "week"]


if TYPE_CHECKING:
    Per = str
else:
    Per = Literal[DAILY_KEYS]


def word(value: object) -> object:
    """Returns the word `off`, which YAML reads as false; anything else as it is."""
    return "off" if value is False else value


class Anomaly(StrictModel):
    """Watches the last hour, day or week of each value of a dimension against the same hours, days or weeks before."""

    id: Slug
    scope: Scope = Scope()
    per: Per | None = None
    window: Window = "day"
    measure: Measure = "tokens"
    score: Annotated[Amount, Field(ge=2, le=1000)] = Decimal(6)  # robust standard deviations above the usual
    at_least: Amount  # what less is not worth a word, in the measure's unit
    mode: Annotated[Literal["off", "warn", "alert"], BeforeValidator(word)] = "warn"
    level: Level = "warning"
    notify: Names = ()


# What is watched where the configuration says nothing of it; `anomalies: []` watches nothing. A hundred thousand tokens
# are some tens of cents at common prices: less is not worth a word.
DEFAULT_ANOMALIES = (
    Anomaly(id="everything-by-day", window="day", at_least=Decimal(100_000)),
    Anomaly(id="everything-by-hour", window="hour", at_least=Decimal(100_000)),
    Anomaly(id="projects-by-day", per="project", window="day", at_least=Decimal(100_000)),
    Anomaly(id="projects-by-hour", per="project", window="hour", at_least=Decimal(100_000)),
)
