"""The spans of time that a budget's limit is for: calendar periods, rolling windows, fixed campaigns."""

from datetime import timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from usage_pipeline.settings.values import Day, Duration, StrictModel

CalendarPeriod = Literal["hour", "day", "week", "month", "quarter", "year"]
# A longer window moves on by whole days: nobody minds the hour any more, and hours are dearer to count.
_BY_THE_HOUR_UP_TO = 72


class Rolling(StrictModel):
    """The last N hours (up to 72) or days, the running one included: it moves on with each hour or day."""

    rolling: Duration

    @model_validator(mode="after")
    def _is_hours_or_days(self) -> Self:
        hours, rest = divmod(self.rolling, timedelta(hours=1))
        if rest:
            raise ValueError("is not a number of hours or days; write for example rolling: 24h or rolling: 7d")
        if hours > _BY_THE_HOUR_UP_TO and hours % 24:
            raise ValueError("is too long to be counted by the hour; write it in whole days, such as rolling: 4d")
        return self

    @property
    def key(self) -> str:
        """Returns as it stands in the warehouse: ``rolling:24h``, ``rolling:7d``."""
        hours = self.rolling // timedelta(hours=1)
        return f"rolling:{hours}h" if hours <= _BY_THE_HOUR_UP_TO else f"rolling:{hours // 24}d"


class Campaign(StrictModel):
    """From the first day up to the day before ``to``, once."""

    from_date: Day = Field(alias="from")
    to: Day

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.to <= self.from_date:
            raise ValueError(f"ends before it begins; write a day after {self.from_date} as `to:`")
        return self

    @property
    def key(self) -> str:
        """Returns as it stands in the warehouse: ``campaign:2026-11-01:2026-12-01``."""
        return f"campaign:{self.from_date}:{self.to}"


def _read(value: object) -> object:
    words = get_args(CalendarPeriod)
    known = f"write {', '.join(map(repr, words))}, {{rolling: 24h}}, or {{from: 2026-11-01, to: 2026-12-01}}"
    if isinstance(value, Rolling | Campaign) or value in words:
        return value
    if isinstance(value, dict) and "rolling" in value:
        return Rolling.model_validate(value)
    if isinstance(value, dict) and value.keys() & {"from", "to"}:
        return Campaign.model_validate(value)
    raise ValueError(f"is not one of the words that are known here; {known}")


Period = Annotated[
    CalendarPeriod | Rolling | Campaign,
    BeforeValidator(_read, json_schema_input_type=CalendarPeriod | Rolling | Campaign),
]


def period_key(period: CalendarPeriod | Rolling | Campaign) -> str:
    """Returns a period as one word, as it stands in ``budget_status.period``."""
    return period if isinstance(period, str) else period.key


def by_the_hour(period: CalendarPeriod | Rolling | Campaign) -> bool:
    """Whether days are too coarse for the period."""
    key = period_key(period)
    return key == "hour" or (key.startswith("rolling:") and key.endswith("h"))
