"""What an installation lacks is asked for in a sentence with the command that installs it."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.settings.extras import MissingExtraError, need

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_installed_is_imported() -> None:
    assert need("json", "demo", "this test").loads("1") == 1


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError) as found:
        need("pyarrow.parquet", "parquet", "the format parquet")
    assert str(found.value) == (
        "the format parquet needs pyarrow, which is not installed: pip install 'usage-pipeline[parquet]'"
    )


def test_a_package_that_lacks_another_is_not_taken_for_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_installed.py").write_text("import no_such_package_of_anyone")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package_of_anyone"):
        need("half_installed", "parquet", "the format parquet")


def test_the_demo_without_its_mailbox_is_a_sentence_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd", None)
    done = CliRunner().invoke(app, ["demo"])
    assert done.exit_code == 2
    assert "pip install 'usage-pipeline[demo]'" in done.output.replace("\n", " ")
    assert "Traceback" not in done.output


def test_every_extra_that_code_asks_for_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    asked = {
        (package, extra)
        for path in (ROOT / "usage_pipeline").rglob("*.py")
        for package, extra in re.findall(r'need\(\s*"(\w+)[\w.]*", "(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert asked, "the code asks for some"
    for package, extra in asked:
        # Installers write a dash where a module's name has an underscore.
        known = [line.replace("-", "_") for line in declared[extra]]
        assert any(line.startswith(package) for line in known), f"{extra} installs {package}"
    assert declared["all"] == [f"usage-pipeline[{','.join(sorted(set(declared) - {'all'}))}]"]
