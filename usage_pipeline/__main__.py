"""`python -m usage_pipeline` is the `usage-pipeline` command."""

from usage_pipeline.cli import main

main()
