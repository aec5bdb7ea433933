"""Runs programs that need Dagster, each in a process of its own that has imported it already: it takes two seconds."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

_PATIENCE_S = 120


def run_forked(program: str, *words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Returns how a program ended, as `python -c` with these words and no other variables would."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = _server().Process(target=_run, args=(program, words, dict(environment), str(out), str(err)))
        process.start()
        process.join(_PATIENCE_S)
        assert process.exitcode is not None, process.kill()
        return subprocess.CompletedProcess(words, process.exitcode, *(_text(path) for path in (out, err)))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "usage_pipeline_tests.support.dagster_loaded"])
    return context


def _run(program: str, words: tuple[str, ...], environment: dict[str, str], out: str, err: str) -> None:
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["-c", *words]
    try:
        exec(compile(program, "-c", "exec"), {"__name__": "__main__"})  # noqa: S102  (a test's own text)
    except BaseException:
        traceback.print_exc()
        raise
