"""What the documents tell people to type works: commands run in the order of the pages, and all of them are parsed."""

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict
from typer.main import get_command

from usage_pipeline.cli import COMMANDS, app
from usage_pipeline.fake_dify.console import fake_console
from usage_pipeline.fake_dify.console_sessions import Account
from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company
from usage_pipeline_tests.support.fault_servers import FaultyHttp, answers, faulty_http
from usage_pipeline_tests.support.fuzz_server import fuzz_server
from usage_pipeline_tests.support.page_reader import PageReader
from usage_pipeline_tests.support.pages import DOCS, ROOT, Block, english_pages, read_page

NIGHTLY = os.environ.get("USAGE_PIPELINE_HYPOTHESIS") == "nightly"
PAGES = [*english_pages(), ROOT / "CONTRIBUTING.md"]
FIRST_HOUR = ("connect-dify", "first-budget", "first-alert", "first-report", "first-action", "troubleshooting")
REFERENCE = [ROOT / "README.md", *(page for page in sorted(DOCS.glob("*.md")) if page.stem not in FIRST_HOUR)]
EMAIL, PASSWORD, READER = "usage-pipeline@example.com", "s3cr3t-of-the-page", "usage_reader"

# What begins so is parsed and not typed, and why.
NOT_TYPED = {
    "mkdir ": "the test stands in the folder already",
    "cd ": "the same",
    "make ": "it makes an environment, or runs the tests that run this one",
    ".venv/bin/pre-commit ": "it changes the hooks of the checkout",
    ".venv/bin/usage-pipeline up": "it goes on until it is ended",
    ".venv/bin/usage-pipeline demo": "it is about the demo's own home",
    "export ": "the variables are those of the test",
    "python3 -m venv ": "it asks a package index",
    "~/usage-pipeline-env/bin/": "it is in that environment; test_wheel.py goes this way",
    "pip install ": "it asks a package index",
    "usage-pipeline overrides approve ": "it takes a second person",
    "docker ": "no container engine is here",
    "kubectl ": "no cluster is here",
    "helm ": "the same; the values have tests in deploy/test_files.py",
    "sudo ": "it changes the machine; the units have tests in deploy/test_files.py",
    "psql ": "no client is here; the statement has tests of its own",
    "usage-pipeline init deploy/config": "it would write into the checkout",
    "usage-pipeline report --tenant Marketing --open": "it opens a browser",
    "usage-pipeline report --date 2026-11-24 --send": "nobody is there for the sample's mails",
}  # fmt: skip
# Blocks of YAML that are no part of our configuration.
OF_OTHERS = {"scrape_configs": "of Prometheus"}


def blocks(page: Path, *languages: str) -> list[Block]:
    return [block for block in read_page(page).blocks if block.language in languages]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@dataclass(frozen=True)
class Office:
    """What there is to connect: a Dify with its console and a reader's login, and a robot."""

    company: Company
    reader_url: str
    console_url: str
    robot: FaultyHttp


@pytest.fixture(scope="module")
def office(module_database: Callable[[], str], module_warehouse: Callable[[], str]) -> Iterator[Office]:
    """A Dify of ten days whose agent runs away today; the reader's role is made by the page's own statements."""
    company = build_company(module_database, module_warehouse(), seed=6, days=10, calls_a_day=4, runaway_calls=150)
    (statements,) = blocks(DOCS / "connect-dify.md", "sql")
    database = str(conninfo_to_dict(company.dify_url)["dbname"])
    with (
        psycopg.connect(company.dify_url, autocommit=True) as dify,
        fake_console(company.dify_url, accounts=[Account(EMAIL, PASSWORD)]) as console,
        faulty_http() as robot,
    ):
        dify.execute(statements.text.replace("DATABASE dify", f"DATABASE {database}").encode())
        robot.mood = answers(200, {"errcode": 0, "errmsg": "ok"})
        yield Office(company, company.dify_url.replace("postgres@", f"{READER}:...@"), console.url, robot)
        dify.execute(f"DROP OWNED BY {READER}".encode())
        dify.execute(f"DROP ROLE {READER}".encode())


@pytest.fixture(scope="module")
def reader(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageReader]:
    """Somebody in an empty folder, who follows the pages of the first hour."""
    secrets = {"DIFY_DATABASE_URL": office.reader_url, "WECOM_URL": f"{office.robot.base}/{PASSWORD}",
               "DIFY_CONSOLE_URL": office.console_url, "DIFY_EMAIL": EMAIL, "DIFY_PASSWORD": PASSWORD}  # fmt: skip
    yield from _reader(office, tmp_path_factory.mktemp("spending"), secrets, {})


@pytest.fixture(scope="module")
def keeper(
    office: Office, module_warehouse: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PageReader]:
    """Somebody who has the sample configuration and a first pass, and looks things up."""
    folder = tmp_path_factory.mktemp("keeping")
    shutil.copy(EXAMPLE, folder / "new.yaml")
    (folder / "november.csv").write_text(blocks(DOCS / "counting.md", "csv")[0].text, encoding="utf-8")
    variables = {
        "WAREHOUSE_URL": module_warehouse(),
        "USAGE_PIPELINE_CONFIG": str(EXAMPLE),
        "DIFY_DATABASE_URL": office.reader_url,
        "WECOM_OPS_URL": f"{office.robot.base}/{PASSWORD}",
    }
    for reader in _reader(office, folder, {}, variables):
        reader.server.call(["run"])
        yield reader


def _reader(office: Office, folder: Path, secrets: dict[str, str], variables: dict[str, str]) -> Iterator[PageReader]:
    with pytest.MonkeyPatch.context() as patch:
        for name in secrets:  # a page's reader writes them into .env, which what is set already would hide
            patch.delenv(name, raising=False)
        for name, value in {"WAREHOUSE_URL": office.company.warehouse_url, "COLUMNS": "250", "BROWSER": "true",
                            "USAGE_PIPELINE_HOME": str(folder / "home"), **variables}.items():  # fmt: skip
            patch.setenv(name, value)
        with fuzz_server(str(folder)) as server:
            budget, recipient = ("app-daily", "wecom") if secrets else ("agent-daily", "ops-group")
            yield PageReader(folder, server, secrets, budget, recipient)
    (folder / ".env").unlink(missing_ok=True)


@pytest.mark.parametrize("name", FIRST_HOUR)
def test_the_first_hour_goes_as_its_pages_say(reader: PageReader, name: str) -> None:
    for block in read_page(DOCS / f"{name}.md").blocks:
        reader.follow(block, NOT_TYPED)


@pytest.mark.skipif(not NIGHTLY, reason="the other pages' commands are only parsed by day")
@pytest.mark.parametrize("page", REFERENCE, ids=named)
def test_other_pages_commands_run(keeper: PageReader, page: Path) -> None:
    for block in blocks(page, "bash", "console"):
        keeper.follow(block, NOT_TYPED)


def test_each_reason_for_not_typing_is_needed() -> None:
    lines = [line for page in PAGES for block in read_page(page).blocks for line in block.commands]
    assert [words for words in NOT_TYPED if not any(line.startswith(words) for line in lines)] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_command_is_understood(page: Path) -> None:
    for block in read_page(page).blocks:
        for line in block.commands:
            words = shlex.split(line)
            for at, word in enumerate(words):
                # Others' commands have it as a name, too: of a user, a container, a secret.
                if Path(word).name == "usage-pipeline" and (at == 0 or COMMANDS.keys() & words[at + 1 : at + 2]):
                    understood(words[at + 1 :])


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_command_that_a_sentence_names_is_understood(page: Path) -> None:
    for name in read_page(page).names:
        found = re.fullmatch(r"(?:\S*/)?usage-pipeline ([a-z][^…|\[]*)", name)
        if found:
            understood(shlex.split(found[1]), whole=False)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_file_of_the_checkout_that_a_command_names_is_there(page: Path) -> None:
    for block in read_page(page).blocks:
        for word in " ".join(block.commands).split():
            if word.startswith(("deploy/", "sql/", "config/", "benchmarks/")) and word != "deploy/config":
                assert (ROOT / word).exists(), word


def test_statements_are_those_that_a_test_runs(postgres: EmbeddedServer) -> None:
    """The reader's role is made by the page's own, the two roles here; of MySQL's user sources/ has the tests."""
    (role,) = blocks(DOCS / "connect-dify.md", "sql")
    assert [block.text for block in blocks(ROOT / "README.md", "sql")] == [role.text]
    (two_roles,) = blocks(DOCS / "operations.md", "sql")
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        for statement in two_roles.text.replace("DATABASE warehouse", "DATABASE of_the_page").splitlines():
            connection.execute(statement.encode())
        connection.execute("DROP DATABASE of_the_page")
        connection.execute("DROP ROLE usage_owner")
        connection.execute("DROP ROLE usage_writer")
    shown = {page.stem for page in PAGES if blocks(page, "sql")}
    assert shown == {"README", "connect-dify", "operations", "sources"}


@pytest.mark.parametrize("name", ["troubleshooting", "first-alert", "connect-dify"])
def test_what_a_symptom_prints_is_in_the_program(name: str) -> None:
    """Three words in a row, or what there is of them between … and …"""
    program = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "usage_pipeline").rglob("*.py"))
    rows = [line for line in read_page(DOCS / f"{name}.md").text.splitlines() if line.startswith("| ")]
    for said in {said for row in rows for said in row.split("`")[1::2] if not said.startswith("usage-pipeline")}:
        least = 2 if "…" in said else 3
        parts = [words for words in (part.split() for part in said.split("…")) if len(words) >= least]
        runs = [" ".join(words[at : at + 3]) for words in parts for at in range(max(1, len(words) - 2))]
        assert not runs or any(run in program for run in runs), said


def test_the_node_that_a_page_shows_takes_the_cheap_branch() -> None:
    (node,) = blocks(DOCS / "web.md", "python")
    names: dict[str, Any] = {}
    exec(compile(node.text, "web.md", "exec"), names)  # noqa: S102  (a page's own text)
    bodies = ('{"ratio": "0.8"}', '{"ratio": "0.79"}', '{"ratio": null}')
    assert [names["main"](body)["cheap"] for body in bodies] == [1, 0, 0]


def understood(words: Sequence[str], *, whole: bool = True) -> None:
    """Raises the parser's own error for what it does not understand; what a sentence leaves out may lack."""
    command: Any = get_command(app)
    context = command.make_context("usage-pipeline", [], resilient_parsing=True)
    left = list(words)
    while hasattr(command, "commands") and left and not left[0].startswith("-"):
        name, command, left = command.resolve_command(context, left)
        lazily = command.make_context(name, [], parent=context, resilient_parsing=True)
        command, context = lazily.command, lazily
    if whole or len(left) > 1:
        command.make_context(context.info_name, left, parent=context.parent, resilient_parsing=not whole)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_part_of_a_configuration_is_valid(page: Path) -> None:
    before: dict[str, Any] = {}
    for block in blocks(page, "yaml"):
        part = yaml.safe_load(block.text)
        if not OF_OTHERS.keys() & part.keys():
            parse_settings(_whole(block.text, part, before), f"{named(page)}:{block.line}")
            before.update({key: part[key] for key in ("sources", "approvals") if key in part})


def _whole(text: str, part: dict[str, Any], before: dict[str, Any]) -> str:
    """The text of a part, with what it leaves to the rest of a configuration: recipients by all names that it uses."""
    mail = {"channel": "email", "to": ["somebody@example.com"], "from": "usage@example.com"}
    names = set(re.findall(r"[a-z]+(?:[-.][a-z]+)*", text)) - {"owner"}
    rest: dict[str, Any] = {
        "version": 1,
        "sources": [{"id": "main", "kind": "dify", "url_env": "DIFY_DATABASE_URL"}],
        "recipients": dict.fromkeys(names, mail) | {"itsm": {"channel": "webhook", "url_env": "ITSM_URL"}},
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in (rest | before).items() if key not in part]
    return "\n".join([text, *lines])
