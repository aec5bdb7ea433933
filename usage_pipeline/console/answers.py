"""The shapes of the console's answers, as far as they are used; what else it says is passed over."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import UnreadableAnswerError

_NOT_DIFY = "check that the address is Dify's console, and its version (0.15 to 1.16 are known)"
_LONGEST_ID = 255


def is_id(value: object) -> bool:
    """Whether it can be a row's id: no table and no address holds a control character or half a surrogate pair."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable()


def _an_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("is no id")
    return value


RowId = Annotated[str, AfterValidator(_an_id)]


class Said(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)


class Workspace(Said):
    """A workspace that can be entered."""

    id: RowId
    name: str
    status: str | None = None


class Tag(Said):
    """A tag of an app."""

    name: str
    type: str | None = None


class AppSummary(Said):
    """An app as lists show it."""

    id: RowId
    name: str
    mode: str
    tags: tuple[Tag, ...] = ()
    max_active_requests: int | None = None
    settings: dict[str, Any] | None = Field(default=None, alias="model_config", repr=False)

    def model(self) -> tuple[str | None, str | None]:
        """Provider and name of the model that a basic app is set to now."""
        return named_model((self.settings or {}).get("model"))


class AppDetail(AppSummary):
    """An app with its switches and what a PUT must send back."""

    enable_api: bool = False
    enable_site: bool = False
    description: str | None = None
    icon_type: str | None = None
    icon: str | None = None
    icon_background: str | None = None
    use_icon_as_answer_icon: bool | None = None


class Trigger(Said):
    """What starts a workflow by itself. ``status``: enabled, disabled, unauthorized, rate_limited."""

    id: str
    trigger_type: str
    title: str = ""
    node_id: str = ""
    status: str


class McpServer(Said):
    """An app's MCP server. ``status``: active, inactive, or normal (which is active). Its code is a secret."""

    id: str
    status: str
    description: str = ""
    parameters: Any = Field(default_factory=dict, repr=False)


class Workflow(Said):
    """A version of a workflow: the draft, or a published one, which never changes."""

    id: str
    version: str = ""
    hash: str = ""
    marked_name: str = ""
    graph: dict[str, Any] = Field(default_factory=dict, repr=False)
    features: dict[str, Any] = Field(default_factory=dict, repr=False)
    environment_variables: list[dict[str, Any]] = Field(default_factory=list, repr=False)
    conversation_variables: list[dict[str, Any]] = Field(default_factory=list, repr=False)


_Shape = TypeVar("_Shape", bound=Said)


def shaped(shape: type[_Shape], call: str, document: object) -> _Shape:
    """A document as a shape. Raises UnreadableAnswerError when it has another; its text says no value."""
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise UnreadableAnswerError(call, f"its answer is not as Dify's ({where or 'top'})", _NOT_DIFY) from None


def rows_of(call: str, document: object, key: str = "data") -> list[dict[str, Any]]:
    """The rows of a list. Raises UnreadableAnswerError."""
    rows = document.get(key) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise UnreadableAnswerError(call, f"its answer has no {key}", _NOT_DIFY)
    return [row for row in rows if isinstance(row, dict)]


def pages(console: Console, path: str, query: Mapping[str, str | int] | None = None) -> Iterator[dict[str, Any]]:
    """Every row of a list that is numbered by pages, page after page as they are asked for."""
    page = 1
    while True:
        document = console.get(path, {**(query or {}), "page": page, "limit": 100})
        rows = rows_of(f"GET /console/api/{path}", document)
        yield from rows
        if not rows or not (isinstance(document, dict) and document.get("has_more")):
            return
        page += 1


def named_model(model: object) -> tuple[str | None, str | None]:
    """Provider and name out of Dify's ``{"provider", "name"}``."""
    if not isinstance(model, dict):
        return None, None
    provider, name = model.get("provider"), model.get("name") or model.get("model")
    return (str(provider) if provider else None), (str(name) if name else None)
