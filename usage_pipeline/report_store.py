"""Keeps the files of reports in an object store, where USAGE_PIPELINE_REPORTS names one: no machine need keep them.

A report is written into USAGE_PIPELINE_HOME/reports first, whole; from there it goes into the store, and whoever reads
it on another machine has it brought to the same place. Without the variable that folder is all there is.
"""

import logging
import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from usage_pipeline.settings.environment import home_dir, variable
from usage_pipeline.settings.extras import MissingExtraError

_VARIABLE = "USAGE_PIPELINE_REPORTS"
_LOG = logging.getLogger(__name__)


class ReportStoreError(OSError):
    """The store cannot be written; the text names it and what to do."""


def reports_root() -> Path:
    """Returns the folder of reports on this machine."""
    return home_dir() / "reports"


def keep(file: Path) -> None:
    """Puts a file of the folder of reports into the store; one elsewhere, and all without a store, stay as they are.

    Raises MissingExtraError when the store's kind needs what is not installed, and ReportStoreError when the store
    cannot be written.
    """
    url, root = variable(_VARIABLE), reports_root().resolve()
    if not url or not file.resolve().is_relative_to(root):
        return
    system, folder = _opened(url)
    place = f"{folder}/{file.resolve().relative_to(root).as_posix()}"
    try:
        system.makedirs(place.rpartition("/")[0], exist_ok=True)
        system.put_file(str(file), place)
    except Exception as error:
        raise ReportStoreError(
            f"{_VARIABLE}: {url} cannot be written ({type(error).__name__}); look at its address and at the rights of"
            " the account that the environment names"
        ) from error


def bring(name: str) -> None:
    """Brings a file of the store to the folder of reports, in one step; does nothing where there is no such file.

    A store that cannot be read leaves what was there; the log says so.
    """
    url, parts = variable(_VARIABLE), PurePosixPath(name).parts
    if not url or not parts or name.startswith("/") or ".." in parts or "\0" in name:
        return
    target = reports_root().joinpath(*parts)
    try:
        system, folder = _opened(url)
        place = "/".join((folder, *parts))
        if not system.isfile(place):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=".being-brought-", dir=target.parent)
        os.close(handle)
        try:
            system.get_file(place, beside)
            Path(beside).chmod(0o640)
            Path(beside).replace(target)
        finally:
            Path(beside).unlink(missing_ok=True)
    except Exception as error:
        _LOG.warning("%s: %s cannot be read (%s)", _VARIABLE, url, type(error).__name__)


def _opened(url: str) -> tuple[Any, str]:
    """The file system and the folder in it."""
    import fsspec  # noqa: PLC0415  (most installations have no store)

    protocol = url.partition("://")[0]
    try:
        system, folder = fsspec.url_to_fs(url)
    except ImportError:
        raise MissingExtraError(
            f"{_VARIABLE} names {protocol}://, whose package is not installed: pip install"
            " 'usage-pipeline[object-store]' for s3://, gcsfs for gs://, adlfs for abfs://"
        ) from None
    except ValueError:
        raise ReportStoreError(
            f"{_VARIABLE} names {protocol}://, which is no store; write s3://bucket/folder"
        ) from None
    return system, str(folder).rstrip("/")
