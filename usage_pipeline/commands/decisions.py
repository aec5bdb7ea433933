"""What approving and rejecting share, of overrides as of actions: who decides, and with what word."""

from dataclasses import dataclass
from typing import Annotated

import typer

from usage_pipeline import inputs
from usage_pipeline.commands.who import Who, who

Why = Annotated[str, typer.Option(help="Why; on record.")]


@dataclass(frozen=True)
class Decision:
    """What somebody decides about what waits for an approval."""

    subject: str
    approve: bool
    who: Who
    note: str


def decision(subject: str, *, approve: bool, by: str | None, note: str) -> Decision:
    """Returns the decision as it was typed. Raises InputError for what cannot be kept."""
    typist = who(by)
    return Decision(subject, approve, typist, typist.noted(inputs.plain_text("--note", note)))
