"""Who may approve an override of a budget, and who is notified of requests."""

from typing import Annotated

from pydantic import Field

from usage_pipeline.settings.person_names import same_person
from usage_pipeline.settings.values import Names, StrictModel


class Approvals(StrictModel):
    """Overrides are approved by one of the approvers who did not ask for it, and end by themselves."""

    approvers: Names = ()
    notify: Names = ()
    longest_days: Annotated[int, Field(ge=1, le=366)] = 31
    highest_percent: Annotated[int, Field(ge=1, le=10_000)] = 500

    def refusal(self, by: str) -> str | None:
        """Returns why ``by`` may decide on nothing, or None. Only an entry as the file writes it may."""
        if by in self.approvers:
            return None
        listed = ", ".join(self.approvers) or "nobody: add names under approvals.approvers"
        meant = next(
            (f"; write {entry!r} as it stands there" for entry in self.approvers if same_person(entry, by)), ""
        )
        return f"{by!r} is not an approver; the configuration has: {listed}{meant}"

    def others(self, requested_by: str) -> list[str]:
        """Returns the approvers who may decide on what ``requested_by`` asked for, however they spelled their name."""
        return [entry for entry in self.approvers if not same_person(entry, requested_by)]
