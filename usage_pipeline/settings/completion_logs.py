"""A completion log as a source: its table, and which of its columns says what."""

from collections.abc import Set

from pydantic import Field

from usage_pipeline.settings.values import StrictModel


class LogColumns(StrictModel):
    """The log's own names of columns; what it does not have is left out."""

    id: str = "id"
    created_at: str = "created_at"
    input_tokens: str = "input_tokens"
    output_tokens: str = "output_tokens"
    tenant: str | None = Field(default=None, description="whose budget it is; left out: the source's id")
    app: str | None = Field(default=None, description="the project, by name or id; left out: the source's id")
    key: str | None = Field(default=None, description="the API key or its id; only a fingerprint and a mask are kept")
    key_name: str | None = Field(default=None, description="what the key is called; shown as it is")
    user: str | None = None
    model: str | None = None
    provider: str | None = None
    cost: str | None = None
    currency: str | None = None
    status: str | None = None

    def named(self) -> dict[str, str]:
        """Each column that is named, by what it says."""
        return {word: column for word, column in self.model_dump().items() if column is not None}


_OF_LOGS = {"table", "columns", "timezone", "currency"}


def check_keys_of_kind(kind: str, given: Set[str]) -> None:
    """Raises ValueError in words when a source has keys that its kind does not know, or lacks one that it needs."""
    if kind != "completion_logs":
        foreign = sorted(given & _OF_LOGS)
        if foreign:
            raise ValueError(f"has {foreign[0]}, which only a log has; write kind: completion_logs, or remove it")
        return
    if "url_env" not in given:
        raise ValueError("does not say where the log is; add url_env: with the NAME of the variable that holds its URL")
    if "console" in given:
        raise ValueError("has a console, which only Dify has; remove it, or write kind: dify")
