"""`usage-pipeline init`: the first files of an installation, from flags, or from answers where somebody sits there."""

import os
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

import typer

from usage_pipeline.commands.output import EXIT_MISTAKE, complain, for_people, say
from usage_pipeline.inputs import InputError
from usage_pipeline.settings.first_files import (
    RECIPIENTS,
    SOURCES,
    Answers,
    configuration_text,
    variables,
    write_first_files,
)
from usage_pipeline.settings.load import parse_settings

_SYSTEM_ZONE = Path("/etc/localtime")
_NOBODYS_ADDRESS = "ops@example.com"


@for_people
def init(
    folder: Annotated[Path, typer.Argument(help="Where the files go; left out: the folder you are in.")] = Path(),
    source: Annotated[str | None, typer.Option(help=f"How Dify is read: {', '.join(SOURCES)}.")] = None,
    zone: Annotated[str | None, typer.Option(help="Billing zone, such as Asia/Shanghai.")] = None,
    currency: Annotated[str | None, typer.Option(help="Three letters, such as CNY.")] = None,
    language: Annotated[str | None, typer.Option(help="Of alerts and reports: zh or en.")] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help=f"Where alerts go, once or more: {', '.join(RECIPIENTS)}.")
    ] = None,
    mail: Annotated[str | None, typer.Option(help="With the channel email: the address.")] = None,
    limit: Annotated[str | None, typer.Option(help="What a month may cost, in the currency.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; what no flag says is as usual.")] = False,
) -> None:
    """Write a first configuration with comments and a .env for its secrets. Never overwrites anything."""
    ask = not yes and sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    said = _language(language, ask)
    usual_currency = "CNY" if said == "zh" else "USD"
    channels = channel or _words(_answer("Where alerts go", ask, "wecom" if said == "zh" else "email", RECIPIENTS))
    answers = Answers(
        language=said,
        source=source or _answer("How Dify is read", ask, "postgresql", SOURCES),
        zone=zone or _answer("Billing zone", ask, _zone_here()),
        currency=(currency or _answer("Currency", ask, usual_currency)).upper(),
        channels=tuple(dict.fromkeys(channels)),
        mail=mail or (_answer("Mail address", ask, _NOBODYS_ADDRESS) if "email" in channels else _NOBODYS_ADDRESS),
        limit=_amount(limit or _answer("What a month may cost", ask, "10000")),
    )
    _check(answers)
    try:
        configuration, env = write_first_files(folder, answers)
    except FileExistsError as error:
        complain(f"there is {error} already, and nothing was written; give `init` another folder", style="red")
        raise typer.Exit(EXIT_MISTAKE) from None
    _say_what_is_next(folder, configuration, env, answers)


def _language(given: str | None, ask: bool) -> str:
    usual = "zh" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("zh") else "en"
    return given or _answer("Language of alerts and reports, zh or en", ask, usual)


def _answer(question: str, ask: bool, usual: str, choices: object = ()) -> str:
    """Returns what a person answers; the usual one where nobody is asked."""
    if not ask:
        return usual
    names = f" ({', '.join(choices)})" if isinstance(choices, dict) else ""
    return str(typer.prompt(f"{question}{names}", default=usual)).strip()


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text.replace(",", ""))
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise InputError(f"--limit {text!r} is no amount; write for example 10000")
    return amount


def _check(answers: Answers) -> None:
    """Raises InputError for an answer that no configuration takes, SettingsError for the rest."""
    _one_of("--source", answers.source, SOURCES.__contains__, ", ".join(SOURCES))
    _one_of("--language", answers.language, {"zh", "en"}.__contains__, "zh or en")
    _one_of("--zone", answers.zone, available_timezones().__contains__, "a name such as Asia/Shanghai")
    _one_of("--currency", answers.currency, lambda code: len(code) == 3 and code.isalpha(), "three letters such as CNY")
    if not answers.channels:
        raise InputError(f"no channel is named; write --channel with one of {', '.join(RECIPIENTS)}")
    for channel in answers.channels:
        _one_of("--channel", channel, RECIPIENTS.__contains__, ", ".join(RECIPIENTS))
    parse_settings(configuration_text(answers), "the answers")


def _one_of(option: str, value: str, fits: Callable[[str], bool], way_out: str) -> None:
    if not fits(value):
        raise InputError(f"{option} {value!r} is not known; write {way_out}")


def _zone_here() -> str:
    """Returns the machine's zone by its name; UTC where it does not say."""
    found = os.environ.get("TZ", "") or str(_SYSTEM_ZONE.resolve()).partition("/zoneinfo/")[2]
    return found if found in available_timezones() else "UTC"


def _say_what_is_next(folder: Path, configuration: Path, env: Path, answers: Answers) -> None:
    say(f"Written: {configuration}, and {env}, which only you can read.")
    say(f"1. Put into {env}: {', '.join(variable.name for variable in variables(answers))}")
    if folder.absolute() != Path.cwd():
        say(f"2. Go there, for commands read the files of the folder that you are in: cd {folder}")
    say("Then: usage-pipeline doctor    what is wrong, and what to do")
    say("      usage-pipeline run       one pass")
    say("      usage-pipeline up        the UI, and a pass each minute")
