"""Callers that go round in circles: what is watched for on the last minutes, long before a budget is used up."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from usage_pipeline.settings.anomalies import word
from usage_pipeline.settings.budget import Level
from usage_pipeline.settings.values import Names, StrictModel


class Loops(StrictModel):
    """One caller of one project whose calls come far above its own pace, with prompts that are alike or only grow."""

    mode: Annotated[Literal["off", "warn", "alert"], BeforeValidator(word)] = "warn"
    minutes: Annotated[int, Field(ge=2, le=60)] = 10
    at_least_calls: Annotated[int, Field(ge=5, le=1_000_000)] = 20
    times: Annotated[int, Field(ge=2, le=1_000)] = 5  # above the pace of its busiest day of two weeks
    level: Level = "critical"
    notify: Names = ()
