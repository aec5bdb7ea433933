"""How alerts are written and followed up: templates, quiet hours, repeats, fallback, who watches, and for how long."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from usage_pipeline.settings.budget import Level
from usage_pipeline.settings.quiet_hours import QuietHours
from usage_pipeline.settings.recipients import VariableName
from usage_pipeline.settings.values import Names, StrictModel, Zone, one_or_more

Held = Literal["info", "warning", "critical"]


class _Part(StrictModel):
    model_config = ConfigDict(populate_by_name=True)


class RecipientQuietHours(QuietHours):
    """Hours in which these recipients are sent nothing but emergencies; what was held comes as one digest at the end.

    No recipients: everyone. The levels say what is held; an emergency cannot be among them.
    """

    recipients: Names = ()
    levels: Annotated[tuple[Held, ...], BeforeValidator(one_or_more), Field(min_length=1)] = (
        "info",
        "warning",
        "critical",
    )
    timezone: Zone | None = None  # left out: the configuration's


class Heartbeat(_Part):
    """A sign of life after each pass to a service that alerts when it stops; the variable holds its URL, a secret."""

    url_env: VariableName
    allow_private: bool = False


class TemplateSettings(StrictModel):
    """Own templates, in place of the shipped ones of the same name: a folder of them, or single files by name.

    Paths are relative to the configuration file's folder.
    """

    folder: str | None = None
    files: dict[str, str] = Field(default={})


class Alerting(_Part):
    """What follows an alert. Recipients are named as under `recipients:`."""

    ops: Names = ()
    heartbeat: Heartbeat | None = None
    quiet_hours: tuple[RecipientQuietHours, ...] = ()
    repeat_after_hours: Annotated[int, Field(ge=1, le=168)] = 4
    repeat_most: Annotated[int, Field(ge=0, le=100)] = 6
    escalate_to: Names = ()
    escalate_after_minutes: Annotated[int, Field(ge=1, le=10080)] = 30
    fallback: Names = ()
    fallback_after_minutes: Annotated[int, Field(ge=1, le=1440)] = 2
    resolved_from: Level = "critical"
    keep_days: Annotated[int, Field(ge=30, le=36500)] = 730
