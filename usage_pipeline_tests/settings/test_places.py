"""Which configuration is meant where none is named: the folder's own, the home's, the sample; never a stranger's."""

from pathlib import Path

import pytest

from usage_pipeline.settings import places
from usage_pipeline.settings.places import CONFIGURATION, DEMO_CONFIGURATION, default_configuration


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of a wheel's installation; one stands in an empty folder beside it."""
    monkeypatch.setattr(places, "in_checkout", lambda: False)
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def written(folder: Path, name: str = CONFIGURATION) -> Path:
    (folder / name).write_text("version: 1", encoding="utf-8")
    return folder / name


def test_the_folder_comes_before_the_home_and_the_home_before_nothing(home: Path) -> None:
    here = home.parent / "here"
    assert default_configuration(home) == here / CONFIGURATION  # where `init` would write it
    of_home = written(home)
    assert default_configuration(home) == of_home
    of_folder = written(here)
    assert default_configuration(home) == of_folder


def test_the_sample_is_for_the_demos_home_alone(home: Path) -> None:
    written(home, DEMO_CONFIGURATION)
    assert default_configuration(home) == places.sample_configuration()


def test_a_file_that_anybody_may_write_is_passed_over(home: Path) -> None:
    foreign = written(home.parent / "here")
    foreign.chmod(0o666)
    assert default_configuration(home) == home / CONFIGURATION
    foreign.chmod(0o644)
    assert default_configuration(home) == foreign
