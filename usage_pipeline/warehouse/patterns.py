"""Turns the configuration's globs into SQL LIKE patterns."""


def like_pattern(glob: str) -> str:
    """``crm-*`` becomes ``crm-%``; LIKE's own wildcards in the glob are meant literally."""
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")
