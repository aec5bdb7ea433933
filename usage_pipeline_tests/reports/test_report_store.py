"""Files of reports in an object store: written there, read from there on a machine that never had them."""

import shutil
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import fsspec
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from usage_pipeline.delivery.report_files import add_files
from usage_pipeline.report_store import ReportStoreError, bring, reports_root
from usage_pipeline.reports.files import atomically
from usage_pipeline.settings.extras import MissingExtraError
from usage_pipeline.ui.report_files import WithReports

DAY = "2026-11-26"


@pytest.fixture(params=["memory://reports", "file://{folder}/bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store of fsspec's, named as an installation names its own."""
    url = str(request.param).format(folder=tmp_path)
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USAGE_PIPELINE_REPORTS", url)
    yield url
    fsspec.filesystem("memory").store.clear()


def written(name: str, text: str) -> Path:
    """A file as reports write it."""
    path = reports_root() / DAY / name
    path.parent.mkdir(parents=True, exist_ok=True)
    atomically(path, lambda place: place.write_text(text, encoding="utf-8"))
    return path


def another_machine() -> None:
    """Forgets what this one has."""
    shutil.rmtree(reports_root())


def test_what_one_machine_wrote_another_reads_as_it_is_now(store: str) -> None:
    written("usage.html", "provisional")
    with fsspec.open(f"{store}/{DAY}/usage.html", "rt") as file:
        assert file.read() == "provisional"
    written("usage.html", "final")
    (reports_root() / DAY / "usage.html").write_text("of yesterday", encoding="utf-8")
    client = TestClient(WithReports(Starlette(), reports_root()))
    assert client.get(f"/usage-reports/{DAY}/usage.html").text == "final"
    another_machine()
    mail = EmailMessage()
    mail.set_content("the report")
    add_files(mail, {"files": [f"{DAY}/usage.html"]})
    (attached,) = mail.iter_attachments()
    assert attached.get_content().strip() == "final"


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../secret", f"{DAY}/../../secret", f"{DAY}/\0", DAY, "nothing"])
def test_nothing_but_a_report_is_brought(store: str, name: str) -> None:
    written("usage.html", "final")
    system, folder = fsspec.url_to_fs(store)
    with system.open(f"{folder.rpartition('/')[0]}/secret", "wt") as file:
        file.write("nobody may read this")
    another_machine()
    bring(name)
    assert not [path for path in reports_root().parent.rglob("*") if path.is_file()]


def test_a_file_beside_the_folder_of_reports_is_not_kept(store: str, tmp_path: Path) -> None:
    atomically(tmp_path / "mine.csv", lambda place: place.write_text("a,b", encoding="utf-8"))
    assert fsspec.url_to_fs(store)[0].find(fsspec.url_to_fs(store)[1]) == []


def test_without_a_store_the_folder_is_all_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    monkeypatch.delenv("USAGE_PIPELINE_REPORTS", raising=False)
    path = written("usage.html", "final")
    bring(f"{DAY}/usage.html")
    bring(f"{DAY}/nothing")
    assert [found.name for found in tmp_path.rglob("*") if found.is_file()] == [path.name]


@pytest.mark.parametrize(
    ("url", "missing", "error", "words"),
    [
        ("s3://bucket/reports", "s3fs", MissingExtraError, r"usage-pipeline\[object-store\]"),
        ("nowhere://bucket", None, ReportStoreError, "write s3://bucket/folder"),
        ("file:///dev/null/bucket", None, ReportStoreError, "cannot be written"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    url: str, missing: str | None, error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    monkeypatch.setenv("USAGE_PIPELINE_REPORTS", url)
    if missing:
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(error, match=words):
        written("usage.html", "final")
    assert (tmp_path / "reports" / DAY / "usage.html").is_file(), "what was written stays"
    bring(f"{DAY}/usage.html")
    assert [path.name for path in (tmp_path / "reports" / DAY).iterdir()] == ["usage.html"]
