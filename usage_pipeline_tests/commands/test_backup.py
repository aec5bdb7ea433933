"""A backup goes into an empty warehouse, equal to the last row, and nobody is notified of what it does not know."""

import contextlib
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from usage_pipeline.cli import app
from usage_pipeline.ui.processes import Address, only_one
from usage_pipeline.warehouse.audit_chain import verify
from usage_pipeline.warehouse.backup import read_manifest
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.statements import newest_migration, statement
from usage_pipeline_tests.support.company import Company, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy
from usage_pipeline_tests.support.fault_servers import faulty_http

CONFIG = """version: 1
timezone: Asia/Shanghai
currency: CNY
exchange_rates: {USD: 7.10}
sources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]
recipients: {ops: {channel: webhook, url_env: HOOK_URL, allow_private: true}}
tiers: [{at: 1, level: warning, notify: [ops]}]
budgets: [{id: month, name: Month, period: month, limit: {tokens: 1000}}]
"""


@pytest.fixture(scope="module")
def company(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company of a few days, read by one pass."""
    with company_to_copy(postgres, lambda make, url: build_company(make, url, seed=6, days=3)) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backup")


def command(folder: Path, warehouse: str, *words: str, **environment: str) -> Result:
    """What a command did in a folder, with a home of its own there."""
    given = {"WAREHOUSE_URL": warehouse, "USAGE_PIPELINE_HOME": str(folder / "home"), **environment}
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, words, env=given)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def backup(company: Company, folder: Path) -> Path:
    """A backup that knows an alert, which was not sent yet."""
    config = folder / "mine.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    environment = {"USAGE_PIPELINE_CONFIG": str(config), "DIFY_DATABASE_URL": company.dify_url}
    command(folder, company.warehouse_url, "run", HOOK_URL="http://127.0.0.1:1/", **environment)
    done = command(folder, company.warehouse_url, "backup", "kept.backup", **environment)
    assert done.exit_code == 0, done.stderr
    return folder / "kept.backup"


def rows_of(url: str) -> dict[str, tuple[object, ...] | None]:
    """A fingerprint of each table's rows."""
    with connected(url) as connection:
        names = [str(name) for (name,) in connection.execute(statement("backup/tables"))]
        return {
            name: connection.execute(
                f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM usage.{name} t".encode()
            ).fetchone()
            for name in names
        }


def test_a_backup_is_its_owners_alone_and_holds_no_secret(backup: Path, company: Company) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    with tarfile.open(backup) as archive:
        assert set(archive.getnames()) == {"manifest.json", "usage_pipeline.yaml", "warehouse.dump"}
    assert read_manifest(backup).schema == newest_migration()
    assert company.dify_url not in backup.read_bytes().decode("latin-1")


def test_it_is_restored_to_the_last_row_and_holds_what_would_be_sent_again(
    backup: Path, company: Company, module_database: Callable[[], str], tmp_path: Path
) -> None:
    target = module_database()
    config = tmp_path / "put" / "usage_pipeline.yaml"
    environment = {"USAGE_PIPELINE_CONFIG": str(config), "DIFY_DATABASE_URL": company.dify_url}
    done = command(tmp_path, target, "restore", str(backup), **environment)
    assert done.exit_code == 0, done.stderr
    assert "restored --accept" in done.stdout
    assert config.read_text(encoding="utf-8") == CONFIG
    before, after = rows_of(company.warehouse_url), rows_of(target)
    assert {name for name, found in after.items() if before[name] != found} == {"restore"}
    with connected(target) as connection:
        assert verify(connection) is None
        connection.execute("UPDATE usage.delivery SET next_attempt_at = now() WHERE state = 'pending'")
    with faulty_http() as server:
        environment["HOOK_URL"] = server.base
        command(tmp_path, target, "run", **environment)
        assert server.taken == []
        waiting = json.loads(command(tmp_path, target, "restored", "--json", **environment).stdout)["waiting"]
        assert waiting >= 1
        command(tmp_path, target, "restored", "--accept", "--send-nothing", **environment)
        command(tmp_path, target, "run", **environment)
    assert server.taken == []


def test_a_warehouse_moves_to_another_server_with_every_row(
    company: Company, backup: Path, module_database: Callable[[], str], tmp_path: Path
) -> None:
    target = module_database()
    done = command(tmp_path, company.warehouse_url, "move-warehouse", NEW_WAREHOUSE_URL=target)
    assert done.exit_code == 0, done.stderr
    assert "set WAREHOUSE_URL" in done.stdout
    assert rows_of(target) == rows_of(company.warehouse_url)
    with only_one(tmp_path, Address("127.0.0.1", 1)):
        done = command(tmp_path, company.warehouse_url, "move-warehouse", NEW_WAREHOUSE_URL=target,
                       DAGSTER_HOME=str(tmp_path))  # fmt: skip
    assert done.exit_code == 2
    assert "end it, then move" in done.stderr


def test_it_goes_into_no_warehouse_that_holds_anything(backup: Path, company: Company, tmp_path: Path) -> None:
    before = rows_of(company.warehouse_url)
    done = command(tmp_path, company.warehouse_url, "restore", str(backup))
    assert done.exit_code == 2
    assert "a new database" in done.stderr
    assert rows_of(company.warehouse_url) == before


def test_another_file_is_not_written_over(backup: Path, company: Company) -> None:
    before = backup.read_bytes()
    done = command(backup.parent, company.warehouse_url, "backup", backup.name)
    assert done.exit_code == 2
    assert backup.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [(b'"schema": "', b'"schema": "9', "upgrade it, then restore"), (b'"sha256": "', b'"sha256": "0', "is damaged"),
     (b"manifest.json", b"manifest.nosj", "is no backup")],
)  # fmt: skip
def test_a_file_that_cannot_be_restored_is_said_to_be_so_and_leaves_nothing(
    backup: Path, tmp_path: Path, module_database: Callable[[], str], old: bytes, new: bytes, said: str
) -> None:
    target, changed = module_database(), tmp_path / "changed.backup"
    with tarfile.open(backup) as source, tarfile.open(changed, "w") as made:
        for member in source.getmembers():
            data = source.extractfile(member)
            assert data is not None
            content = data.read()
            if member.name == "manifest.json":
                content = content.replace(old, new, 1)
                member.name = member.name.replace(old.decode(), new.decode())
            member.size = len(content)
            path = tmp_path / "member"
            path.write_bytes(content)
            with path.open("rb") as file:
                made.addfile(member, file)
    done = command(tmp_path, target, "restore", str(changed))
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")
    with connected(target) as connection:
        assert connection.execute("SELECT to_regnamespace('usage')").fetchone() == (None,)


def test_an_empty_warehouse_has_nothing_to_back_up(module_database: Callable[[], str], tmp_path: Path) -> None:
    done = command(tmp_path, module_database(), "backup")
    assert done.exit_code == 2
    assert "nothing to back up" in done.stderr
    assert not list(tmp_path.glob("*.backup"))


def test_a_login_for_a_server_without_a_network_says_that_no_dashboard_reaches_it(
    company: Company, folder: Path, backup: Path
) -> None:
    """And its role is in what is restored; made last, for roles are the whole server's."""
    words = ("grant-reader", "--tenant", "Marketing")
    environment = {"USAGE_PIPELINE_CONFIG": str(folder / "mine.yaml"), "DIFY_DATABASE_URL": company.dify_url}
    try:
        done = command(folder, company.warehouse_url, *words, **environment)
        assert "reached by no network" in done.stdout
        assert "move-warehouse" in done.stdout
        kept = folder / "with-reader.backup"
        assert command(folder, company.warehouse_url, "backup", str(kept), **environment).exit_code == 0
        assert len(read_manifest(kept).roles) == 1
    finally:
        command(folder, company.warehouse_url, *words, "--revoke", **environment)
