"""One line of doctor: what was looked at, how it is, and what is to be done about it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class DoctorFinding:
    """One thing that was looked at. ``says`` is a fact, and after it what to do where something is to be done."""

    checked: str
    state: State
    says: str
