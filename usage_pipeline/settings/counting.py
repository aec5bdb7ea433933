"""What the configuration decides about counting."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Counting(BaseModel):
    """Where a workflow that another app calls as a tool is booked: to its own project, or to the calling one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nested: Literal["child", "caller"] = "child"
