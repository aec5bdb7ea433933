-- A fragment: what was used in each span of whole days. Reads usage.daily_usage along usage_date.
SELECT s.k AS window_no, :columns_of_days,
       d.calls, d.input_tokens, d.output_tokens, d.total_tokens, d.base_cost
FROM span s
JOIN usage.daily_usage d ON d.usage_date >= s.first_day AND d.usage_date <= s.last_day
