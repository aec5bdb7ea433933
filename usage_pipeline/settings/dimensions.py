"""The dimensions of a budget, each described once; the configuration, the checks and the SQL take them from here.

To add one: describe it below and put it in DIMENSIONS. Its columns must be columns of usage.usage_event. Its word then
works under ``scope:``, ``not:``, ``per:`` and ``except:`` of budgets (and of anomalies, when it is ``daily``), and its
values stand in ``budget_status`` as ``<key>=<value>``. Then run ``python -m usage_pipeline.settings.schema``, name it
in docs/budgets.md, and add it to the worlds of tests (usage_pipeline_tests/support/plain_budgets.py).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class NamedBy:
    """The table that names a dimension's values: one row a source and id."""

    table: str
    alias: str  # in statements
    columns: tuple[str, ...]  # one or two; the first that is not null is shown, a glob may fit either or the id
    days: str  # the daily table that has the id's column


@dataclass(frozen=True)
class Dimension:
    """What tells a dimension's values apart, what names them, and what they lie in."""

    key: str
    value: tuple[str, ...]  # columns of usage_event: together they are a value, the last of them is its id
    lies_in: tuple[str, ...] = ()  # other dimensions of which each value has exactly one, the nearest first
    named_by: NamedBy | None = None
    title: str | None = None  # or the column of usage_event that names it
    shown_after: str | None = None  # the dimension whose name is put before its own
    daily: bool = True  # usage.daily_usage has its columns; else its budgets are counted from the events
    anomaly_value: str | None = None  # SQL of a row (d), where an anomaly's value is written otherwise than a budget's
    largest: tuple[str, str] | None = (
        None  # its largest values are part of an explanation: word, and SQL of their names
    )

    @property
    def id(self) -> str:
        """The column of its id."""
        return self.value[-1]


TENANT = Dimension(
    key="tenant",
    value=("source", "tenant_id"),
    named_by=NamedBy("usage.tenant", "t", ("name",), days="usage.daily_project_usage"),
    largest=("tenants", "coalesce(t.name, d.tenant_id)"),
)
ENVIRONMENT = Dimension(key="environment", value=("environment",))
PROJECT = Dimension(
    key="project",
    value=("source", "app_id"),
    lies_in=("tenant",),
    named_by=NamedBy("usage.project", "p", ("name",), days="usage.daily_project_usage"),
    largest=("projects", "coalesce(p.name, d.app_id)"),
)
API_KEY = Dimension(
    key="api_key",
    value=("source", "api_key_id"),
    lies_in=("project", "tenant"),
    named_by=NamedBy("usage.api_key", "k", ("name", "masked"), days="usage.daily_key_usage"),
    shown_after="project",
    largest=("keys", "coalesce(k.masked, d.api_key_id)"),
)
CALLER = Dimension(
    key="caller",
    value=("source", "tenant_id", "caller_kind", "caller_id"),
    lies_in=("tenant",),
    anomaly_value="d.caller_kind || ': ' || d.caller_id",
    largest=("callers", "d.caller_kind || coalesce(': ' || d.caller_id, '')"),
)
PROVIDER = Dimension(key="provider", value=("provider",))
MODEL = Dimension(key="model", value=("model",), largest=("models", "d.model"))
NODE = Dimension(
    key="node",
    value=("source", "app_id", "node_id"),
    lies_in=("project", "tenant"),
    title="node_title",
    shown_after="project",
    daily=False,
    largest=("nodes", "d.node_title"),
)

# In this order they stand in scope values and names of budgets, which are stored: add new ones at the end.
DIMENSIONS = (TENANT, ENVIRONMENT, PROJECT, API_KEY, CALLER, PROVIDER, MODEL, NODE)

KEYS = tuple(dimension.key for dimension in DIMENSIONS)
BY_KEY = {dimension.key: dimension for dimension in DIMENSIONS}
DAILY_KEYS = tuple(dimension.key for dimension in DIMENSIONS if dimension.daily)
