"""Writes the first files of an installation from a person's answers: a commented configuration, and its .env."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from string import Template

from usage_pipeline.settings.env_file import NAME as ENV_FILE
from usage_pipeline.settings.places import CONFIGURATION

_TEMPLATES = Path(__file__).parent / "first"
_SEALED = 0o600
_READABLE = 0o644


@dataclass(frozen=True)
class Variable:
    """A variable that holds a secret or an address, and what a person is to put there."""

    name: str
    says: str


@dataclass(frozen=True)
class _Choice:
    """What an answer writes into the configuration, and the variables that go with it."""

    text: str
    variables: Sequence[Variable]


_POSTGRES = Variable(
    "DIFY_DATABASE_URL", "postgresql://usage_reader:PASSWORD@HOST:5432/dify, a role that can only read"
)
_MYSQL = Variable("DIFY_DATABASE_URL", "mysql://usage_reader:PASSWORD@HOST:3306/dify, an account that can only read")
_CONSOLE = (
    Variable("DIFY_CONSOLE_URL", "where people open Dify, such as https://dify.example.com"),
    Variable("DIFY_EMAIL", "the account that reads"),
    Variable("DIFY_PASSWORD", "its password"),
)
_BY_CONSOLE = "console: {url_env: DIFY_CONSOLE_URL, email_env: DIFY_EMAIL, password_env: DIFY_PASSWORD}"
SOURCES: Mapping[str, _Choice] = {
    "postgresql": _Choice("kind: dify, url_env: DIFY_DATABASE_URL", (_POSTGRES,)),
    "mysql": _Choice("kind: dify, url_env: DIFY_DATABASE_URL", (_MYSQL,)),
    "api": _Choice(f"kind: dify_api, {_BY_CONSOLE}", _CONSOLE),
}


def _robot(channel: str, variable: str, says: str) -> _Choice:
    return _Choice(f"channel: {channel}, secret_env: {variable}", (Variable(variable, says),))


RECIPIENTS: Mapping[str, _Choice] = {
    "wecom": _robot("wecom", "WECOM_URL", "the group robot's webhook URL"),
    "dingtalk": _robot("dingtalk", "DINGTALK_URL", "the group robot's webhook URL"),
    "feishu": _robot("feishu", "FEISHU_URL", "the bot's webhook URL"),
    "slack": _robot("slack", "SLACK_URL", "the incoming webhook's URL"),
    "teams": _robot("teams", "TEAMS_URL", "the workflow's webhook URL"),
    "email": _Choice(
        "channel: email, to: [$mail], from: $mail",
        (Variable("SMTP_URL", "smtps://USER:PASSWORD@HOST:465, or smtp:// with 587"),),
    ),
    "webhook": _Choice("channel: webhook, url_env: WEBHOOK_URL", (Variable("WEBHOOK_URL", "where alerts are posted"),)),
}


@dataclass(frozen=True)
class Answers:
    """What `init` asks: keys of SOURCES and RECIPIENTS, an IANA zone, a currency's letters, zh or en, a mail address,
    and what a month may cost in that currency."""

    source: str
    zone: str
    currency: str
    language: str
    channels: Sequence[str]
    mail: str
    limit: Decimal


def configuration_text(answers: Answers) -> str:
    """Returns the configuration, with comments."""
    recipients = [
        f"  {channel}: {{{Template(RECIPIENTS[channel].text).substitute(mail=answers.mail)}}}"
        for channel in answers.channels
    ]
    template = _TEMPLATES / ("usage_pipeline.zh.yaml" if answers.language == "zh" else CONFIGURATION)
    return Template(template.read_text(encoding="utf-8")).substitute(
        zone=answers.zone,
        currency=answers.currency,
        language=answers.language,
        rates=_rates(answers),
        source=SOURCES[answers.source].text,
        recipients="\n".join(recipients),
        names=", ".join(answers.channels),
        company="公司" if answers.language == "zh" else "Company",
        limit=f"{answers.limit:f}",
    )


def variables(answers: Answers) -> list[Variable]:
    """Returns the variables that the configuration names, in its order."""
    chosen = [SOURCES[answers.source], *(RECIPIENTS[channel] for channel in answers.channels)]
    return [variable for choice in chosen for variable in choice.variables]


def env_text(answers: Answers) -> str:
    """Returns the .env: every variable with what belongs there, empty."""
    lines = [
        "# Secrets and addresses, one NAME=value a line; quote a value that holds a blank or #. Every command reads",
        "# this file; what the environment says wins. NAME_FILE=/path names a file that holds the value instead.",
    ]
    for variable in variables(answers):
        lines += ["", f"# {variable.says}", f"{variable.name}="]
    lines += [
        "",
        "# Servers of your own instead of the embedded PostgreSQL, and another place for its data:",
        "# WAREHOUSE_URL=postgresql://USER:PASSWORD@HOST:5432/warehouse",
        "# DAGSTER_POSTGRES_URL=postgresql://USER:PASSWORD@HOST:5432/dagster",
        "# USAGE_PIPELINE_HOME=/var/lib/usage-pipeline",
    ]
    return "\n".join(lines) + "\n"


def write_first_files(folder: Path, answers: Answers) -> tuple[Path, Path]:
    """Writes both files into a folder, which is made; returns their paths. Only the account itself can read .env.

    Raises FileExistsError, before anything is written, when one of them is there.
    """
    configuration, env = folder / CONFIGURATION, folder / ENV_FILE
    for path in (configuration, env):
        if path.exists() or path.is_symlink():
            raise FileExistsError(str(path))
    folder.mkdir(parents=True, exist_ok=True)
    _write_new(env, env_text(answers), _SEALED)
    _write_new(configuration, configuration_text(answers), _READABLE)
    return configuration, env


def _write_new(path: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)


def _rates(answers: Answers) -> str:
    """Dify's prices are mostly in USD: without a rate they would stand beside the base currency, uncounted in it."""
    zh, currency = answers.language == "zh", answers.currency
    if currency == "CNY":
        says = (
            "1 美元合多少人民币，请填当前汇率；汇率会变时写成"
            if zh
            else "1 USD in CNY, put today's; one that changes is"
        )
        return f"exchange_rates: {{USD: 7.10}}    # {says} [{{from: 2026-01-01, USD: 7.10}}, ...]"
    says = f"价格不是 {currency} 时，1 单位合多少 {currency}" if zh else f"1 XYZ in {currency}, for prices not in it"
    return f"# exchange_rates: {{XYZ: 0.14}}    # {says}"
