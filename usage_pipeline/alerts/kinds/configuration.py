"""A changed configuration file was refused, or it loses much and waits: one alert a version. What was active stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from usage_pipeline.alerts.kinds.base import EPOCH, AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.facts import ONLY_IF_KNOWN
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.warehouse.connection import Connection

_MOST_PROBLEMS = 10
_CONFIRM = "usage-pipeline budgets confirm"


@dataclass(frozen=True, kw_only=True)
class ConfigurationFacts(AlertFacts):
    """The file, what is wrong with it, and the version that stays active; of one that waits, what it loses and how it
    is confirmed."""

    file: str | None = None
    problems: tuple[str, ...] = ()
    in_force_version: int | None = None
    lost: tuple[str, ...] = ()
    decide: str | None = field(default=None, metadata=ONLY_IF_KNOWN)


@dataclass(frozen=True)
class ConfigurationKey:
    """A version of the file by the hash of its bytes; one that waits, also by since when: it may wait once more."""

    hash: str
    waits_since: datetime | None = None

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.hash[:16], period_start=self.waits_since or EPOCH)


@dataclass(frozen=True)
class _Words:
    configuration_refused: str
    configuration_waits: str
    lost: str
    half_written: str
    confirm: str
    in_force: str
    last_valid: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        configuration_refused="配置文件有误，未生效",
        configuration_waits="配置文件缺失大量内容，暂未生效",
        lost="缺失",
        half_written="可能尚未写完；连续两轮运行读到的内容一致后自动生效，也可立即确认",
        confirm="确认命令",
        in_force="当前生效",
        last_valid="上一个有效版本",
    ),
    "en": _Words(
        configuration_refused="The configuration file is refused",
        configuration_waits="The configuration file has lost much and waits",
        lost="Would be gone",
        half_written="it may be half-written; it is active when two passes have seen it unchanged, or once confirmed",
        confirm="Confirm with",
        in_force="In force",
        last_valid="the last valid version",
    ),
}


class ConfigurationKind(AlertKind[ConfigurationFacts, _Words]):
    """What is wrong with the file."""

    name = "configuration"
    facts_class = ConfigurationFacts
    words = _WORDS

    def title(self, facts: ConfigurationFacts, language: str) -> str:
        """That the file is refused, or waits."""
        words = self.words[language]
        return words.configuration_waits if facts.lost else words.configuration_refused

    def lines(self, facts: ConfigurationFacts, language: str) -> Lines:
        """Each problem or what would be gone, what holds meanwhile, and what to do."""
        words = self.words[language]
        version = "" if facts.in_force_version is None else str(facts.in_force_version)
        problems = [(WORDS[language].error, line(problem)) for problem in facts.problems]
        lost = [(words.lost, line(each)) for each in facts.lost]
        if lost:
            lost.append((WORDS[language].problem, words.half_written))
        in_force = (words.in_force, f"{words.last_valid} ({version})")
        return [*problems, *lost, in_force, (words.confirm, line(facts.decide))]

    def leading(self, language: str) -> Sequence[str]:
        """What holds meanwhile and what to do: problems are too long for a card's facts."""
        return (self.words[language].in_force, self.words[language].confirm)

    def example(self) -> ConfigurationFacts:
        """A file with one mistake."""
        return ConfigurationFacts(
            level="critical",
            recipients=("ops",),
            file="usage_pipeline.yaml",
            problems=("usage_pipeline.yaml:12: budgets[0].limit: limits nothing",),
            in_force_version=7,
            lost=("budgets: dev-daily, prod-monthly", 'enforcement.never: {"project":"payments"}'),
            decide=_CONFIRM,
        )


CONFIGURATION = ConfigurationKind()


def raise_configuration_alert(connection: Connection, configuration: ActiveConfiguration) -> bool:
    """Writes the alert, once a version that is refused or waits; False when there is none, or it was written before."""
    alert = _alert(configuration)
    if alert is None:
        return False
    with connection.transaction():
        return raise_alert(connection, alert, operators(configuration.settings))


def _alert(configuration: ActiveConfiguration) -> NewAlert[ConfigurationFacts] | None:
    facts = ConfigurationFacts(in_force_version=configuration.version)
    if configuration.refused is not None and configuration.refused_hash is not None:
        problems = configuration.refused.problems
        key = ConfigurationKey(configuration.refused_hash)
        shown = tuple(str(problem) for problem in problems[:_MOST_PROBLEMS])
        facts = replace(facts, file=problems[0].file if problems else "", problems=shown)
    elif (waiting := configuration.waiting) is not None:
        key = ConfigurationKey(waiting.hash, waiting.since)
        facts = replace(facts, file=waiting.file, lost=waiting.lost, decide=_CONFIRM)
    else:
        return None
    version = configuration.version
    return NewAlert(kind=CONFIGURATION, key=key, level="critical", facts=facts, config_version=version)
