-- Sources of which yesterday or the day before could not be compared, and why. Reads usage.reconciliation. Writes
-- nothing.
SELECT DISTINCT ON (source) source, usage_date, says
FROM usage.reconciliation
WHERE state = 'not_compared' AND usage_date BETWEEN current_date - 2 AND current_date - 1
ORDER BY source, usage_date DESC
