"""Budgets: what was spent against what is allowed, and which tiers that reaches."""
