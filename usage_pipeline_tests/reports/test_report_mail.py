"""A report by mail: the summary in the body with its picture, the files attached, nothing from elsewhere."""

import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery import report_files
from usage_pipeline.delivery.channels.mail import EmailRecipient, _compose
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.recipients import _facts
from usage_pipeline.settings.reports import ReportFormat, Reports
from usage_pipeline_tests.support.report_books import DAY, SETTINGS

FINANCE = EmailRecipient(channel="email", to=("finance@example.com",))


@pytest.fixture
def facts(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the alert of the day's report says."""
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    return _facts(report, SETTINGS, "en").stored()


def mail_of(facts: dict[str, object]) -> EmailMessage:
    """The mail that would go out."""
    mail, note = _compose(Message("d1", "R1", "report", "info", facts, "en"), FINANCE)
    assert note == ""
    return message_from_bytes(mail, policy=policy.SMTP)


def attached(mail: EmailMessage) -> list[str | None]:
    """The files' names."""
    return [part.get_filename() for part in mail.iter_attachments()]


def test_summary_picture_and_files_are_in_it(facts: dict[str, object]) -> None:
    mail = mail_of(facts)
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain and "Month to date" in plain.get_content()
    assert page and 'src="cid:trend"' in page.get_content() and "http" not in page.get_content()
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in pictures] == ["<trend>"]
    assert attached(mail) == [f"usage-{DAY}.html", f"usage-{DAY}.xlsx"]


def test_each_file_says_what_it_is(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    every = SETTINGS.model_copy(update={"reports": Reports(formats=tuple(ReportFormat))})
    kinds = [part.get_content_type() for part in mail_of(_facts(report, every, "en").stored()).iter_attachments()]
    assert kinds == [
        "text/html",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/zip",
        "application/vnd.apache.parquet",
        "text/csv",
    ]


def test_without_pictures_the_report_goes_out_all_the_same(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    mail = mail_of(_facts(report, SETTINGS, "en").stored())
    page = mail.get_body(("html",))
    assert page and "cid:" not in page.get_content()
    assert attached(mail) == [f"usage-{DAY}.html", f"usage-{DAY}.xlsx"]
    assert "pip install 'usage-pipeline[pictures]'" in caplog.text


def test_what_is_too_large_is_only_named(facts: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, "MOST_BYTES", 1000)
    mail = mail_of(facts)
    plain = mail.get_body(("plain",))
    assert attached(mail) == []
    assert plain and f"usage-{DAY}.html" in plain.get_content()


def test_a_file_that_is_gone_or_elsewhere_is_left_out(facts: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    mail = mail_of({**facts, "files": ["../secret.txt", "/etc/passwd", "2026-03-17/gone.html"], "picture": "../x.png"})
    assert attached(mail) == []
    page = mail.get_body(("html",))
    assert page and "cid:" not in page.get_content()
