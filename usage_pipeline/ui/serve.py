"""Runs Dagster's webserver behind the guard: `python -m usage_pipeline.ui.serve --allow-host NAME -- …its options…`."""

import argparse
import logging
import runpy
import sys
from typing import Any

import uvicorn

from usage_pipeline.report_store import reports_root
from usage_pipeline.ui.guard import LOOPBACK_NAMES, Application, Guard
from usage_pipeline.ui.report_files import WithReports


def serve(hosts: list[str], options: list[str]) -> None:
    """Serves until it is asked to end; ``options`` are those of dagster-webserver."""
    logging.getLogger("usage_pipeline.ui.guard").addHandler(logging.StreamHandler())
    allowed = LOOPBACK_NAMES | {host.lower() for host in hosts}
    run = uvicorn.run

    def run_guarded(application: Application, **settings: Any) -> None:
        run(Guard(WithReports(application, reports_root()), allowed), **settings)

    # The webserver hands its application to uvicorn itself and offers no place for another before it.
    vars(uvicorn)["run"] = run_guarded
    sys.argv = ["dagster-webserver", *options]
    runpy.run_module("dagster_webserver", run_name="__main__")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("options", nargs="*")
    given = parser.parse_args()
    serve(given.allow_host, given.options)
