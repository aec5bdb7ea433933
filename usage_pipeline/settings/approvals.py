"""Who may approve, by what they must be known, and who is notified of requests."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from usage_pipeline.settings.person_names import same_person
from usage_pipeline.settings.values import Names, StrictModel, one_or_more
from usage_pipeline.settings.web import Person


class KnownBy(StrEnum):
    """How it is known who somebody is."""

    LINK = "link"  # a signed link that was made for one recipient
    HEADER = "header"  # what the SSO proxy says
    ACCOUNT = "account"  # the operating system's account of a shell
    DAGSTER = "dagster"  # what was typed into a job of Dagster's UI, which knows nobody


class Approvals(StrictModel):
    """Overrides are approved by one of the approvers who did not ask for it, and end by themselves."""

    approvers: Names = ()
    notify: Names = ()
    known_by: Annotated[tuple[KnownBy, ...], BeforeValidator(one_or_more), Field(min_length=1)] = tuple(KnownBy)
    people: dict[str, Person] = Field(default={})
    longest_days: Annotated[int, Field(ge=1, le=366)] = 31
    highest_percent: Annotated[int, Field(ge=1, le=10_000)] = 500

    def person(self, known_by: KnownBy, name: str) -> str:
        """Returns who it is that is known in this way by this name: an entry of ``people``, else the name itself.

        A name that only another way makes an entry of ``people`` is not that person, and says so.
        """
        for person, described in self.people.items():
            if name in _names(described).get(known_by, ()):
                return person
        if any(same_person(name, person) for person in self.people):
            return name + _way(known_by)
        return name

    def refusal(self, by: str, known_by: KnownBy | None = None) -> str | None:
        """Returns why ``by`` may decide on nothing, or None. Only an entry as the file writes it may.

        ``known_by`` is how it is known that it is them; None where nobody asked.
        """
        if by in self.approvers:
            return self._unknown(by, known_by)
        listed = ", ".join(self.approvers) or "nobody: add names under approvals.approvers"
        meant = next(
            (f"; write {entry!r} as it stands there" for entry in self.approvers if same_person(entry, by)), ""
        )
        return f"{by!r} is not an approver; the configuration has: {listed}{meant}"

    def _unknown(self, by: str, known_by: KnownBy | None) -> str | None:
        if len(self.known_by) == len(KnownBy) or known_by in self.known_by:
            return None
        ways = " or ".join(self.known_by)
        how = f"by {known_by}" if known_by else "in no way"
        way_out = "decide on the page that your message links to"
        return f"{by!r} is known {how}, and approvals.known_by asks for {ways}: {way_out}"

    def others(self, requested_by: str) -> list[str]:
        """Returns the approvers who may decide on what ``requested_by`` asked for, however they spelled their name and
        by whatever way they were known.
        """
        asked = _bare(requested_by)
        return [entry for entry in self.approvers if not same_person(entry, asked)]


def _names(person: Person) -> Mapping[KnownBy, tuple[str, ...]]:
    return {KnownBy.LINK: person.recipients, KnownBy.HEADER: person.headers, KnownBy.ACCOUNT: person.accounts}


def _way(known_by: KnownBy) -> str:
    return f" (by {known_by})"


def _bare(name: str) -> str:
    """A name without the way that ``person`` put behind it."""
    return next((name.removesuffix(_way(way)) for way in KnownBy if name.endswith(_way(way))), name)
