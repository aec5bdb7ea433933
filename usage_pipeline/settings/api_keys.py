"""Names for Dify's API keys, which have none of their own."""

from typing import Annotated

from pydantic import AfterValidator, Field

from usage_pipeline.settings.values import StrictModel

_LONGEST = 64


def as_masked(key: str) -> str:
    """A key as it is shown: people write the ellipsis as three full stops."""
    return key.strip().replace("...", "…")


def _id_or_masked(key: str) -> str:
    if key.startswith("app-"):
        raise ValueError("is the secret itself; write the key's id or its masked form, as `usage-pipeline keys` shows")
    return as_masked(key)


class NamedKey(StrictModel):
    """An API key by its id or its masked form, and the name to show for it everywhere."""

    key: Annotated[str, Field(min_length=1), AfterValidator(_id_or_masked)]
    name: Annotated[str, Field(min_length=1, max_length=_LONGEST)]
