"""What became of one attempt to hand something to another system."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt, by the channel's own answer."""

    kind: Literal["accepted", "retry", "permanent"]
    answer: str
    status: int | None = None
    retry_after_s: float | None = None
