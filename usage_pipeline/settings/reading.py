"""How the sources are read together: how many at once, and how long the others wait for one."""

from typing import Annotated

from pydantic import Field

from usage_pipeline.settings.values import StrictModel


class ReadingSettings(StrictModel):
    """How the sources of a pass are read; times in seconds."""

    sources_at_once: Annotated[int, Field(ge=1, le=64)] = 8
    # A source that gives no sign of life for so long has failed; the pass goes on without it.
    silent_after_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    # A source that is still being read after so long is left for the next pass, which goes on from there.
    pass_deadline_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
