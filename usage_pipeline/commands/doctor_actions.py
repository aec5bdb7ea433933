"""What `doctor` says of actions: whether they are carried out, and at which apps."""

from collections.abc import Iterator

from usage_pipeline.commands.doctor_finding import DoctorFinding
from usage_pipeline.enforcement.reach import reach_of
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.location import warehouse_url


def look_at_actions(settings: Settings, *, reads: bool) -> Iterator[DoctorFinding]:
    """Yields the mode, and what each budget may do at which apps where the warehouse can be read."""
    yield _enforcement(settings)
    if not reads:
        return
    with connected(warehouse_url()) as connection:
        for reach in reach_of(settings, connection):
            yield DoctorFinding("enforcement", "ok", str(reach))


def _enforcement(settings: Settings) -> DoctorFinding:
    mode = settings.enforcement.mode
    if mode in ("off", "dry_run"):
        return DoctorFinding("enforcement", "ok", f"mode {mode}: nothing is switched at Dify")
    if not any(source.console for source in settings.sources):
        says = f"mode {mode}, but no source has a console: actions cannot be carried out; add console: to the source"
        return DoctorFinding("enforcement", "wrong", says)
    return DoctorFinding("enforcement", "ok", f"mode {mode}: what tiers name is done at Dify (docs/enforcement.md)")
