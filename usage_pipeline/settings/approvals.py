"""Who may approve a temporary raise of a budget, and who is told of requests."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class Approvals(BaseModel):
    """Raises are approved by one of the approvers who did not ask for it, and end by themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    approvers: Names = ()
    notify: Names = ()
    longest_days: Annotated[int, Field(ge=1, le=366)] = 31
    highest_percent: Annotated[int, Field(ge=1, le=10_000)] = 500
