"""Dagster's UI as `up` serves it: behind a guard, and gone when the command that started it is."""
