"""The page of an alert: what it shows to whom, and what its forms do."""

import requests

from usage_pipeline_tests.web.conftest import OWNER, Site


def test_an_owner_sees_the_alert_and_what_was_done(site: Site) -> None:
    answer = requests.get(site.link(OWNER, site.alert()), timeout=10)
    assert answer.status_code == 200
    assert "lead-enricher" in answer.text and "暂停应用" in answer.text and "我来处理" in answer.text
    english = requests.get(site.link(OWNER, site.alert()), params={"lang": "en"}, timeout=10)
    assert "App paused" in english.text and "I take it" in english.text
    for header, said in (
        ("cache-control", "no-store"),
        ("x-robots-tag", "noindex"),
        ("referrer-policy", "same-origin"),
    ):
        assert said in answer.headers[header]
    assert "script" not in answer.text and "default-src 'none'" in answer.headers["content-security-policy"]
