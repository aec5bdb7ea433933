"""A Dify whose database cannot be reached, through its console API."""

from usage_pipeline.sources.dify_api.source import DifyApi

__all__ = ["DifyApi"]
