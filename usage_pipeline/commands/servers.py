"""`usage-pipeline up` and `down`: the Dagster UI and daemon, and the embedded server."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Annotated

import typer

from usage_pipeline.commands.output import EXIT_FAILED, for_people, out
from usage_pipeline.demo.place import use_demo_dify
from usage_pipeline.settings.environment import home_dir, project_dir
from usage_pipeline.warehouse.embedded import stop_embedded
from usage_pipeline.warehouse.location import embedded, prepare_dagster_environment, warehouse_url
from usage_pipeline.warehouse.schema import migrate

_LOOKS_EVERY_S = 0.5
_ENDS_WITHIN_S = 10.0


@for_people
def up(
    host: Annotated[
        str, typer.Option(help="Address to listen on; put a proxy with authentication before any other.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
) -> None:
    """Start the Dagster UI and its daemon: the pass runs each minute, alerts leave within seconds. Ctrl-C ends it."""
    if not os.environ.get("WAREHOUSE_URL"):
        use_demo_dify(embedded())
    home = prepare_dagster_environment()
    migrate(warehouse_url())
    log = home / "dagster.log"
    out.print(f"The UI comes up at http://{host}:{port}; Ctrl-C ends it, the embedded server goes on until `down`.")
    out.print(f"What Dagster writes is in {log}", markup=False)
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(project_dir() / "workspace.yaml"), "-h", host,
               "-p", str(port)]  # fmt: skip
    # Dagster's own advice to its developers is not for the people who run this.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  (our own interpreter)
            command, env=environment, cwd=home, stdout=output, stderr=output, start_new_session=True
        )
    asked = threading.Event()
    # A service manager ends us with SIGTERM, a person with Ctrl-C: either ends webserver, daemon and runs.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    while process.poll() is None and not asked.wait(_LOOKS_EVERY_S):
        pass
    _end(process)
    raise typer.Exit(0 if asked.is_set() else EXIT_FAILED)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Asks Dagster to end, and ends what is left of it: a run that is killed costs nothing, the next pass goes on."""
    process.send_signal(signal.SIGINT)  # does nothing where it has ended by itself
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_ENDS_WITHIN_S)
        with suppress(ProcessLookupError):  # code servers and runs may outlive the command that started them
            os.killpg(process.pid, number)
    process.wait()


@for_people
def down() -> None:
    """Stop the embedded server; nothing that it holds is lost."""
    stopped = stop_embedded(home_dir())
    out.print("the embedded server is stopped" if stopped else "no embedded server was running")
