"""Secrets come from a variable or the file that NAME_FILE names, without what files and stores put at their ends."""

from pathlib import Path

import pytest

from usage_pipeline.settings.environment import MissingSecretError, is_untidy, secret, variable
from usage_pipeline.settings.values import currency_code, fits_glob

NAME = "ROBOT_URL"


@pytest.mark.parametrize(
    ("begin", "ending"),
    [
        ("", "\n"),
        ("", "\r\n"),
        ("", " "),
        ("", "\n\n"),
        ("", "\t"),
        ("\ufeff", "\r\n"),
        ("\u200b", "\u200b"),
        ("\xa0", ""),
    ],
)
def test_what_nobody_sees_at_the_ends_is_left_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begin: str, ending: str
) -> None:
    value = "https://example.com/send?key=abc def"
    monkeypatch.setenv(NAME, begin + value + ending)
    assert secret(NAME, "recipient ops") == value
    assert is_untidy(NAME)
    monkeypatch.delenv(NAME)
    path = tmp_path / "secret"
    path.write_text(begin + value + ending, encoding="utf-8", newline="")
    monkeypatch.setenv(f"{NAME}_FILE", f"{path}\n")
    assert secret(NAME, "recipient ops") == value
    assert not is_untidy(NAME)


def test_what_is_only_blank_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " \n")
    with pytest.raises(MissingSecretError, match="ROBOT_URL is not set; recipient ops needs it"):
        secret(NAME, "recipient ops")


def test_both_at_once_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(NAME, "s3cr3t-value")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path))
    with pytest.raises(MissingSecretError, match="both ROBOT_URL and ROBOT_URL_FILE are set") as refused:
        variable(NAME)
    assert "s3cr3t-value" not in str(refused.value)


@pytest.mark.parametrize(
    ("made", "said"),
    [("missing", "is not a file"), ("folder", "is not a file"), ("device", "is not a file"), ("bytes", "UTF-8"),
     ("large", "larger than a secret")],
)  # fmt: skip
def test_a_file_that_cannot_be_one_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: str, said: str
) -> None:
    path = tmp_path / "secret"
    if made == "folder":
        path.mkdir()
    elif made == "device":
        path = Path("/dev/zero")
    elif made == "bytes":
        path.write_bytes(b"\xff\xfe")
    elif made == "large":
        path.write_bytes(b"x" * 1_000_000)
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    with pytest.raises(MissingSecretError, match="ROBOT_URL_FILE names") as refused:
        variable(NAME)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("written", "code"),
    [("usd", "USD"), (" USD ", "USD"), ("rmb", "CNY"), ("RMB", "CNY"), ("¥", "CNY"), ("￥", "CNY"), ("元", "CNY"),
     ("$", "USD"), ("＄", "USD"), ("US$", "USD"), ("us$", "USD"), ("€", "EUR"), ("chf", "CHF")],
)  # fmt: skip
def test_currencies_are_known_by_what_people_write(written: str, code: str) -> None:
    assert currency_code(written) == code


def test_the_yen_is_meant_where_yen_are_counted() -> None:
    assert currency_code("¥", "JPY") == "JPY"
    assert currency_code("rmb", "JPY") == "CNY"


@pytest.mark.parametrize(
    ("name", "glob", "fits"),
    [
        ("bot [prod]", "bot [prod]", True),
        ("bot [prod] 2", "bot [prod]*", True),
        ("bot p", "bot [prod]", True),
        ("bot x", "bot [prod]", False),
        ("Bot", "bot", False),
        ("support-bot", "support-*", True),
        ("[", "[", True),
    ],
)
def test_a_bracket_in_a_name_protects_the_app_of_that_name(name: str, glob: str, fits: bool) -> None:
    assert fits_glob(name, glob) is fits
