"""A Dify database on MySQL or MariaDB."""

from usage_pipeline.sources.dify_mysql.source import DifyMysql

__all__ = ["DifyMysql"]
