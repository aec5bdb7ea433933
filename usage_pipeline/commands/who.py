"""Who types a command: the operating system's account; what they call themselves stands beside it as a note."""

from dataclasses import dataclass
from typing import Annotated

import typer

from usage_pipeline import inputs
from usage_pipeline.settings import Settings
from usage_pipeline.settings.approvals import KnownBy

By = Annotated[
    str | None,
    typer.Option(
        "--by", help="What you are called, as a note; left out: USAGE_PIPELINE_USER. On record is the system's account."
    ),
]


@dataclass(frozen=True)
class Who:
    """Who acts by a shell: the account, and what they say they are called (empty when nothing, or the same)."""

    account: str
    said: str
    known_by: KnownBy = KnownBy.ACCOUNT

    def person(self, settings: Settings) -> str:
        """Returns whom the configuration knows by this account."""
        return settings.approvals.person(self.known_by, self.account)

    def noted(self, text: str) -> str:
        """Returns words for the record, with the name that was said."""
        return " ".join(part for part in (text, f"(says: {self.said})" if self.said else "") if part)


def who(by: str | None) -> Who:
    """Returns who types. Raises InputError when what was said is no name."""
    account, said = inputs.account(), inputs.said_name(by)
    return Who(account, "" if said == account else said)
