"""Dagster's UI as `up` serves it."""
