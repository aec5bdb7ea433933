"""A report is there: one alert an edition, audience and language, with its files for who gets mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.facts import ONLY_IF_KNOWN
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import Addressee
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.warehouse.connection import Connection


@dataclass(frozen=True, kw_only=True)
class ReportFacts(AlertFacts):
    """The report's title and lines (label and value) in its language, and its files by their paths in reports/."""

    title: str | None = None
    period: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    lines: tuple[tuple[str, str], ...] = ()
    scope_name: str | None = None
    tenant_name: str | None = None
    timezone: str | None = None
    provisional: bool = False
    files: tuple[str, ...] = ()
    picture: str | None = None


@dataclass(frozen=True)
class ReportKey:
    """An edition (day, week, month) in a language, by its first day (aware midnight), of everybody or of one tenant."""

    edition: str
    language: str
    first_day: datetime
    tenant: tuple[str, str] | None = None  # source and id

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        whose = f"tenant={self.tenant[0]}/{self.tenant[1]}" if self.tenant else ""
        return Identity(f"{self.edition}-report-{self.language}", whose, self.first_day)


@dataclass(frozen=True)
class _Words:
    report: str


_WORDS: Mapping[str, _Words] = {"zh": _Words(report="用量报告"), "en": _Words(report="Usage report")}


class ReportKind(AlertKind[ReportFacts, _Words]):
    """What the report says of itself."""

    name = "report"
    acknowledgeable = False
    grouped = False  # one mail a report, with its own files
    reported = False
    brings_files = True
    facts_class = ReportFacts
    words = _WORDS

    def title(self, facts: ReportFacts, language: str) -> str:
        """The report's own title."""
        parts = (plain(facts.title) or self.words[language].report, plain(facts.period))
        return " · ".join(part for part in parts if part)

    def lines(self, facts: ReportFacts, language: str) -> Lines:
        """The report's own lines."""
        return [(plain(label), line(value)) for label, value in facts.lines]

    def example(self) -> ReportFacts:
        """A day's report of a tenant."""
        return ReportFacts(
            level="info",
            recipients=("finance",),
            title="Daily report",
            period="2026-03-01",
            lines=(("Cost", "CN¥12.00"), ("support-bot", "80 %")),
            scope_name="Marketing",
            tenant_name="Marketing",
            timezone="Asia/Shanghai",
            provisional=True,
            files=("2026-03-01/usage.xlsx",),
            picture="2026-03-01/usage.png",
        )


REPORT = ReportKind()


def raise_report_alert(
    connection: Connection, key: ReportKey, facts: ReportFacts, config_version: int, recipients: Sequence[Addressee]
) -> bool:
    """Writes the alert of a report, in a transaction of its own; False when it was there already."""
    alert = NewAlert(kind=REPORT, key=key, level="info", facts=facts, config_version=config_version)
    with connection.transaction():
        return raise_alert(connection, alert, recipients)
