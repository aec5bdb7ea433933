"""Who may approve, by what they are known, and what of the web page's settings is refused."""

import pytest

from usage_pipeline.settings import SettingsError, parse_settings
from usage_pipeline.settings.approvals import Approvals, KnownBy
from usage_pipeline.settings.web import Person, Web

FILE = """version: 1
recipients:
  boss: {{channel: webhook, url_env: BOSS_URL}}
{more}
"""


def test_a_person_is_known_in_the_ways_that_are_written() -> None:
    people = {"wang.wu": Person(recipients=("boss",), accounts=("wang",), headers=("wang.wu@example.com",))}
    approvals = Approvals(approvers=("wang.wu", "li.na"), people=people)
    for way, name, person in (
        (KnownBy.LINK, "boss", "wang.wu"),
        (KnownBy.ACCOUNT, "wang", "wang.wu"),
        (KnownBy.HEADER, "wang.wu@example.com", "wang.wu"),
        (KnownBy.ACCOUNT, "boss", "boss"),
        (KnownBy.ACCOUNT, "li.na", "li.na"),
    ):
        assert approvals.person(way, name) == person, (way, name)


@pytest.mark.parametrize("name", ["wang.wu", "Wang.Wu", "wang wu", "wаng.wu"])  # one with a Cyrillic letter
@pytest.mark.parametrize("way", list(KnownBy))
def test_nobody_is_a_described_person_by_spelling_their_name(way: KnownBy, name: str) -> None:
    approvals = Approvals(approvers=("wang.wu",), people={"wang.wu": Person(headers=("w@example.com",))})
    person = approvals.person(way, name)
    assert person == f"{name} (by {way})"
    assert approvals.refusal(person, way) is not None


def test_only_the_ways_that_are_asked_for_count() -> None:
    approvals = Approvals(approvers=("wang.wu",), known_by=(KnownBy.LINK, KnownBy.HEADER))
    assert approvals.refusal("wang.wu", KnownBy.LINK) is None
    for way in (KnownBy.ACCOUNT, KnownBy.DAGSTER, None):
        assert "approvals.known_by asks for link or header" in str(approvals.refusal("wang.wu", way))
    assert Approvals(approvers=("wang.wu",)).refusal("wang.wu") is None


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("web: {public_url: budgets.example.com}", "is not a web address; write it as https://"),
        ("web: {public_url: 'https://b', listen: '8080'}", "write host:port such as 127.0.0.1:8080"),
        ("web: {public_url: 'https://b', listen: 'x:70000'}", "write host:port"),
        ("web: {public_url: 'https://b', link_hours: 0}", "link_hours"),
        ("web: {public_url: 'https://b', trusted_header: X-User}", "add trusted_proxies"),
        ("web: {public_url: 'https://b', trusted_proxies: [10.0.0.1]}", "add trusted_header"),
        ("web: {public_url: 'https://b', trusted_header: X-U, trusted_proxies: [proxy]}", "10.0.0.0/24"),
        ("approvals: {people: {wang: {recipients: [nobody]}}}", "is not a recipient"),
        ("approvals: {people: {wang: {accounts: [w]}, li: {accounts: [w]}}}", "is how approvals.people.wang is known"),
        ("approvals: {known_by: [mail]}", "known_by"),
        ("approvals: {known_by: []}", "known_by"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_way_out(more: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(FILE.format(more=more), "c.yaml")
    assert says in str(refused.value) and str(refused.value).startswith("c.yaml:")


def test_a_proxy_is_trusted_by_its_address() -> None:
    web = Web(public_url="https://b", trusted_header="X-User", trusted_proxies=("10.0.0.0/24", "::1"))
    assert [web.trusts(address) for address in ("10.0.0.9", "::1", "10.0.1.1", "", "10.0.0.9, 1.1.1.1")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert (Web(public_url="https://b", listen="[::]:80").host, web.port) == ("::", 8080)
