"""`usage-pipeline up`, `web` and `down`: the Dagster UI and daemon, the web page, and the embedded server."""

import os
import signal
import sys
import threading
from typing import Annotated

import typer

from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import EXIT_FAILED, err, for_people, say
from usage_pipeline.configuration import active_configuration
from usage_pipeline.inputs import InputError
from usage_pipeline.settings.environment import config_path, home_dir, variable
from usage_pipeline.settings.first_day import first_day_file
from usage_pipeline.settings.last_valid import last_valid_copy
from usage_pipeline.ui.processes import Address, Running, UpError, check_address, only_one, start
from usage_pipeline.ui.reload import Reloading
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.demo_databases import use_demo_dify
from usage_pipeline.warehouse.embedded import stop_embedded
from usage_pipeline.warehouse.location import embedded, prepare_dagster_environment, warehouse_url
from usage_pipeline.warehouse.schema import migrate

_LOOKS_EVERY_S = 0.5


@for_people
def up(
    host: Annotated[str, typer.Option(help="Address to listen on; any other than loopback needs --behind-proxy.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name under which browsers may ask for it, besides localhost.")
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy with authentication stands before it.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The UI shows everything and changes nothing.")
    ] = False,
    stop_server: Annotated[
        bool,
        typer.Option("--stop-server", help="At the end stop the embedded server, too: for services and containers."),
    ] = False,
) -> None:
    """Start the Dagster UI and its daemon: the pass runs each minute, alerts leave within seconds. Ctrl-C ends it."""
    address = Address(host, port, tuple(allow_host or ()), read_only)
    # Also before all runs: what was started is ended then, and the embedded server where that was asked for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        check_address(address, behind_proxy=behind_proxy)
        if not variable("WAREHOUSE_URL"):
            use_demo_dify(embedded())
        home = prepare_dagster_environment()
        with only_one(home, address) as lock:
            migrate(warehouse_url())
            with connected(warehouse_url()) as connection:
                # Also keeps the copy that runs load by while the file is refused.
                settings = active_configuration(connection, config_path()).settings
            os.environ.setdefault("USAGE_PIPELINE_UI_URL", address.for_people)  # for links to it in alerts
            log = home / "dagster.log"
            say(f"What Dagster writes is in {log}")
            # Days that `run` and others made count as materialized from the first look on.
            also = {"web page": ["usage_pipeline.web.serve"]} if settings.web else {}
            running = start(home, log, address, lock, before=["usage_pipeline.defs.made_days"], also=also)
            goes_on = "" if stop_server else ", the embedded server goes on until `down`"
            say(f"The UI is up at {address.url}; Ctrl-C ends it{goes_on}.")
            if settings.web:
                say(f"The web page listens on {settings.web.listen} and is found at {settings.web.public_url}")
            _stay(running, Reloading(address.url, (first_day_file(), last_valid_copy())))
    except UpError as error:
        raise InputError(str(error)) from None
    finally:
        if stop_server:
            stop_embedded(home_dir())


def _stay(running: Running, reloading: Reloading) -> None:
    """Until somebody asks for the end, or one of the processes has ended; partitions and checks follow what changes."""
    asked = threading.Event()
    # A service manager ends us with SIGTERM, a person with Ctrl-C: either ends webserver, daemon and runs.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    while not (ended := running.ended()) and not asked.wait(_LOOKS_EVERY_S):
        reloading.look()
    running.end()
    if ended and not asked.is_set():
        err.print(running.why(ended))
        raise typer.Exit(EXIT_FAILED)


@for_people
def web() -> None:
    """Serve the page that messages link to, and answers to machines. `up` does so, too. Ctrl-C ends it."""
    from usage_pipeline.web.serve import serve  # noqa: PLC0415  (slow to import, and only this command needs it)

    with open_context() as (_, configuration):
        settings = configuration.settings
    if settings.web is None:
        raise InputError(
            "the configuration has no `web:`; add web: {public_url: https://budgets.example.com} (docs/web.md)"
        )
    say(f"The page listens on {settings.web.listen} and is found at {settings.web.public_url}; Ctrl-C ends it.")
    serve(settings)


@for_people
def down() -> None:
    """Stop the embedded server; nothing that it holds is lost."""
    stopped = stop_embedded(home_dir())
    say("the embedded server is stopped" if stopped else "no embedded server was running")
