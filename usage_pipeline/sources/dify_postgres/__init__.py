"""A Dify database on PostgreSQL."""

from usage_pipeline.sources.dify_postgres.source import DifyPostgres

__all__ = ["DifyPostgres"]
