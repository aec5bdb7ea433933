"""Which templates of alerts are the user's own."""

from pydantic import Field

from usage_pipeline.settings.values import StrictModel


class TemplateSettings(StrictModel):
    """Own templates, in place of the shipped ones of the same name: a folder of them, or single files by name.

    Paths are relative to the configuration file's folder.
    """

    folder: str | None = None
    files: dict[str, str] = Field(default={})
