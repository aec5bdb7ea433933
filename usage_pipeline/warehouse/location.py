"""Finds the warehouse and Dagster's storage: by environment variable, else on the embedded server."""

import os
from pathlib import Path

from usage_pipeline.settings.embedded import Embedded
from usage_pipeline.settings.environment import config_path, home_dir, variable
from usage_pipeline.settings.last_valid import settings_quietly
from usage_pipeline.settings.places import forgotten_home, home_in_environment, shipped
from usage_pipeline.warehouse.connection import plain_url
from usage_pipeline.warehouse.embedded import (
    DAGSTER_DATABASE,
    WAREHOUSE_DATABASE,
    EmbeddedServer,
    EmbeddedServerError,
    running_embedded,
    start_embedded,
)

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


def owner_url() -> str:
    """WAREHOUSE_OWNER_URL, else the warehouse's own: by whom its tables are copied as a whole."""
    return variable("WAREHOUSE_OWNER_URL") or warehouse_url()


def url_if_running() -> str | None:
    """Returns the warehouse's URL without starting anything; None when its embedded server does not run."""
    given = variable("WAREHOUSE_URL")
    if given:
        return given
    server = running_embedded(home_dir())
    return server.url(WAREHOUSE_DATABASE) if server else None


def embedded() -> EmbeddedServer:
    """Returns the embedded server of this installation, running.

    Raises EmbeddedServerError when it does not start, or its data would lie where a new environment deletes it.
    """
    home = home_dir()
    _check_place(home)
    return start_embedded(home, port_for_readers())


def port_for_readers() -> Embedded | None:
    """Returns where the configuration lets the embedded server listen; None where it does not, or there is none."""
    settings = settings_quietly(config_path())
    return settings.embedded if settings else None


def _check_place(home: Path) -> None:
    old = forgotten_home(home)
    if old is not None:
        raise EmbeddedServerError(
            f"what was counted before lies in {old}, inside the Python environment, and goes when that is made anew; "
            f"stop `up`, then move it: mkdir -p {home.parent} && mv {old} {home}"
        )
    if home_in_environment(home) and not (home / "postgres").is_dir():
        raise EmbeddedServerError(
            f"{home} lies inside the Python environment and would be deleted with it; "
            "let USAGE_PIPELINE_HOME name a folder outside, or leave it out"
        )


def has_dagster() -> bool:
    """Whether this installation has an instance of Dagster: `up` or the demo made its home."""
    return (dagster_home() / "dagster.yaml").is_file()


def dagster_home() -> Path:
    """Returns where Dagster keeps its instance: DAGSTER_HOME, else a folder of the home; it need not be there."""
    return Path(os.environ.get("DAGSTER_HOME") or home_dir().resolve() / "dagster")


def prepare_dagster_environment() -> Path:
    """Sets the variables that dagster.yaml reads and gives DAGSTER_HOME, made from the project's dagster.yaml.

    Runs and servers work in folders of their own: they are given the configuration by its absolute path.
    """
    os.environ["USAGE_PIPELINE_CONFIG"] = str(config_path())
    home = dagster_home()
    os.environ["DAGSTER_HOME"] = str(home)
    home.mkdir(parents=True, exist_ok=True)
    ours, theirs = shipped("dagster.yaml"), home / "dagster.yaml"
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
