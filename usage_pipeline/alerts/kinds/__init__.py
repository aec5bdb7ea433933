"""One file a kind of alert: its typed facts, when it is raised, and its texts."""
