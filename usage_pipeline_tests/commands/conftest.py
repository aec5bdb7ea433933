"""The demo, played once for all tests that look at what it leaves behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from usage_pipeline.warehouse.embedded import EmbeddedServer, start_embedded
from usage_pipeline_tests.conftest import server_home
from usage_pipeline_tests.support.typed import typed


@dataclass
class Played:
    """A demo that has run."""

    home: Path
    environment: dict[str, str]
    output: str
    code: int
    server: EmbeddedServer

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command in the same place."""
        return typed(*words, environment=self.environment)


@pytest.fixture(scope="session")
def played() -> Iterator[Played]:
    """The demo, once a worker."""
    with server_home() as place:
        home = place / "home"
        home.mkdir()
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("USAGE_", "DAGSTER_", "WAREHOUSE_", "DIFY_"))
        }
        environment |= {"HOME": str(home), "USAGE_PIPELINE_HOME": str(place)}
        done = subprocess.run([sys.executable, "-m", "usage_pipeline", "demo"], env=environment, capture_output=True,
                              text=True, check=False, timeout=240)  # fmt: skip
        yield Played(place, environment, done.stdout + done.stderr, done.returncode, start_embedded(place))
