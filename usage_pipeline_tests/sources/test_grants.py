"""What a role must be allowed to read of Dify, no more and no less; doctor and a pass name what it may not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from usage_pipeline.reconciliation.reconcile import reconcile
from usage_pipeline.settings import load_settings
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.dify_grants import BY_VERSION, LOST, NEEDED, OPTIONAL
from usage_pipeline.sources.registry import examine, open_source
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal, build_company

READER, PASSWORD = "grants_reader", "s3cr3t-gr4nts"
TABLES = {*NEEDED, *OPTIONAL} - {"api_token_message_joins_extend"}
of_a_new_dify = pytest.mark.parametrize("company", ["1.15.0"], indirect=True)


@dataclass
class Granted:
    """A Dify with a role that can read what it was granted."""

    company: Company
    owner_url: str

    def do(self, *statements: str) -> None:
        """Runs statements as the owner."""
        with connected(self.owner_url) as owner:
            for statement in statements:
                owner.execute(statement.encode())

    def doctor(self) -> list[tuple[str, str]]:
        """What doctor says that is not well."""
        settings = load_settings(EXAMPLE)
        said = examine(settings.sources[0], settings)
        return [(found.state, found.says) for found in said if found.state != "ok"]

    def refusal(self) -> str:
        """What a pass says that cannot begin."""
        settings = load_settings(EXAMPLE)
        with pytest.raises(SourceError) as caught:
            open_source(settings.sources[0], settings)
        return str(caught.value)


@pytest.fixture(scope="module")
def company(request: pytest.FixtureRequest, module_database: Callable[[], str]) -> Company:
    """A company whose Dify is of a version."""
    return build_company(module_database, "", seed=15, days=2, calls_a_day=15, version=request.param)


@pytest.fixture
def granted(company: Company, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Granted]:
    """With a role that may read each column that is listed, and no other."""
    owner_url = company.dify_url
    granted = Granted(company, owner_url)
    granted.do(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'", f"GRANT USAGE ON SCHEMA public TO {READER}")
    with connected(owner_url) as owner:
        there = owner.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    for table in TABLES:
        listed = [c for part in (NEEDED, BY_VERSION, OPTIONAL) for c in part.get(table, ()) if (table, c) in there]
        if listed:
            granted.do(f"GRANT SELECT ({', '.join(listed)}) ON {table} TO {READER}")
    company.warehouse_url = warehouse_url
    company.dify_url = owner_url.replace("postgres@", f"{READER}:{PASSWORD}@")
    monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
    yield granted
    company.dify_url = owner_url
    granted.do(f"DROP OWNED BY {READER}", f"DROP ROLE {READER}")


@pytest.mark.parametrize("company", ["0.15.8", "1.15.0"], indirect=True)
def test_what_is_listed_is_enough(granted: Granted) -> None:
    assert granted.doctor() in ([], [("warning", "workflow_app_logs has no index on workflow_run_id: callers are"
                                                 " attributed by user")])  # fmt: skip
    summary = granted.company.run()
    assert not summary.source_errors
    with connected(granted.company.warehouse_url) as warehouse:
        (day,) = reconcile(warehouse, load_settings(EXAMPLE), [load_settings(EXAMPLE).today()])
        assert day.state == "green", day.says
        history = granted.company.history
        assert_events_equal(warehouse, history.truth(history.now, KEY_RULES))
        assert warehouse.execute("SELECT kind, row_id FROM usage.source_problem").fetchall() == []


@of_a_new_dify
def test_each_table_that_may_not_be_read_is_named_with_its_grant(granted: Granted) -> None:
    for table in sorted(TABLES):
        granted.do(f"GRANT SELECT ON {', '.join(TABLES)} TO {READER}", f"REVOKE ALL ON {table} FROM {READER}")
        new = granted.doctor()
        if table in ("messages", "apps"):  # by which a Dify is known at all
            assert [state for state, _ in new] == ["wrong"]
            assert "grant SELECT on its tables" in granted.refusal()
            continue
        state, words = "wrong", f"the role may not read {table}: GRANT SELECT ON {table} TO {READER}"
        if table in OPTIONAL:
            grant = f"GRANT SELECT ON {table} TO {READER}"
            state, words = "warning", f"the role may not read {table}: {LOST[table]}; {grant}"
        else:
            assert granted.refusal() == words
        assert new == [(state, words)], table


@of_a_new_dify
def test_a_pass_goes_on_without_what_is_optional_and_says_what_is_lost(granted: Granted) -> None:
    lost = sorted(TABLES & {*OPTIONAL})
    granted.do(f"REVOKE ALL ON {', '.join(lost)} FROM {READER}")
    assert not granted.company.run().source_errors
    with connected(granted.company.warehouse_url) as warehouse:
        said = warehouse.execute("SELECT row_id, detail FROM usage.source_problem ORDER BY 1").fetchall()
    assert [table for table, _ in said] == lost
    assert all(f"GRANT SELECT ON {table} TO" in str(detail) for table, detail in said)


@of_a_new_dify
def test_a_column_that_may_not_be_read_is_named(granted: Granted) -> None:
    granted.do(f"REVOKE SELECT (email) ON accounts FROM {READER}",
               f"REVOKE SELECT (session_id, type) ON end_users FROM {READER}")  # fmt: skip
    words = granted.refusal()
    assert "accounts (email)" in words
    assert f"GRANT SELECT (session_id, type) ON end_users TO {READER}" in words
    assert granted.doctor() == [("wrong", words)]


@of_a_new_dify
def test_a_schema_that_may_not_be_entered_is_named(granted: Granted) -> None:
    granted.do("REVOKE USAGE ON SCHEMA public FROM PUBLIC", f"REVOKE USAGE ON SCHEMA public FROM {READER}")
    try:
        assert f"GRANT USAGE ON SCHEMA public TO {READER}" in granted.refusal()
    finally:
        granted.do("GRANT USAGE ON SCHEMA public TO PUBLIC")


@of_a_new_dify
def test_a_policy_that_may_hide_rows_is_said(granted: Granted) -> None:
    granted.do("ALTER TABLE messages ENABLE ROW LEVEL SECURITY")
    try:
        assert any("row level security may hide rows of messages" in words for _, words in granted.doctor())
    finally:
        granted.do("ALTER TABLE messages DISABLE ROW LEVEL SECURITY")


@of_a_new_dify
def test_the_grant_that_is_named_helps(granted: Granted) -> None:
    granted.do(f"REVOKE ALL ON end_users, accounts FROM {READER}")
    grant = granted.refusal().partition(": ")[2]
    with psycopg.connect(granted.owner_url, autocommit=True) as owner:
        owner.execute(grant.encode())
    assert not granted.company.run().source_errors
