"""Celery workers as a cluster has them, each a process of its own, and the run that hands its steps to them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celery import Celery

from usage_pipeline.settings.environment import project_dir


@dataclass
class Cluster:
    """Where workers and runs find each other: the variables that each of them has, and their logs."""

    folder: Path
    variables: Mapping[str, str]
    workers: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @contextmanager
    def with_workers(self, number: int) -> Iterator[None]:
        """So many workers, ready for work; they end with the block."""
        try:
            for name in [f"worker{n}" for n in range(number)]:
                self.start(name)
            self._wait(number)
            yield
        finally:
            for process in self.workers.values():
                process.send_signal(signal.SIGTERM)
            for process in self.workers.values():
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            self.workers.clear()

    def start(self, name: str) -> None:
        """Starts a worker that takes one step at a time."""
        named = ("--hostname", f"{name}@here", "--loglevel", "INFO")
        words = (
            "worker",
            "--queues",
            "dagster",
            "--include",
            "usage_pipeline.definitions",
            "--concurrency",
            "1",
            *named,
        )
        with (self.folder / f"{name}.log").open("ab") as log:
            self.workers[name] = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", "usage_pipeline.defs.celery_worker", *words],
                stdout=log, stderr=log, env=self.variables, cwd=self.folder, start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Takes a worker away at once with all that it has begun, as when its machine falls."""
        process = self.workers.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_child(self, name: str) -> None:
        """Takes away the process of a worker that executes a step, as a machine does that has no memory left."""
        parent = self.workers[name].pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        assert children
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    def busy(self) -> list[str]:
        """Returns the names of the workers that have a step."""
        active = self._app().control.inspect(timeout=1).active() or {}
        return [name.partition("@")[0] for name, tasks in active.items() if tasks]

    @contextmanager
    def run(self, days: Sequence[object]) -> Iterator["subprocess.Popen[bytes]"]:
        """A run under way that makes days again, as Dagster's own command starts it."""
        config = self.folder / "run.yaml"
        config.write_text(f"first_day: '{days[0]}'\nlast_day: '{days[-1]}'\nwhat_if: false\n", encoding="utf-8")
        words = ("job", "execute", "-m", "usage_pipeline.definitions", "-j", "make_days_again", "-c", str(config))
        with (self.folder / "run.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dagster", *words], stdout=log, stderr=log, env=self.variables, cwd=self.folder
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def said(self, name: str = "run") -> str:
        """Returns the log of the run, or of a worker."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def _app(self) -> Any:
        url = self.variables["CELERY_BROKER_URL"]
        return Celery(broker=url, backend=url)

    def _wait(self, number: int) -> None:
        end = time.monotonic() + 120
        while len(self._app().control.ping(timeout=2) or ()) < number:
            for name, process in self.workers.items():
                assert process.poll() is None, self.said(name)[-2000:]
            assert time.monotonic() < end, "the workers did not come up"


def cluster(folder: Path, redis: str, warehouse: str, storage: str, config: Path, **more: str) -> Cluster:
    """A cluster of this project on a broker, a warehouse and a storage of Dagster's; its own dagster.yaml."""
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text((project_dir() / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    ours = {
        "CELERY_BROKER_URL": redis,
        "WAREHOUSE_URL": warehouse,
        "DAGSTER_POSTGRES_URL": storage.replace("postgresql://", "postgresql+psycopg2://"),
        "DAGSTER_HOME": str(home),
        "USAGE_PIPELINE_CONFIG": str(config),
        "USAGE_PIPELINE_HOME": str(folder),
    }
    return Cluster(folder, {**os.environ, **ours, **more})
