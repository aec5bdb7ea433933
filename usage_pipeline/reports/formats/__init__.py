"""One file a format: the writers of a report's files."""
