"""Who may approve an override of a budget, and who is notified of requests."""

from typing import Annotated

from pydantic import Field

from usage_pipeline.settings.values import Names, StrictModel


class Approvals(StrictModel):
    """Overrides are approved by one of the approvers who did not ask for it, and end by themselves."""

    approvers: Names = ()
    notify: Names = ()
    longest_days: Annotated[int, Field(ge=1, le=366)] = 31
    highest_percent: Annotated[int, Field(ge=1, le=10_000)] = 500
