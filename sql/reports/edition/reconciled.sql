-- When the last of the days from :first to :last was found to fit its sources' own sums; null while one does not, or is not
-- compared. Reads report_reconciliation (scope.sql). Writes nothing.
SELECT CASE WHEN count(DISTINCT r.usage_date) = :'last'::date - :'first'::date + 1
                 AND bool_and(r.state IN ('green', 'healed')) THEN max(r.checked_at) END AS checked_at
FROM report_reconciliation r
WHERE r.usage_date BETWEEN :'first'::date AND :'last'::date AND r.source = ANY (:'sources'::text[])
