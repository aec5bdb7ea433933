"""Which templates of alerts are the user's own."""

from pydantic import BaseModel, ConfigDict


class TemplateSettings(BaseModel):
    """Own templates, in place of the shipped ones of the same name: a folder of them, or single files by name.

    Paths are relative to the configuration file's folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str | None = None
    files: dict[str, str] = {}
