"""Reads the configuration file; what is wrong with it is said with file, line, field, value and fix."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from usage_pipeline.settings.cross_checks import cross_check
from usage_pipeline.settings.files import bounded_bytes
from usage_pipeline.settings.model import Settings
from usage_pipeline.settings.problem_words import FAR_DAY, problem_words
from usage_pipeline.settings.values import FIRST_DAY, LAST_DAY, currency_code
from usage_pipeline.settings.yaml_positions import Document, YamlError, dotted, read_yaml
from usage_pipeline.settings.yaml_positions import Path as FieldPath

_SECRET = re.compile(r"https?://|key=|token|secret|password|smtps?://|[A-Za-z0-9+/_-]{24,}", re.IGNORECASE)

# A user and a password before the host of an address.
_LOGIN = re.compile(r"://[^/?#\s]*@")
_LONGEST_SHOWN = 80
_MOST_SHOWN = 50
# Units of one currency for one of another: no two on Earth are further apart.
_LOWEST_RATE, _HIGHEST_RATE = Decimal("1e-9"), Decimal(10) ** 9


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a configuration file."""

    file: str
    line: int
    field: str
    value: str
    message: str
    fix: str

    def __str__(self) -> str:
        field = f" {self.field}:" if self.field else ""
        value = f" {self.value}" if self.value else ""
        line = f":{self.line}" if self.line else ""  # a file that cannot be read has none
        return f"{self.file}{line}:{field}{value} {self.message}; {self.fix}"


class SettingsError(Exception):
    """The configuration cannot be used; each problem says where and what to do."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        more = [f"and {len(problems) - _MOST_SHOWN} more"] if len(problems) > _MOST_SHOWN else []
        super().__init__("\n".join([*map(str, problems[:_MOST_SHOWN]), *more]))


# Thousands of budgets fit into a tenth of it.
LARGEST_FILE = 4_000_000
# The way out when there is no file to read.
NO_FILE = "`usage-pipeline init` writes one here; or set USAGE_PIPELINE_CONFIG to yours"


def load_settings(path: Path) -> Settings:
    """The configuration in a file. Raises SettingsError with every problem found, in file order."""
    try:
        data = bounded_bytes(path, LARGEST_FILE)
    except OSError as error:
        raise SettingsError([Problem(str(path), 0, "", "", f"cannot be read ({error.strerror})", NO_FILE)]) from None
    return parse_settings(data, str(path))


def parse_settings(data: bytes | str, file: str) -> Settings:
    """The configuration in a text; ``file`` is its name in errors."""
    try:
        document = read_yaml(data.encode() if isinstance(data, str) else data)
    except YamlError as problem:
        shown = _quoted(problem.value) if problem.value else ""
        raise SettingsError(
            [Problem(file, problem.line, problem.field_name, shown, problem.message, problem.fix)]
        ) from None
    value, rate_problems = _with_rates(document, file)
    try:
        settings = Settings.model_validate(value)
    except ValidationError as error:
        problems = [_explain(file, document, detail) for detail in error.errors(include_url=False)]
        raise SettingsError(_ordered([*rate_problems, *problems])) from None
    if rate_problems:
        raise SettingsError(_ordered(rate_problems))
    findings = [
        Problem(file, document.line_of(f.path), dotted(_in_file(document, f.path)), _quoted(f.value), f.message, f.fix)
        for f in cross_check(settings)
    ]
    if findings:
        raise SettingsError(_ordered(findings))
    return settings


def _ordered(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line)


def _with_rates(document: Document, file: str) -> tuple[object, list[Problem]]:
    """exchange_rates is a mapping, or a list of mappings with a day each; the model knows one form."""
    top = dict(document.value) if isinstance(document.value, dict) else {}
    given = top.get("exchange_rates")
    if given is None:
        top.pop("exchange_rates", None)
        return top, []
    entries = [given] if isinstance(given, dict) else given
    prefix: FieldPath = ("exchange_rates",)
    if not isinstance(entries, list):
        return top, [_rate_problem(file, document, prefix, given)]
    rates: list[dict[str, object]] = []
    problems: list[Problem] = []
    for position, entry in enumerate(entries):
        path: FieldPath = prefix if isinstance(given, dict) else (*prefix, position)
        if not isinstance(entry, dict):
            problems.append(_rate_problem(file, document, path, entry))
            continue
        day, wrong = _first_day(entry, isinstance(given, dict), file, document, path)
        found, wrong_rates = _rates_of(entry, file, document, path)
        problems += [*wrong, *wrong_rates]
        rates.append({"from_date": day, "rates": found})
    top["exchange_rates"] = [] if problems else rates
    return top, problems


def _first_day(
    entry: dict[str, object], always: bool, file: str, document: Document, path: FieldPath
) -> tuple[date, list[Problem]]:
    text = entry.get("from")
    if text is None and always:
        return FIRST_DAY, []
    try:
        day = date.fromisoformat(str(text))
    except ValueError:
        where = (*path, "from")
        shown = "" if text is None else _quoted(str(text))
        problem = Problem(file, document.line_of(where), dotted(where), shown,
                          "is missing" if text is None else "is not a date", "write from: 2026-01-01")  # fmt: skip
        return FIRST_DAY, [problem]
    if FIRST_DAY <= day <= LAST_DAY:
        return day, []
    return FIRST_DAY, [Problem(file, document.line_of(path), dotted((*path, "from")), str(day), *FAR_DAY)]


def _rates_of(
    entry: dict[str, object], file: str, document: Document, path: FieldPath
) -> tuple[dict[str, Decimal], list[Problem]]:
    found: dict[str, Decimal] = {}
    problems: list[Problem] = []
    for code, value in entry.items():
        if code == "from":
            continue
        where = (*path, code)
        name = currency_code(code)
        try:
            rate = Decimal(str(value)) if isinstance(value, int | Decimal | str) else Decimal(0)
        except InvalidOperation:
            rate = Decimal(0)
        if len(code) != 3 or not code.isalpha():
            problems.append(Problem(file, document.line_of(where), dotted(where), f'"{code}"', "is not a currency",
                                    "write its three letters, such as USD"))  # fmt: skip
        elif not (rate.is_finite() and _LOWEST_RATE <= rate <= _HIGHEST_RATE):
            problems.append(_rate_problem(file, document, where, value))
        else:
            found[name] = rate
    return found, problems


def _rate_problem(file: str, document: Document, path: FieldPath, value: object) -> Problem:
    return Problem(file, document.line_of(path), dotted(path), _quoted(str(value)), "is not an exchange rate",
                   "write for example exchange_rates: {USD: 7.10}, the base currency's units for one USD")  # fmt: skip


def _explain(file: str, document: Document, detail: ErrorDetails) -> Problem:
    path = _real_path(document, detail["loc"])
    message, fix = problem_words(detail, path)
    return Problem(file, document.line_of(path), dotted(path), _shown(detail, path), message, fix)


def _real_path(document: Document, location: tuple[str | int, ...]) -> FieldPath:
    """The place in the file: pydantic adds names of union members and wrapped single values to its own."""
    path: FieldPath = ()
    for part in location:
        candidate = (*path, part)
        if candidate in document.lines or part == location[-1]:
            path = candidate
    return _in_file(document, path)


def _in_file(document: Document, path: FieldPath) -> FieldPath:
    """A single text where a list is allowed has no [0] in the file."""
    return path[:-1] if path and isinstance(path[-1], int) and path not in document.lines else path


def _shown(detail: ErrorDetails, path: FieldPath) -> str:
    value = detail.get("input")
    if detail["type"] in ("missing", "extra_forbidden") or isinstance(value, dict | list | tuple):
        return ""
    if path and str(path[-1]).endswith("_env") and _SECRET.search(str(value)):
        return ""
    return _quoted(value) if isinstance(value, str) else str(value)[:_LONGEST_SHOWN]


def _quoted(value: str) -> str:
    """A value as an error quotes it: on one line, and not whole when it is long or may hold a password."""
    if _LOGIN.search(value):
        return ""
    return '"' + " ".join(value[:_LONGEST_SHOWN].splitlines()) + ("…" if len(value) > _LONGEST_SHOWN else "") + '"'
