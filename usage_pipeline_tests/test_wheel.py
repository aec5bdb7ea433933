"""The built wheel in an environment of its own: it works from an empty folder, and outlives its environment."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.write import write_history
from usage_pipeline.settings.environment import project_dir
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import start_embedded, stop_embedded
from usage_pipeline_tests.conftest import server_home
from usage_pipeline_tests.support.moved_clock import passed_on


def may_mount() -> bool:
    """Whether this account may make a mount namespace, as CI's may."""
    words = ["unshare", "--mount", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(words, capture_output=True, check=False).returncode == 0


COUNTED = "SELECT count(*), sum(total_tokens) FROM usage.usage_event"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
                   cwd=project_dir(), check=True, capture_output=True, timeout=60)  # fmt: skip
    return next(folder.glob("*.whl"))


@dataclass
class Machine:
    """A home of a person who installs the wheel, and an empty folder in it."""

    place: Path
    wheel: Path

    @property
    def folder(self) -> Path:
        return self.place / "empty"

    @property
    def data(self) -> Path:
        """Where the user's data lies by default."""
        return self.place / ".local" / "share" / "usage-pipeline"

    @property
    def packages(self) -> Path:
        return next((self.place / "env" / "lib").iterdir()) / "site-packages"

    def install(self) -> None:
        """Makes the environment anew; what the wheel needs is taken from this one, without its editable project."""
        env = self.place / "env"
        shutil.rmtree(env, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env)], check=True, timeout=60)
        (self.packages / "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        with zipfile.ZipFile(self.wheel) as archive:
            archive.extractall(self.packages)

    def environment(self) -> dict[str, str]:
        """As poor as a service's: no locale that knows more than ASCII."""
        poor = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        return {"HOME": str(self.place), "PATH": "/usr/bin:/bin", "TMPDIR": str(self.place), **poor, **passed_on()}

    def words(self, *words: str) -> list[str]:
        return [str(self.place / "env" / "bin" / "python"), "-m", "usage_pipeline", *words]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.words(*words), env=self.environment(), cwd=self.folder, capture_output=True,
                              text=True, check=False, timeout=120)  # fmt: skip

    def with_a_home_that_cannot_be_written(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Home, packages and the folder one works in are of a file system that is mounted read-only."""
        mounted = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", mounted, str(self.place), *self.words(*words)],
            env=self.environment() | more, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def counted(self) -> tuple[object, ...] | None:
        with psycopg.connect(start_embedded(self.data).url("warehouse")) as connection:
            return connection.execute(COUNTED).fetchone()


@pytest.fixture(scope="module")
def machine(wheel: Path) -> Iterator[Machine]:
    """The wheel is installed, and nothing was done yet."""
    with server_home() as place:
        made = Machine(place, wheel)
        made.folder.mkdir()
        made.install()
        yield made
        stop_embedded(made.data)


def test_without_a_configuration_the_way_out_is_named(machine: Machine) -> None:
    done = machine.command("run")
    assert done.returncode == 2
    assert "usage-pipeline init" in done.stderr
    assert "Traceback" not in done.stderr
    assert machine.command("--version").stdout.startswith("usage-pipeline 0.")


def test_it_works_from_an_empty_folder_and_outlives_its_environment(
    machine: Machine, module_database: Callable[[], str]
) -> None:
    dify, now = module_database(), datetime.now(UTC)
    with connected(dify) as connection:
        create_dify_schema(connection)
        write_history(connection, build_history(5, now, 2), now)
    assert machine.command("init", "--yes", "--language", "zh").returncode == 0
    secrets = machine.folder / ".env"
    text = secrets.read_text(encoding="utf-8")
    secrets.write_text(text.replace("DIFY_DATABASE_URL=", f"DIFY_DATABASE_URL={dify}"), encoding="utf-8")
    looked = machine.command("doctor")
    assert str(machine.folder / "usage_pipeline.yaml") in looked.stdout.replace("\n", "")
    # The demo's Dify is owned by who asks: a role that may write is the one thing that is wrong.
    assert looked.stdout.count("wrong") == 1
    ran = machine.command("run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    before = machine.counted()
    assert before is not None
    assert before[1]

    machine.install()
    shown = machine.command("budgets", "show", "--json")
    assert "company-month" in shown.stdout
    assert machine.counted() == before


@pytest.mark.skipif(not may_mount(), reason="mount namespaces are not allowed here")
def test_a_home_that_cannot_be_written_is_said_or_does_not_matter(
    machine: Machine, module_database: Callable[[], str], module_warehouse: Callable[[], str], tmp_path: Path
) -> None:
    """Without a place of its own it is said; with one, and with nothing but letters of ASCII, all goes well."""
    dify, now = module_database(), datetime.now(UTC)
    with connected(dify) as connection:
        create_dify_schema(connection)
        write_history(connection, build_history(6, now, 3), now)
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nbudgets: [{id: b, name: 公司, period: day, limit: {tokens: 9}}]\n", encoding="utf-8")
    given = {"USAGE_PIPELINE_CONFIG": str(config), "DIFY_DATABASE_URL": dify, "TMPDIR": "/tmp"}  # noqa: S108
    refused = machine.with_a_home_that_cannot_be_written("alerts", "list", **given)
    assert refused.returncode == 2, refused.stderr
    assert "Read-only file system" in refused.stderr
    assert "USAGE_PIPELINE_HOME" in refused.stderr
    assert "Traceback" not in refused.stderr

    given |= {"USAGE_PIPELINE_HOME": str(tmp_path / "home"), "WAREHOUSE_URL": module_warehouse()}
    for words in (("run",), ("budgets", "show"), ("report", "--format", "xlsx", "--out", str(tmp_path / "reports"))):
        done = machine.with_a_home_that_cannot_be_written(*words, **given)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""


@pytest.mark.skipif(
    os.environ.get("USAGE_PIPELINE_HYPOTHESIS") != "nightly", reason="`up` of a checkout is tested each time"
)
def test_up_answers_and_ends(machine: Machine) -> None:
    if not (machine.folder / "usage_pipeline.yaml").exists():
        assert machine.command("init", "--yes").returncode == 0
    port = free_port()
    with subprocess.Popen(machine.words("up", "--port", str(port)), env=machine.environment(), cwd=machine.folder,
                          stdout=subprocess.PIPE, text=True, start_new_session=True) as up:  # fmt: skip
        assert up.stdout is not None
        try:
            said = [up.stdout.readline(), up.stdout.readline()]
            assert "The UI is up" in said[1], said
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10) as answer:
                assert answer.status == 200
        finally:
            up.send_signal(signal.SIGTERM)
        assert up.wait(timeout=60) == 0


def test_data_in_an_old_place_are_named_and_a_new_place_inside_the_environment_is_refused(machine: Machine) -> None:
    old = machine.packages / ".usage_pipeline"
    (old / "postgres").mkdir(parents=True)
    environment = machine.environment() | {"USAGE_PIPELINE_HOME": str(machine.place / "other")}
    for given, said in [
        (environment, f"mv {old} {machine.place / 'other'}"),
        (
            environment | {"USAGE_PIPELINE_HOME": str(machine.place / "env" / "data")},
            "lies inside the Python environment",
        ),
    ]:
        done = subprocess.run(machine.words("alerts", "list"), env=given, cwd=machine.folder, capture_output=True,
                              text=True, check=False, timeout=60)  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr
        shutil.rmtree(old, ignore_errors=True)
    assert not (machine.place / "env" / "data").exists()


def test_the_wheel_holds_what_it_runs_on_and_nothing_of_its_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    shipped = {f"usage_pipeline/_shipped/{name}" for name in ("dagster.yaml", "workspace.yaml")}
    shipped |= {f"usage_pipeline/_shipped/config/usage_pipeline{end}" for end in (".yaml", ".schema.json")}
    ours = {
        f"usage_pipeline/_shipped/{path.relative_to(project_dir())}" for path in (project_dir() / "sql").rglob("*.sql")
    }
    assert shipped | ours <= names
    assert not [name for name in names if "tests" in name or name.endswith((".env", ".pyc"))]
