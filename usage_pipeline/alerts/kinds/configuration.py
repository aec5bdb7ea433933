"""A changed configuration file was refused, and the last valid one stays active: one alert a refused version."""

from collections.abc import Mapping
from dataclasses import dataclass

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.warehouse.connection import Connection

_MOST_PROBLEMS = 10


@dataclass(frozen=True, kw_only=True)
class ConfigurationFacts(AlertFacts):
    """The file, what is wrong with it, and the version of the configuration that stays active."""

    file: str | None = None
    problems: tuple[str, ...] = ()
    in_force_version: int | None = None


@dataclass(frozen=True)
class ConfigurationKey:
    """A refused version of the file, by the hash of its bytes."""

    refused_hash: str

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.refused_hash[:16])


@dataclass(frozen=True)
class _Words:
    configuration_refused: str
    in_force: str
    last_valid: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(configuration_refused="配置文件有误，未生效", in_force="当前生效", last_valid="上一个有效版本"),
    "en": _Words(
        configuration_refused="The configuration file is refused",
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
        """That the file is refused."""
        return self.words[language].configuration_refused

    def lines(self, facts: ConfigurationFacts, language: str) -> Lines:
        """Each problem, and what holds meanwhile."""
        words = self.words[language]
        version = "" if facts.in_force_version is None else str(facts.in_force_version)
        problems = [(WORDS[language].problem, line(problem)) for problem in facts.problems]
        return [*problems, (words.in_force, f"{words.last_valid} ({version})")]

    def example(self) -> ConfigurationFacts:
        """A file with one mistake."""
        return ConfigurationFacts(
            level="critical",
            recipients=("ops",),
            file="usage_pipeline.yaml",
            problems=("usage_pipeline.yaml:12: budgets[0].limit: limits nothing",),
            in_force_version=7,
        )


CONFIGURATION = ConfigurationKind()


def raise_configuration_alert(connection: Connection, configuration: ActiveConfiguration) -> bool:
    """Writes the alert, once a refused version of the file; False when nothing is refused or it was written before."""
    if configuration.refused is None or configuration.refused_hash is None:
        return False
    problems = configuration.refused.problems
    alert = NewAlert(
        kind=CONFIGURATION,
        key=ConfigurationKey(configuration.refused_hash),
        level="critical",
        facts=ConfigurationFacts(
            file=problems[0].file if problems else "",
            problems=tuple(str(problem) for problem in problems[:_MOST_PROBLEMS]),
            in_force_version=configuration.version,
        ),
        config_version=configuration.version,
    )
    with connection.transaction():
        return raise_alert(connection, alert, operators(configuration.settings))
