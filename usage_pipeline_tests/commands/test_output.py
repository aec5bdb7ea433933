"""What reaches a terminal or a file is text: nothing in a name steers it, hides in it, or looks like a line of ours."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unicodedata import category
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.tree import Tree
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.commands import output
from usage_pipeline.commands.visible import as_json, one_line, visible
from usage_pipeline_tests.support.odd_names import ODD, ODD_LINE, hidden_in, odd_installation

_COLOURS = {"FORCE_COLOR": "1", "COLUMNS": "200", "TERM": "xterm-256color"}
_LETTERS = st.one_of(
    st.characters(), st.sampled_from("\x1b\x9b\x07\x7f\r\n\t\u202e\u2066\u200b\ufeff\u2028\ud83d[]/:=a")
)
_TEXTS = st.text(_LETTERS, max_size=60)
# There is usage on it in every zone: a report of a day without any is refused.
YESTERDAY = str(datetime.now(UTC).date() - timedelta(days=1))


def test_every_hidden_character_is_known() -> None:
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    hidden = [chr(code) for code in range(sys.maxunicode + 1) if category(chr(code)) in kinds]
    assert [hex(ord(letter)) for letter in hidden if letter not in "\n\t" and visible(letter) == letter] == []
    assert visible("名前 é 👍 \u3000\xa0") == "名前 é 👍 \u3000\xa0"


@given(_TEXTS)
def test_a_text_is_made_visible_and_says_the_same(text: str) -> None:
    assert not hidden_in(visible(text))
    assert visible(visible(text)) == visible(text)
    assert not {"\n", "\t"} & set(one_line(text))
    document = as_json({text: [text]})
    assert not hidden_in(document)
    assert json.loads(document) == {text: [text]}


@given(_TEXTS)
def test_nothing_in_a_name_steers_a_terminal(text: str) -> None:
    with patch.dict(os.environ, _COLOURS), patch.object(sys, "stdout", io.StringIO()) as printed:
        output.show_rows(text, [text, "b"], [(text, 1), (None, text)])
        output.show_rows(text, [text], [])
        output.say(output.bold(text), text)
        output.out.print(text)
        output.out.rule(text)
        tree = Tree(text)
        tree.add(text)
        output.out.print(tree)
    assert not hidden_in(printed.getvalue())


@pytest.fixture(scope="module")
def odd(module_warehouse: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of an installation where every name is odd."""
    with odd_installation(module_warehouse(), tmp_path_factory.mktemp("odd")) as variables:
        yield variables


@pytest.fixture
def _odd(odd: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in odd.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_odd")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("budgets", "show"), 0),
        (("budgets", "show", "--tree"), 0),
        (("budgets", "show", "project-day"), 0),
        (("budgets", "show", ODD), 2),
        (("budgets", "validate", f"/nowhere/{ODD}"), 2),
        (("alerts", "list"), 0),
        (("alerts", "preview", "project-day"), 0),
        (("alerts", "show", ODD_LINE), 2),
        (("alerts", ODD), 2),
        (("nodes", "--days", "2"), 0),
        (("nodes", "--project", f"*{ODD[:8]}*"), 0),
        (("nodes", "--project", f"none of {ODD}"), 2),
        (("keys",), 0),
        (("report", "--tenant", ODD, "--format", "csv", "--date", YESTERDAY), 0),
        (("tour",), 0),
        (("status",), 1),
        (("report", "--tenant", ODD_LINE), 2),
        (("grant-reader", "--tenant", ODD, "--revoke"), 0),
        (
            (
                "overrides",
                "request",
                "project-day",
                "--scope",
                ODD,
                "--until",
                "1h",
                "--amount",
                "5",
                "--reason",
                ODD_LINE,
            ),
            0,
        ),
        (("overrides", "list"), 0),
        (("enforcement", "list"), 0),
        ((ODD,), 2),
    ],
)
def test_no_command_lets_a_name_through(words: tuple[str, ...], code: int) -> None:
    for arguments in (words, (*words, "--json")):
        done = CliRunner().invoke(app, list(arguments), env=_COLOURS)
        assert done.exit_code == code, (done.output, done.exception)
        assert not hidden_in(done.output), arguments
        # A line of ours never comes out of a name.
        assert "Every step held." not in done.output.splitlines(), arguments


@pytest.mark.usefixtures("_odd")
def test_the_export_holds_each_name_in_full_and_no_formula() -> None:
    words = ["alerts", "export", "--from", "2026-01-01", "--to", "1m"]
    done = CliRunner().invoke(app, [*words, "--format", "jsonl"])
    assert not hidden_in(done.output)
    assert any(ODD in str(value) for line in done.stdout.splitlines() for value in json.loads(line).values())
    done = CliRunner().invoke(app, words)
    assert not hidden_in(done.output)
    assert b"\r" not in done.stdout_bytes
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert any("\\x1b[31m" in cell for row in rows for cell in row)
    assert not [cell for row in rows for cell in row if cell.lstrip(" ").startswith(("=", "+", "-", "@"))]


@pytest.mark.usefixtures("_odd")
def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    words = ["alerts", "export", "--from", "2026-01-01", "--to", "now", "--out"]
    (tmp_path / "kept.csv").write_text("before", encoding="utf-8")
    assert CliRunner().invoke(app, [*words, str(tmp_path / "kept.csv")]).exit_code == 0
    assert (tmp_path / "kept.csv").read_text(encoding="utf-8").startswith("at,")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for target, code in (
        (tmp_path, 2),
        (tmp_path / "pipe", 2),
        (tmp_path / "circle", 2),
        (tmp_path / "no" / "folder", 2),
        (Path("/dev/full"), 1),
    ):
        done = CliRunner().invoke(app, [*words, str(target)])
        assert done.exit_code == code, (done.output, done.exception)
        assert str(target) in done.stderr
    assert CliRunner().invoke(app, [*words, os.devnull]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["circle", "kept.csv", "pipe"]
