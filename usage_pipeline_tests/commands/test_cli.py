"""The command itself: its table of subcommands is true, and nothing is imported that a call does not need."""

import inspect
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from usage_pipeline.cli import COMMANDS, app
from usage_pipeline.commands.lazy import Command, Group

# What takes longest to import, and the rooms that would bring it.
HEAVY = (
    *("dagster", "requests", "urllib3", "jinja2", "sqlalchemy", "alembic", "pandas", "matplotlib", "pyarrow"),
    *("xlsxwriter", "genai_prices", "apprise", "pymysql", "aiosmtpd", "graphql", "usage_pipeline.demo"),
    *("usage_pipeline.fake_dify", "usage_pipeline.delivery", "usage_pipeline.enforcement", "usage_pipeline.reports"),
    *("usage_pipeline.pipeline", "usage_pipeline.defs"),
)


def commands() -> Iterator[tuple[str, Command]]:
    """Each command by what is typed for it."""
    for name, entry in COMMANDS.items():
        if isinstance(entry, Group):
            yield from ((f"{name} {below}", command) for below, command in entry.commands.items())
        else:
            yield name, entry


@pytest.mark.parametrize(("name", "command"), commands())
def test_what_help_says_of_a_command_is_what_the_command_says_of_itself(name: str, command: Command) -> None:
    said = (get_command(command.load()).help or "").split("\n\n")[0]
    assert " ".join(inspect.cleandoc(said).split()) == command.help
    done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert done.exit_code == 0
    assert f"usage-pipeline {name} [OPTIONS]" in done.stdout.replace("root", "usage-pipeline")
    assert command.help[:60] in done.stdout


def test_every_group_and_the_command_itself_list_what_they_have() -> None:
    for words, listed in [([], COMMANDS), *(([n], e.commands) for n, e in COMMANDS.items() if isinstance(e, Group))]:
        shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).stdout
        for name, entry in listed.items():
            assert f"│ {name} " in shown
            assert entry.help[:60] in shown
        # Nothing typed is a mistake that shows the same.
        assert CliRunner().invoke(app, words).exit_code == 2


def test_a_name_that_is_mistyped_is_answered_with_one_that_exists() -> None:
    for words in (["alrets"], ["alerts", "lsit"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 2
        assert "Did you mean" in done.stderr


def imported(warehouse_url: str, *words: str) -> set[str]:
    """Which of the heavy ones a call imports."""
    code = f"""
import sys
from usage_pipeline.cli import main
sys.argv = ["usage-pipeline", *{words!r}]
try:
    main()
finally:
    print("IMPORTED", *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], env={"WAREHOUSE_URL": warehouse_url, "PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    return set(done.stderr.splitlines()[-1].split()[1:])


@pytest.mark.usefixtures("warehouse")
def test_nothing_heavy_is_imported_for_help_or_to_list_alerts(warehouse_url: str) -> None:
    assert imported(warehouse_url, "--help") == set()
    assert imported(warehouse_url, "alerts", "--help") == set()
    assert imported(warehouse_url, "alerts", "list") == set()
    assert imported(warehouse_url, "enforcement", "--help") == set()
    assert "usage_pipeline.delivery" in imported(warehouse_url, "alerts", "test", "--help"), (
        "the measure sees what is imported"
    )
