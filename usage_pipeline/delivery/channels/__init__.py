"""One file a channel: what it sends, and what counts as accepted."""
