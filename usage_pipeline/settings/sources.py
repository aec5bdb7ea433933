"""What usage is read from: the kinds of sources, what the configuration says of one, and how all are read together."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from usage_pipeline.settings.recipients import VariableName
from usage_pipeline.settings.values import Amount, Currency, Slug, StrictModel, Zone


@dataclass(frozen=True)
class KindOfSource:
    """What the configuration knows of a kind of source: keys that only some kinds take, keys that this one needs."""

    is_a: str  # as errors call it
    keys: Set[str] = frozenset()
    needs: Mapping[str, str] = field(default_factory=dict)  # key: what is said when it is missing


# One line a kind: what it is called in the configuration is the name of its module in usage_pipeline/sources/.
SOURCE_KINDS: Mapping[str, KindOfSource] = {
    "dify": KindOfSource("Dify", keys={"console"}),
    "dify_api": KindOfSource(
        "Dify",
        keys={"console"},
        needs={"console": "has no console; add console: {url_env: DIFY_CONSOLE_URL, admin_key_env: DIFY_ADMIN_KEY}"},
    ),
    "completion_logs": KindOfSource(
        "a log",
        keys={"table", "columns", "timezone", "currency"},
        needs={
            "url_env": "does not say where the log is; add url_env: with the NAME of the variable that holds its URL"
        },
    ),
}
if TYPE_CHECKING:
    KindName = str
else:
    KindName = Literal[tuple(SOURCE_KINDS)]


class ConsoleSettings(StrictModel):
    """Where and as whom Dify's console is reached; names of environment variables."""

    url_env: VariableName
    email_env: VariableName | None = None
    password_env: VariableName | None = None
    admin_key_env: VariableName | None = None
    requests_per_second: Annotated[Amount, Field(gt=0.01, le=1000)] = Decimal(10)
    calls_per_pass: Annotated[int, Field(ge=10, le=1_000_000)] = 2_000

    @model_validator(mode="after")
    def _says_as_whom(self) -> Self:
        if not self.admin_key_env and not (self.email_env and self.password_env):
            raise ValueError("says not as whom; write email_env and password_env, or admin_key_env")
        return self


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
        """Returns each column that is named, by what it says."""
        return {word: column for word, column in self.model_dump().items() if column is not None}


class SourceSettings(StrictModel):
    """One place that usage is read from."""

    id: Slug
    kind: KindName = "dify"
    url_env: VariableName = "DIFY_DATABASE_URL"
    database_timezone: Zone | None = None  # of times that a MySQL server makes by itself; left out: it is asked
    console: ConsoleSettings | None = None
    # Of completion logs: the zone of times that name none, and the currency of costs that name none.
    table: str | None = None
    columns: LogColumns | None = None
    timezone: Zone | None = None
    currency: Currency | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        kind, given = SOURCE_KINDS[self.kind], self.model_fields_set
        for key in sorted(given & {key for other in SOURCE_KINDS.values() for key in other.keys} - kind.keys):
            name, owner = next((name, other) for name, other in SOURCE_KINDS.items() if key in other.keys)
            raise ValueError(f"has {key}, which only {owner.is_a} has; write kind: {name}, or remove it")
        for key, missing in kind.needs.items():
            if key not in given or getattr(self, key) is None:
                raise ValueError(missing)
        return self


class ReadingSettings(StrictModel):
    """How the sources of a pass are read; times in seconds."""

    sources_at_once: Annotated[int, Field(ge=1, le=64)] = 8
    # A source that gives no sign of life for so long has failed; the pass goes on without it.
    silent_after_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    # A source that is still being read after so long is left for the next pass, which goes on from there.
    pass_deadline_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    # A replica that is further behind its primary is said to be, by doctor, checks, reports and an alert.
    replica_behind_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
