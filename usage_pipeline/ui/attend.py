"""Runs a command that ends when the one who asked for it is gone: `python -m usage_pipeline.ui.attend FD COMMAND …`.

FD is the reading end of a pipe whose other end the asking process alone holds open: when that process ends, however
it ends, the pipe does, too.
"""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

_ENDS_WITHIN_S = 10.0
_LOOKS_EVERY_S = 0.5


def attend(pipe: int, command: list[str]) -> int:
    """Returns the command's exit code; ends it, and what it started, when the pipe is closed at its other end."""
    process = subprocess.Popen(command, start_new_session=True)  # noqa: S603  (what `up` asks for)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end_group(process))
    while process.poll() is None:
        if select.select([pipe], [], [], _LOOKS_EVERY_S)[0] and not os.read(pipe, 1):
            end_group(process)
    return process.returncode


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Asks a process and all that it started to end, and ends what is left of them after ten seconds."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        until = time.monotonic() + (_ENDS_WITHIN_S if number == signal.SIGTERM else _ENDS_WITHIN_S / 2)
        while time.monotonic() < until and _group_lives(process):
            time.sleep(_LOOKS_EVERY_S / 5)
    process.wait()


def _group_lives(process: "subprocess.Popen[bytes]") -> bool:
    process.poll()  # a child that ended is gone only when it was waited for
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(attend(int(sys.argv[1]), sys.argv[2:]))
