-- A budget without `per` has a row even before anything is spent. Writes stage_spent. Safe to run twice.
INSERT INTO stage_spent (
    budget_id, scope_value, scope_name, scope, period, zone, period_start, period_end, tokens, input_tokens,
    output_tokens, cost, calls
)
SELECT :'budget_id', '', '', '{}'::jsonb, :'period', :'zone', first_day AT TIME ZONE :'zone',
       (first_day + CASE :'period' WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || :'period')::interval END)
       AT TIME ZONE :'zone', 0, 0, 0, 0, 0
FROM (SELECT date_trunc(:'period', :'as_of'::timestamptz AT TIME ZONE :'zone') AS first_day) AS cut
ON CONFLICT (budget_id, scope_value, period_start) DO NOTHING
