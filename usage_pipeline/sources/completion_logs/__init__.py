"""A completion log: any table with a row a call."""

from usage_pipeline.sources.completion_logs.source import CompletionLogs

__all__ = ["CompletionLogs"]
