"""One line of doctor: what was looked at, how it is, and what is to be done; and how all of them are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import typer

from usage_pipeline.commands.output import EXIT_FAILED, print_json, show_rows

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class DoctorFinding:
    """One thing that was looked at. ``says`` is a fact, and after it what to do where something is to be done."""

    checked: str
    state: State
    says: str


def show_findings(findings: Sequence[DoctorFinding], *, as_json: bool) -> None:
    """Prints all; ends the command with 1 when one of them is wrong."""
    if as_json:
        print_json(findings)
    else:
        lines = [(finding.checked, finding.state, finding.says) for finding in findings]
        show_rows("Doctor", ("checked", "state", "says"), lines)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(EXIT_FAILED)
