"""Every kind of source that the configuration takes can be opened and examined, and says what is missing in words."""

import pytest

from usage_pipeline.settings import SettingsError, parse_settings
from usage_pipeline.settings.schema import json_schema
from usage_pipeline.settings.sources import SOURCE_KINDS
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.registry import driver, examine, open_source

# The least that the configuration of one source of each kind holds.
EXAMPLES = {
    "dify": "{id: a, kind: dify}",
    "dify_api": "{id: a, kind: dify_api, console: {url_env: CONSOLE_URL, admin_key_env: CONSOLE_KEY}}",
    "completion_logs": "{id: a, kind: completion_logs, url_env: LOG_URL}",
}


def test_every_kind_has_an_example() -> None:
    assert EXAMPLES.keys() == SOURCE_KINDS.keys()


@pytest.mark.parametrize("kind", SOURCE_KINDS)
def test_a_source_whose_variables_are_not_set_is_said_in_words(kind: str) -> None:
    settings = parse_settings(f"version: 1\nsources: [{EXAMPLES[kind]}]\n", "c.yaml")
    with pytest.raises(SourceError, match=r"the environment variable [A-Z_]+ is not set; source 'a' needs it"):
        open_source(settings.sources[0], settings)
    assert {found.state for found in examine(settings.sources[0], settings)} <= {"wrong"}


@pytest.mark.parametrize("kind", SOURCE_KINDS)
def test_what_a_kind_needs_is_asked_for(kind: str) -> None:
    for missing in SOURCE_KINDS[kind].needs.values():
        with pytest.raises(SettingsError) as refused:
            parse_settings(f"version: 1\nsources: [{{id: a, kind: {kind}}}]\n", "c.yaml")
        assert missing.split(";")[0] in str(refused.value)


def test_a_kind_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings("version: 1\nsources: [{id: a, kind: no_such_kind}]\n", "c.yaml")
    for kind in SOURCE_KINDS:
        assert f"'{kind}'" in str(refused.value)


def test_the_schema_for_editors_names_every_kind() -> None:
    definitions = json_schema()["$defs"]
    assert isinstance(definitions, dict)
    assert definitions["SourceSettings"]["properties"]["kind"]["enum"] == list(SOURCE_KINDS)


@pytest.mark.parametrize("kind", SOURCE_KINDS)
def test_every_key_of_a_kind_is_a_key_of_sources(kind: str) -> None:
    from usage_pipeline.settings import SourceSettings  # noqa: PLC0415

    assert SOURCE_KINDS[kind].keys | SOURCE_KINDS[kind].needs.keys() <= SourceSettings.model_fields.keys()
    assert driver(kind).open_source is not None
