"""Runs the command again and again, each call in a process of its own that was made a moment before.

It reads calls as lines of JSON, and answers each with one: exit code, seconds, megabytes, what was printed.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

# A call that goes on for longer is ended: it would go on for ever.
PATIENCE_S = 30
# What most calls import: each process has it from the beginning.
_IMPORTED = ("psycopg", "rich.table", "rich.progress", "rich.tree", "typer.rich_utils", "usage_pipeline.settings.load")


@dataclass(frozen=True)
class Called:
    """How one call ended."""

    code: int  # negative: the signal that ended it
    seconds: float
    megabytes: float
    out: str
    err: str


class FuzzServer:
    """The other end of the server's pipes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def call(
        self,
        words: Sequence[str],
        variables: Mapping[str, str] | None = None,
        folder: str | None = None,
        patience: int = PATIENCE_S,
    ) -> Called:
        """Returns how the command ends when these words are typed: with the server's variables and in its folder,
        unless others are given."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked and answers
        asked.write(json.dumps([list(words), variables and dict(variables), folder, patience]) + "\n")
        asked.flush()
        return Called(**json.loads(answers.readline()))


@contextmanager
def fuzz_server(folder: str) -> Iterator[FuzzServer]:
    """A server whose commands work in the folder, with the variables of this process."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-m", __name__], cwd=folder, env=variables, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    try:
        yield FuzzServer(process)
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait(timeout=60)


def _answer(words: list[str], variables: dict[str, str] | None, folder: str | None, patience: int) -> Called:
    from usage_pipeline.cli import main  # noqa: PLC0415

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            signal.alarm(patience)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            # Nobody sits there to be asked.
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
            sys.argv = ["usage-pipeline", *words]
            if variables is not None:
                os.environ.clear()
                os.environ.update(variables)
            if folder is not None:
                os.chdir(folder)
            _run(main)
        _, status, used = os.wait4(child, 0)
        seconds = time.monotonic() - began
        printed = []
        for file in (out, err):
            file.seek(0)
            printed.append(file.read(200_000).decode(errors="replace"))
    return Called(os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss / 1024, *printed)


def _run(main: Callable[[], None]) -> NoReturn:
    """The command, and the end that the interpreter makes, without what takes long in it."""
    code: int | str | None = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


def _serve() -> None:
    for name in _IMPORTED:
        __import__(name)
    import usage_pipeline.cli  # noqa: PLC0415
    from usage_pipeline.commands.lazy import Group  # noqa: PLC0415

    for entry in usage_pipeline.cli.COMMANDS.values():
        for command in entry.commands.values() if isinstance(entry, Group) else [entry]:
            if command.module not in ("demo", "servers", "report"):
                command.load()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(vars(_answer(*json.loads(line)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
