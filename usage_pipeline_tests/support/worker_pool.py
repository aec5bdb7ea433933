"""Forks workers that do one piece of work each, so that tests can kill them at any moment: none pays for imports."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_POOL = """
import importlib, os, signal, sys
# What is imported and built late elsewhere: else a worker dies of a kill before it has begun.
import jinja2.sandbox, standardwebhooks.webhooks, usage_pipeline.http.client
from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.settings import parse_settings
kinds()
parse_settings("version: 1", "warm.yaml")
work = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
for line in sys.stdin:
    url, offset = line.split()
    pid = os.fork()
    if pid == 0:
        sys.stderr = open(os.devnull, "w")
        try:
            work(url, float(offset), *sys.argv[3:])
        finally:
            os._exit(0)
    print(pid, flush=True)
"""


@dataclass
class WorkerPool:
    """Where workers are born."""

    process: "subprocess.Popen[str]"

    def worker(self, url: str, offset: float) -> int:
        """The process id of a new worker on a database whose clock is so many seconds off."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{url} {offset}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def worker_pool(module: str, function: str, *arguments: str) -> Iterator[WorkerPool]:
    """Runs for the block; workers call the function with a database's URL, the offset and the arguments."""
    process = subprocess.Popen([sys.executable, "-c", _POOL, module, function, *arguments],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    try:
        yield WorkerPool(process)
    finally:
        process.kill()
        process.wait()


def killed(pid: int) -> bool:
    """Whether the worker was alive until now."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
