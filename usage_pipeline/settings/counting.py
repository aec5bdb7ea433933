"""What the configuration decides about counting."""

from typing import Literal

from usage_pipeline.settings.values import StrictModel


class Counting(StrictModel):
    """Where a workflow that another app calls as a tool is booked: to its own project, or to the calling one."""

    nested: Literal["child", "caller"] = "child"
