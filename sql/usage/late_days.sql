-- Days before :before whose events changed and that no pass rolls up. Reads usage.changed_day. Writes nothing.
SELECT c.usage_date, c.source, c.change FROM usage.changed_day c
WHERE c.usage_date < :'before'::date AND c.usage_date >= :'from'::date
ORDER BY c.usage_date, c.source
