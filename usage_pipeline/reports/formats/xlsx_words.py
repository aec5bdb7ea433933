"""A table whose codes are words, for people who open the workbook; the other formats keep the codes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from usage_pipeline.reports import labels
from usage_pipeline.reports.tables import ReportColumn, Table
from usage_pipeline.reports.words import words

Word = Callable[[str, str], str]


@dataclass(frozen=True)
class _InWords(ReportColumn):
    """A column whose codes are shown by their words."""

    word: Callable[[str], str] = str

    def value(self, row: object) -> object:
        found = super().value(row)
        return self.word(found) if isinstance(found, str) else found


def _of_text(code: str, language: str, prefix: str = "") -> str:
    return words(language).get(f"{prefix}{code}", code)


def _gap(code: str, language: str) -> str:
    shown = labels.attribution(code, language)
    return labels.name("model", code, language) if shown == code else shown


# By table (empty: every one) and column.
_WORDS: Mapping[tuple[str, str], Word] = {
    ("", "level"): labels.level,
    ("", "highest_level"): labels.level,
    ("", "measure"): labels.measure,
    ("", "action"): labels.action,
    ("budgets", "period"): labels.period,
    ("alerts", "kind"): labels.kind,
    ("actions", "state"): labels.action_state,
    ("actions", "release_why"): labels.ground,
    ("overrides", "state"): labels.override_state,
    ("movers", "reason"): partial(_of_text, prefix="reason_"),
    ("compared", "name"): _of_text,
    ("gaps", "kind"): _of_text,
    ("gaps", "what"): _gap,
    ("provisional", "reason"): _of_text,
    ("corrections", "what"): _of_text,
    ("prices", "basis"): partial(_of_text, prefix="basis_"),
    ("savings", "node"): partial(labels.name, "node"),
    ("data", "api_key"): partial(labels.name, "api_key"),
    ("data", "caller_kind"): partial(labels.name, "user"),
    **{(name, "name"): partial(labels.name, name) for name in ("api_key", "user", "model", "node")},
}


def in_words(table: Table, language: str) -> Table:
    """Returns the table with the words of a language in place of codes."""
    return replace(table, columns=[_column(table.name, column, language) for column in table.columns])


def _column(table: str, column: ReportColumn, language: str) -> ReportColumn:
    word = _WORDS.get((table, column.name)) or _WORDS.get(("", column.name))
    if word is None:
        return column
    return _InWords(column.name, column.kind, column.total, column.attribute, word=lambda code: word(code, language))
