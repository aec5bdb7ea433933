"""Who uses the command: what is on record for decisions that people take."""

import getpass
import os
from typing import Annotated

import typer

By = Annotated[
    str | None, typer.Option("--by", help="Who you are; left out: USAGE_PIPELINE_USER, else your login name.")
]


def who(by: str | None) -> str:
    """The name said, else USAGE_PIPELINE_USER, else the login name."""
    return by or os.environ.get("USAGE_PIPELINE_USER") or getpass.getuser()
