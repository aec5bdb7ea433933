"""The commands of `usage-pipeline`, one module each."""
