-- Whether an alert (a) is of a budget and value that a silence (covered, its globs as LIKE patterns) is for.
a.budget_id LIKE covered.budgets
AND (covered.scopes IS NULL OR a.facts ->> 'scope_name' LIKE covered.scopes OR a.scope_value LIKE covered.scopes)
