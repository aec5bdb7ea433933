"""Everything of Dagster: a module a domain with its assets, checks, jobs, schedules and sensors.

Modules here import what a run needs inside the functions that need it: the code location is loaded anew by each run.
"""
