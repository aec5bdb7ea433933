"""The media type of each file that a report is written as, by its name's ending, for mail and for servers."""

from pathlib import Path

_BY_ENDING = {
    ".html": "text/html",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".pdf": "application/pdf",
    ".png": "image/png",
}
_UNKNOWN = "application/octet-stream"


def media_type(path: Path) -> tuple[str, str]:
    """Returns type and subtype of a file, such as ("text", "csv"); application/octet-stream for what no report is."""
    kind, _, subtype = _BY_ENDING.get(path.suffix.lower(), _UNKNOWN).partition("/")
    return kind, subtype


def is_known(ending: str) -> bool:
    """Whether a format's ending has a media type of its own."""
    return Path(f"name{ending}").suffix in _BY_ENDING
