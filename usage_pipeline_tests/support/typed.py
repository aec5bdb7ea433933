"""The command as a person or a cron job types it, without the half second that each process takes to import it."""

import atexit
import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from usage_pipeline_tests.support.fuzz_server import FuzzServer, fuzz_server

_PATIENCE_S = 120


def typed(*words: str, environment: Mapping[str, str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Returns how `usage-pipeline` ended, in a process of its own with these variables and no others."""
    called = _server().call(words, environment, str(folder or Path.cwd()), _PATIENCE_S)
    return subprocess.CompletedProcess(words, called.code, called.out, called.err)


@cache
def _server() -> FuzzServer:
    """Begun with the first command, and gone with the tests."""
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    return until_the_end.enter_context(fuzz_server(os.sep))
