"""How everything stands, at a look: for Dagster's UI and for `status`."""
