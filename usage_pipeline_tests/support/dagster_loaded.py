"""Imported once by the process that programs are forked from: Dagster, what its instances need, and the pass."""

import tempfile

import dagster as dg

import usage_pipeline.pipeline  # noqa: F401

with tempfile.TemporaryDirectory() as _folder, dg.DagsterInstance.local_temp(_folder):
    pass
