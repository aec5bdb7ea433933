"""Incremental extraction: from a source's rows to usage events, each token once."""
