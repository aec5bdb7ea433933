-- By which prices what was used from :first to :last was priced: a row a model, currency and basis of its price, the
-- costliest first. Reads report_event (scope.sql). Writes nothing.
SELECT e.provider, e.model, e.currency, e.price_source AS basis, count(*)::bigint AS calls,
       sum(e.input_tokens)::bigint AS input_tokens, sum(e.output_tokens)::bigint AS output_tokens,
       sum(e.total_tokens)::bigint AS total_tokens, sum(e.cost) AS cost, coalesce(sum(e.base_cost), 0) AS base_cost
FROM report_event e
WHERE e.usage_date BETWEEN :'first'::date AND :'last'::date
GROUP BY e.provider, e.model, e.currency, e.price_source
HAVING sum(e.total_tokens) > 0 OR sum(e.base_cost) <> 0
ORDER BY coalesce(sum(e.base_cost), 0) DESC, sum(e.total_tokens) DESC, e.provider, e.model, e.currency, e.price_source
