"""Tests of usage_pipeline.sources."""
