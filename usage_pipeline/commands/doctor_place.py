"""Doctor's look at where an installation lives: its data, its .env, its disk, and what is still the sample's."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from usage_pipeline.commands.doctor_finding import DoctorFinding
from usage_pipeline.settings import Settings, load_settings
from usage_pipeline.settings.env_file import env_file, open_to_others
from usage_pipeline.settings.environment import config_path, home_dir
from usage_pipeline.settings.places import home_in_environment, sample_configuration

_LITTLE_ROOM = 1_000_000_000
_NOBODYS = "@example.com"


def look_at_place() -> Iterator[DoctorFinding]:
    """Yields where the data lie and how much room is left there, and whether others can read the secrets."""
    home = home_dir().absolute()
    free = shutil.disk_usage(next(path for path in (home, *home.parents) if path.exists())).free
    says = f"{home}, {free / 1e9:,.1f} GB free"
    if home_in_environment(home):
        yield DoctorFinding(
            "data",
            "warning",
            f"{says}: it lies inside the Python environment and goes with it; stop `up`, move the folder, and let"
            " USAGE_PIPELINE_HOME name it",
        )
    elif free < _LITTLE_ROOM:
        yield DoctorFinding("data", "warning", f"{says}: make room")
    else:
        yield DoctorFinding("data", "ok", says)
    secrets = env_file(config_path())
    if secrets is not None:
        readable = open_to_others(secrets)
        says = f"{secrets}: other accounts of this machine can read it; chmod 600 {secrets}" if readable else ""
        yield DoctorFinding("secrets", "warning" if readable else "ok", says or f"{secrets} is read, only by its owner")


def look_for_sample(settings: Settings) -> Iterator[DoctorFinding]:
    """Yields what of the configuration is still the sample's: the file itself, its budgets, addresses of nobody."""
    path = config_path()
    if _same(path, sample_configuration()):
        says = "this is the sample: `usage-pipeline init` in a folder of yours writes a configuration of your own"
        yield DoctorFinding("configuration", "warning", says)
        return
    sample = {budget.id: budget for budget in load_settings(sample_configuration()).budgets}
    budgets = [budget.id for budget in settings.budgets if sample.get(budget.id) == budget]
    if budgets:
        says = f"limits of the sample: {', '.join(budgets)}; set limits of your own"
        yield DoctorFinding("configuration", "warning", says)
    nobody = [
        name
        for name, recipient in settings.recipients.items()
        if any(_NOBODYS in str(value) for value in recipient.model_dump().values())
    ]
    if nobody:
        says = f"addresses of nobody ({_NOBODYS}): {', '.join(nobody)}; write whom they are to reach"
        yield DoctorFinding("configuration", "warning", says)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
