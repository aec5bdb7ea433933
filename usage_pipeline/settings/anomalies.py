"""Usage that people are notified of without any limit: far outside its own history, or going round in circles."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from usage_pipeline.settings.budget import Level, Measure, Scope
from usage_pipeline.settings.dimensions import DAILY_KEYS
from usage_pipeline.settings.enforcement import ActionName
from usage_pipeline.settings.values import Amount, Names, Slug, StrictModel

Window = Literal["hour", "day", "week"]


if TYPE_CHECKING:
    Per = str
else:
    Per = Literal[DAILY_KEYS]


def _word(value: object) -> object:
    """YAML reads a bare `off` as false."""
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
    mode: Annotated[Literal["off", "warn", "alert"], BeforeValidator(_word)] = "warn"
    level: Level = "warning"
    notify: Names = ()


class Loops(StrictModel):
    """One caller of one project whose calls come far above its own pace, with prompts that are alike or only grow.

    Mode ``pause`` alerts, too, and pauses the project as ``enforcement`` says.
    """

    mode: Annotated[Literal["off", "warn", "alert", "pause"], BeforeValidator(_word)] = "warn"
    minutes: Annotated[int, Field(ge=2, le=60)] = 10
    at_least_calls: Annotated[int, Field(ge=5, le=1_000_000)] = 20
    times: Annotated[int, Field(ge=2, le=1_000)] = 5  # above the pace of its busiest day of two weeks
    level: Level = "critical"
    notify: Names = ()

    @property
    def actions(self) -> tuple[ActionName, ...]:
        """What is done at the project of a loop."""
        return ("pause_app",) if self.mode == "pause" else ()


# What is watched where the configuration says nothing of it; `anomalies: []` watches nothing. A hundred thousand tokens
# are some tens of cents at common prices: less is not worth a word.
DEFAULT_ANOMALIES = (
    Anomaly(id="everything-by-day", window="day", at_least=Decimal(100_000)),
    Anomaly(id="everything-by-hour", window="hour", at_least=Decimal(100_000)),
    Anomaly(id="projects-by-day", per="project", window="day", at_least=Decimal(100_000)),
    Anomaly(id="projects-by-hour", per="project", window="hour", at_least=Decimal(100_000)),
)
