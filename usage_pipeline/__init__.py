"""Counts every token and cent of a self-hosted Dify, holds them against budgets and tells people in time."""
