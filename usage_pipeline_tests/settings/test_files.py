"""A file that never ends, or is no file, is refused in words at once."""

import os
from pathlib import Path

import pytest

from usage_pipeline.settings.files import bounded_bytes
from usage_pipeline_tests.support.typed import typed


def test_a_file_up_to_its_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert bounded_bytes(path, 10) == b"x" * 10
    with pytest.raises(OSError, match="larger than"):
        bounded_bytes(path, 9)


def test_what_is_no_regular_file_is_not_even_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            bounded_bytes(path, 10)
    with pytest.raises(FileNotFoundError):
        bounded_bytes(tmp_path / "missing", 10)


@pytest.mark.parametrize("command", [["budgets", "validate"], ["invoices", "import"]])
def test_a_device_ends_the_command_in_words(tmp_path: Path, warehouse_url: str, command: list[str]) -> None:
    environment = os.environ | {"WAREHOUSE_URL": warehouse_url, "USAGE_PIPELINE_HOME": str(tmp_path)}
    ended = typed(*command, "/dev/zero", environment=environment)
    assert ended.returncode in (1, 2)
    assert "not a regular file" in " ".join((ended.stdout + ended.stderr).split())
    assert "Traceback" not in ended.stderr
