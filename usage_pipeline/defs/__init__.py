"""Dagster: assets, checks, jobs, schedules and sensors; the only folder that imports it."""
