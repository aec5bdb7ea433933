"""What became of one attempt to hand something to another system, and what an HTTP status means for it."""

from dataclasses import dataclass
from typing import Literal

from usage_pipeline.http.exchange import HttpAnswer

RETRIED = (408, 425, 429)


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt, by the channel's own answer; ``malformed`` where it did not understand the form."""

    kind: Literal["accepted", "retry", "permanent"]
    answer: str
    status: int | None = None
    retry_after_s: float | None = None
    malformed: bool = False


def by_status(answer: HttpAnswer) -> Outcome:
    """What an HTTP status means where the body says nothing more."""
    if 200 <= answer.status < 300:
        return Outcome("accepted", answer.text, answer.status)
    if answer.status in RETRIED or answer.status >= 500:
        return Outcome("retry", answer.text, answer.status, answer.retry_after_s)
    if 300 <= answer.status < 400:
        return Outcome("permanent", "the address redirects elsewhere; redirects are not followed", answer.status)
    return Outcome("permanent", answer.text, answer.status)
