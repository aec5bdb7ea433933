"""What the configuration decides about counting."""

from typing import Literal

from usage_pipeline.settings.values import StrictModel


class Counting(StrictModel):
    """What is counted where it can be seen in two ways.

    ``nested``: a workflow that another app calls as a tool is booked to its own project, or to the calling one.
    ``unexplained``: what a run's own total says beyond all that attempts can explain is shown only, or counted too.
    """

    nested: Literal["child", "caller"] = "child"
    unexplained: Literal["ignore", "count"] = "ignore"
