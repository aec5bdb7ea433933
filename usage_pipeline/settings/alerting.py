"""How alerts are followed up: quiet hours, repeats, escalation, fallback, who watches the watcher, and for how long."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field

from usage_pipeline.settings.recipients import VariableName
from usage_pipeline.settings.values import Model, Names, TimeOfDay, Zone, one_or_more

Held = Literal["info", "warning", "critical"]
Told = Literal["info", "warning", "critical", "emergency"]


class _Part(Model):
    model_config = ConfigDict(populate_by_name=True)


class QuietHours(_Part):
    """Hours in which these recipients are told nothing but emergencies; what was held comes as one digest at the end.

    No recipients: everyone. The levels say what is held; an emergency cannot be among them.
    """

    recipients: Names = ()
    levels: Annotated[tuple[Held, ...], BeforeValidator(one_or_more), Field(min_length=1)] = (
        "info",
        "warning",
        "critical",
    )
    begins: TimeOfDay = Field(alias="from")
    ends: TimeOfDay = Field(alias="to")
    timezone: Zone | None = None  # left out: the configuration's

    def end_after(self, now: datetime, zone: str) -> datetime | None:
        """When the quiet hours end that ``now`` lies in, in UTC; None outside of them."""
        local = now.astimezone(ZoneInfo(self.timezone or zone))
        begins, ends = time.fromisoformat(self.begins), time.fromisoformat(self.ends)
        moment = local.time()
        inside = begins <= moment < ends if begins < ends else moment >= begins or moment < ends
        if not inside:
            return None
        days = 1 if moment >= ends else 0
        day = local.date() + timedelta(days=days)
        return datetime.combine(day, ends, local.tzinfo).astimezone(UTC)


class Heartbeat(_Part):
    """A sign of life after each pass to a service that alerts when it stops; the variable holds its URL, a secret."""

    url_env: VariableName
    allow_private: bool = False


class Alerting(_Part):
    """What follows an alert. Recipients are named as under `recipients:`."""

    ops: Names = ()
    heartbeat: Heartbeat | None = None
    quiet_hours: tuple[QuietHours, ...] = ()
    repeat_after_hours: Annotated[int, Field(ge=1, le=168)] = 4
    repeat_most: Annotated[int, Field(ge=0, le=100)] = 6
    escalate_to: Names = ()
    escalate_after_minutes: Annotated[int, Field(ge=1, le=10080)] = 30
    fallback: Names = ()
    fallback_after_minutes: Annotated[int, Field(ge=1, le=1440)] = 2
    resolved_from: Told = "critical"
    keep_days: Annotated[int, Field(ge=30, le=36500)] = 730
