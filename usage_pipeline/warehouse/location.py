"""Finds the warehouse and Dagster's storage: by environment variable, else on the embedded server."""

import os
from pathlib import Path

from usage_pipeline.settings.environment import home_dir, project_dir, variable
from usage_pipeline.warehouse.connection import plain_url
from usage_pipeline.warehouse.embedded import DAGSTER_DATABASE, WAREHOUSE_DATABASE, EmbeddedServer, start_embedded

_EVENTS_AT_ONCE = "1000"


def warehouse_url() -> str:
    """WAREHOUSE_URL, else the embedded server's warehouse (started if it does not run).

    Raises EmbeddedServerError when that server does not start.
    """
    return variable("WAREHOUSE_URL") or embedded().url(WAREHOUSE_DATABASE)


def dagster_storage_url() -> str:
    """DAGSTER_POSTGRES_URL, else the embedded server's database for Dagster; with the driver that Dagster speaks."""
    url = variable("DAGSTER_POSTGRES_URL") or embedded().url(DAGSTER_DATABASE)
    return plain_url(url).replace("postgresql://", "postgresql+psycopg2://", 1)


def embedded() -> EmbeddedServer:
    """Returns the embedded server of this installation, running."""
    return start_embedded(home_dir())


def has_dagster() -> bool:
    """Whether this installation has an instance of Dagster: `up` or the demo made its home."""
    return (_dagster_home() / "dagster.yaml").is_file()


def _dagster_home() -> Path:
    return Path(os.environ.get("DAGSTER_HOME") or home_dir().resolve() / "dagster")


def prepare_dagster_environment() -> Path:
    """Sets the variables that dagster.yaml reads and gives DAGSTER_HOME, made from the project's dagster.yaml."""
    home = _dagster_home()
    os.environ["DAGSTER_HOME"] = str(home)
    home.mkdir(parents=True, exist_ok=True)
    ours, theirs = project_dir() / "dagster.yaml", home / "dagster.yaml"
    if ours.exists() and ours.resolve() != theirs.resolve():
        text = ours.read_text(encoding="utf-8")
        if not theirs.exists() or theirs.read_text(encoding="utf-8") != text:
            theirs.write_text(text, encoding="utf-8")
    # A run over many days notes each of its partitions: together, not one transaction and connection after the other.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", _EVENTS_AT_ONCE)
    for name, url in (("DAGSTER_POSTGRES_URL", dagster_storage_url()), ("WAREHOUSE_URL", warehouse_url())):
        os.environ[name] = url
        os.environ.pop(f"{name}_FILE", None)  # it was read; both at once would contradict each other
    return home
