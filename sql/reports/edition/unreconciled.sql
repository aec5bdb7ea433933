-- Days from :first to :last that do not fit their source's own sums. Reads report_reconciliation. Writes nothing.
SELECT r.usage_date, r.source, r.state, r.unexplained_tokens, r.says
FROM report_reconciliation r
WHERE r.usage_date BETWEEN :'first'::date AND :'last'::date AND r.state = 'red'
ORDER BY 1, 2
