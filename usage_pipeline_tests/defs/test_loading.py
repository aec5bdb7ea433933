"""Loading the code location reads the configuration file and nothing else, quickly; a bad file is an error in words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from usage_pipeline.configuration import active_configuration
from usage_pipeline.settings import SettingsError
from usage_pipeline.settings.last_valid import last_valid_copy
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.company import EXAMPLE

CPU_SECONDS = 1.5
TRIES = 3

LOAD = """
import sys

OUTSIDE = {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn", "os.fork"}

def refuse(event, arguments):
    if event in OUTSIDE:
        raise RuntimeError(f"loading did {event} {arguments}")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise RuntimeError(f"loading wrote {arguments[0]}")

sys.dont_write_bytecode = True
sys.addaudithook(refuse)
from usage_pipeline.definitions import defs
assert defs.resolve_job_def("usage_pass")
heavy = {"psycopg", "sqlalchemy", "jinja2", "apprise", "pymysql", "matplotlib", "xlsxwriter", "pandas", "genai_prices"}
print("HEAVY", sorted(heavy & set(sys.modules)))
"""
TIMED = """
import resource
from usage_pipeline import definitions
used = resource.getrusage(resource.RUSAGE_SELF)
print("SECONDS", used.ru_utime + used.ru_stime)
"""


def python(program: str, config: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program in an environment that names no database and has an empty HOME."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    environment = {
        **kept,
        "HOME": str(home / "nobody"),
        "USAGE_PIPELINE_HOME": str(home),
        "USAGE_PIPELINE_CONFIG": str(config),
    }
    (home / "nobody").mkdir(parents=True, exist_ok=True)
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True,
                          check=False, timeout=120)  # fmt: skip


def test_nothing_but_the_file_is_read(tmp_path: Path) -> None:
    done = python(LOAD, EXAMPLE, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "HEAVY []"
    assert [path.name for path in tmp_path.rglob("*")] == ["nobody"], "nothing was written"


def test_it_takes_little_of_the_processor(tmp_path: Path) -> None:
    times: list[float] = []
    for _ in range(TRIES):  # a busy machine takes longer over the same work
        done = python(TIMED, EXAMPLE, tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        times.append(float(done.stdout.split()[-1]))
        if times[-1] < CPU_SECONDS:
            break
    assert min(times) < CPU_SECONDS, times


def test_a_file_that_cannot_be_used_is_an_error_in_words(tmp_path: Path) -> None:
    wrong = tmp_path / "c.yaml"
    wrong.write_text("version: 1\ntimezone: Mars/Olympus\n", encoding="utf-8")
    for config, words in (
        (wrong, f'{wrong}:2: timezone: "Mars/Olympus" is not a time zone; write an IANA name'),
        (tmp_path / "missing.yaml", "cannot be read (No such file or directory)"),
    ):
        done = python(TIMED, config, tmp_path)
        assert done.returncode == 1
        assert words in done.stderr.splitlines()[-1]


def validated(config: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """What Dagster says of the code location, which it loads in a server of its own as `up` does."""
    home.mkdir(exist_ok=True)
    command = str(Path(sys.executable).with_name("dagster"))
    environment = {**os.environ, "USAGE_PIPELINE_CONFIG": str(config), "DAGSTER_HOME": str(home)}
    return subprocess.run([command, "definitions", "validate", "-m", "usage_pipeline.definitions"], env=environment,
                          capture_output=True, text=True, check=False, timeout=180)  # fmt: skip


def test_dagster_loads_it_and_shows_the_error_of_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    done = validated(EXAMPLE, tmp_path / "dagster")
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "c.yaml"
    wrong.write_text("version: 1\ntimezone: Mars/Olympus\n", encoding="utf-8")
    refused = validated(wrong, tmp_path / "dagster")
    assert refused.returncode != 0
    assert f'{wrong}:2: timezone: "Mars/Olympus" is not a time zone' in refused.stdout + refused.stderr


def test_the_last_valid_version_is_loaded_while_the_file_is_refused_and_it_is_said(
    tmp_path: Path, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\ntimezone: Europe/Berlin\n", encoding="utf-8")
    active_configuration(warehouse, config)
    assert last_valid_copy().read_bytes() == config.read_bytes()
    config.write_text("version: 1\ntimezone: Mars/Olympus\n", encoding="utf-8")
    active_configuration(warehouse, config)
    assert b"Berlin" in last_valid_copy().read_bytes(), "only what is valid is kept"
    last_valid_copy().unlink()
    active_configuration(warehouse, config)
    assert b"Berlin" in last_valid_copy().read_bytes(), "an installation that is upgraded meanwhile has it, too"

    shown = "from usage_pipeline.defs.shared import settings_at_load\nimport usage_pipeline.definitions\n"
    done = python(shown + "print(settings_at_load().timezone)", config, tmp_path)
    assert done.stdout.split() == ["Europe/Berlin"], done.stderr[-2000:]
    assert "the configuration is refused, its last valid version is used" in done.stderr
    assert "Mars/Olympus" in done.stderr


def test_an_installation_that_cannot_write_works_without_the_copy(
    tmp_path: Path, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", f"{os.devnull}/nowhere")
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\n", encoding="utf-8")
    assert active_configuration(warehouse, config).refused is None
    config.write_text("version: 2\n", encoding="utf-8")
    assert isinstance(active_configuration(warehouse, config).refused, SettingsError)
