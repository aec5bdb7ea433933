-- Days after :after and before :before that did not fit when they were compared last. Reads usage.reconciliation.
-- Writes nothing.
SELECT DISTINCT usage_date
FROM usage.reconciliation
WHERE state IN ('red', 'healed') AND usage_date < :'before'::date AND usage_date > :'after'::date
ORDER BY usage_date
