"""Carries out at Dify what tiers of budgets ask for, and undoes it; all of it is recorded in rows of the warehouse."""
