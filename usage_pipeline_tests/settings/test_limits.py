"""Every number, day and text of the configuration has a limit that passes can live with; beyond it, it is refused."""

import re
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from usage_pipeline.settings import Settings, SettingsError, parse_settings
from usage_pipeline.settings.recipients import registry
from usage_pipeline_tests.support.company import EXAMPLE

_NUMBERS = (10**400, -(10**400), Decimal("1E+400"), Decimal("-1E+400"), Decimal("1E-400"), "1e400", "1e-400",
            "1e999999999", "NaN", "Infinity", "-Infinity", "9" * 5_000, float("inf"), float("nan"))  # fmt: skip
_DAYS = ("0001-01-01", "1969-12-31", "9999-12-31", date.max, date.min)
_SPANS = (timedelta.max, "99999d", "0m", "-1d")
_HOSTILE: dict[type, tuple[object, ...]] = {int: _NUMBERS, Decimal: _NUMBERS, float: _NUMBERS, date: _DAYS,
                                            timedelta: _SPANS}  # fmt: skip


def parts_of(kind: Any) -> Iterator[Any]:
    """Every type that an annotation is made of."""
    if get_origin(kind) in (Union, types.UnionType, tuple, dict, list, Annotated):
        for part in get_args(kind):
            yield from parts_of(part)
    elif get_origin(kind) is not Literal:
        yield kind


def models(kind: Any, known: set[Any]) -> set[Any]:
    """Every model that a configuration is made of."""
    for part in parts_of(kind):
        if isinstance(part, type) and issubclass(part, BaseModel) and part not in known:
            known.add(part)
            for field in part.model_fields.values():
                models(field.annotation, known)
    return known


def limited_fields() -> list[tuple[str, FieldInfo, tuple[object, ...]]]:
    """Every field of numbers, days or spans, with what it must refuse."""
    Settings.model_rebuild()
    found: set[Any] = set()
    for kind in (Settings, *registry().recipient_classes()):
        models(kind, found)
    return [
        (f"{model.__name__}.{name}", field, _HOSTILE[part])
        for model in sorted(found, key=lambda model: model.__name__)
        for name, field in model.model_fields.items()
        for part in parts_of(field.annotation)
        if part in _HOSTILE
    ]


def test_every_number_and_day_has_limits() -> None:
    fields = limited_fields()
    assert len(fields) > 40
    taken = []
    for name, field, hostile in fields:
        adapter: TypeAdapter[Any] = TypeAdapter(
            Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        )
        for value in hostile:
            for tried in (value, [value], {"USD": value}):
                try:
                    found = adapter.validate_python(tried)
                except ValidationError:
                    continue
                taken.append((name, str(tried)[:20], str(found)[:40]))
    assert taken == []


def numbers_in(text: str) -> list[re.Match[str]]:
    """Every number that stands as a value in a file, not in a comment."""
    found = re.finditer(r"(?<=: )[0-9]+(\.[0-9]+)?(?=[,}\s])", text)
    return [number for number in found if "#" not in text[text.rfind("\n", 0, number.start()) : number.start()]]


@pytest.mark.parametrize("hostile", ["1e400", "-1e400", "1e-400", "9" * 400, "9" * 5_000, "1e999999999", ".inf", ".nan",
                                     "0x" + "f" * 100, '"1e400"', "'" + "1" * 5_000 + "'"])  # fmt: skip
def test_one_in_a_file_is_named_with_its_line_and_a_way_out(hostile: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    found = numbers_in(text)
    assert len(found) > 15
    for number in found:
        started = time.monotonic()
        with pytest.raises(SettingsError) as caught:
            parse_settings(text[: number.start()] + hostile + text[number.end() :], "c.yaml")
        assert time.monotonic() - started < 5
        problem = caught.value.problems[0]
        assert problem.line == text[: number.start()].count("\n") + 1, str(problem)
        assert problem.field
        assert problem.fix
        assert len(str(problem)) < 400


@pytest.mark.parametrize("letter", ["\\0", "\\e", "\\x9b", "\\x7f", "\\r"])
def test_a_text_that_nothing_can_keep_is_named(letter: str) -> None:
    for text, line, field in (
        (
            f'version: 1\nbudgets:\n  - {{id: a, name: "a{letter}b", period: day, limit: {{tokens: 5}}}}',
            3,
            "budgets[0].name",
        ),
        (f'version: 1\nrecipients:\n  "o{letter}": {{channel: wecom, secret_env: A}}', 3, "recipients"),
    ):
        with pytest.raises(
            SettingsError, match="is a character that cannot be seen or kept; write plain text"
        ) as caught:
            parse_settings(text, "c.yaml")
        assert [(problem.line, problem.field) for problem in caught.value.problems] == [(line, field)]
        assert str(caught.value).isprintable()


def test_a_text_without_end_is_named() -> None:
    text = f"version: 1\nbudgets:\n  - {{id: a, name: {'x' * 5_000}, period: day, limit: {{tokens: 5}}}}"
    with pytest.raises(SettingsError, match="is too long; write at most 4000 characters") as caught:
        parse_settings(text, "c.yaml")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("recipient", "field", "says"),
    [
        ("{channel: email, to: owner}", "to", "is not a mail address; write it as owner@example.com"),
        ("{channel: email, to: [a@example.com, 'a b@example.com']}", "to[1]", "is not a mail address"),
        ("{channel: email, to: a@example.com, from: 'a@-.com'}", "from", "is not a mail address"),
        ("{channel: dingtalk, secret_env: A, mobiles: ['+86 138']}", "mobiles[0]", "write a phone number"),
        ("{channel: pagerduty, secret_env: A, endpoint: 'ftp://x'}", "endpoint", "is not a web address; write it"),
        ("{channel: pagerduty, secret_env: A, endpoint: 'https://'}", "endpoint", "is not a web address"),
        ("{channel: pagerduty, secret_env: A, endpoint: 'https://a b/'}", "endpoint", "is not a web address"),
        ("{channel: pagerduty, secret_env: A, endpoint: 'https://a:99999/'}", "endpoint", "is not a web address"),
        ("{channel: pagerduty, secret_env: A, endpoint: 'https://[::1'}", "endpoint", "is not a web address"),
        ("{channel: pagerduty, secret_env: A, endpoint: 'http://a:pa55@b/'}", "endpoint", "holds a user or a password"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_named(recipient: str, field: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(f"version: 1\nrecipients:\n  ops: {recipient}\n", "c.yaml")
    problem = caught.value.problems[0]
    assert (problem.line, problem.field) == (3, f"recipients.ops.{field}")
    assert says in str(problem)
    assert "pa55" not in str(problem)


def test_addresses_that_are_some_are_taken() -> None:
    for endpoint in (
        "https://events.eu.pagerduty.com",
        "http://127.0.0.1:8080/x",
        "http://[::1]:80",
        "https://müller.example/",
    ):
        parse_settings(
            f"version: 1\nrecipients: {{ops: {{channel: pagerduty, secret_env: A, endpoint: '{endpoint}'}}}}\n",
            "c.yaml",
        )
    for to in ("ops@localhost", "Zhang Wei <zhang.wei+llm@mail.example.com>", "a_b@xn--fiqs8s.example"):
        parse_settings(f"version: 1\nrecipients: {{ops: {{channel: email, to: '{to}'}}}}\n", "c.yaml")


def test_a_file_of_a_million_values_takes_little_memory() -> None:
    code = (
        "import sys\n"
        "from usage_pipeline.settings import SettingsError, parse_settings\n"
        "for text in ('version: [' + 'a,' * 500_000 + 'a]', 'version: ' + '[' * 1_000_000, '- a\\n' * 250_000,\n"
        "             'version: 1\\nbudgets:\\n' + '  - {id: 1}\\n' * 15_000):\n"
        "    try:\n        parse_settings(text, 'c.yaml')\n"
        "    except SettingsError as error:\n        assert len(str(error)) < 20_000\n"
        "    else:\n        sys.exit('taken')\n"
        # Not ru_maxrss: that of a child begins with what its parent has.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) < 300_000
