"""All benchmarks by one command: `make bench`, or `make bench SIZE=small` to try it on a busy machine.

Run: .venv/bin/python -m benchmarks.run [--size full|small] [--only reading,ticks,...] [--write]
Prints each figure with its limit. With --write, docs/performance.md, its picture and the README's figures are made
anew.
Ends with exit code 1 when a limit is missed or a benchmark failed; by itself within 25 minutes and 15 GB of disk.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import SIZES, Figure, Size, read, write
from benchmarks.performance_page import write_page

# In the order in which they are run: what needs a quiet machine most comes first.
BENCHMARKS: Mapping[str, tuple[str, str]] = {
    "reading": ("benchmarks.first_read", "First reading, and the daily tables"),
    "ticks": ("benchmarks.ticks", "Passes, ticks and commands"),
    "backfill": ("benchmarks.backfill", "Past days made again on a cluster's workers"),
    "running": ("benchmarks.running", "`up`: idle cost and latency"),
    "report": ("benchmarks.report", "The report of 1,000 projects that each called 100 models"),
    "storage": ("benchmarks.dagster_storage", "Dagster's storage"),
}
MOST_MINUTES, MOST_GB = 25.0, 15.0


class Disk:
    """The most that a folder held while this was open, in GB."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stop, self.most = folder, threading.Event(), 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Disk":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(2.0):
            self.most = max(self.most, _bytes_of(self._folder) / 1e9)


def _bytes_of(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(place) / name).st_blocks * 512
            except OSError:
                continue  # it is gone already
    return total


def all_of(size: Size, names: Sequence[str], folder: Path) -> tuple[dict[str, list[Figure]], list[str]]:
    """Returns the figures of each benchmark by its title, and what failed, in words. Each has a process of its own."""
    end = time.monotonic() + MOST_MINUTES * 60
    found: dict[str, list[Figure]] = {}
    failed = []
    for name in names:
        _, title = BENCHMARKS[name]
        print(f"\n{title} …", flush=True)
        began = time.monotonic()
        figures, problem = _one(size, name, folder, max(end - time.monotonic(), 1.0))
        for figure in figures:
            print(f"  {figure.line()}", flush=True)
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
        found[title] = figures
        if problem:
            failed.append(f"{title}: {problem}")
            print(f"  FAILED: {problem}", flush=True)
    return found, failed


def _one(size: Size, name: str, folder: Path, patience_s: float) -> tuple[list[Figure], str]:
    """Runs one benchmark; returns its figures, or what went wrong."""
    place, into, log = folder / name, folder / f"{name}.json", folder / f"{name}.log"
    place.mkdir()
    command = [sys.executable, "-m", "benchmarks.run", "--size", size.name, "--measure", name, str(place), str(into)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "TMPDIR": str(folder)})
        try:
            code = process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            process.terminate()  # it stops its server
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
            return [], f"it did not end within {patience_s:.0f} s"
    said = log.read_text(encoding="utf-8", errors="replace").strip()
    if code:
        return [], f"exit code {code}; its last words:\n{said[-2000:]}"
    for line in said.splitlines():
        if line.startswith(("nothing read", "dlt is left out")):
            print(f"  {line}", flush=True)
    return read(into), ""


def _measured(size: Size, name: str, place: Path, into: Path) -> int:
    """What a process of its own does."""
    import signal  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was opened is closed
    write(import_module(BENCHMARKS[name][0]).measure(size, place), into)
    return 0


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--only", help=f"some of {', '.join(BENCHMARKS)}, with commas between")
    parser.add_argument("--write", action="store_true", help="make docs/performance.md and the README's figures anew")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    size = SIZES[asked.size]
    if asked.measure:
        name, place, into = asked.measure
        return _measured(size, name, Path(place), Path(into))
    names = asked.only.split(",") if asked.only else list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    began = time.monotonic()
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the embedded server of a root's installation runs as a user of its own
        with Disk(Path(folder)) as disk:
            found, failed = all_of(size, names, Path(folder))
    found["The benchmark itself"] = whole = [
        Figure("All of it took", (time.monotonic() - began) / 60, "minutes", at_most=MOST_MINUTES),
        Figure("Disk at most", disk.most, "GB", at_most=MOST_GB),
    ]
    for figure in whole:
        print(figure.line())
    missed = [figure for figures in found.values() for figure in figures if (figure.used or 0) > 1]
    print(f"\n{len(missed)} limits are missed, {len(failed)} benchmarks failed")
    if asked.write:
        for path in write_page(size, found, failed):
            print(f"written: {path}")
    return int(bool(missed or failed))


if __name__ == "__main__":
    sys.exit(main())
