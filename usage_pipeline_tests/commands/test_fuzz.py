"""Whatever is typed for any option of any command: a sentence and an exit code, within seconds and little memory."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command

from usage_pipeline.cli import COMMANDS
from usage_pipeline.commands.lazy import Command, Group
from usage_pipeline.warehouse.connection import connect
from usage_pipeline_tests.support.fuzz_server import FuzzServer, fuzz_server
from usage_pipeline_tests.support.odd_names import ODD, hidden_in, odd_installation

NIGHTLY = os.environ.get("USAGE_PIPELINE_HYPOTHESIS") == "nightly"
# These go on until they are ended: only the reading of their arguments is tried.
_GO_ON = ("up", "web", "demo")
_ENDINGS = (0, 1, 2)
_LONGEST_S, _MOST_MB = 10, 300

# What somebody means to type, by the parameter that it is typed for.
_DAY = ("2026-11-20", "2016-11-20", "1970-01-01", "9000-12-31")
_MOMENT = (*_DAY, "now", "8h", "3d", "2026-11-20T18:00")
_BUDGET = ("company", "project-day", "last-day")
_MEANT = {
    **dict.fromkeys(("first", "last", "day"), _DAY),
    **dict.fromkeys(("from_time", "to_time", "until", "at"), _MOMENT),
    **dict.fromkeys(("budget", "budget_id"), _BUDGET),
    **dict.fromkeys(("note", "reason", "why"), ("sale", "为了促销", ODD)),
    "month": ("2026-11", "1970-01", "9000-12"),
    "by": ("zhang.wei", "li.na", "wang.fang"),
    "recipient": ("ops", "mail"),
    "source": ("main",),
    "tenant": ("Tenant 0", "t1", ODD),
    "project": ("support-bot", "a0", "*", ODD),
    "scope": ("support-bot", "t1", ODD),
    "period": ("day", "week", "month"),
    "language": ("zh", "en"),
    "formats": ("csv", "html", "xlsx", "focus", "all"),
    "channel": ("wecom", "email", "webhook"),
    "amount": ("5", "500,000", "0.01"),
    "percent": ("20", "12.5%"),
    "measure": ("tokens", "cost", "calls"),
    "state": ("pending", "approved", "planned"),
    "number": ("1",),
    "days": ("1", "366"),
    "limit": ("1", "1000"),
}
_DAYS = (
    *(
        "2026-11",
        "0001-01-01",
        "9999-12-31",
        "2026-02-30",
        "10000-01-01",
        "-001-01-01",
        "2026-11-20T24:00",
        "99999d",
        "-1d",
    ),
    *("2026-11-20T12:00+99:00", "0001-01-02T00:00+14:00", "٢٠٢٦-١١-٢٠", "２０２６-11-20", "20261120", "2026-W47-5"),
)
_NUMBERS = (
    *(
        "0",
        "-1",
        "5",
        "12.5",
        "20%",
        "1e400",
        "-1e400",
        "1e-400",
        "NaN",
        "sNaN",
        "-Infinity",
        "0x10",
        "1_0",
        "٣",
        "1,5",
    ),
    *("1e9999999999", "½", "+5", "00", "2147483648", "99999999999999999999", "9" * 30, "9" * 5_000),
)
_HOSTILE = (
    *("", " ", "*", "?" * 50, "*a" * 40, "[", "[!", "%", "_", "\\", "-", "--", "/", ".", "..", "~", "=1+1"),
    *("'; DROP TABLE usage.alert; --", "%s%n{0}$1", "a\nb", "\x1b[2J", "\0", "\udcff", "\u202e", "\ufeff", ODD),
    *("名" * 300, "x" * 9_999, "x" * 100_000, "null", "None", "true", "[/bold]", ":boom:"),
    "00000000-0000-0000-0000-000000000000",
)


@dataclass(frozen=True)
class Parameter:
    """What a command says of one of its parameters."""

    name: str
    option: str | None  # as it is typed; None for an argument that stands by itself
    kind: str  # flag, number, path, choice or text
    required: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Called:
    """A command with its words and what it declares."""

    words: tuple[str, ...]
    parameters: tuple[Parameter, ...]


def declared() -> list[Called]:
    """Every command there is, with its parameters, as the commands themselves declare them."""
    found: list[Called] = []
    for name, entry in COMMANDS.items():
        below = entry.commands.items() if isinstance(entry, Group) else [("", entry)]
        for word, command in below:
            found += _declared((name, word) if word else (name,), get_command(_loaded(command)))
    return found


def _loaded(command: Command) -> Any:
    return command.load()


def _declared(words: tuple[str, ...], command: Any) -> Iterator[Called]:
    yield Called(words, tuple(_parameter(parameter) for parameter in command.params))
    for name, below in getattr(command, "commands", {}).items():
        yield from _declared((*words, name), below)


def _parameter(parameter: Any) -> Parameter:
    option = parameter.opts[0] if parameter.param_type_name == "option" else None
    # A silence is made by a command that has others below it: typer itself asks for nothing there.
    needed = parameter.required or option is None or parameter.name in ("budget", "until", "reason")
    kind = parameter.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return Parameter(parameter.name, option, "choice", needed, get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Parameter(parameter.name, option, "choice", needed, tuple(choice.value for choice in kind))
    kinds = {bool: "flag", int: "number", float: "number", Path: "path"}
    return Parameter(parameter.name, option, kinds.get(kind, "text"), needed)


_CALLS = declared()


def values(parameter: Parameter, place: "Place") -> st.SearchStrategy[str]:
    """What may be typed for a parameter: mostly what is meant, else what nobody means."""
    meant = (*parameter.choices, *_MEANT.get(parameter.name, place.ids))
    if parameter.kind == "path":
        meant = place.paths
    hostile = st.sampled_from((*_HOSTILE, *_NUMBERS, *_DAYS)) | st.text(max_size=30)
    if parameter.kind == "path":
        # Nothing is written beside the test's own folder.
        hostile = hostile.filter(lambda text: not text.startswith(("/", "..")))
    return st.integers(0, 9).flatmap(lambda luck: st.sampled_from(meant) if luck < 7 else hostile)


@st.composite
def typed(draw: st.DrawFn, place: "Place") -> list[str]:
    """A command as somebody may type it."""
    call = draw(st.sampled_from(_CALLS))
    words: list[str] = []
    for parameter in call.parameters:
        if parameter.kind == "flag":
            words += [str(parameter.option)] if draw(st.booleans()) else []
        elif parameter.required and draw(st.integers(0, 15)):
            words += [parameter.option] if parameter.option else []
            words.append(draw(values(parameter, place)))
        elif parameter.option and not draw(st.integers(0, 2)):
            words += [parameter.option, draw(values(parameter, place))]
    if not draw(st.integers(0, 19)):
        words.append(draw(st.sampled_from(_HOSTILE)))
    if call.words[0] in _GO_ON:
        words.append("--no-such-option")
    return [*call.words, *words]


@dataclass(frozen=True)
class Place:
    """An installation to play with, and what there is in it to be named."""

    server: FuzzServer
    ids: tuple[str, ...]
    paths: tuple[str, ...]


@pytest.fixture(scope="module")
def place(module_warehouse: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A warehouse with odd names, and files of every kind."""
    folder = tmp_path_factory.mktemp("fuzz")
    url = module_warehouse()
    with odd_installation(url, folder) as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items() | {("BROWSER", "true"), ("COLUMNS", "100")}:
            patch.setenv(name, value)
        with fuzz_server(str(folder)) as server:
            server.call(["overrides", "request", "company", "--until", "3d", "--reason", "sale", "--percent", "10"])
            server.call(["enforcement", "run"])
            with closing(connect(url)) as connection:
                made = connection.execute(
                    "SELECT alert_id FROM (SELECT alert_id FROM usage.alert LIMIT 5) a UNION ALL SELECT override_id"
                    " FROM usage.budget_override UNION ALL SELECT action_id FROM usage.enforcement_action"
                ).fetchall()
            yield Place(server, tuple(str(name) for (name,) in made), _paths(folder))
        # Whoever looks for secrets in what tests leave behind would read it to its end.
        (folder / "huge").unlink()


def _paths(folder: Path) -> tuple[str, ...]:
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "empty").touch()
    (folder / "bytes").write_bytes(bytes(range(256)) * 100)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "i.csv").write_text("provider,month,amount,currency\nopenai,2026-11,5,USD\n", encoding="utf-8")
    (folder / "odd.csv").write_text(
        f"provider,month,amount,currency\n{ODD},0000-01,{'9' * 400},U\n" * 50, encoding="utf-8"
    )
    (folder / "long.csv").write_text(
        f"provider,month,amount,currency\n{'x' * 200_000},2026-11,1,USD\n", encoding="utf-8"
    )
    (folder / "many.csv").write_text("provider,month,amount,currency\n" + "a,b,c,d\n" * 200_000, encoding="utf-8")
    (folder / "deep.yaml").write_text("version: " + "[" * 100_000, encoding="utf-8")
    (folder / "odd.yaml").write_text(
        f"version: 1\nbudgets: [{{id: a, name: {'x' * 9_000}, period: 1e400}}]", encoding="utf-8"
    )
    with (folder / "huge").open("wb") as file:
        file.truncate(5_000_000_000)
    ours = [str(path) for path in sorted(folder.iterdir())]
    devices = ("/dev/zero", "/dev/null", "/dev/full", "/dev/stdin", "/proc/self/mem", "/proc/nothing/here")
    return (
        *ours,
        *devices,
        "usage_pipeline.yaml",
        "i.csv",
        "new.csv",
        "new/folder",
        "x" * 300,
        "pipe/below",
        "empty/below",
    )


def test_every_command_declares_what_is_tried() -> None:
    assert len(_CALLS) > 25
    assert {"flag", "number", "path", "choice", "text"} == {p.kind for call in _CALLS for p in call.parameters}


@settings(
    max_examples=10_000 if NIGHTLY else 100,
    derandomize=not NIGHTLY,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_is_typed_ends_in_a_sentence(place: Place, data: st.DataObject) -> None:
    words = data.draw(typed(place))
    done = place.server.call(words)
    assert "Traceback" not in done.err, done.err[-3_000:]
    assert done.code in _ENDINGS, (done.code, done.err[-2_000:])
    assert done.err or done.out, "it says something"
    assert not hidden_in(done.out + done.err)
    assert done.seconds < _LONGEST_S
    assert done.megabytes < _MOST_MB
