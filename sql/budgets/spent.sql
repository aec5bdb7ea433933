-- What one budget's scope has spent in the period that :as_of lies in, a row for each of its values.
-- Reads usage.daily_usage along usage_date, usage.tenant, usage.project, usage.api_key. Writes stage_spent.
-- A period is cut in the zone of the value's tenant where the value has one (per tenant, project, API key or caller),
-- else in :zone. Days are compared as dates: a usage date is a day of its tenant's zone already.
INSERT INTO stage_spent (
    budget_id, scope_value, scope_name, scope, period, zone, period_start, period_end, tokens, input_tokens,
    output_tokens, cost, calls
)
SELECT :'budget_id', v.scope_value, max(v.scope_name), v.scope, :'period', cut.zone,
       cut.first_day::timestamp AT TIME ZONE cut.zone, cut.end_day::timestamp AT TIME ZONE cut.zone,
       sum(d.total_tokens) + CASE WHEN :'estimated'::boolean THEN sum(d.estimated_tokens) ELSE 0 END,
       sum(d.input_tokens), sum(d.output_tokens), sum(d.base_cost), sum(d.calls)
:in_scope
  AND d.usage_date >= date_trunc(:'period', (:'as_of'::timestamptz AT TIME ZONE 'UTC') - interval '1 day')::date
  AND d.usage_date >= cut.first_day AND d.usage_date < cut.end_day
  AND v.scope_value IS NOT NULL
GROUP BY v.scope_value, v.scope, cut.zone, cut.first_day, cut.end_day
ON CONFLICT (budget_id, scope_value, period_start) DO NOTHING
