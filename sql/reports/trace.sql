-- Down from any figure of a report or statement to the events it is the sum of. Leave out what the figure is not cut by:
-- each of :source, :tenant_id, :environment, :app_id, :api_key_id, :provider, :model may be the empty text.
-- Reads usage.usage_event along usage_date. Writes nothing. The sum of base_cost over the rows is the figure, exactly:
--   psql -v first=2026-11-01 -v last=2026-11-30 -v source=main -v tenant_id=<id> -v environment= -v app_id=<id> \
--        -v api_key_id= -v provider=openai -v model=gpt-4o -f sql/reports/trace.sql
SELECT e.usage_date, e.occurred_at, e.source, e.event_id, e.run_id, e.app_id, e.node_title, e.caller_kind, e.caller_id,
       e.model, e.input_tokens, e.output_tokens, e.total_tokens, e.cost, e.currency, e.base_cost, e.price_source
FROM usage.usage_event e
WHERE e.usage_date BETWEEN :'first'::date AND :'last'::date AND e.basis = 'logged'
  AND (:'source' = '' OR e.source = :'source')
  AND (:'tenant_id' = '' OR e.tenant_id = :'tenant_id')
  AND (:'environment' = '' OR e.environment = :'environment')
  AND (:'app_id' = '' OR e.app_id = :'app_id')
  AND (:'api_key_id' = '' OR e.api_key_id = :'api_key_id')
  AND (:'provider' = '' OR e.provider = :'provider')
  AND (:'model' = '' OR e.model = :'model')
ORDER BY e.occurred_at, e.source, e.event_id
