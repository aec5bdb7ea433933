-- A fragment: what was used, a row a day and combination, as budgets count it. Reads usage.daily_usage along usage_date.
SELECT d.usage_date, '-infinity'::timestamptz AS starts_at, :columns_of_days,
       d.calls, d.input_tokens, d.output_tokens, d.total_tokens, d.estimated_tokens, d.base_cost
FROM usage.daily_usage d
WHERE d.usage_date = ANY (:'days'::date[])
