"""The parts of statements that name the dimensions of a budget, made of settings/dimensions.py.

A statement says ``:fragment`` where one belongs, as sql/budgets/count_days.sql does; each is described below.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import LiteralString

from usage_pipeline.settings.dimensions import BY_KEY, DIMENSIONS, Dimension
from usage_pipeline.warehouse.statements import statement

# Columns by which values are told apart, each once; usage.budget_value has some as columns, all in its `scope`.
COLUMNS = tuple(dict.fromkeys(column for dimension in DIMENSIONS for column in dimension.value))
_TITLES = tuple(dimension.title for dimension in DIMENSIONS if dimension.title)
ROW = (*COLUMNS, *_TITLES)
_COLUMNS_OF_VALUES = ("source", "tenant_id", "app_id", "api_key_id")
# Each row keeps them: zones of periods are its tenant's.
_ALWAYS = ("source", "tenant_id")
_FRAGMENT = re.compile(r"(?<!:):([a-z_]+)")
_NAMED = tuple((d, d.named_by) for d in DIMENSIONS if d.named_by)
_NOT_DAILY = {column for d in DIMENSIONS if not d.daily for column in (d.id, d.title) if column}


@cache
def with_dimensions(name: LiteralString) -> LiteralString:
    """Returns the SQL of ``sql/<name>.sql`` with every fragment in its place."""
    made = fragments()
    return _FRAGMENT.sub(lambda found: made.get(found[1], found[0]), statement(name))


def needs(column: str) -> set[str]:
    """Returns the dimensions that need a column of the rows: it is part of their value, or says what they lie in."""
    return {d.key for d in DIMENSIONS if column in (*d.value, d.title, *(BY_KEY[key].id for key in d.lies_in))}


@cache
def fragments() -> dict[str, LiteralString]:
    """Returns each fragment by its name in statements.

    They are made of our own table, none of it comes from outside: that is what LiteralString stands for.
    """
    return {
        # Columns of staging tables.
        "per_columns": _list(f"per_{d.key} boolean" for d in DIMENSIONS),
        "row_columns": _list(f"{column} text" for column in ROW),
        "value_columns": _list(f"{column} text" for column in COLUMNS),
        # Which dimensions stand under `per` of a definition (d).
        "per_flags": _list(f"d.per ? '{d.key}'" for d in DIMENSIONS),
        "any_per": _any_per(DIMENSIONS),
        "per_of_tenants": _any_per(d for d in DIMENSIONS if "tenant" in (d.key, *d.lies_in)),
        # What has names, and the days on which it was used.
        "named": _union(
            f"SELECT '{d.key}', {by.alias}.source, {by.alias}.{d.id}, {_name_and_alias(d)} FROM {by.table} {by.alias}"
            for d, by in _NAMED
        ),
        "named_of_tenants": _union(
            f"SELECT '{d.key}', {by.alias}.source, {by.alias}.{d.id}, coalesce({by.alias}.tenant_id, ''),"
            f" {_name_and_alias(d)} FROM {by.table} {by.alias}"
            for d, by in _NAMED
        ),
        "days_of_named": _union(
            f"SELECT '{d.key}', u.source, u.{d.id}, u.usage_date FROM {by.days} u" for d, by in _NAMED
        ),
        # Rows (d) of daily_usage, or of usage_event, as they are counted.
        "columns_of_days": _list(f"NULL::text AS {c}" if c in _NOT_DAILY else f"d.{c}" for c in ROW),
        "columns_of_events": _list(f"d.{column}" for column in ROW),
        # What no budget asks for is left out of the rows (r).
        "used_columns": _list(_used(column) for column in ROW),
        "row_group": _list(f"u.{column}" for column in ROW),
        # Values that occur, with their names; the bits of definitions that accept them.
        "values_that_occur": _union(_occurring(d) for d in DIMENSIONS),
        "bits": " & ".join(f"coalesce(bits_{d.key}.bits, %(absent_{d.key})s::varbit)" for d in DIMENSIONS),
        "join_bits": "\n".join(_bits_joined(d) for d in DIMENSIONS),
        # Sums by value (t: a definition, m: a row), then as they are kept (d: a definition, s: a sum).
        "grouped_columns": _list(_grouped(column) for column in COLUMNS),
        "group": _list(f"by_{column}" for column in COLUMNS),
        "outer_ids": _list(f"max(m.{d.id}) AS {d.id}" for d in _outer()),
        "scope_value": f"ltrim(concat({_list(_scope_value(d) for d in DIMENSIONS)}), '|')",
        "kept_columns": _list(_kept(column) for column in COLUMNS),
        "without_value": " OR ".join(f"d.per_{d.key} AND s.by_{d.id} IS NULL" for d in DIMENSIONS),
        "ids": _list(_COLUMNS_OF_VALUES),
        "ids_of_part": _list(f"p.{column}" for column in _COLUMNS_OF_VALUES),
        "scope_of_part": f"jsonb_strip_nulls(jsonb_build_object({_list(_json_pair(column) for column in COLUMNS)}))",
        # The name of a value (v) of usage.budget_value for people (d: its definition).
        "names_of_value": "\n".join(_names_joined(d, "v", _of_value(d.id)) for d, _ in _NAMED),
        "scope_name": f"concat_ws(' · ', {_list(_scope_name(d) for d in DIMENSIONS)})",
        # Rows (d) of one value, whose `scope` is v; with the names of what they belong to.
        "names_of_row": "\n".join(_names_joined(d, "d", f"d.{d.id}") for d, _ in _NAMED),
        "in_value": "\n  AND ".join(f"(v.{column} IS NULL OR d.{column} = v.{column})" for column in COLUMNS),
        "names_that_fit": _list(
            f"('{d.key}', ARRAY[{', '.join(_fitted(d))}], d.source || '/' || d.{d.id})" for d in DIMENSIONS
        ),
        # The value of one dimension under :'per', of a row (d) with its names; and its largest ones in an explanation.
        "value_of_per": _case_of_per((d, d.anomaly_value or _joined("d", d.value)) for d in DIMENSIONS if d.daily),
        "name_of_per": _case_of_per((d, _shown_name(d, f"d.{d.id}")) for d, _ in _NAMED),
        "largest_columns": _list(f"{d.largest[1]} AS {d.key}" for d in DIMENSIONS if d.largest),
        "largest_rows": _list(f"('{d.largest[0]}', s.{d.key}, a.amount)" for d in DIMENSIONS if d.largest),
    }


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _union(selects: Iterable[str]) -> str:
    return "\n    UNION ALL ".join(selects)


def _any_per(dimensions: Iterable[Dimension], of: str = "d") -> str:
    return " OR ".join(f"{of}.per_{dimension.key}" for dimension in dimensions)


def _outer() -> list[Dimension]:
    """Dimensions that values of others lie in."""
    return [outer for outer in DIMENSIONS if any(outer.key in dimension.lies_in for dimension in DIMENSIONS)]


def _used(column: str) -> str:
    if column in _ALWAYS:
        return f"r.{column}"
    used = f"coalesce(r.{column}, '')" if column in _TITLES else f"r.{column}"
    return f"CASE WHEN %(uses_{column})s::boolean THEN {used} END AS {column}"


def _name_and_alias(dimension: Dimension) -> str:
    by = dimension.named_by
    names = [f"{by.alias}.{column}" for column in by.columns] if by else []
    return ", ".join([*names, "NULL::text", "NULL::text"][:2])


def _occurring(dimension: Dimension) -> str:
    """Dimension, source, id, name, alias: ids of the same name in several sources or nodes are told apart."""
    key, found = dimension.key, f"r.{dimension.id}"
    if dimension.named_by:
        joined = _names_joined(dimension, "r", found)
        return f"SELECT DISTINCT '{key}', r.source, {found}, {_name_and_alias(dimension)} FROM stage_row r {joined}"
    apart, title = (f"r.{dimension.title}",) * 2 if dimension.title else ("''", "NULL::text")
    return f"SELECT DISTINCT '{key}', {apart}, {found}, {title}, NULL::text FROM stage_row r"


def _bits_joined(dimension: Dimension) -> str:
    bits = f"bits_{dimension.key}"
    by = "source" if dimension.named_by else dimension.title
    source = f" AND {bits}.source = r.{by}" if by else ""
    return (
        f"LEFT JOIN stage_bits {bits} ON {bits}.dimension = '{dimension.key}'{source} AND {bits}.id = r.{dimension.id}"
    )


def _grouped(column: str) -> str:
    asked_for = _any_per((dimension for dimension in DIMENSIONS if column in dimension.value), "t")
    return f"CASE WHEN {asked_for} THEN m.{column} END AS by_{column}"


def _scope_value(dimension: Dimension) -> str:
    columns = [f"by_{column}" for column in dimension.value]
    return f"CASE WHEN d.per_{dimension.key} THEN '|{dimension.key}=' || {_joined('s', columns)} END"


def _joined(row: str, columns: Iterable[str]) -> str:
    return " || '/' || ".join(f"{row}.{column}" for column in columns)


def _kept(column: str) -> str:
    """A value's own column, or the id of what it lies in."""
    outer = next((dimension for dimension in _outer() if dimension.id == column), None)
    if outer is None:
        return f"s.by_{column}"
    return f"CASE WHEN {_any_per(d for d in DIMENSIONS if outer.key in (d.key, *d.lies_in))} THEN s.{column} END"


def _json_pair(column: str) -> str:
    return f"'{column}', p.{column}"


def _of_value(column: str) -> str:
    return f"v.{column}" if column in _COLUMNS_OF_VALUES else f"v.scope ->> '{column}'"


def _names_joined(dimension: Dimension, row: str, found: str) -> str:
    by = dimension.named_by
    if by is None:
        return ""
    return (
        f"LEFT JOIN {by.table} {by.alias} ON {by.alias}.source = {row}.source AND {by.alias}.{dimension.id} = {found}"
    )


def _shown_name(dimension: Dimension, found: str) -> str:
    by = dimension.named_by
    names = [f"{by.alias}.{column}" for column in by.columns] if by else []
    return f"coalesce({', '.join([*names, found])})" if names else found


def _scope_name(dimension: Dimension) -> str:
    name = _shown_name(dimension, _of_value(dimension.id))
    if dimension.shown_after:
        before = BY_KEY[dimension.shown_after]
        shown = _shown_name(before, _of_value(before.id))
        name = f"concat_ws(' / ', CASE WHEN NOT d.per_{before.key} THEN {shown} END, {name})"
    return f"CASE WHEN d.per_{dimension.key} THEN {name} END"


def _fitted(dimension: Dimension) -> list[str]:
    by = dimension.named_by
    names = [f"{by.alias}.{column}" for column in by.columns] if by else []
    return [*names, *([f"d.{dimension.title}"] if dimension.title else []), f"d.{dimension.id}"]


def _case_of_per(cases: Iterable[tuple[Dimension, str]]) -> str:
    return "CASE %(per)s " + " ".join(f"WHEN '{dimension.key}' THEN {found}" for dimension, found in cases) + " END"
