"""Runs jobs of the code location in this process, as the daemon would run them in processes of their own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import dagster as dg

# What runs do stands in the event log; the terminal belongs to whoever called.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunJob(Protocol):
    """Runs a job by its name; returns whether all of it went well."""

    def __call__(self, name: str, tags: Mapping[str, str] | None = None) -> bool: ...


@contextmanager
def job_runner(defs: dg.Definitions) -> Iterator[RunJob]:
    """Opens the instance of DAGSTER_HOME for the block."""
    with dg.DagsterInstance.get() as instance:

        def run(name: str, tags: Mapping[str, str] | None = None) -> bool:
            job = defs.resolve_job_def(name)
            done = job.execute_in_process(
                instance=instance, tags=dict(tags or {}), raise_on_error=False, run_config=_QUIET
            )
            return done.success

        yield run
