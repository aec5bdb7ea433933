-- The alerts of a budget that nobody has acknowledged, the newest first. Reads usage.alert, usage.acknowledgement.
-- Writes nothing.
SELECT a.alert_id
FROM usage.alert a
WHERE a.budget_id = :'budget_id' AND a.kind = ANY (:'of_budgets'::text[])
  AND NOT EXISTS (SELECT FROM usage.acknowledgement k WHERE k.alert_id = a.alert_id)
ORDER BY a.created_at DESC
