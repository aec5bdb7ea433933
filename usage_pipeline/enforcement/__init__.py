"""Carries out at Dify what tiers of budgets ask for, and undoes it; planned, done and told by rows of the warehouse."""
