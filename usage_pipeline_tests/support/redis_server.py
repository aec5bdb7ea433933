"""A real Redis for a test: Debian's server on a free port of this machine, which keeps nothing on the disk."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

REDIS = shutil.which("redis-server")
# `make test` must work without a server; CI installs one, and there its absence is a failure.
needs_redis = pytest.mark.skipif(
    REDIS is None and not os.environ.get("CI"), reason="no redis-server: apt install redis-server"
)


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Yields the URL of a server that ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    words = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([REDIS or "redis-server", *words], stdout=log, stderr=log)
    try:
        url = f"redis://127.0.0.1:{port}/0"
        end = time.monotonic() + 30
        while True:
            try:
                redis.Redis.from_url(url).ping()
                break
            except redis.ConnectionError:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((folder / "redis.log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(30)
